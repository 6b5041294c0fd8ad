// `hamrah-api passkey inspect-…`: the report of a ceremony for integrators. Node's cryptography
// acts as the authenticator.
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BINARY, folder } from "./server.mjs";

const RP_ID = "hamrah.app";
const ORIGIN = "https://hamrah.app";
const CHALLENGE = "A".repeat(64);
const url = (bytes) => Buffer.from(bytes).toString("base64url");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { x, y } = publicKey.export({ format: "jwk" });
// {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9052), canonical.
const COSE = Buffer.concat([
  Buffer.from("a5010203262001215820", "hex"),
  Buffer.from(x, "base64url"),
  Buffer.from("225820", "hex"),
  Buffer.from(y, "base64url"),
]);
const ID = Buffer.alloc(20, 7);

const clientData = (type, changes = {}) =>
  Buffer.from(
    JSON.stringify({ type, challenge: CHALLENGE, origin: ORIGIN, crossOrigin: false, ...changes }),
  );
const authData = (flags, counter, rest = []) => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(counter, 1);
  return Buffer.concat([sha256(RP_ID), head, ...rest]);
};

const registration = ({ flags = 0x45, changes } = {}) => {
  const data = authData(flags, 0, [Buffer.alloc(16), Buffer.from([0, ID.length]), ID, COSE]);
  // {"fmt": "none", "attStmt": {}, "authData": data}
  const object = Buffer.concat([
    Buffer.from("a363666d74646e6f6e656761747453746d74a068617574684461746158", "hex"),
    Buffer.from([data.length]),
    data,
  ]);
  const response = {
    clientDataJSON: url(clientData("webauthn.create", changes)),
    attestationObject: url(object),
  };
  return { id: url(ID), rawId: url(ID), type: "public-key", clientExtensionResults: {}, response };
};

const assertion = ({ flags = 0x05, counter = 3, changes } = {}) => {
  const [data, client] = [authData(flags, counter), clientData("webauthn.get", changes)];
  const signature = sign("sha256", Buffer.concat([data, sha256(client)]), privateKey);
  const response = {
    clientDataJSON: url(client),
    authenticatorData: url(data),
    signature: url(signature),
  };
  return { id: url(ID), rawId: url(ID), type: "public-key", clientExtensionResults: {}, response };
};

const COMMON = ["--rp-id", RP_ID, "--origin", ORIGIN, "--challenge", CHALLENGE];
const inspect = (what, input, ...more) => {
  const args = ["passkey", `inspect-${what}`, ...COMMON, ...more];
  const { status, stdout, stderr } = spawnSync(BINARY, args, {
    input: typeof input === "string" ? input : JSON.stringify(input),
    encoding: "utf8",
  });
  return { status, stdout, stderr, json: () => JSON.parse(stdout) };
};
const failed = (report) => report.steps.filter(({ passed }) => !passed).map(({ step }) => step);

test("a valid registration passes every step, and its credential is printed", () => {
  const text = inspect("registration", registration());
  assert.equal(text.status, 0, text.stdout + text.stderr);
  assert.match(text.stdout, /§7\.1 step  9 {2}passed/);
  assert.match(text.stdout, /algorithm +ES256 \(-7\)/);
  const report = inspect(
    "registration",
    registration(),
    "--json",
    "--at",
    "2026-01-31T12:00:00Z",
  ).json();
  assert.deepEqual([report.passed, report.section], [true, "§7.1"]);
  const { id, cose_key, flags, aaguid, counter, attestation_format } = report.credential;
  assert.deepEqual([id, cose_key, flags], [url(ID), url(COSE), "0x45 (UP UV AT)"]);
  assert.deepEqual(
    [aaguid, counter, attestation_format],
    ["00000000-0000-0000-0000-000000000000", 0, "none"],
  );
});

test("each failed step is reported, and the other steps continue", () => {
  const changed = inspect(
    "registration",
    registration({
      flags: 0x51,
      changes: { origin: "https://evil.example\u001b[31m", crossOrigin: true },
    }),
    "--json",
  );
  assert.equal(changed.status, 1);
  assert.deepEqual(failed(changed.json()), [9, 10, 16, 17]);
  assert.equal(
    changed.json().steps.find(({ step }) => step === 9).found,
    "https://evil.example\u001b[31m; expected https://hamrah.app",
  );
  const text = inspect(
    "registration",
    registration({ changes: { origin: "https://evil.example\u001b[31m" } }),
  );
  assert.equal(text.status, 1);
  assert.match(text.stdout, /step  9 {2}FAILED .*a foreign origin: https:\/\/evil\.example/);
  assert.ok(!text.stdout.includes("\u001b"), "nothing moves the cursor");
  const more = inspect(
    "registration",
    registration({ changes: { origin: "https://other.example" } }),
    "--origin",
    "https://other.example",
  );
  assert.equal(more.status, 0, "several origins");
});

test("an assertion is held against a key in base64url or hexadecimal, and a counter", () => {
  for (const key of [
    url(COSE),
    COSE.toString("hex"),
    COSE.toString("hex").toUpperCase(),
    COSE.toString("base64"),
  ]) {
    const { status, stdout, stderr } = inspect(
      "assertion",
      assertion(),
      "--public-key",
      key,
      "--previous-counter",
      "2",
    );
    assert.equal(status, 0, stdout + stderr);
  }
  const back = inspect(
    "assertion",
    assertion(),
    "--public-key",
    url(COSE),
    "--previous-counter",
    "3",
    "--json",
  );
  assert.deepEqual([back.status, failed(back.json())], [1, [22]]);
  const other = Buffer.from(COSE);
  const { x, y } = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({
    format: "jwk",
  });
  Buffer.from(x, "base64url").copy(other, 10);
  Buffer.from(y, "base64url").copy(other, 45);
  const forged = inspect("assertion", assertion(), "--public-key", url(other), "--json");
  assert.deepEqual([forged.status, failed(forged.json())], [1, [21]]);
  const report = inspect(
    "assertion",
    assertion({ flags: 0x00, changes: { type: "webauthn.create", topOrigin: ORIGIN } }),
    "--public-key",
    url(COSE),
    "--json",
  );
  assert.deepEqual(failed(report.json()), [10, 14, 16, 17]);
});

test("more algorithms are accepted on request", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const { x, y } = publicKey.export({ format: "jwk" });
  const hex = (text) => Buffer.from(text, "base64url").toString("hex");
  const key = `a501020338222002215830${hex(x)}225830${hex(y)}`;
  const [data, client] = [authData(0x05, 0), clientData("webauthn.get")];
  const signature = sign("sha384", Buffer.concat([data, sha256(client)]), privateKey);
  const answer = {
    id: url(ID),
    response: {
      clientDataJSON: url(client),
      authenticatorData: url(data),
      signature: url(signature),
    },
  };
  const narrow = inspect("assertion", answer, "--public-key", key, "--json");
  assert.deepEqual([narrow.status, failed(narrow.json())], [1, [21]]);
  assert.equal(inspect("assertion", answer, "--public-key", key, "--allow-alg").status, 0);
});

test("a file is read, and input that cannot be read is reported", () => {
  const { path, remove } = folder();
  try {
    const file = join(path, "response.json");
    writeFileSync(file, JSON.stringify(registration()));
    const read = spawnSync(BINARY, ["passkey", "inspect-registration", file, ...COMMON], {
      encoding: "utf8",
    });
    assert.equal(read.status, 0, read.stderr);
    writeFileSync(file, JSON.stringify({ challenge_id: "x", response: registration() }));
    const body = spawnSync(BINARY, ["passkey", "inspect-registration", file, ...COMMON], {
      encoding: "utf8",
    });
    assert.equal(body.status, 0, "the body of a request");
    const missing = spawnSync(
      BINARY,
      ["passkey", "inspect-registration", join(path, "none"), ...COMMON],
      { encoding: "utf8" },
    );
    assert.notEqual(missing.status, 0);
    assert.match(missing.stderr, /none/);
  } finally {
    remove();
  }
  for (const [input, ...more] of [
    ["", []],
    ["{}", []],
    ["[]", []],
    [JSON.stringify(registration()), "--at", "yesterday"],
  ]) {
    const { status, stderr } = inspect("registration", input, ...more.flat());
    assert.notEqual(status, 0);
    assert.ok(stderr.length > 0);
  }
  assert.notEqual(inspect("assertion", assertion(), "--public-key", "zz").status, 0);
  assert.match(
    inspect("registration", registration(), "--origin", "https://hamrah.app/").stderr,
    /trailing slash/,
  );
});
