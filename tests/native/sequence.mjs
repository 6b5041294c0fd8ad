// The sequence of the contract for backends, over HTTP, with a real backend and its visitors. Both
// targets run it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { administrator, backend } from "./backends.mjs";

/** Registers the cases. `start` starts the service and returns its `url`, `secret` and `stop()`. */
export const sequence = (start) => {
  let api;
  let admin;
  const running = [];
  before(async () => {
    api = await start();
    admin = await administrator(api.url, api.secret);
  });
  after(async () => {
    for (const each of running) await each.stop();
    await api?.stop();
  });

  /**
   * Creates a service and a person who may read and write there, and starts the service's backend.
   */
  const stage = async (options) => {
    const place = await admin.place();
    const stock = await backend(api.url, place.name, options);
    running.push(stock);
    return { place, stock, user: await place.member() };
  };
  const gives = (answer, expected) =>
    assert.deepEqual(
      Object.fromEntries(Object.keys(expected).map((name) => [name, answer[name]])),
      expected,
    );

  test("a new token is checked once, and cached for less than a minute", async () => {
    const { place, stock, user } = await stage();
    gives(await stock.visit("GET", user.token), {
      status: 200,
      by: user.username,
      cached: false,
      asked: 1,
    });
    assert.deepEqual(stock.proxy.checks, [{ body: { service_id: place.name }, client: "stock" }]);
    gives(await stock.visit("GET", user.token), {
      status: 200,
      by: user.username,
      cached: true,
      asked: 0,
    });
    stock.clock.ahead = 55;
    gives(await stock.visit("GET", user.token), { status: 200, cached: true, asked: 0 });
    stock.clock.ahead = 61;
    gives(await stock.visit("GET", user.token), { status: 200, cached: false, asked: 1 });
  });

  test("a token that expires soon is checked, which extends it", async () => {
    // By the backend's clock, the token expires in `left` seconds.
    for (const [left, life] of [
      [50, 20],
      [20, 0],
    ]) {
      const { stock, user } = await stage();
      const { expires_at: end } = await stock.client.check(user.token);
      stock.clock.ahead = end - left - Math.floor(Date.now() / 1000);
      gives(await stock.visit("GET", user.token), { asked: 1, cached: false });
      gives(await stock.visit("GET", user.token), { asked: life > 0 ? 0 : 1, cached: life > 0 });
      stock.clock.ahead += life + 1;
      gives(await stock.visit("GET", user.token), { asked: 1 });
    }
  });

  test("an invalid token is refused, and checked only if it has a token's form", async () => {
    const { stock, user } = await stage();
    gives(await stock.visit("GET"), { status: 401, error: "missing_token_header", asked: 0 });
    gives(await stock.visit("GET", "a token?"), { status: 401, error: "invalid_token", asked: 0 });
    const other = `hmp_${"A".repeat(43)}`;
    for (let time = 0; time < 2; time += 1)
      gives(await stock.visit("GET", other), { status: 401, error: "invalid_token", asked: 1 });
    gives(await stock.visit("GET", `${user.token}x`), {
      status: 401,
      error: "invalid_token",
      asked: 1,
    });
  });

  test("a write is always checked, so a revoked role is refused at once for writes and within a minute for reads", async () => {
    const { stock, user } = await stage();
    for (let time = 0; time < 2; time += 1)
      gives(await stock.visit("PUT", user.token), { status: 200, cached: false, asked: 1 });
    gives(await stock.visit("GET", user.token), { cached: true, asked: 0 });
    await user.revoke();
    gives(await stock.visit("GET", user.token), { status: 200, cached: true, asked: 0 });
    gives(await stock.visit("PUT", user.token), { status: 403, error: "forbidden", asked: 1 });
    // The answer named a newer policy version, so the read is checked too.
    gives(await stock.visit("GET", user.token), { status: 403, error: "forbidden", asked: 1 });
    await user.give();
    gives(await stock.visit("GET", user.token), { status: 200, cached: false, asked: 1 });
  });

  test("without a write, a revoked role permits reads until the minute has passed, and not longer", async () => {
    const { stock, user } = await stage();
    await stock.visit("GET", user.token);
    await user.revoke();
    stock.clock.ahead = 55;
    gives(await stock.visit("GET", user.token), { status: 200, asked: 0 });
    stock.clock.ahead = 61;
    gives(await stock.visit("GET", user.token), { status: 403, asked: 1 });
  });

  test("a newer policy version in any answer removes the service's cached answers of all people", async () => {
    const { place, stock, user } = await stage();
    const other = await place.member();
    const late = await place.member();
    for (const { token } of [user, other]) await stock.visit("GET", token);
    gives(await stock.visit("GET", other.token), { asked: 0 });
    await user.revoke();
    gives(await stock.visit("GET", late.token), { status: 200, asked: 1 });
    gives(await stock.visit("GET", user.token), { status: 403, asked: 1 });
    gives(await stock.visit("GET", other.token), { status: 200, asked: 1 });
    gives(await stock.visit("GET", other.token), { asked: 0 });
  });

  test("after a logout elsewhere, writes are refused at once and reads within a minute", async () => {
    const { stock, user } = await stage();
    await stock.visit("GET", user.token);
    await admin.logout(user.token);
    gives(await stock.visit("GET", user.token), { status: 200, cached: true, asked: 0 });
    gives(await stock.visit("DELETE", user.token), {
      status: 401,
      error: "invalid_token",
      asked: 1,
    });
    gives(await stock.visit("GET", user.token), { status: 401, error: "invalid_token", asked: 1 });
    const again = await stage();
    await again.stock.visit("GET", again.user.token);
    await admin.logout(again.user.token);
    again.stock.clock.ahead = 61;
    gives(await again.stock.visit("GET", again.user.token), {
      status: 401,
      error: "invalid_token",
      asked: 1,
    });
  });

  test("after a logout through the backend, every request is refused at once", async () => {
    const { stock, user } = await stage();
    await stock.visit("GET", user.token);
    gives(await stock.visit("POST", user.token, "/logout"), { status: "logged_out", asked: 0 });
    gives(await stock.visit("GET", user.token), { status: 401, error: "invalid_token", asked: 1 });
  });

  test("while the service is unavailable, cached reads work until they expire, and all other requests get 503", async () => {
    for (const [mode, retryAfter] of [
      ["busy", "7"],
      ["cut", "5"],
    ]) {
      const { place, stock, user } = await stage();
      const stranger = await place.member();
      await stock.visit("GET", user.token);
      stock.proxy.mode = mode;
      gives(await stock.visit("GET", user.token), { status: 200, cached: true });
      gives(await stock.visit("PUT", user.token), {
        status: 503,
        error: "unavailable",
        retryAfter,
      });
      gives(await stock.visit("GET", stranger.token), {
        status: 503,
        error: "unavailable",
        retryAfter,
      });
      gives(await stock.visit("GET", user.token), { status: 200, cached: true });
      stock.clock.ahead = 61;
      gives(await stock.visit("GET", user.token), {
        status: 503,
        error: "unavailable",
        retryAfter,
      });
      stock.proxy.mode = "pass";
      gives(await stock.visit("GET", user.token), { status: 200, cached: false });
    }
    const { stock, user } = await stage({ timeout: 200 });
    stock.proxy.mode = "hold";
    gives(await stock.visit("GET", user.token), {
      status: 503,
      error: "unavailable",
      retryAfter: "5",
    });
  });

  test("a backend whose service does not exist, or was deleted, refuses every request", async () => {
    const { place, stock, user } = await stage();
    const nowhere = await backend(api.url, `No such ${randomUUID()}`);
    running.push(nowhere);
    gives(await nowhere.visit("GET", user.token), { status: 503, error: "unavailable", asked: 1 });
    await stock.visit("GET", user.token);
    await admin.ask("DELETE", `/services/${place.service}?force=true`);
    gives(await stock.visit("GET", user.token), { status: 200, cached: true });
    for (const method of ["PUT", "GET"])
      gives(await stock.visit(method, user.token), { status: 503, error: "unavailable", asked: 1 });
  });

  /** Waits until the proxy holds this many answers. */
  const held = async (stock, count) => {
    for (let wait = 0; stock.proxy.held.length < count; wait += 1) {
      assert.ok(wait < 200, `${stock.proxy.held.length} of ${count} are held`);
      await new Promise((resume) => setTimeout(resume, 10));
    }
  };

  test("concurrent reads with one token share a check, and a write never shares one", async () => {
    const { stock, user } = await stage();
    stock.proxy.mode = "hold";
    const reads = Array.from({ length: 8 }, () => stock.visit("GET", user.token));
    await held(stock, 1);
    await user.revoke();
    // The service answered the held check before the role was revoked.
    const write = stock.visit("PUT", user.token);
    await held(stock, 2);
    stock.proxy.release();
    for (const read of await Promise.all(reads)) gives(read, { status: 200, cached: false });
    gives(await write, { status: 403 });
    assert.equal(stock.proxy.checks.length, 2);
  });

  test("an answer from before a logout is not cached if it arrives after the logout", async () => {
    const { stock, user } = await stage();
    stock.proxy.mode = "hold";
    const read = stock.visit("GET", user.token);
    await held(stock, 1);
    stock.proxy.mode = "pass";
    gives(await stock.visit("POST", user.token, "/logout"), { status: "logged_out" });
    stock.proxy.release();
    gives(await read, { status: 200 });
    gives(await stock.visit("GET", user.token), { status: 401, asked: 1 });
  });
};
