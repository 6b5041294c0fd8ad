// Starts the native binary in a temporary folder.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { signingKeys } from "../workerd/miniflare.mjs";

export const BINARY = resolve("target/debug/hamrah-api");
export const INTERNAL_KEY = "native-suite-Key-7Hq2vXc9Lw4zRb8m";

/** Creates an empty folder, which `remove()` deletes. */
export const folder = () => {
  const path = mkdtempSync(join(tmpdir(), "hamrah-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
};

/** Returns an environment without the settings that this machine may have. */
export const clean = (vars = {}) => ({ PATH: process.env.PATH, HOME: process.env.HOME, ...vars });

export const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
};

/**
 * Runs a command of the binary until it exits. After two minutes the command is killed, and `code`
 * is null.
 */
export const run = async (args, { cwd, vars = {} }) => {
  const child = spawn(BINARY, args, {
    cwd,
    env: clean(vars),
    timeout: 120_000,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  const [code] = await once(child, "close");
  return { code, output };
};

/**
 * Lets this process exit while a server runs, for example after a failed case, and then kills the
 * server.
 */
const endWithThisProcess = (child) => {
  for (const handle of [child, child.stdout, child.stderr]) handle.unref();
  const kill = () => child.kill("SIGKILL");
  process.on("exit", kill);
  child.on("exit", () => process.off("exit", kill));
};

/**
 * Starts `serve`, on a free port if none is named, and waits until it is ready. Returns `url`,
 * `settings`, `child`, `output()` and `stop(signal)`, which returns the exit code. A server that no
 * case stops ends with this process.
 */
export const serve = async ({ cwd, vars = {}, port: named }) => {
  const port = named ?? (await freePort());
  const settings = {
    INTERNAL_API_KEY: INTERNAL_KEY,
    JWT_SIGNING_KEYS: signingKeys(),
    BIND: `127.0.0.1:${port}`,
    ...vars,
  };
  const child = spawn(BINARY, ["serve"], { cwd, env: clean(settings) });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => (output += chunk));
  const exited = once(child, "exit");
  endWithThisProcess(child);
  const url = `http://127.0.0.1:${port}`;
  for (let attempt = 0; ; attempt += 1) {
    const answer = await fetch(`${url}/ready`).catch(() => undefined);
    if (answer?.ok) break;
    if (attempt > 200 || child.exitCode !== null)
      throw new Error(`the server did not start: ${output}`);
    await new Promise((resume) => setTimeout(resume, 25));
  }
  const stop = async (signal = "SIGTERM") => {
    child.ref();
    child.kill(signal);
    return (await exited)[0];
  };
  return { url, settings, child, output: () => output, stop };
};

/** Posts JSON with the credentials of hamrah-app's server, which internal paths need. */
export const post = (url, path, body) =>
  fetch(`${url}${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "x-internal-service": "hamrah-app",
      "x-internal-key": INTERNAL_KEY,
    },
    body: JSON.stringify(body),
  });
