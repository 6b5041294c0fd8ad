// A fake API for the tests of the client.
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { build } from "esbuild";

// Node 20 cannot import TypeScript, so the client is bundled into one module.
const load = async () => {
  const entryPoints = [new URL("../src/index.ts", import.meta.url).pathname];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`
  );
};
export const { HamrahApi, HamrahApiError } = await load();

export const KEY = "k3y-that-must-stay-secret-0123456789";
export const ID = "7f0f6a0e-6d0c-4e4e-9a55-0f4f7d0b5a11";
export const USER = { id: ID, email: "ada@example.com" };
export const PERSON = {
  email: "ada@example.com",
  provider: "google",
  provider_id: "1",
  platform: "web",
};

export const json = (body, init) => Response.json(body, init);
export const problem = (status, code, headers = {}) => {
  const body = {
    type: "about:blank",
    title: "T",
    status,
    detail: `About ${code}.`,
    success: false,
    error: "E",
    code,
    request_id: "req-12345678",
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
};

/**
 * Creates a client of a fake API. The API gives one answer to each request and repeats the last
 * one. `sent` records the requests.
 */
export const fake = (answers, options = {}) => {
  const sent = [];
  const api = {
    fetch: async (request) => {
      const body = await request.text();
      sent.push({
        request,
        method: request.method,
        path: new URL(request.url).pathname,
        headers: request.headers,
        body,
      });
      const answer = answers[Math.min(sent.length, answers.length) - 1];
      return typeof answer === "function" ? answer(request) : answer.clone();
    },
  };
  return { sent, client: new HamrahApi({ api, internalKey: KEY, ...options }) };
};

export const failure = async (promise) => {
  const error = await promise.then(
    (value) => assert.fail(`the call succeeded: ${inspect(value)}`),
    (error) => error,
  );
  assert.ok(error instanceof HamrahApiError, inspect(error));
  return error;
};

export const account = { user_id: ID, platform: "web" };
export const cookie = { cookie: "a=b; session=hms_secret" };
export const bearer = { bearer: "hms_secret" };
