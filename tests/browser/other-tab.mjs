// The page shows one account while another account signs in, in another tab of the same browser.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { freshEmail, newcomer, person, sameOn } from "./person.mjs";
import { registered } from "./rows.mjs";

const OTHER = "This browser is now signed in to a different account. This page shows that account.";
const NOT_DONE = `${OTHER} Nothing was changed.`;

export const otherTabSuite = (place) => {
  /**
   * Replaces this browser's cookie by that of `other`, as signing in to `other` in another tab
   * does.
   */
  const becomes = async (who, other) => who.context.addCookies(await other.context.cookies());

  /** Replaces the cookie between the start of a registration and the authenticator's answer. */
  const becomesDuringRegistration = (who, other) =>
    who.page.route("**/api/webauthn/register/begin", async (route) => {
      const response = await route.fetch();
      await becomes(who, other);
      await route.fulfill({ response });
    });

  const comesBack = (who) =>
    who.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

  /**
   * Records the signals to password managers. `userId` is the account of the last signal before.
   */
  const listen = async (who) => {
    await who.page.addInitScript(() => {
      globalThis.told = [];
      const signal = PublicKeyCredential.signalAllAcceptedCredentials.bind(PublicKeyCredential);
      PublicKeyCredential.signalAllAcceptedCredentials = (about) => {
        globalThis.told.push(about);
        return signal(about);
      };
    });
    await who.page.reload();
    await who.settled();
    const told = () => who.page.evaluate(() => globalThis.told);
    const [{ userId }] = await told();
    return { told, userId };
  };

  /**
   * Checks that the page shows the other account and `message`, and no data of the first account.
   */
  const shows = async (who, other, message, gone) => {
    await who.status(message);
    await who.page.getByRole("heading", { name: "Your account", exact: true }).waitFor();
    await who.page.getByRole("banner").getByText(other.email).waitFor();
    await who.settled();
    assert.equal(await who.page.getByRole("status").textContent(), message);
    assert.equal(await who.focused(), "Your account");
    assert.equal(await who.page.getByRole("dialog").count(), 0);
    assert.equal(await who.page.getByRole("alert").filter({ hasText: /\S/ }).count(), 0);
    assert.ok(!(await who.page.content()).includes(gone), "the page shows no data of the account");
    assert.deepEqual(
      await who.page
        .locator("input:not([type=checkbox])")
        .evaluateAll((fields) => fields.map(({ value }) => value).filter(Boolean)),
      [],
    );
  };

  /** Returns everything that an account's own page shows. */
  const all = async (who) => {
    await who.page.reload();
    await who.settled();
    const devices = await who.devices().allTextContents();
    return {
      email: await who.page.locator("#who-email").textContent(),
      passkeys: await who.passkeyNames(),
      devices,
      events: await who.eventTexts(),
    };
  };

  const REVOKING = "revoking a device";
  const ACTIONS = {
    "deleting the account": async (who) => {
      await who.buttonNamed("Delete my account").click();
      await who.page.getByLabel("E-mail address of this account").fill(who.email);
      await who.buttonNamed("Delete permanently").click();
    },
    "adding a passkey": async (who) => {
      await who.page.getByLabel("Name of a new passkey").fill("Ada's own");
      await who.buttonNamed("Add a passkey").click();
    },
    "renaming a passkey": async (who) => {
      await who.buttonNamed("Rename passkey").click();
      await who.page.getByLabel("New name").fill("Ada's own");
      await who.page.keyboard.press("Enter");
    },
    "deleting a passkey": async (who) => {
      await who.buttonNamed("Delete passkey").click();
      await who.answer("Delete passkey");
    },
    "making backup codes": async (who) => {
      await who.buttonNamed("Create backup codes").click();
    },
    "setting up an authenticator app": async (who) => {
      await who.buttonNamed("Set up an authenticator app").click();
    },
    [REVOKING]: async (who) => {
      await who.buttonNamed("Revoke iPhone or iPad").click();
      await who.answer("Revoke device");
    },
  };

  for (const [what, action] of Object.entries(ACTIONS)) {
    test(`${what} on one account's page changes neither that account nor the one that signed in since`, async () => {
      const ada = await newcomer(place(), "Ada Lovelace");
      const bob = await newcomer(place(), "Bob");
      if (what === REVOKING) await registered(place(), ada, [{}]);
      const { told, userId } = await listen(ada);
      const [before, other, own] = [await all(ada), await all(bob), await ada.context.cookies()];
      // The authenticator would answer any request. No request may be made.
      const key = await ada.authenticator({ transport: "usb" });
      await key.presence(true);
      await becomes(ada, bob);
      const heard = (await told()).length;
      await action(ada);
      await shows(ada, bob, NOT_DONE, ada.email);
      await picture(ada.page, `${place().name}-other-account`);
      assert.deepEqual(await ada.passkeyNames(), other.passkeys);
      assert.equal(await ada.devices().count(), 0, "Bob has none");
      const since = (await told()).slice(heard);
      assert.ok(
        since.length > 0 && since.every((about) => about.userId !== userId),
        "no signal is about the first account",
      );
      assert.ok(since.every((about) => about.allAcceptedCredentialIds.length > 0));
      assert.deepEqual(await key.passkeys(), []);

      assert.deepEqual(await all(bob), other);
      await ada.context.addCookies(own);
      assert.deepEqual(await all(ada), before);
      assert.equal((await ada.device.passkeys()).length, 1);
      await ada.leave();
      await bob.leave();
    });
  }

  test("ending every other session on one account's page ends none of another account", async () => {
    const ada = await newcomer(place(), "Ada Lovelace");
    const bob = await newcomer(place(), "Bob");
    const phone = await sameOn(place().browser, place().origin, bob);
    await phone.open();
    await phone.signIn();
    // Ada's two sessions are simulated. Bob's are real.
    await ada.page.route("**/api/users/me/sessions", async (route) => {
      if (route.request().method() !== "GET") return route.continue();
      const response = await route.fetch();
      const json = await response.json();
      await route.fulfill({
        response,
        json: {
          ...json,
          sessions: [...json.sessions, { ...json.sessions[0], id: "s-2", current: false }],
        },
      });
    });
    await ada.page.reload();
    await ada.settled();
    await ada.buttonNamed("Sign out everywhere else").click();
    // The other account signs in while the question is open.
    await becomes(ada, bob);
    await ada.answer("Sign out everywhere else");
    await shows(ada, bob, NOT_DONE, ada.email);
    for (const who of [bob, phone]) assert.equal((await all(who)).email, bob.email);
    for (const who of [ada, bob, phone]) await who.leave();
  });

  test("a passkey that is created while another account signs in is added to neither account", async () => {
    const ada = await newcomer(place(), "Ada Lovelace");
    const bob = await newcomer(place(), "Bob");
    const [before, other, own] = [await all(ada), await all(bob), await ada.context.cookies()];
    const key = await ada.authenticator({ transport: "usb" });
    await key.presence(true);
    await becomesDuringRegistration(ada, bob);
    await ada.buttonNamed("Add a passkey").click();
    await shows(ada, bob, NOT_DONE, ada.email);
    assert.equal((await key.passkeys()).length, 1);
    assert.deepEqual(await all(bob), other);
    await ada.context.addCookies(own);
    assert.deepEqual(await all(ada), before);
    for (let attempt = 0; (await key.passkeys()).length > 0; attempt += 1) {
      assert.ok(attempt < 20, "Ada's page informs the authenticator of her passkeys");
      await ada.page.waitForTimeout(50);
    }
    await ada.leave();
    await bob.leave();
  });

  test("a page that asks for a new account's details adds no passkey to another account", async () => {
    const bob = await newcomer(place(), "Bob");
    const other = await all(bob);
    for (const when of ["before the passkey is asked for", "while it is asked for"]) {
      const ada = await person(place().browser, place().origin);
      await ada.open();
      await ada.page.waitForFunction(() => globalThis.asked !== undefined);
      const email = freshEmail();
      await (when.startsWith("before") ? becomes : becomesDuringRegistration)(ada, bob);
      await ada.page.waitForTimeout(100);
      await ada.device.presence(true);
      await ada.fillSignUp(email, "Ada Lovelace");
      await shows(ada, bob, NOT_DONE, email);
      await ada.device.presence(false);
      for (let attempt = 0; (await ada.device.passkeys()).length > 0; attempt += 1) {
        assert.ok(attempt < 20, `${when}: no passkey is left of an account that was not made`);
        await ada.page.waitForTimeout(50);
      }
      await ada.leave();
    }
    assert.deepEqual(await all(bob), other);
    await bob.leave();
  });

  test("a page that becomes visible again shows the signed-in account", async () => {
    const ada = await newcomer(place(), "Ada Lovelace");
    const bob = await newcomer(place(), "Bob");
    const [own, asked] = [await ada.context.cookies(), ada.page.getByRole("dialog")];
    const answered = () => ada.page.waitForResponse("**/api/users/me");

    // The account is the same, so open dialogs stay open.
    await ada.buttonNamed("Delete my account").click();
    await ada.page.getByLabel("E-mail address of this account").fill("a");
    const first = answered();
    await comesBack(ada);
    await first;
    await ada.page.waitForTimeout(100);
    assert.ok(await asked.isVisible());
    assert.equal(await ada.page.getByLabel("E-mail address of this account").inputValue(), "a");

    await becomes(ada, bob);
    await comesBack(ada);
    await shows(ada, bob, OTHER, ada.email);

    // A waiting ceremony is cancelled too.
    await ada.page.getByLabel("Name of a new passkey").fill("Bob's own");
    const begun = ada.page.waitForResponse("**/api/webauthn/register/begin");
    await ada.buttonNamed("Add a passkey").click();
    await begun;
    await ada.context.addCookies(own);
    await comesBack(ada);
    await shows(ada, ada, OTHER, bob.email);
    assert.ok(await ada.buttonNamed("Add a passkey").isEnabled());

    await ada.buttonNamed("Delete my account").click();
    await ada.context.clearCookies();
    await comesBack(ada);
    await ada.status("You have been signed out. Sign in again.");
    assert.equal(await ada.focused(), "Your Hamrah account");
    assert.equal(await asked.count(), 0);
    assert.ok(!(await ada.page.content()).includes(ada.email));

    await ada.page.waitForFunction(() => globalThis.asked !== undefined);
    await becomes(ada, bob);
    await comesBack(ada);
    await shows(ada, bob, "You are signed in.", ada.email);
    await ada.page.waitForFunction(() => globalThis.asked === undefined);
    await ada.leave();
    await bob.leave();
  });

  test("every request of the page names the account that the page shows", async () => {
    const ada = await newcomer(place(), "Ada Lovelace");
    const sent = [];
    ada.page.on("request", (request) => {
      if (request.url().includes("/api/"))
        sent.push([
          request.method(),
          new URL(request.url()).pathname,
          request.headers()["x-expected-user"],
        ]);
    });
    await ada.page.reload();
    await ada.settled();
    const { id } = await ada.page.evaluate(async () => (await fetch("/api/users/me")).json());
    const key = await ada.authenticator({ transport: "usb" });
    await key.presence(true);
    await ada.buttonNamed("Add a passkey").click();
    await ada.status("The passkey was added.");
    await key.presence(false);
    await ada.signOut();
    const anyone = new Set(["/api/auth/sessions/logout", "/api/webauthn/authenticate/begin"]);
    const named = sent.filter(
      ([method, path]) => !anyone.has(path) && !(method === "GET" && path === "/api/users/me"),
    );
    assert.ok(named.length >= 7, String(named.length));
    assert.ok(
      named.some(([, path]) => path === "/api/app-attestation/keys"),
      "requests about devices too",
    );
    assert.deepEqual(
      named.filter(([, , user]) => user !== id),
      [],
    );
    assert.ok(
      sent.some(([, path, user]) => path === "/api/users/me" && user === undefined),
      "only the request for the current user names no account",
    );
    await ada.leave();
  });
};
