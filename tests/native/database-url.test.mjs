// A database that cannot be opened is one message, which names the setting.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./server.mjs";

test("a database that cannot be opened is one problem of DATABASE_URL", async () => {
  const made = folder();
  const cwd = made.path;
  mkdirSync(join(cwd, "folder"));
  for (const [url, told] of [
    ["postgres://localhost/hamrah", /`sqlite:` and the path of a file/],
    ["hamrah.db", /`sqlite:` and the path of a file/],
    ['"sqlite:hamrah.db"', /DATABASE_URL is in quotes/],
    ["sqlite:missing/hamrah.db", /names a file in missing, which is not a folder/],
    ["sqlite:folder", /names folder, which is a folder/],
  ]) {
    for (const command of [["doctor"], ["migrate"], []]) {
      const { code, output } = await run(command, { cwd, vars: { DATABASE_URL: url } });
      assert.notEqual(code, 0, output);
      assert.match(output, told);
      assert.equal(output.match(/DATABASE_URL/g).length, 1, output);
    }
  }
  assert.deepEqual(readdirSync(cwd), ["folder"], "no file was created");
  const bind = await run([], { cwd, vars: { BIND: "'127.0.0.1:0'" } });
  assert.notEqual(bind.code, 0);
  assert.match(bind.output, /BIND is in quotes/);
  assert.equal(bind.output.match(/^ +- /gm).length, 1, bind.output);
  made.remove();
});
