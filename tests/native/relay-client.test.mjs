// The example of the TypeScript client of the relay, over real sockets: natively, and in workerd.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { startApi } from "../workerd/miniflare.mjs";
import { folder, serve } from "./server.mjs";

const SCRIPT = new URL("sealed-chat.mjs", import.meta.url).pathname;

/** Returns the texts that two people read. Node 20 has its WebSocket behind a flag. */
const exchanged = async (origin) => {
  const args = ["--experimental-websocket", SCRIPT, origin];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
  return JSON.parse(stdout);
};
const TEXTS = ["Hello Bob, this is Ada.", "Hello Ada, I can read you."];

test("two people exchange sealed messages with the native server", async () => {
  const made = folder();
  const server = await serve({ cwd: made.path });
  try {
    assert.deepEqual(await exchanged(server.url), TEXTS);
  } finally {
    await server.stop();
    made.remove();
  }
});

test("two people exchange sealed messages in workerd", async () => {
  const worker = await startApi();
  try {
    assert.deepEqual(await exchanged(worker.url), TEXTS);
  } finally {
    await worker.stop();
  }
});
