// Libraries of clients, vodozemac and openmls, seal messages over the relay on both targets. The
// cases are in tests/partners, and scripts/test.mjs builds them.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { folder, serve } from "../native/server.mjs";
import { startApi } from "./miniflare.mjs";

const FOLDER = resolve("tests/partners");
/** The texts begin with this in all cases that scan for them. */
const TEXT = "the first secret";
const vars = { PASSWORD_HASH_MEMORY_KIB: "256", PASSWORD_HASH_PASSES: "1" };

const made = folder();
const servers = {};
before(async () => {
  servers.natively = await serve({ cwd: made.path, vars });
  servers["in workerd"] = await startApi({ vars });
});
after(async () => {
  for (const server of Object.values(servers)) await server.stop();
  made.remove();
});

/** Runs the cases against a server. */
const cases = async (url) => {
  const args = ["test", "--manifest-path", join(FOLDER, "Cargo.toml")];
  const child = spawn("cargo", args, {
    env: { ...process.env, CARGO_TARGET_DIR: resolve("target/clients"), RELAY_URL: url },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  const [code] = await once(child, "close");
  assert.equal(code, 0, output);
  assert.match(output, /5 passed/);
};

for (const target of ["natively", "in workerd"]) {
  test(`Olm and MLS seal messages over the relay ${target}`, { timeout: 600_000 }, () =>
    cases(servers[target].url),
  );
}

test("the files of the native server have no text of a sealed message", () => {
  const files = readdirSync(made.path).map((name) => readFileSync(join(made.path, name)));
  const has = (text) => files.some((file) => file.includes(text));
  // The names of the accounts are in clear, so the search finds texts.
  assert.ok(has("member-"));
  const sealed = [TEXT, Buffer.from(TEXT).toString("base64").slice(0, 20)];
  for (const text of sealed) assert.ok(!has(text), text);
  assert.ok(!servers.natively.output().includes(TEXT), "the log has a text");
});
