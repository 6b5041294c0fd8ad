// Runs schemathesis, which generates requests from openapi.json and checks the answers.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { resolve } from "node:path";

const VERSION = "4.32.5";
const HOME = resolve(`.tools/schemathesis-${VERSION}`);
const RUNNER = resolve("tests/native/run_schemathesis.py");
const DESCRIPTION = resolve("openapi.json");
const CHECKS =
  "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method";

/** Installs schemathesis into .tools, if it is not there. */
const install = () => {
  if (existsSync(`${HOME}/bin/schemathesis`)) return true;
  if (spawnSync("python3", ["-m", "pip", "--version"]).status !== 0) return false;
  console.log(`Installing schemathesis ${VERSION} once, into ${HOME}.`);
  const { status } = spawnSync(
    "python3",
    ["-m", "pip", "install", "--quiet", "--target", HOME, `schemathesis==${VERSION}`],
    { stdio: "inherit" },
  );
  return status === 0;
};

/** Returns true if schemathesis is installed. Otherwise skips the test, or fails it in CI. */
export const installed = (t) => {
  if (install()) return true;
  assert.ok(!process.env.CI, "CI needs python3 with pip");
  t.skip("python3 with pip is not installed");
  return false;
};

/**
 * Runs schemathesis in `cwd`, where it keeps its files. Asynchronous, because this process reads
 * the server's log at the same time.
 */
export const schemathesis = async (cwd, url, headers, ...more) => {
  const named = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const options = [
    "--checks",
    CHECKS,
    "--seed",
    "1",
    "--max-examples",
    "40",
    "--max-time",
    "30",
    "--suppress-health-check",
    "all",
  ];
  const args = [
    RUNNER,
    "run",
    DESCRIPTION,
    "--url",
    url,
    ...options,
    "--warnings",
    "off",
    "--no-color",
    ...named,
    ...more,
  ];
  const child = spawn("python3", args, { cwd, env: { ...process.env, PYTHONPATH: HOME } });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  // Not "exit", which can come before the last of the output.
  const [status] = await once(child, "close");
  assert.equal(status, 0, output);
  const [, cases] = /(\d+) generated/.exec(output) ?? [];
  assert.ok(Number(cases) > 100, output);
};
