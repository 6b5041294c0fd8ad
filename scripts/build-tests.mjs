// Builds the Worker for release and the native suites at the same time, for `make test`. The last
// minutes of the Worker's build use one core only.
import { spawn } from "node:child_process";

/**
 * Runs a command and prints its output when it has ended, so that two commands do not mix their
 * lines.
 */
const run = (title, command, ...args) =>
  new Promise((resolve) => {
    const started = performance.now();
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    const output = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => output.push(chunk));
    const finish = (failed) => {
      console.log(`\n== ${title}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
      process.stdout.write(Buffer.concat(output));
      if (failed) console.error(`${title} failed.`);
      resolve(!failed);
    };
    child.on("error", (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      finish(true);
    });
    child.on("close", (code) => finish(code !== 0));
  });

console.log("Building the Worker and the native suites.");
const built = await Promise.all([
  run("The Worker for release", "node", "scripts/build-worker.mjs", "--release"),
  run("The native suites", "cargo", "test", "--no-run"),
]);
process.exitCode = built.every(Boolean) ? 0 : 1;
