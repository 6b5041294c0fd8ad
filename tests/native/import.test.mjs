// `hamrah-api import --from`: export files of other services, with hashes that Node's own
// cryptography made. People sign in with the passwords that they had.
import assert from "node:assert/strict";
import { pbkdf2Sync, scryptSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { folder, post, run, serve } from "./server.mjs";

const PASSWORD = "zebra-77-crossing";
const VARS = { PASSWORD_HASH_MEMORY_KIB: "64", PASSWORD_HASH_PASSES: "1" };
// Of `PASSWORD`, by Python's crypt.crypt with libxcrypt.
const BCRYPT = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.dJC/uaBL6oSpv5c/xTF9RmGolrnMabK";
// As the console of Firebase prints them: the sample of github.com/firebase/scrypt, whose user has
// the password `user1password`.
const HASH_CONFIG = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}
`;
const SAMPLE = {
  passwordHash:
    "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
  salt: "42xEC+ixf3L2lw==",
};

const folders = [];
const fresh = (files) => {
  const made = folder();
  folders.push(made);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(made.path, name), text);
  return made.path;
};
after(() => folders.forEach((made) => made.remove()));

const plain = (bytes) => bytes.toString("base64").replace(/=+$/, "");
const lines = (rows) => rows.map((row) => JSON.stringify(row)).join("\n") + "\n";

/** Returns a hash as better-auth's `hashPassword` makes it. */
const betterAuthHash = (password) => {
  const salt = "00112233445566778899aabbccddeeff";
  const cost = { N: 16384, r: 16, p: 1, maxmem: 64 * 1024 * 1024 };
  return `${salt}:${scryptSync(password.normalize("NFKC"), salt, 64, cost).toString("hex")}`;
};

/**
 * Imports a file three times, first as a dry run. Then checks the reports, that an earlier account
 * is unchanged, and that each person of `passwords` signs in twice.
 */
async function imports({ cwd, args, report, passwords }) {
  const command = ["import", ...args];
  const kept = await run(["admin", "create", "kept@example.com"], { cwd, vars: VARS });
  assert.equal(kept.code, 0, kept.output);
  const password = /^password: (\S+)$/m.exec(kept.output)[1];
  const refused = report.filter((line) => line.includes("refused")).length;
  for (const suffix of [["--dry-run"], []]) {
    const { code, output } = await run([...command, ...suffix], { cwd, vars: VARS });
    const made = suffix.length > 0 ? ": would be made" : ": made";
    for (const line of report)
      assert.match(output, new RegExp(`^${line.replace(/: made$/, made)}$`, "m"));
    assert.match(
      output,
      suffix.length > 0 ? /(person|people) would be made/ : /(person|people) made/,
    );
    assert.match(output, /^database: sqlite:hamrah\.db$/m);
    assert.equal(code, refused > 0 ? 1 : 0, output);
  }
  const again = await run(command, { cwd, vars: VARS });
  assert.match(again.output, /^0 people made, /m);
  assert.ok(!/: made$/m.test(again.output), again.output);
  const server = await serve({ cwd, vars: VARS });
  for (const [email, password] of passwords)
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await post(server.url, "/api/auth/password/sign-in", { email, password });
      assert.equal(answer.status, 200, `${email}: ${await answer.text()}`);
    }
  const login = await post(server.url, "/auth/login", { username: "kept@example.com", password });
  assert.equal(login.status, 200, "the account that existed before is unchanged");
  await server.stop();
  return again.output;
}

test("an export of better-auth is imported", async () => {
  const user = (id, more) => ({ id, name: `User ${id}`, email: `u${id}@example.com`, ...more });
  const account = (userId, password, providerId = "credential") => ({
    id: `a${userId}`,
    accountId: `${userId}`,
    providerId,
    userId,
    password,
  });
  const cwd = fresh({
    "export.json": JSON.stringify({
      users: [
        user("1", { username: "ada", emailVerified: true }),
        user("2", { name: "café-ｚebra\t", email: "U2@Example.com" }),
        user("3", { email: "kept@example.com" }),
        user("4", { banned: 1 }),
        user("5"),
        user("6"),
        user("7", { email: "o'brien@example.com" }),
        { name: "no id" },
      ],
      accounts: [
        account("1", betterAuthHash(PASSWORD)),
        account("2", betterAuthHash("café-ｚebra-77")),
        account("3", betterAuthHash(PASSWORD)),
        account("4", betterAuthHash(PASSWORD)),
        account("5", "5f4dcc3b5aa765d61d8327deb882cf99"),
        account("6", null, "google"),
        account("7", BCRYPT),
        account("9", BCRYPT),
      ],
    }),
  });
  const report = [
    "user 1: ada: made",
    "user 2: u2@example.com: made",
    "user 3: kept@example.com: already there",
    "user 4: u4@example.com: refused: the other service blocks the person",
    "user 5: u5@example.com: refused: password_hash has a form that is not accepted.*",
    "user 6: u6@example.com: made",
    "user 7: o'brien@example.com: refused: the record has no username of 1 to 64 letters.*",
    "user 8: no name: refused: missing field `id`",
    "account 8: 9: refused: no user of the file has this userId as its id.*",
    "1 new person has no password \\(`hamrah-api admin password NAME` sets one\\)",
  ];
  const passwords = [
    ["u1@example.com", PASSWORD],
    ["u2@example.com", "café-ｚebra-77"],
  ];
  await imports({ cwd, args: ["export.json", "--from", "better-auth"], report, passwords });
});

test("the exports of Auth0 are imported", async () => {
  const id = (n) => `63c6f3000000000000000a${n}`;
  const cwd = fresh({
    "users.ndjson":
      lines([
        { user_id: `auth0|${id("01")}`, email: "u1@example.com", name: "User 1" },
        { user_id: `auth0|${id("02")}`, email: "u2@example.com", blocked: true },
        { user_id: `auth0|${id("03")}`, email: "u3@example.com" },
        { user_id: `auth0|${id("04")}`, email: "o'brien@example.com", nickname: "brien" },
      ]) + "not JSON\n",
    "passwords.ndjson": lines([
      { _id: { $oid: id("01") }, email: "u1@example.com", passwordHash: BCRYPT },
      { _id: { $oid: id("02") }, email: "u2@example.com", passwordHash: BCRYPT },
      {
        _id: { $oid: id("03") },
        email: "u3@example.com",
        passwordHash: BCRYPT.replace("04", "14"),
      },
      { _id: { $oid: id("04") }, email: "o'brien@example.com", passwordHash: BCRYPT },
      { _id: { $oid: id("09") }, email: "u9@example.com", passwordHash: BCRYPT },
    ]),
  });
  const report = [
    "line 1: u1@example.com: made",
    "line 2: u2@example.com: refused: the other service blocks the person",
    "line 3: u3@example.com: refused: password_hash must have a bcrypt cost of 4 to 12",
    "line 4: o'brien@example.com: made",
    "line 5: no name: refused: expected ident at line 1 column 2",
    "passwords: u9@example.com: refused: no user of the file has this id",
  ];
  const passwords = [
    ["u1@example.com", PASSWORD],
    ["o'brien@example.com", PASSWORD],
  ];
  const args = ["users.ndjson", "--from", "auth0", "--passwords", "passwords.ndjson"];
  await imports({ cwd, args, report, passwords });
});

test("custom hashes of a bulk import into Auth0 are imported", async () => {
  const salt = Buffer.from("00112233445566778899aabbccddeeff", "hex");
  const phc = (i) =>
    `$pbkdf2-sha512$i=${i},l=64$${plain(salt)}$${plain(pbkdf2Sync(PASSWORD, salt, 1000, 64, "sha512"))}`;
  const custom = (algorithm, value, encoding, more) => ({
    custom_password_hash: { algorithm, hash: { value, encoding }, ...more },
  });
  const scrypt = scryptSync(PASSWORD, salt, 32).toString("hex");
  const cwd = fresh({
    "bulk.json": JSON.stringify([
      { email: "u1@example.com", ...custom("pbkdf2", phc(1000), "utf8") },
      { email: "u2@example.com", ...custom("pbkdf2", phc(9_000_000), "utf8") },
      { email: "u3@example.com", ...custom("bcrypt", BCRYPT) },
      { email: "u4@example.com", ...custom("md5", "5f4dcc3b5aa765d61d8327deb882cf99", "hex") },
      {
        email: "u5@example.com",
        ...custom("scrypt", scrypt, "hex", {
          salt: { value: salt.toString("base64"), encoding: "base64" },
          keylen: 32,
        }),
      },
      { email: "u6@example.com", password_hash: BCRYPT },
    ]),
  });
  const report = [
    "user 1: u1@example.com: made",
    "user 2: u2@example.com: refused: password_hash must have at most 1500000 iterations .*",
    "user 4: u4@example.com: refused: the custom_password_hash of md5 cannot be imported",
    "user 6: u6@example.com: made",
  ];
  const passwords = [1, 3, 5, 6].map((n) => [`u${n}@example.com`, PASSWORD]);
  await imports({ cwd, args: ["bulk.json", "--from", "auth0"], report, passwords });
});

test("an export of Clerk is imported", async () => {
  const salt = "seasalt2";
  const pbkdf2 = (digest, length) => pbkdf2Sync(PASSWORD, salt, 1000, length, digest);
  const digests = [
    ["bcrypt", BCRYPT],
    [
      "pbkdf2_sha256_django",
      `pbkdf2_sha256$1000$${salt}$${pbkdf2("sha256", 32).toString("base64")}`,
    ],
    [
      "pbkdf2_sha256",
      `pbkdf2_sha256$1000$${Buffer.from(salt).toString("base64")}$${pbkdf2("sha256", 32).toString("base64")}`,
    ],
    ["pbkdf2_sha1", `pbkdf2_sha1$1000$${salt}$${pbkdf2("sha1", 20).toString("hex")}`],
    ["pbkdf2_sha512", `pbkdf2_sha512$1000$${salt}$${pbkdf2("sha512", 64).toString("hex")}`],
    [
      "scrypt_werkzeug",
      `scrypt:16384:8:1$${salt}$${scryptSync(PASSWORD, salt, 64).toString("hex")}`,
    ],
    ["md5", "5f4dcc3b5aa765d61d8327deb882cf99"],
    ["", ""],
  ];
  const { passwordHash, salt: firebaseSalt } = SAMPLE;
  const [key, separator] = ["signer_key", "salt_separator"].map(
    (name) => new RegExp(`base64_${name}: (\\S+),`).exec(HASH_CONFIG)[1],
  );
  digests.push(["scrypt_firebase", `${passwordHash}$${firebaseSalt}$${key}$${separator}$8$14`]);
  const rows = digests.map(
    ([hasher, digest], n) =>
      `user_2${n},"Ann, ""Q""",Lee,,u${n}@example.com,,u${n}@example.com,,,,,${digest},${hasher}`,
  );
  const header =
    "id,first_name,last_name,username,primary_email_address,primary_phone_number," +
    "verified_email_addresses,unverified_email_addresses,verified_phone_numbers," +
    "unverified_phone_numbers,totp_secret,password_digest,password_hasher";
  const cwd = fresh({ "users.csv": [header, ...rows, "short,row", ""].join("\r\n") });
  const report = [
    "line 2: u0@example.com: made",
    "line 8: u6@example.com: refused: the password_digest of md5 cannot be imported",
    "line 9: u7@example.com: made",
    "line 11: no name: refused: .*",
  ];
  const passwords = [0, 1, 2, 3, 4, 5].map((n) => [`u${n}@example.com`, PASSWORD]);
  passwords.push(["u8@example.com", "user1password"]);
  await imports({ cwd, args: ["users.csv", "--from", "clerk"], report, passwords });
});

test("an export of Firebase is imported", async () => {
  const user = (localId, more) => ({ localId, emailVerified: true, providerUserInfo: [], ...more });
  const cwd = fresh({
    "users.json": JSON.stringify({
      users: [
        user("kYi4EvWQlQTKSfnJ3dRSP6IH3ed2", {
          email: "user1@test.com",
          displayName: "Test User 1",
          ...SAMPLE,
        }),
        user("b", { email: "b@example.com", ...SAMPLE, disabled: true }),
        user("c", { phoneNumber: "+15550100" }),
        user("d", { email: "d@example.com", ...SAMPLE, salt: "*" }),
      ],
    }),
    "hash.txt": HASH_CONFIG,
    "wrong.txt": HASH_CONFIG.replace("mem_cost", "memory"),
  });
  const report = [
    "user 1: user1@test.com: made",
    "user 2: b@example.com: refused: the other service blocks the person",
    "user 3: c: refused: the record has no username and no email address",
    "user 4: d@example.com: refused: salt must be base64",
  ];
  const from = ["users.json", "--from", "firebase"];
  const without = await run(["import", ...from], { cwd, vars: VARS });
  assert.match(without.output, /user 1: user1@test.com: refused: .* give --hash-config/);
  const wrong = ["import", ...from, "--hash-config", "wrong.txt"];
  assert.match((await run(wrong, { cwd, vars: VARS })).output, /wrong.txt: mem_cost is missing/);
  const passwords = [["user1@test.com", "user1password"]];
  await imports({ cwd, args: [...from, "--hash-config", "hash.txt"], report, passwords });
});

test("a file of another form is refused as a whole", async () => {
  const cwd = fresh({
    "a.json": "{}",
    "list.json": "[]",
    "tables.json": '{"users": [], "accounts": []}',
    "a.csv": "id,email\n1,a@example.com\n",
    "pepper.json": JSON.stringify({
      people: [
        {
          username: "ada",
          name: "Ada",
          password_hash: `$argon2id$v=19$m=64,t=1,p=1,keyid=AAAAAAAA$${"A".repeat(22)}$${"A".repeat(43)}`,
        },
      ],
    }),
  });
  for (const [file, reason] of [
    ["list.json", "this is not a document of `export`. If another service wrote the file, name it"],
    ["tables.json", "unknown field `users`"],
    ["tables.json", "name it: --from better-auth, auth0, clerk or firebase"],
    ["a.csv", "this is not JSON"],
    ["pepper.json", "a pepper that is not configured: add its key to PASSWORD_PEPPER"],
  ]) {
    const { code, output } = await run(["import", file], { cwd, vars: VARS });
    assert.equal(code, 1);
    assert.ok(output.includes(reason), output);
  }
  for (const [file, source, reason] of [
    ["a.json", "better-auth", "a.json: missing field `users`"],
    ["list.json", "better-auth", "list.json: the file is a list of rows. Write one object"],
    ["a.json", "firebase", "a.json: missing field `users`"],
    ["a.csv", "clerk", "a.csv: the column primary_email_address is missing"],
    ["none.csv", "clerk", "none.csv: No such file"],
  ]) {
    const { code, output } = await run(["import", file, "--from", source], { cwd, vars: VARS });
    assert.equal(code, 1);
    assert.ok(output.includes(reason), output);
  }
});
