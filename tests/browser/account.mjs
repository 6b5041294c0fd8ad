// The account page after signing in: passkeys, sessions, events, and deleting the account.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { newcomer, sameOn } from "./person.mjs";
import { aged } from "./rows.mjs";

const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

export const accountSuite = (place) => {
  const signedUp = (name) => newcomer(place(), name);

  /** Adds a passkey on another authenticator. */
  const addPasskey = async (who, name) => {
    const device = await who.authenticator({ transport: "usb" });
    await device.presence(true);
    await who.page.getByLabel("Name of a new passkey").fill(name);
    await who.buttonNamed("Add a passkey").click();
    await who.status("The passkey was added.");
    await device.presence(false);
    return device;
  };

  test("passkeys are added, renamed and deleted, but not the last one", async () => {
    const ada = await signedUp();
    const passkeys = ada.part("Passkeys");
    const [first] = await ada.passkeyNames();
    assert.match(first, /\w/);

    await ada.touching(async () => {
      await ada.buttonNamed("Add a passkey").click();
      await ada.error(
        "This device already has a passkey for this account. Use another device to add one.",
        passkeys,
      );
    });

    await ada.buttonNamed(`Delete passkey ${first}`).click();
    await picture(ada.page, `${place().name}-question`);
    await ada.answer("Cancel");
    assert.equal(await ada.focused(), `Delete passkey ${first}`, "the dialog gives the focus back");
    await ada.buttonNamed(`Delete passkey ${first}`).click();
    await ada.answer("Delete passkey");
    await ada.error(/.{15}/, passkeys);
    await picture(ada.page, `${place().name}-last-passkey`);
    assert.deepEqual(await ada.passkeyNames(), [first]);

    const second = await addPasskey(ada, "A key on the ring");
    assert.deepEqual(await ada.passkeyNames(), [first, "A key on the ring"]);
    assert.equal((await second.passkeys()).length, 1);

    await ada.buttonNamed("Rename passkey A key on the ring").click();
    const field = ada.page.getByLabel("New name");
    assert.equal(await field.inputValue(), "A key on the ring");
    await field.fill(" ");
    await field.press("Enter");
    await ada.error("Enter a name.", passkeys);
    await field.fill("<b>کلید</b> & “ring”");
    await field.press("Enter");
    await ada.status("The passkey is now called");
    assert.deepEqual(await ada.passkeyNames(), [first, "<b>کلید</b> & “ring”"], "names are text");
    assert.equal(await ada.focused(), "Rename passkey <b>کلید</b> & “ring”");
    await ada.buttonNamed("Rename passkey <b>").click();
    await ada.page.keyboard.press("Escape");
    assert.equal(await ada.focused(), "Rename passkey <b>کلید</b> & “ring”");
    await picture(ada.page, `${place().name}-two-passkeys`);

    const [kept] = await second.passkeys();
    await ada.buttonNamed("Delete passkey <b>").click();
    await ada.answer("Delete passkey");
    await ada.status("was deleted.");
    assert.equal(await ada.focused(), "Passkeys");
    assert.deepEqual(await ada.passkeyNames(), [first]);
    assert.deepEqual(
      await second.passkeys(),
      [],
      "the browser removes the deleted passkey from the authenticator",
    );

    // An authenticator that missed the deletion still has the passkey. Signing in with it must be
    // refused.
    await second.put(kept);
    await ada.signOut();
    await ada.clickSignIn(second);
    await ada.error(/passkey/i, ada.page.getByRole("form", { name: "Sign in" }));
    await second.remove();
    await ada.signIn();

    const told = await ada.eventTexts();
    const passkeyEvents = [
      "A passkey was added.",
      "A passkey was renamed.",
      "A passkey was deleted.",
    ];
    for (const sentence of [
      "The account was created.",
      ...passkeyEvents,
      "Signed out of the account.",
      "Signed in to the account.",
    ]) {
      assert.ok(
        told.some((text) => text.startsWith(sentence)),
        sentence,
      );
    }
    await ada.leave();
  });

  test("all other sessions are ended with one button", async () => {
    const ada = await signedUp();
    const elsewhere = ada.buttonNamed("Sign out everywhere else");
    assert.ok(await elsewhere.isHidden(), "no button without other sessions");
    const phone = await sameOn(place().browser, place().origin, ada, {
      userAgent: IPHONE,
      viewport: { width: 390, height: 844 },
    });
    await phone.open();
    await phone.signIn();
    await picture(phone.page, `${place().name}-two-sessions`);
    await ada.page.reload();
    await ada.settled();
    await elsewhere.click();
    await picture(ada.page, `${place().name}-sign-out-everywhere`);
    await ada.answer("Cancel");
    assert.equal(await ada.focused(), "Sign out everywhere else");
    assert.equal(await ada.part("Sessions and devices").getByRole("listitem").count(), 2);
    await elsewhere.click();
    await ada.answer("Sign out everywhere else");
    await ada.status("You are signed out everywhere else. One session has ended.");
    assert.equal(await ada.focused(), "Sessions and devices");
    assert.equal(await ada.part("Sessions and devices").getByRole("listitem").count(), 1);
    assert.ok(await elsewhere.isHidden());
    assert.ok((await ada.eventTexts()).some((text) => text.startsWith("A session was ended.")));

    await phone.buttonNamed("Add a passkey").click();
    await phone.status("You have been signed out.");
    assert.ok(!(await phone.page.content()).includes(ada.email));
    await ada.page.reload();
    await ada.settled();
    await ada.leave();
    await phone.leave();
  });

  test("a session on another device is listed and ended", async () => {
    const ada = await signedUp();
    const phone = await sameOn(place().browser, place().origin, ada, {
      userAgent: IPHONE,
      viewport: { width: 390, height: 844 },
    });
    await phone.open();
    await phone.signIn();
    const titles = (who) =>
      who.part("Sessions and devices").getByRole("heading", { level: 3 }).allTextContents();
    const [own, other] = await titles(phone);
    assert.match(own, /^Safari on iPhone.*This session$/);
    assert.match(other, /^Chrome on \w+$/);

    await ada.page.reload();
    await ada.settled();
    await ada.buttonNamed("End session of Safari on iPhone").click();
    await ada.answer("End session");
    await ada.status("The session of Safari on iPhone has ended.");
    assert.equal(await ada.focused(), "Sessions and devices");
    assert.equal((await titles(ada)).length, 1);
    assert.ok((await ada.eventTexts()).some((text) => text.startsWith("A session was ended.")));

    // The other page notices at its next request.
    const [name] = await phone.passkeyNames();
    await phone.buttonNamed(`Rename passkey ${name}`).click();
    await phone.page.getByLabel("New name").press("Enter");
    await phone.status("You have been signed out.");
    await phone.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();
    assert.equal(await phone.page.getByText(ada.email).count(), 0);
    await ada.leave();
    await phone.leave();
  });

  test("a passkey that was probably copied causes a warning", async () => {
    const ada = await signedUp();
    const copy = await sameOn(place().browser, place().origin, ada);
    await copy.open();
    await copy.signIn();
    await copy.signOut();
    await copy.signIn();
    await copy.signOut();
    // The original's counter does not include the use of the copy.
    await ada.signOut();
    await ada.touching(async () => {
      await ada.buttonNamed("Sign in with a passkey").click();
      await ada.error(/passkey/i);
    });
    await copy.signIn();
    const warning = copy
      .part("Recent security events")
      .getByRole("listitem")
      .filter({ hasText: "Warning: A passkey may have been copied" })
      .first();
    await warning.waitFor();
    const [name] = await copy.passkeyNames();
    assert.ok(
      (await warning.textContent()).endsWith(`, passkey ${name}`),
      "the warning names the passkey",
    );
    assert.notEqual(
      await warning.evaluate((item) => getComputedStyle(item).backgroundColor),
      "rgba(0, 0, 0, 0)",
      "the warning is highlighted",
    );
    await picture(copy.page, `${place().name}-warning`);
    await ada.leave();
    await copy.leave();
  });

  test("older events are loaded on demand", async () => {
    const ada = await signedUp();
    const events = ada.part("Recent security events");
    await events.getByRole("listitem").first().waitFor();
    const all = (await ada.eventTexts()).length;
    // The test causes fewer events than the API returns at once, so the second answer is simulated.
    await ada.page.route("**/api/users/me/events**", async (route) => {
      const response = await route.fetch({ url: route.request().url().split("?")[0] });
      const json = await response.json();
      const older = ["refresh_token_reused", "made_up_later"].map((kind) => ({
        ...json.events[0],
        kind,
      }));
      const second = route.request().url().endsWith("?before=a%3Ab");
      await route.fulfill({
        response,
        json: second ? { ...json, events: older, next: null } : { ...json, next: "a:b" },
      });
    });
    await ada.page.reload();
    await ada.settled();
    await ada.buttonNamed("Show older events").click();
    await ada.status("2 older events are shown.");
    const texts = await ada.eventTexts();
    assert.equal(texts.length, all + 2);
    assert.match(texts.at(-2), /^Warning: An old key of an app was used again/);
    assert.match(texts.at(-1), /^made up later/);
    assert.match(await ada.focused(), /^Warning/);
    assert.ok(await ada.buttonNamed("Show older events").isHidden());
    await ada.leave();
  });

  test("an account is deleted after its owner has typed its address", async () => {
    const ada = await signedUp();
    const dialog = ada.page.getByRole("dialog");
    await ada.buttonNamed("Delete my account").click();
    assert.equal(await ada.focused(), "E-mail address of this account");
    await picture(ada.page, `${place().name}-deletion`);
    await ada.page.keyboard.press("Escape");
    assert.equal(await ada.focused(), "Delete my account");
    await ada.buttonNamed("Delete my account").click();
    await ada.page.getByLabel("E-mail address of this account").fill("other@example.com");
    await ada.buttonNamed("Delete permanently").click();
    await ada.error(
      "This is not the account's e-mail address. Enter the address shown above.",
      dialog,
    );
    await ada.page
      .getByLabel("E-mail address of this account")
      .fill(` ${ada.email.toUpperCase()} `);
    await ada.buttonNamed("Delete permanently").click();
    await ada.status("Your account was deleted.");
    assert.equal(await ada.focused(), "Your Hamrah account");
    assert.deepEqual(
      await ada.device.passkeys(),
      [],
      "the browser removes the passkey from the authenticator",
    );
    assert.ok(
      !(await ada.page.content()).includes(ada.email),
      "the page shows no data of the account",
    );
    await ada.page.reload();
    await ada.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();
    await ada.signUp(ada.email, "Ada again");
    await ada.leave();
  });

  test("with an old session, only the owner's passkey can confirm that the account is deleted", async () => {
    const ada = await signedUp();
    const other = await signedUp("Somebody Else");
    await aged(place(), ada);
    const question = ada.page.getByRole("dialog", { name: "Delete your account?" });
    const deletions = [];
    ada.page.on("response", (response) => {
      if (response.request().method() === "DELETE") deletions.push(response.status());
    });
    const confirm = async () => {
      await ada.buttonNamed("Delete my account").click();
      await ada.page.getByLabel("E-mail address of this account").fill(ada.email);
      await ada.buttonNamed("Delete permanently").click();
      await ada.stepUp().waitFor();
    };
    const prove = () => ada.buttonNamed("Use your passkey", ada.stepUp()).click();
    const keep = async () => {
      await ada.buttonNamed("Cancel", ada.stepUp()).click();
      await ada.stepUp().waitFor({ state: "hidden" });
      await ada.buttonNamed("Keep my account", question).click();
      await question.waitFor({ state: "hidden" });
    };
    await ada.device.verified(false);
    await ada.device.presence(true);
    await confirm();
    await prove();
    await ada.error("No passkey was used", ada.stepUp());
    await keep();
    await ada.device.verified(true);

    // The owner keeps the account while the page waits for the passkey. A touch after that must
    // delete nothing.
    await ada.device.presence(false);
    await confirm();
    await prove();
    await ada.page.waitForFunction(() => globalThis.asked !== undefined);
    await keep();
    await ada.page.waitForFunction(() => globalThis.asked === undefined);
    await ada.device.presence(true);

    // Another account's passkey must not confirm it. The browser does not offer that passkey, but
    // the API must not rely on the browser.
    const [own] = await ada.device.passkeys();
    await ada.device.forget();
    const [foreign] = await other.device.passkeys();
    await ada.device.put(foreign);
    await ada.page.route("**/api/auth/reauthenticate/begin", async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      await route.fulfill({
        response,
        json: { ...json, options: { ...json.options, allowCredentials: [] } },
      });
    });
    await confirm();
    await prove();
    await ada.error("could not verify your identity", ada.stepUp());
    await ada.page.unroute("**/api/auth/reauthenticate/begin");
    assert.deepEqual(deletions, [403, 403, 403]);
    await ada.page.getByRole("banner").getByText(ada.email).waitFor();

    await ada.device.forget();
    await ada.device.put(own);
    await prove();
    await ada.status("Your account was deleted.");
    assert.deepEqual(deletions, [403, 403, 403, 200]);
    await other.page.reload();
    await other.settled();
    await ada.leave();
    await other.leave();
  });

  test("a list that could not be loaded can be loaded again", async () => {
    const ada = await signedUp();
    await ada.page.route("**/api/users/me/sessions", (route) =>
      route.fulfill({ status: 500, contentType: "text/plain", body: "no" }),
    );
    ada.allow(/status of 500/);
    await ada.page.reload();
    const sessions = ada.part("Sessions and devices");
    await ada.error(/.{10}/, sessions);
    await ada.part("Passkeys").getByRole("listitem").first().waitFor();
    await picture(ada.page, `${place().name}-part-failed`);
    await ada.page.unroute("**/api/users/me/sessions");
    await ada.buttonNamed("Try again", sessions).click();
    await sessions.getByRole("listitem").first().waitFor();
    await ada.leave();
  });
};
