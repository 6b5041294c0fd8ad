// What the page says of a sign-in: how it was made, and from where.
import assert from "node:assert/strict";
import { test } from "node:test";
import { build } from "esbuild";

const { outputFiles } = await build({ entryPoints: ["web/account/location-label.ts"], bundle: true, format: "esm", write: false });
const { countryName, signInLabels } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);

const AT = 1_795_318_445_000;

test("every way to sign in has words, and what is not known has none", () => {
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
  for (const [amr, began] of cases) assert.deepEqual(signInLabels({ amr, auth_time: AT, created_at: AT }), { began, confirmed: null }, String(amr));
});

test("who they are is confirmed later, which says nothing of how the sign-in began", () => {
  const later = (amr) => signInLabels({ amr, auth_time: AT + 1000, created_at: AT });
  assert.deepEqual(later(["hwk", "user", "mfa"]), { began: "Signed in", confirmed: "Confirmed with a passkey" });
  assert.deepEqual(later(["otp"]), { began: "Signed in", confirmed: "Confirmed with an authenticator app" });
  assert.deepEqual(later([]), { began: "Signed in", confirmed: "Confirmed" });
});

test("a country has its name, and what is none has no name", () => {
  for (const [code, name] of [["DE", "Germany"], ["IR", "Iran"], ["GB", "United Kingdom"]]) assert.equal(countryName(code), name);
  for (const code of [null, "", "T1", "XX", "ZZ", "QX", "de", "DEU", "<b>"]) assert.equal(countryName(code), null, String(code));
});
