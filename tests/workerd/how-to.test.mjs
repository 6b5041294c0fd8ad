// The commands of a how-to page work on both targets as they are written.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { clean, folder, serve } from "../native/server.mjs";
import { startApi } from "./miniflare.mjs";

const PAGE = "docs/how-to/send-a-first-sealed-message.md";
const made = folder();
const servers = {};
before(async () => {
  servers.natively = await serve({ cwd: made.path });
  servers["in workerd"] = await startApi();
});
after(async () => {
  for (const server of Object.values(servers)) await server.stop();
  made.remove();
});

/** Returns the blocks of a page in a language, or those without one. */
const blocks = (page, language) =>
  [...readFileSync(page, "utf8").matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((found) => found[1] === language)
    .map((found) => found[2]);

/** Runs the commands of a page in a shell, in an empty folder. Returns the output. */
const paste = async (page, vars) => {
  const { path, remove } = folder();
  const shell = spawn("sh", ["-eu"], { cwd: path, env: clean(vars), timeout: 60_000 });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr])
    stream.on("data", (chunk) => (output += chunk));
  shell.stdin.end(blocks(page, "sh").join("\n"));
  const [code] = await once(shell, "close");
  remove();
  assert.equal(code, 0, output);
  return output;
};

for (const target of ["natively", "in workerd"]) {
  test(`a newcomer sends a first sealed message ${target}`, async () => {
    const [expected] = blocks(PAGE, "");
    // The beginning of the ciphertext differs each time.
    const fixed = (text) => text.replace(/^(the server has ).*$/m, "$1…");
    for (const _ of ["once", "once more"]) {
      const output = await paste(PAGE, { SERVER: servers[target].url });
      assert.equal(fixed(output), fixed(expected));
    }
  });
}
