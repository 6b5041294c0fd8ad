// A server that is killed while it stores messages: after the restart, the name of each message has
// one place, and an answer that arrived before is repeated.
import assert from "node:assert/strict";
import { test } from "node:test";
import { relay } from "../workerd/relay.mjs";
import { folder, serve } from "./server.mjs";

const KILLS = 6;
const AT_ONCE = 50;

test("a message has one place and one answer also after a server was killed", async () => {
  const place = folder();
  const vars = {
    ENVIRONMENT: "development",
    PASSWORD_HASH_MEMORY_KIB: "256",
    PASSWORD_HASH_PASSES: "1",
  };
  let server = await serve({ cwd: place.path, vars });
  const { settings } = server;
  const port = new URL(server.url).port;
  const { register, server: newServer } = relay(server.url);
  const ada = await register("ada");
  const { channel } = await newServer(ada);
  const path = `/channels/${channel}/messages`;
  const send = (number) => {
    const name = Buffer.alloc(16);
    name.writeUInt32BE(number);
    return ada.call("POST", path, {
      sender_token: "AAAA",
      encrypted_body: Buffer.from(`text ${number}`).toString("base64"),
      client_id: name.toString("base64"),
    });
  };
  /** The answers that arrived, by the number of the message. */
  const arrived = new Map();
  let lost = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    const numbers = Array.from({ length: AT_ONCE }, (_, index) => kill * AT_ONCE + index);
    const answers = numbers.map(async (number) => {
      const answer = await send(number).catch(() => undefined);
      if (answer?.status === 200) arrived.set(number, answer.body);
      else lost += 1;
    });
    // The kill comes after some of the answers.
    await Promise.any(answers);
    await server.stop("SIGKILL");
    await Promise.all(answers);
    server = await serve({ cwd: place.path, vars: settings, port });
    for (const number of numbers) {
      const { status, body } = await send(number);
      assert.equal(status, 200);
      if (arrived.has(number)) assert.deepEqual(body, arrived.get(number));
      arrived.set(number, body);
    }
  }
  assert.ok(lost > 0, "no answer was lost");
  const seqs = [...arrived.values()].map(({ seq }) => seq).sort((a, b) => a - b);
  assert.deepEqual(
    seqs,
    Array.from({ length: KILLS * AT_ONCE }, (_, index) => index + 1),
  );
  for (const [number, body] of arrived) assert.deepEqual((await send(number)).body, body);
  await server.stop();
  place.remove();
});
