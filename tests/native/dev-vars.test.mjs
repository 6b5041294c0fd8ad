// `.dev.vars` is read alike by wrangler, by the script of `make dev` and by the native server, and
// no script adds a setting that is already in it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { unstable_getVarsForDev } from "wrangler";
import { folder, run, serve } from "./server.mjs";

const FILES = JSON.parse(readFileSync(new URL("dev-vars.json", import.meta.url), "utf8"));
const made = folder();
after(made.remove);
const path = join(made.path, ".dev.vars");
const SECRETS = ["INTERNAL_API_KEY", "JWT_SIGNING_KEYS", "SECRETS_KEY", "BOOTSTRAP_SECRET"];

test("wrangler reads every form as the list says", () => {
  for (const { text, values } of FILES) {
    writeFileSync(path, text);
    const read = unstable_getVarsForDev(join(made.path, "x.toml"), undefined, {}, undefined, true);
    const found = Object.fromEntries(
      Object.entries(read).map(([name, { value }]) => [name, value]),
    );
    assert.deepEqual(found, values, text);
  }
});

test("neither make dev nor the native server appends a second key", async () => {
  const key = "native-suite-Key-7Hq2vXc9Lw4zRb8m";
  for (const line of [
    `INTERNAL_API_KEY=${key} # a note`,
    `export INTERNAL_API_KEY=${key}`,
    `\ufeffINTERNAL_API_KEY=${key}`,
    `INTERNAL_API_KEY=\`${key}\``,
  ]) {
    for (const start of ["make dev", "native"]) {
      writeFileSync(path, `${line}\n`);
      if (start === "native") {
        const vars = { INTERNAL_API_KEY: "", JWT_SIGNING_KEYS: "" };
        const server = await serve({ cwd: made.path, vars });
        await server.stop();
      } else {
        spawnSync("node", [resolve("scripts/dev-vars.mjs")], { cwd: made.path });
      }
      const text = readFileSync(path, "utf8");
      for (const name of SECRETS)
        assert.equal(text.split(`${name}=`).length, 2, `${start}: ${line}: ${name}`);
      const { output } = await run(["doctor"], { cwd: made.path });
      assert.match(output, /configuration +ok/, `${start}: ${line}`);
    }
  }
});
