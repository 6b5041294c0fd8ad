// The check of commit messages: the rules of CONTRIBUTING.md, and places without history.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";
import { problemsOf } from "../../scripts/commits.mjs";
import { clean, folder } from "./server.mjs";

test("plain imperatives keep the rules, with a body or without one", () => {
  const good = [
    "Throttle backup codes per account",
    "Seed the demo",
    "Bring chrono back",
    "Address the review\n\nWhy.",
    "Process forms",
  ];
  for (const message of good) assert.deepEqual(problemsOf(message), [], message);
});

test("each broken rule is named", () => {
  const cases = {
    "throttle backup codes": /capital letter/,
    "Added a throttle": /"Added"/,
    "Fixing the throttle": /"Fixing"/,
    "Adds a throttle": /"Adds"/,
    "Throttle backup codes.": /full stop/,
    "Read once more: a removal revokes nothing": /colon/,
    "Throttle backup codes\nper account": /blank line/,
    [`Throttle ${"x".repeat(64)}`]: /73 characters/,
  };
  for (const [message, expected] of Object.entries(cases)) {
    const problems = problemsOf(message);
    assert.equal(problems.length, 1, `${message}: ${problems}`);
    assert.match(problems[0], expected);
  }
});

test("in a folder without history the check passes and prints why", () => {
  const empty = folder();
  try {
    const { status, stdout } = spawnSync("node", [resolve("scripts/commits.mjs")], {
      cwd: empty.path,
      encoding: "utf8",
      env: clean(),
    });
    assert.equal(status, 0);
    assert.match(stdout, /not checked, because/);
  } finally {
    empty.remove();
  }
});
