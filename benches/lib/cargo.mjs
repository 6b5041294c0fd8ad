// Builds what is measured natively.
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** Runs a command in the repository; gives what it prints. */
export const run = (command, ...args) =>
  execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();

/** The server, as it is shipped; gives its path. */
export const buildServer = () => {
  run("cargo", "build", "--release", "--quiet", "--bin", "hamrah-api");
  return join(target, "release", "hamrah-api");
};

/**
 * A program of `examples/`; gives its path. In a folder of its own: examples have the features that tests ask for, and cargo would build
 * the crate anew at every change between them and the server.
 */
export const buildExample = (name) => {
  const folder = join(target, "examples");
  run("cargo", "build", "--release", "--quiet", "--target-dir", folder, "--example", name);
  return join(folder, "release", "examples", name);
};
