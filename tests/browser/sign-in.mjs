// Signing up, signing out and signing in, and the errors of each.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { freshEmail, person } from "./person.mjs";

const NO_PASSKEY = "No passkey was used";

/** Registers the cases. `place` returns the browser and the server's origin. */
export const signInSuite = (place) => {
  const visitor = (options) => person(place().browser, place().origin, options);

  test("a visitor signs up, signs out, and signs in with a passkey, by button and by autofill", async () => {
    const ada = await visitor();
    await ada.open();
    await ada.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();
    const email = await ada.signUp();
    await ada.page.getByRole("banner").getByText(email).waitFor();
    await ada.page.getByRole("banner").getByText("Ada Lovelace").waitFor();
    assert.equal(await ada.focused(), "Your account", "the focus is on the new heading");
    const [cookie] = await ada.context.cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Lax"]);
    assert.deepEqual(
      await ada.page.evaluate(() => [{ ...localStorage }, { ...sessionStorage }, document.cookie]),
      [{}, {}, ""],
      "the page stores nothing",
    );

    await ada.page.reload();
    await ada.page.getByRole("heading", { name: "Your account", exact: true }).waitFor();

    await ada.signOut();
    assert.equal(await ada.focused(), "Your Hamrah account");
    assert.equal(
      await ada.page.getByText(email).count(),
      0,
      "the page shows no data of the account",
    );
    await ada.page.reload();
    await ada.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();

    await ada.signIn();
    await ada.signOut();
    await ada.signIn(email);
    await ada.signOut();

    // If the authenticator has a passkey and is touched, the request of the autofill succeeds, as
    // if the user had chosen the passkey in the list.
    await ada.touching(async () => {
      await ada.page.reload();
      await ada.status("You are signed in.");
      await ada.settled();
    });
    await ada.signOut();
    await ada.leave();
  });

  test("two accounts on one device are distinguished by their addresses", async () => {
    const both = await visitor();
    await both.open();
    const first = await both.signUp(freshEmail(), "First");
    await both.signOut();
    const second = await both.signUp(freshEmail(), "Second");
    await both.signOut();
    assert.equal((await both.device.passkeys()).length, 2);
    for (const email of [first, second, first]) {
      await both.signIn(email);
      await both.page.getByRole("banner").getByText(email).waitFor();
      await both.signOut();
    }
    await both.leave();
  });

  test("an address in use is reported at its field, and leaves no passkey on the authenticator", async () => {
    const ada = await visitor();
    await ada.open();
    const email = await ada.signUp();
    const other = await visitor();
    await other.open();
    await other.device.presence(true);
    await other.fillSignUp(email.toUpperCase(), "Somebody Else");
    const form = other.page.getByRole("form", { name: "Create an account" });
    await form.getByRole("alert").filter({ hasText: /\w{3}/ }).waitFor();
    const field = other.page.getByLabel("Your e-mail address");
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    assert.equal(await other.focused(), "Your e-mail address");
    assert.match(
      await form.getByRole("alert").textContent(),
      /an account with this e-mail address exists/i,
    );
    await picture(other.page, `${place().name}-email-taken`);
    for (let attempt = 0; (await other.device.passkeys()).length > 0; attempt += 1) {
      assert.ok(attempt < 20, "the browser removes the passkey that no account has");
      await other.page.waitForTimeout(50);
    }
    await other.fillSignUp(freshEmail(), "Somebody Else");
    await other.status("Your account was created");
    await ada.leave();
    await other.leave();
  });

  test("a cancelled ceremony can be repeated", async () => {
    const ada = await visitor();
    await ada.open();
    await ada.device.verified(false);
    await ada.touching(async () => {
      await ada.fillSignUp(freshEmail(), "Ada");
      await ada.error(NO_PASSKEY, ada.page.getByRole("form", { name: "Create an account" }));
    });
    assert.equal(await ada.focused(), "Create an account with a passkey");
    await ada.device.verified(true);
    const email = await ada.signUp();
    await ada.signOut();

    await ada.device.verified(false);
    await ada.touching(async () => {
      await ada.buttonNamed("Sign in with a passkey").click();
      await ada.error(NO_PASSKEY, ada.page.getByRole("form", { name: "Sign in" }));
    });
    assert.equal(await ada.focused(), "Sign in with a passkey");
    await picture(ada.page, `${place().name}-cancelled`);
    await ada.device.verified(true);
    await ada.signIn(email);
    await ada.leave();
  });

  test("the page stays usable if the device has no passkey, or if there is no authenticator", async () => {
    const ada = await visitor();
    // A real request can wait for minutes. The test sets a shorter timeout.
    await ada.page.route("**/api/webauthn/authenticate/begin", async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      json.options.timeout = 400;
      await route.fulfill({ response, json });
    });
    await ada.open();
    await ada.buttonNamed("Sign in with a passkey").click();
    await ada.error(NO_PASSKEY);
    await ada.device.remove();
    await ada.page.getByLabel("E-mail address (optional)").fill(freshEmail());
    await ada.buttonNamed("Sign in with a passkey").click();
    await ada.error(NO_PASSKEY);
    const device = await ada.authenticator();
    await device.presence(true);
    await ada.fillSignUp(freshEmail(), "Ada");
    await ada.status("Your account was created");
    await ada.leave();
  });

  test("a passkey of a deleted account is refused with a message, by button and by autofill", async () => {
    const ada = await visitor();
    await ada.open();
    const email = await ada.signUp();
    const [passkey] = await ada.device.passkeys();
    await ada.buttonNamed("Delete my account").click();
    await ada.page.getByLabel("E-mail address of this account").fill(email);
    await ada.buttonNamed("Delete permanently").click();
    await ada.status("Your account was deleted.");
    await ada.device.forget();
    await ada.device.put(passkey);

    const form = ada.page.getByRole("form", { name: "Sign in" });
    await ada.touching(async () => {
      await ada.buttonNamed("Sign in with a passkey").click();
      await form
        .getByRole("alert")
        .filter({ hasText: /passkey/i })
        .waitFor();
    });
    await picture(ada.page, `${place().name}-refused`);
    await ada.touching(async () => {
      await ada.page.reload();
      await form
        .getByRole("alert")
        .filter({ hasText: /passkey/i })
        .waitFor();
    });
    await ada.device.forget();
    await ada.signUp();
    await ada.leave();
  });

  test("a ceremony of one form cancels the ceremony of the other", async () => {
    const ada = await visitor();
    await ada.open();
    // The authenticator is not touched, so this ceremony waits.
    await ada.buttonNamed("Sign in with a passkey").click();
    await ada.status("Waiting for your passkey");
    await ada.signUp();
    assert.equal(await ada.page.getByRole("alert").filter({ hasText: /\S/ }).count(), 0);
    await ada.leave();
  });

  test("in a browser without passkeys the page says that the browser cannot use them", async () => {
    const old = await visitor();
    await old.page.addInitScript(() => delete globalThis.PublicKeyCredential);
    await old.open();
    await old.page.getByText("This browser cannot use passkeys.").waitFor();
    assert.ok(await old.buttonNamed("Sign in with a passkey").isDisabled());
    assert.ok(await old.buttonNamed("Create an account with a passkey").isDisabled());
    await picture(old.page, `${place().name}-unsupported`);
    await old.leave();
  });

  test("invalid input is reported at its field", async () => {
    const ada = await visitor();
    await ada.open();
    const submit = ada.buttonNamed("Create an account with a passkey");
    for (const [email, name, told, at] of [
      ["", "Ada", "Enter your e-mail address.", "Your e-mail address"],
      ["ada", "Ada", "Enter an e-mail address like", "Your e-mail address"],
      ["ada@example.com", "  ", "Enter your name.", "Your name"],
      // The API refuses this value and the browser does not. The API's message is shown at the
      // field too.
      ["ada@localhost", "Ada", "The e-mail address is not valid", "Your e-mail address"],
    ]) {
      await ada.page.getByLabel("Your e-mail address").fill(email);
      await ada.page.getByLabel("Your name").fill(name);
      await submit.click();
      await ada.error(told);
      assert.equal(await ada.focused(), at);
      const field = ada.page.getByLabel(at);
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      const described = (await field.getAttribute("aria-describedby")).split(" ");
      const texts = await Promise.all(
        described.map((id) => ada.page.locator(`#${id}`).textContent()),
      );
      assert.ok(
        texts.some((text) => text.includes(told)),
        "the error describes its field",
      );
    }
    await ada.page.getByLabel("E-mail address (optional)").fill("no address");
    await ada.buttonNamed("Sign in with a passkey").click();
    await ada.error("or leave the field empty");
    await ada.leave();
  });

  test("the page shows errors of the service, and repeats a call once after a 503", async () => {
    const ada = await visitor();
    await ada.open();
    await ada.context.setOffline(true);
    ada.allow(/net::ERR_INTERNET_DISCONNECTED/);
    await ada.buttonNamed("Sign in with a passkey").click();
    await ada.error("cannot be reached");
    await ada.context.setOffline(false);
    let refused = 0;
    await ada.page.route("**/api/webauthn/register/begin", async (route) => {
      refused += 1;
      if (refused > 1) return route.continue();
      const problem = {
        success: false,
        error: "Not now.",
        code: "service_unavailable",
        request_id: "r-1",
      };
      return route.fulfill({
        status: 503,
        headers: { "Retry-After": "1" },
        contentType: "application/problem+json",
        body: JSON.stringify(problem),
      });
    });
    await ada.signUp();
    assert.equal(refused, 2);
    const body = JSON.stringify({
      success: false,
      error: "Internal server error. Try again later.",
      code: "internal_error",
      request_id: "r-2",
    });
    await ada.page.route("**/api/users/me", (route) =>
      route.fulfill({ status: 500, contentType: "application/problem+json", body }),
    );
    ada.allow(/status of 500/);
    await ada.page.reload();
    await ada.error("Internal server error. Try again later. (Reference: r-2)");
    await ada.page.unroute("**/api/users/me");
    await ada.buttonNamed("Try again").click();
    await ada.page.getByRole("heading", { name: "Your account", exact: true }).waitFor();
    await ada.leave();
  });
};
