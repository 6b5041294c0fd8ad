// Builds the programs of the native benchmark.
import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");

/** Runs a command in the repository and returns its output. */
export const run = (command, ...args) =>
  execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();

/** Builds the server as it is shipped, and returns its path. */
export const buildServer = () => {
  run("cargo", "build", "--release", "--quiet", "--bin", "hamrah-api");
  return join(target, "release", "hamrah-api");
};

/**
 * Builds a program of `examples/` and returns its path. The build has its own target folder,
 * because examples are built with the features of the dev-dependencies. In a shared folder cargo
 * would rebuild the crate whenever a build of the server follows a build of an example.
 */
export const buildExample = (name) => {
  const folder = join(target, "examples");
  run("cargo", "build", "--release", "--quiet", "--target-dir", folder, "--example", name);
  return join(folder, "release", "examples", name);
};
