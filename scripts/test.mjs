// Runs every suite on both targets, after the Worker was built: the last step of `make test`.
// `--worker-only` leaves the native suites and the browser out. Names of cases restrict the run to
// the API's cases with these names.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { startControl } from "../tests/workerd/control.mjs";

const unknown = process.argv
  .slice(2)
  .filter((argument) => argument.startsWith("--") && argument !== "--worker-only");
if (unknown.length > 0) {
  console.error(
    `unknown: ${unknown.join(" ")}. Usage: node scripts/test.mjs [--worker-only] [name of a case…]`,
  );
  process.exit(2);
}
const workerOnly = process.argv.includes("--worker-only");
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

const times = [];

/**
 * Runs a command and notes how long it took. It does not block this process, which lends APIs to
 * the API's cases at the same time.
 */
const run = (title, command, args, env = {}) => {
  console.log(`\n== ${title}`);
  const started = performance.now();
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
    child.on("error", failed);
    child.on("exit", (code) => {
      times.push(`${((performance.now() - started) / 1000).toFixed(0).padStart(6)} s  ${title}`);
      if (code === 0) done();
      else failed(new Error(`${title} failed.`));
    });
  });
};

const testsIn = (...folders) =>
  folders
    .flatMap((folder) => readdirSync(folder).map((file) => `${folder}/${file}`))
    .filter((file) => file.endsWith(".test.mjs"));
const nodeTests = testsIn("tests/workerd", "clients/typescript/test", "tests/native");
const browserTests = testsIn("tests/browser");

try {
  if (!workerOnly) await run("Rust suites, natively", "cargo", ["test"]);
  const control = await startControl();
  try {
    const shown = filters.length > 0 ? ["--nocapture"] : [];
    const args = ["test", "--test", "api", "--", "--test-threads", "3", ...shown, ...filters];
    await run("The same cases against the Worker in workerd", "cargo", args, {
      HAMRAH_WORKERD: control.url,
    });
  } finally {
    await control.stop();
  }
  if (filters.length === 0) {
    // In a folder beside the API's own: other features of the same crates. It also builds the
    // example that a Node suite starts.
    const clients = { CARGO_TARGET_DIR: resolve("target/clients") };
    await run(
      "The Rust client",
      "cargo",
      ["test", "--manifest-path", "clients/rust/Cargo.toml"],
      clients,
    );
    // A Node suite runs them against both targets.
    await run(
      "The build of the libraries that seal messages",
      "cargo",
      ["test", "--no-run", "--manifest-path", "tests/partners/Cargo.toml"],
      clients,
    );
    // Most of these suites wait for time limits to pass, so more of them run at once than there are
    // cores.
    await run("Node suites", "node", ["--test", "--test-concurrency", "4", ...nodeTests]);
    if (!workerOnly)
      await run("In a browser: the Worker, and the core natively", "node", [
        "--test",
        "--test-concurrency",
        "1",
        ...browserTests,
      ]);
  }
  console.log(`\n${times.join("\n")}`);
} catch (error) {
  console.error(`\n${error.message}`);
  process.exit(1);
}
