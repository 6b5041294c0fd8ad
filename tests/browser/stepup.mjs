// Sensitive actions, which require a recent confirmation. In most cases the server's first refusal
// is simulated, and all later answers are real.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { event, shownCodes, way, ways, withApp } from "./factors.mjs";
import { newcomer } from "./person.mjs";
import { aged } from "./rows.mjs";

const PASSKEYS = "**/api/webauthn/credentials/*";
const BEGIN = "**/api/webauthn/register/begin";

const refusal = (...methods) => {
  const problem = {
    success: false,
    error: "Prove again who you are.",
    code: "reauthentication_required",
    request_id: "r",
  };
  return {
    status: 403,
    contentType: "application/problem+json",
    body: JSON.stringify({ ...problem, step_up: { methods, max_age: 600 } }),
  };
};

/** Longer than the browser's user activation after a click, in milliseconds. */
const forgotten = () => new Promise((resume) => setTimeout(resume, 6_000));

/**
 * Refuses the first request to a path. Later requests wait for `then`. Returns a function that
 * returns the number of requests.
 */
const refusedOnce = async (who, where, methods, then = async () => {}) => {
  let asked = 0;
  await who.page.route(where, async (route) => {
    asked += 1;
    if (asked === 1) return route.fulfill(refusal(...methods, "sign_in"));
    await then();
    await route.continue();
  });
  return () => asked;
};

export const stepUpSuite = (place) => {
  /**
   * Records whether the browser had user activation when the page created a passkey. With `strict`,
   * creating one fails without it.
   */
  const watchCreation = (who, strict) =>
    who.page.evaluate((refuses) => {
      const create = navigator.credentials.create.bind(navigator.credentials);
      globalThis.clicked = [];
      navigator.credentials.create = (options) => {
        globalThis.clicked.push(navigator.userActivation.isActive);
        return refuses && !navigator.userActivation.isActive
          ? Promise.reject(new DOMException("no click", "NotAllowedError"))
          : create(options);
      };
    }, strict);
  const clicked = (who) => who.page.evaluate(() => globalThis.clicked);

  /**
   * Creates an account with a second authenticator for another passkey. `turn` moves the touch from
   * the first authenticator to the second.
   */
  const withKey = async () => {
    const ada = await newcomer(place());
    const key = await ada.authenticator({ transport: "usb" });
    const turn = async () => {
      await ada.device.presence(false);
      await key.presence(true);
    };
    return { ada, key, turn };
  };

  test("a passkey is added after a confirmation with the existing passkey, also after a long wait", async () => {
    const { ada, key, turn } = await withKey();
    const later = async () => {
      await turn();
      // The test must not touch the page while it waits, because the browser would count that as a
      // click.
      await forgotten();
    };
    await watchCreation(ada, false);
    const asked = await refusedOnce(ada, BEGIN, ["passkey"], later);
    const add = ada.buttonNamed("Add a passkey");
    await ada.page.getByLabel("Name of a new passkey").fill("Key ring");
    await add.click();
    await ada.stepUp().waitFor();
    assert.ok(
      !(await ada.page.getByRole("status").textContent()).includes("Waiting"),
      "the new passkey is not asked for yet",
    );
    await ada.device.presence(true);
    const made = ada.page.waitForResponse("**/api/webauthn/register/complete");
    await ada.buttonNamed("Use your passkey", ada.stepUp()).click();
    await made;
    await ada.status("The passkey was added.");
    assert.deepEqual(await clicked(ada), [false]);
    assert.equal(asked(), 2);
    assert.ok((await ada.passkeyNames()).includes("Key ring"));
    assert.equal((await key.passkeys()).length, 1);
    await ada.page.locator("[data-busy]").waitFor({ state: "detached" });
    assert.equal(await ada.focused(), "Add a passkey");
    await ada.leave();
  });

  test("without a confirmation no passkey is added, and the page offers a button if the browser needs another click", async () => {
    const { ada, key, turn } = await withKey();
    await watchCreation(ada, true);
    const { code } = await withApp(ada);
    const add = ada.buttonNamed("Add a passkey");
    const asked = await refusedOnce(ada, BEGIN, ["passkey", "totp"]);
    await add.click();
    await ada.stepUp().waitFor();
    await ada.page.keyboard.press("Escape");
    await ada.stepUp().waitFor({ state: "hidden" });
    assert.equal(await ada.focused(), "Add a passkey");
    assert.equal(asked(), 1);
    assert.equal(await ada.page.getByRole("alert").filter({ hasText: /\S/ }).count(), 0);
    assert.ok(!(await ada.page.getByRole("status").textContent()).includes("Waiting"));

    await ada.page.unroute(BEGIN);
    const again = await refusedOnce(ada, BEGIN, ["passkey", "totp"], forgotten);
    await add.click();
    await ada.page.getByLabel("Six-digit code from your authenticator app").fill(await code());
    const begun = ada.page.waitForResponse(
      (response) => response.url().endsWith("/register/begin") && response.ok(),
    );
    await ada.buttonNamed("Confirm with the app", ada.stepUp()).click();
    await begun;
    await ada.error("You can try again.", ada.part("Passkeys"));
    assert.equal(again(), 2);
    await ada.page.unroute(BEGIN);
    await turn();
    await add.click();
    await ada.status("The passkey was added.");
    assert.deepEqual(await clicked(ada), [false, true]);
    assert.ok(await ada.stepUp().isHidden());
    assert.equal((await key.passkeys()).length, 1);
    await ada.leave();
  });

  test("a passkey is deleted only after a confirmation", async () => {
    const { ada, key, turn } = await withKey();
    await turn();
    await ada.page.getByLabel("Name of a new passkey").fill("Key ring");
    await ada.buttonNamed("Add a passkey").click();
    await ada.status("The passkey was added.");
    await key.presence(false);
    const ask = async () => {
      await ada.buttonNamed("Delete passkey Key ring").click();
      await ada.buttonNamed("Delete passkey", ada.page.getByRole("dialog")).click();
      await ada.stepUp().waitFor();
    };
    const asked = await refusedOnce(ada, PASSKEYS, ["passkey"]);
    await ask();
    await ada.buttonNamed("Cancel", ada.stepUp()).click();
    await ada.stepUp().waitFor({ state: "hidden" });
    assert.equal(await ada.focused(), "Delete passkey Key ring");
    assert.equal(asked(), 1);
    assert.equal((await ada.passkeyNames()).length, 2);
    await ada.page.unroute(PASSKEYS);
    const again = await refusedOnce(ada, PASSKEYS, ["passkey"]);
    await ask();
    await ada.touching(async () => {
      await ada.buttonNamed("Use your passkey", ada.stepUp()).click();
      await ada.status("The passkey Key ring was deleted.");
    });
    assert.equal(again(), 2);
    assert.equal(await ada.focused(), "Passkeys");
    assert.equal((await ada.passkeyNames()).length, 1);
    await ada.leave();
  });

  test("if the user can step up only by signing in again, the page asks for a new sign-in", async () => {
    const ada = await newcomer(place());
    await ada.page.route(BEGIN, (route) => route.fulfill(refusal("sign_in")));
    await ada.buttonNamed("Add a passkey").click();
    await ada.error(
      "Prove again who you are. Sign out, sign in again, and then repeat the action.",
      ada.part("Passkeys"),
    );
    assert.ok(await ada.stepUp().isHidden());
    await ada.leave();
  });

  test("an old session is confirmed by passkey or TOTP, and the action then continues", async () => {
    const ada = await newcomer(place());
    const { code } = await withApp(ada);
    await aged(place(), ada);
    const dialog = ada.stepUp();
    const digits = ada.page.getByLabel("Six-digit code from your authenticator app");
    await ada.buttonNamed("Create backup codes").click();
    await dialog.waitFor();
    assert.equal(await ada.focused(), "Use your passkey");
    await picture(ada.page, `${place().name}-step-up`);
    await ada.page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    assert.equal(await ada.focused(), "Create backup codes");
    assert.equal(await ways(ada).getByRole("alert").textContent(), "");
    assert.match(await way(ada, "Backup codes").textContent(), /None created/);

    const [before] = await ada.context.cookies();
    await ada.buttonNamed("Create backup codes").click();
    await ada.touching(async () => {
      await ada.buttonNamed("Use your passkey", dialog).click();
      await ways(ada).getByRole("group").waitFor();
    });
    const [after] = await ada.context.cookies();
    assert.notEqual(after.value, before.value, "the session has another token");
    assert.equal((await shownCodes(ada)).length, 10);
    await ada.buttonNamed("I have saved them").click();
    await event(ada, "The identity of a signed-in user was confirmed.");
    // After a confirmation the page does not ask again for some minutes.
    await ada.buttonNamed("Create new backup codes").click();
    await ada.answer("Create new backup codes");
    await ways(ada).getByRole("group").waitFor();
    await ada.page.locator("[data-busy]").waitFor({ state: "detached" });

    await aged(place(), ada);
    await ada.buttonNamed("Turn off the authenticator app").click();
    await ada.buttonNamed("Turn off", ada.page.getByRole("dialog")).click();
    await dialog.waitFor();
    await digits.fill("000000");
    await digits.press("Enter");
    await ada.error("could not verify your identity", dialog);
    assert.equal(await ada.focused(), "Six-digit code from your authenticator app");
    await digits.fill(await code());
    await digits.press("Enter");
    await ada.status("The authenticator app is turned off.");
    assert.equal(await digits.inputValue(), "");

    // Without TOTP, the page asks for the passkey only.
    await aged(place(), ada);
    await ada.buttonNamed("Set up an authenticator app").click();
    await dialog.waitFor();
    assert.ok(await digits.isHidden());
    await ada.touching(async () => {
      await ada.buttonNamed("Use your passkey", dialog).click();
      await ada.page.getByRole("img", { name: "QR code" }).waitFor();
    });
    await ada.leave();
  });
};
