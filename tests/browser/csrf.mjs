// A server that requires CSRF tokens. The page fetches a token only after the server has asked for
// it.
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { test } from "./cases.mjs";
import { addsPasskey, loses, shows, withApp, withCodes } from "./factors.mjs";
import { newcomer, person, sameOn } from "./person.mjs";
import { aged } from "./rows.mjs";

const CSRF = "/api/auth/csrf";

/**
 * Records the page's requests to the API. `to(path)` returns those to a path, `unsafe()` those that
 * change the account on the page.
 */
const listen = (who) => {
  const asked = [];
  who.page.on("response", (response) => {
    const request = response.request();
    const { pathname } = new URL(request.url());
    const { "x-expected-user": user, "x-csrf-token": token } = request.headers();
    asked.push({ method: request.method(), pathname, user, token, status: response.status() });
  });
  const to = (pathname) => asked.filter((each) => each.pathname === pathname);
  const unsafe = () => asked.filter(({ method, user }) => method !== "GET" && user !== undefined);
  return { to, unsafe };
};

const renames = async (who, name) => {
  await who.buttonNamed("Rename passkey").first().click();
  await who.page.getByLabel("New name").fill(name);
  await who.page.keyboard.press("Enter");
};

const renamed = async (who, name) => {
  await renames(who, name);
  await who.status(`The passkey is now called ${name}.`);
  await who.page.locator("[data-busy]").waitFor({ state: "detached" });
};

const PROBLEM = {
  success: false,
  error: "Send the CSRF token.",
  code: "csrf_token_required",
  request_id: "r",
};
const REFUSED = {
  status: 403,
  contentType: "application/problem+json",
  body: JSON.stringify(PROBLEM),
};

export const csrfSuite = (place, start) => {
  test("no CSRF token is fetched unless the server requires one", async () => {
    const ada = await newcomer(place());
    const { to, unsafe } = listen(ada);
    await renamed(ada, "Key ring");
    assert.equal(unsafe().length, 1);
    assert.deepEqual([...to(CSRF), ...unsafe().filter(({ token }) => token !== undefined)], []);
    await ada.leave();
  });

  describe("with CSRF_TOKEN=require", () => {
    const here = {};
    before(async () => Object.assign(here, place(), await start({ CSRF_TOKEN: "require" })));
    after(() => here.stop?.());

    test("an account is created, used, recovered and deleted", async () => {
      const ada = await newcomer(here);
      const { to, unsafe } = listen(ada);
      // The server requires a token of every page of this origin.
      const raw = await ada.page.evaluate(async () => {
        const answer = await fetch("/api/users/me/sessions", { method: "DELETE" });
        return [answer.status, (await answer.json()).code];
      });
      assert.deepEqual(raw, [403, "csrf_token_required"]);
      assert.equal(to(CSRF).length, 0);

      await renamed(ada, "Key ring");
      await renamed(ada, "Pocket");
      const [refused, first, second] = unsafe();
      assert.deepEqual([refused.status, first.status, second.status], [403, 200, 200]);
      assert.equal(refused.token, undefined);
      assert.ok(first.token && first.token === second.token, "the token is kept");
      const [code] = await withCodes(ada);
      const app = await withApp(ada);

      // Each of these gives the session another token, and the CSRF token stays valid.
      await aged(here, ada);
      await ada.buttonNamed("Turn off the authenticator app").click();
      await ada.buttonNamed("Turn off", ada.page.getByRole("dialog")).click();
      await ada.stepUp().waitFor();
      await ada.page
        .getByLabel("Six-digit code from your authenticator app")
        .fill(await app.code());
      await ada.buttonNamed("Confirm with the app", ada.stepUp()).click();
      await ada.status("The authenticator app is turned off.");
      await aged(here, ada);
      await ada.buttonNamed("Set up an authenticator app").click();
      await ada.touching(async () => {
        await ada.buttonNamed("Use your passkey", ada.stepUp()).click();
        await ada.page.getByRole("img", { name: "QR code" }).waitFor();
      });
      const key = await ada.authenticator({ transport: "usb" });
      await key.presence(true);
      await ada.buttonNamed("Add a passkey").click();
      await ada.status("The passkey was added.");
      await key.remove();
      assert.equal(to(CSRF).length, 1, "the page fetches one token");
      assert.deepEqual(
        unsafe().filter(({ token }) => token !== first.token),
        [refused],
      );
      await ada.signOut();
      await ada.signIn();

      const phone = await person(here.browser, here.origin);
      const recovery = listen(phone);
      await phone.open();
      await loses(phone, ada.email);
      await shows(phone, code);
      await addsPasskey(phone);
      const begun = recovery.to("/api/webauthn/register/begin");
      assert.deepEqual(
        begun.map(({ status }) => status),
        [403, 200],
      );
      phone.email = ada.email;
      await phone.buttonNamed("Delete my account").click();
      await phone.page.getByLabel("E-mail address of this account").fill(phone.email);
      await phone.buttonNamed("Delete permanently").click();
      await phone.stepUp().waitFor();
      await phone.touching(async () => {
        await phone.buttonNamed("Use your passkey", phone.stepUp()).click();
        await phone.status("Your account was deleted.");
      });
      // The recovery ended the session of the first browser.
      await renames(ada, "Nobody's");
      await ada.status("You have been signed out.");
      await ada.leave();
      await phone.leave();
    });

    test("a CSRF token belongs to one session, also among sessions of one account", async () => {
      const ada = await newcomer(here, "Ada Lovelace");
      const bob = await newcomer(here, "Bob");
      const phone = await sameOn(here.browser, here.origin, ada);
      await phone.open();
      await phone.signIn();
      const { to, unsafe } = listen(ada);
      await renamed(ada, "One");
      // The owner signed in again in another tab. The page cannot know that its token is no longer
      // valid.
      await ada.context.addCookies(await phone.context.cookies());
      await renamed(ada, "Two");
      assert.deepEqual(
        unsafe().map(({ status }) => status),
        [403, 200, 403, 200],
      );
      assert.equal(to(CSRF).length, 2);
      const known = new Set(unsafe().map(({ token }) => token));

      await ada.context.addCookies(await bob.context.cookies());
      await ada.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
      await ada.page.getByRole("banner").getByText(bob.email).waitFor();
      await ada.settled();
      const before = unsafe().length;
      await renamed(ada, "Bob's own");
      const [refused, done] = unsafe().slice(before);
      assert.equal(refused.token, undefined, "the page removed its token");
      assert.ok(done.status === 200 && !known.has(done.token));
      for (const who of [ada, bob, phone]) await who.leave();
    });

    test("a change that waits for a token is dropped if another account signs in, and the page reports it", async () => {
      const ada = await newcomer(here, "Ada Lovelace");
      const bob = await newcomer(here, "Bob");
      const names = await bob.passkeyNames();
      const { unsafe } = listen(ada);
      await ada.page.route(`**${CSRF}`, async (route) => {
        await ada.context.addCookies(await bob.context.cookies());
        await route.continue();
      });
      await renames(ada, "Ada's own");
      await ada.status("This page shows that account. Nothing was changed.");
      await ada.page.getByRole("banner").getByText(bob.email).waitFor();
      await ada.settled();
      assert.deepEqual(
        unsafe().map(({ status, token }) => [status, token]),
        [[403, undefined]],
      );
      assert.deepEqual(await ada.passkeyNames(), names);
      await ada.leave();
      await bob.leave();
    });

    test("a refused token is replaced at most twice, and a cancelled request is not repeated", async () => {
      const ada = await newcomer(here);
      const { to } = listen(ada);
      await renamed(ada, "One");
      let left = 2;
      await ada.page.route("**/api/webauthn/credentials/*", (route) =>
        (left -= 1) >= 0 ? route.fulfill(REFUSED) : route.continue(),
      );
      await renamed(ada, "Two");
      assert.equal(to(CSRF).length, 3);
      left = Infinity;
      await renames(ada, "Three");
      await ada.error("Send the CSRF token.", ada.part("Passkeys"));
      assert.equal(to(CSRF).length, 5);

      await ada.page.reload();
      await ada.settled();
      const fetching = new Promise((came) => {
        void ada.page.route(`**${CSRF}`, (route) => came(route));
      });
      await ada.buttonNamed("Delete my account").click();
      await ada.page.getByLabel("E-mail address of this account").fill(ada.email);
      await ada.buttonNamed("Delete permanently").click();
      const route = await fetching;
      await ada.buttonNamed("Keep my account").click();
      await route.continue();
      await ada.page.locator("[data-busy]").waitFor({ state: "detached" });
      assert.deepEqual(
        to("/api/users/me")
          .filter(({ method }) => method === "DELETE")
          .map(({ status }) => status),
        [403],
      );
      await ada.page.reload();
      await ada.settled();
      await ada.leave();
    });
  });
};
