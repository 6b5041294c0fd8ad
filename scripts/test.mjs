// `make test`, after the Worker has been built: every suite, on both targets. `--worker-only` leaves the native suites out.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { startControl } from "../tests/workerd/control.mjs";

const unknown = process.argv.slice(2).filter((argument) => argument.startsWith("--") && argument !== "--worker-only");
if (unknown.length > 0) {
  console.error(`unknown: ${unknown.join(" ")}. Usage: node scripts/test.mjs [--worker-only] [name of a case…]`);
  process.exit(2);
}
const workerOnly = process.argv.includes("--worker-only");
const filters = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

/** Asynchronous, because the control has to answer meanwhile. */
const run = (title, command, args, env = {}) => {
  console.log(`\n== ${title}`);
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
    child.on("exit", (code) => (code === 0 ? done() : failed(new Error(`${title} failed`))));
  });
};

const testsIn = (...folders) =>
  folders.flatMap((folder) => readdirSync(folder).map((file) => `${folder}/${file}`)).filter((file) => file.endsWith(".test.mjs"));
const nodeTests = testsIn("tests/workerd", "clients/typescript/test", "tests/native");
const browserTests = testsIn("tests/browser");

try {
  if (!workerOnly) await run("Rust suites, natively", "cargo", ["test"]);
  const control = await startControl();
  try {
    const shown = filters.length > 0 ? ["--nocapture"] : [];
    const args = ["test", "--test", "api", "--", "--test-threads", "3", ...shown, ...filters];
    await run("The same cases against the Worker in workerd", "cargo", args, { HAMRAH_WORKERD: control.url });
  } finally {
    await control.stop();
  }
  if (filters.length === 0) {
    // Beside the API's own: other features of the same crates. It also builds the example that a Node suite starts.
    const clients = { CARGO_TARGET_DIR: resolve("target/clients") };
    await run("The Rust client", "cargo", ["test", "--manifest-path", "clients/rust/Cargo.toml"], clients);
    await run("Node suites", "node", ["--test", ...nodeTests]);
    if (!workerOnly) await run("In a browser, on both targets", "node", ["--test", "--test-concurrency", "1", ...browserTests]);
  }
} catch (error) {
  console.error(`\n${error.message}`);
  process.exit(1);
}
