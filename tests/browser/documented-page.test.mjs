// A page of another port with the code of docs/PASSKEYS.md, as a web developer would paste it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { folder, serve } from "../native/server.mjs";
import { launch, visit } from "./browser.mjs";

const CODE = /```js\nconst API = "https:\/\/api\.hamrah\.app";\n([\s\S]*?)```/;
const PASSKEYS = readFileSync(new URL("../../docs/PASSKEYS.md", import.meta.url), "utf8");

let place, server, pages, browser;
before(async () => {
  place = folder();
  server = await serve({ cwd: place.path, vars: { ENVIRONMENT: "development" } });
  const api = `http://localhost:${new URL(server.url).port}`;
  const names = "signUp, signIn, signOut, me, post";
  const code = `const API = "${api}";\n${CODE.exec(PASSKEYS)[1]}\nObject.assign(globalThis, { API, ${names} });`;
  pages = createServer((_, answer) =>
    answer
      .writeHead(200, { "Content-Type": "text/html" })
      .end(`<!doctype html><title>A page</title><script type="module">${code}</script>`),
  );
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  browser = await launch();
});
after(async () => {
  await browser?.close();
  pages?.close();
  await server?.stop();
  place?.remove();
});

/** Opens the page at a host name, with an authenticator. */
const open = async (host) => {
  const origin = `http://${host}:${pages.address().port}`;
  const visitor = await visit(browser, origin);
  await visitor.authenticator();
  await visitor.page.goto(origin);
  return visitor.page;
};

test("the code of the page signs up, in and out", async () => {
  const page = await open("localhost");
  const walked = await page.evaluate(async () => {
    const steps = { before: await me() };
    steps.signedUp = (await signUp("ada@example.com", "Ada")).name;
    steps.me = (await me()).name;
    await signOut();
    steps.signedOut = await me();
    steps.signedIn = (await signIn()).name;
    steps.again = (await me()).name;
    return steps;
  });
  assert.deepEqual(walked, {
    before: null,
    signedUp: "Ada",
    me: "Ada",
    signedOut: null,
    signedIn: "Ada",
    again: "Ada",
  });
  const renamed = await page.evaluate(async () => {
    const ask = async (path, options) =>
      (await fetch(`${API}${path}`, { credentials: "include", ...options })).json();
    const { credentials } = await ask("/api/webauthn/credentials");
    const { credential } = await ask(`/api/webauthn/credentials/${credentials[0].id}`, {
      method: "PATCH",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: "Laptop" }),
    });
    const sessions = await ask("/api/users/me/sessions");
    return { name: credential.name, sessions: sessions.sessions.length };
  });
  assert.deepEqual(renamed, { name: "Laptop", sessions: 1 });
});

test("the browser says at the wrong host what the page explains", async () => {
  const said = (page) =>
    page.evaluate(() => signIn().then(String, (error) => `${error.name}: ${error.message}`));
  // The page's host is not the API's: the API refuses the request.
  assert.match(await said(await open("127.0.0.1")), /on different sites/);
  const page = await open("localhost");
  const header = await page.evaluate(() =>
    fetch(`${API}/api/users/me`, { headers: { "X-App": "1" } }).then(String, String),
  );
  assert.match(header, /Failed to fetch/);
  assert.match(PASSKEYS, /`Failed to fetch`/);
});
