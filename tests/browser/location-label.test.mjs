// The page's labels for the method and the country of a sign-in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

const { outputFiles } = await build({
  entryPoints: ["web/account/location-label.ts"],
  bundle: true,
  format: "esm",
  write: false,
});
const { countryName, signInLabels } = await import(
  `data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`
);

const AT = 1_795_318_445_000;

test("every method of sign-in has a label, and an unknown method has none", () => {
  const cases = [
    [["swk", "user", "mfa"], "Signed in with a passkey"],
    [["hwk", "user", "mfa"], "Signed in with a passkey"],
    [["fed"], "Signed in with Apple, Google or another provider"],
    [["otp"], "Signed in with an authenticator app"],
    [["otp", "recovery"], "Recovered with an authenticator app"],
    [["backup_code", "recovery"], "Recovered with a backup code"],
    [["recovery"], "Recovered"],
    [["made_up_later"], "Signed in"],
    [[], "Signed in"],
  ];
  for (const [amr, began] of cases)
    assert.deepEqual(
      signInLabels({ amr, auth_time: AT, created_at: AT }),
      { began, confirmed: null },
      String(amr),
    );
});

test("a later confirmation has a label with its method, and the sign-in one without", () => {
  const later = (amr) => signInLabels({ amr, auth_time: AT + 1000, created_at: AT });
  assert.deepEqual(later(["hwk", "user", "mfa"]), {
    began: "Signed in",
    confirmed: "Confirmed with a passkey",
  });
  assert.deepEqual(later(["otp"]), {
    began: "Signed in",
    confirmed: "Confirmed with an authenticator app",
  });
  assert.deepEqual(later([]), { began: "Signed in", confirmed: "Confirmed" });
});

test("a country code has a name, and any other value has none", () => {
  for (const [code, name] of [
    ["DE", "Germany"],
    ["IR", "Iran"],
    ["GB", "United Kingdom"],
  ])
    assert.equal(countryName(code), name);
  for (const code of [null, "", "T1", "XX", "ZZ", "QX", "de", "DEU", "<b>"])
    assert.equal(countryName(code), null, String(code));
});
