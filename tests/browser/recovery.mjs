// Account recovery: setting up an authenticator app and backup codes, and using them after every
// passkey was lost.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import {
  WAYS,
  addsPasskey,
  event,
  generator,
  loses,
  shownCodes,
  shows,
  way,
  ways,
  withApp,
  withCodes,
} from "./factors.mjs";
import { fits, inspector, tabs } from "./inspector.mjs";
import { newcomer, person, sameOn } from "./person.mjs";
import { aged } from "./rows.mjs";

const NO_CODE = "0000-0000-0000-0000";

export const recoverySuite = (place) => {
  /** Returns the page's text, also with text joined that the page shows in parts. */
  const content = (who) =>
    who.page.evaluate(
      () => document.documentElement.outerHTML + document.documentElement.textContent,
    );

  test("TOTP is set up with its first code, and turned off", async () => {
    const ada = await newcomer(place());
    assert.match(await way(ada, "Authenticator app").textContent(), /Not set up/);
    await ada.buttonNamed("Set up an authenticator app").click();
    const image = ada.page.getByRole("img", { name: "QR code" });
    await image.waitFor();
    assert.equal(await ada.focused(), "Set up an authenticator app");
    assert.ok(
      await image.evaluate(async (shown) => (await shown.decode(), shown.naturalWidth >= 200)),
      "the policy allows the image",
    );
    const secret = await ways(ada).locator("code").textContent();
    assert.match(secret, /^[A-Z2-7]{32}$/);
    assert.ok(
      await ada.page.getByText("Open the app on this device").isHidden(),
      "that is for phones",
    );
    await picture(ada.page, `${place().name}-totp`);
    const field = ada.page.getByLabel("First code from the app");
    await ada.buttonNamed("Turn on").click();
    await ada.error("Enter the six digits", ways(ada));
    await field.fill("000000");
    await field.press("Enter");
    await ada.error("The code is wrong", ways(ada));
    assert.equal(await ada.focused(), "First code from the app");
    const code = await generator(secret)();
    await field.fill(`${code.slice(0, 3)} ${code.slice(3)}`);
    await field.press("Enter");
    await ada.status("The authenticator app is set up.");
    assert.equal(await ada.focused(), WAYS);
    assert.ok(!(await content(ada)).includes(secret), "the secret is not shown any more");
    assert.equal(await image.count(), 0);
    assert.match(await way(ada, "Authenticator app").textContent(), /On since/);
    await event(ada, "An authenticator app was set up.");

    await ada.buttonNamed("Turn off the authenticator app").click();
    await ada.answer("Cancel");
    assert.equal(await ada.focused(), "Turn off the authenticator app");
    await ada.buttonNamed("Turn off the authenticator app").click();
    await ada.answer("Turn off");
    await ada.status("The authenticator app is turned off.");
    assert.match(await way(ada, "Authenticator app").textContent(), /Not set up/);
    await event(ada, "The authenticator app was turned off.");

    // A secret that was not confirmed must not stay in the page either.
    for (const leave of [() => ada.buttonNamed("Cancel setting up").click(), () => ada.signOut()]) {
      await ada.buttonNamed("Set up an authenticator app").click();
      const other = await ways(ada).locator("code").textContent();
      assert.notEqual(other, secret);
      assert.ok((await content(ada)).includes(other));
      await leave();
      assert.ok(!(await content(ada)).includes(other));
    }
    await ada.leave();
  });

  test("on a phone a link opens the authenticator app, and errors are shown at their fields", async () => {
    const ada = await person(place().browser, place().origin, {
      hasTouch: true,
      isMobile: true,
      viewport: { width: 390, height: 844 },
    });
    await ada.open();
    const email = await ada.signUp();
    await ada.buttonNamed("Set up an authenticator app").click();
    const link = ways(ada).getByRole("link", { name: "Open the app on this device" });
    const href = new URL(await link.getAttribute("href"));
    const secret = await ways(ada).locator("code").textContent();
    assert.deepEqual(
      [href.protocol, href.host, href.searchParams.get("secret")],
      ["otpauth:", "totp", secret],
    );
    assert.ok(decodeURIComponent(href.pathname).endsWith(`:${email}`));
    await link.scrollIntoViewIfNeeded();
    await picture(ada.page, `${place().name}-totp-touch`);
    assert.ok(await link.isVisible());
    await ada.buttonNamed("Turn on").click();
    const error = ways(ada).getByRole("alert").filter({ hasText: "Enter the six digits" });
    await error.waitFor();
    const field = ada.page.getByLabel("First code from the app");
    const [told, typed] = [await error.boundingBox(), await field.boundingBox()];
    assert.ok(told.y > typed.y && told.y - typed.y < 100, "the error is beside its field");
    const described = await field.evaluate(
      (input) => document.getElementById(input.getAttribute("aria-describedby"))?.textContent,
    );
    assert.equal(described, await error.textContent());
    await ada.leave();
  });

  test("backup codes are shown once, and new codes replace all earlier ones", async () => {
    const ada = await newcomer(place());
    await ada.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    assert.match(await way(ada, "Backup codes").textContent(), /None created/);
    await ada.buttonNamed("Create backup codes").click();
    await ways(ada).getByRole("group").waitFor();
    await way(ada, "Backup codes").filter({ hasText: "10 left" }).waitFor();
    assert.equal(await ada.focused(), "Your new backup codes");
    const codes = await shownCodes(ada);
    assert.equal(new Set(codes).size, 10);
    for (const code of codes)
      assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
    await picture(ada.page, `${place().name}-backup-codes`);
    await ada.buttonNamed("Copy the backup codes").click();
    await ada.status("The backup codes are copied.");
    assert.equal(await ada.page.evaluate(() => navigator.clipboard.readText()), codes.join("\n"));
    await ada.buttonNamed("I have saved them").click();
    assert.equal(await ada.focused(), WAYS);
    for (const code of codes) assert.ok(!(await content(ada)).includes(code));
    await event(ada, "New backup codes were created.");

    await ada.buttonNamed("Create new backup codes").click();
    await ada.answer("Cancel");
    assert.equal(await ada.focused(), "Create new backup codes");
    assert.equal(await ways(ada).getByRole("group").count(), 0);
    await ada.buttonNamed("Create new backup codes").click();
    await ada.answer("Create new backup codes");
    await ways(ada).getByRole("group").waitFor();
    const fresh = await shownCodes(ada);
    assert.ok(fresh.every((code) => !codes.includes(code)));
    await ada.page.locator("[data-busy]").waitFor({ state: "detached" });
    await ada.page.evaluate(() =>
      dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })),
    );
    assert.ok(
      !(await content(ada)).includes(fresh[0]),
      "not in a page in the back-forward cache either",
    );
    await ada.buttonNamed("Create new backup codes").click();
    await ada.answer("Create new backup codes");
    await ways(ada).getByRole("group").waitFor();
    const [last] = await shownCodes(ada);
    await ada.signOut();
    assert.ok(!(await content(ada)).includes(last));
    await ada.leave();
  });

  test("an owner without a passkey recovers the account with a backup code, and all other sessions end", async () => {
    const ada = await newcomer(place());
    const phone = await sameOn(place().browser, place().origin, ada);
    await phone.open();
    await phone.signIn();
    const [code, another] = await withCodes(ada);
    await ada.signOut();
    await ada.device.forget();

    await loses(ada, ada.email);
    await picture(ada.page, `${place().name}-lost`);
    const form = ada.page.getByRole("form", { name: "Recover your account" });
    await ada.buttonNamed("Recover the account").click();
    await ada.error("Enter a code.", form);
    for (const wrong of [NO_CODE, "000000", "x"]) {
      await shows(ada, wrong);
      await ada.error("The account could not be recovered", form);
      assert.equal(await ada.focused(), "Code");
    }
    // Another address, with this account's code.
    await ada.page.getByLabel("The account's e-mail address").fill("nobody@example.com");
    await shows(ada, code);
    await ada.error("The account could not be recovered", form);
    await ada.page.getByLabel("The account's e-mail address").fill(ada.email);
    await shows(ada, code.toLowerCase().replaceAll("-", " "));
    await ada.status("Your code was accepted.");
    assert.equal(await ada.focused(), "Add a new passkey");
    await picture(ada.page, `${place().name}-recovering`);
    const nothingElse = async () => {
      await ada.page.getByRole("heading", { name: "Add a new passkey" }).waitFor();
      assert.equal(await ada.page.getByRole("region").count(), 0);
      await ada.page.getByRole("banner").getByText(ada.email).waitFor();
      assert.ok(!(await content(ada)).includes(code.toLowerCase().replaceAll("-", " ")));
      assert.equal(await ada.page.locator("#lost-code").inputValue(), "");
    };
    await nothingElse();
    await ada.page.reload();
    await nothingElse();
    await addsPasskey(ada);
    assert.equal(await ada.focused(), "Your account");
    assert.equal((await ada.passkeyNames()).length, 2);
    assert.equal(
      await ada.part("Sessions and devices").getByRole("listitem").count(),
      1,
      "the others have ended",
    );
    assert.match(await way(ada, "Backup codes").textContent(), /9 left/);
    await event(ada, "The account was recovered with a code instead of a passkey.");

    await phone.buttonNamed("Add a passkey").click();
    await phone.status("You have been signed out.");

    // A sensitive action asks for the new passkey.
    await ada.buttonNamed("Create new backup codes").click();
    await ada.buttonNamed("Create new backup codes", ada.page.getByRole("dialog")).click();
    await ada.buttonNamed("Cancel", ada.stepUp()).click();
    await ada.stepUp().waitFor({ state: "hidden" });
    await ada.signOut();
    await ada.signIn();
    await ada.page.getByRole("banner").getByText(ada.email).waitFor();
    await ada.signOut();

    // A used code is refused, and the others stay valid.
    await loses(ada, ada.email);
    await shows(ada, code);
    await ada.error("The account could not be recovered", form);
    await shows(ada, another);
    await ada.page.getByRole("heading", { name: "Add a new passkey" }).waitFor();
    await ada.signOut();
    await ada.leave();
    await phone.leave();
  });

  test("a recovery with TOTP can leave other sessions signed in", async () => {
    const ada = await newcomer(place());
    const { code } = await withApp(ada);
    const phone = await person(place().browser, place().origin);
    await phone.open();
    await loses(phone, ada.email);
    await phone.page.getByLabel("Sign out everywhere else").uncheck();
    await shows(phone, await code());
    await addsPasskey(phone);
    assert.equal(await phone.part("Sessions and devices").getByRole("listitem").count(), 2);
    await ada.page.reload();
    await ada.settled();
    assert.equal((await ada.passkeyNames()).length, 2);
    await ada.leave();
    await phone.leave();
  });

  test("a cancelled recovery leaves no typed text in the page", async () => {
    const ada = await person(place().browser, place().origin);
    await ada.open();
    await loses(ada, "somebody@example.com");
    await ada.page.getByLabel("Code", { exact: true }).fill("123456");
    await ada.buttonNamed("Back to sign-in").click();
    await ada.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();
    assert.equal(await ada.focused(), "Your Hamrah account");
    assert.deepEqual(
      await ada.page
        .locator("input:not([type=checkbox])")
        .evaluateAll((fields) => fields.map(({ value }) => value).filter(Boolean)),
      [],
    );
    await ada.signUp();
    await ada.leave();
  });

  test("all stored data of the account can be downloaded", async () => {
    const ada = await newcomer(place());
    const link = ada.page.getByRole("link", { name: "Download my data" });
    const download = ada.page.waitForEvent("download");
    await link.click();
    const file = await download;
    assert.equal(file.suggestedFilename(), "hamrah-account.json");
    assert.equal(JSON.parse(readFileSync(await file.path(), "utf8")).account.email, ada.email);
    await ada.status("Your data is downloaded.");
    const problem = {
      success: false,
      error: "Too many requests.",
      code: "rate_limited",
      request_id: "r",
    };
    const answer = {
      status: 429,
      contentType: "application/problem+json",
      headers: { "Retry-After": "60" },
      body: JSON.stringify(problem),
    };
    await ada.page.route("**/api/users/me/export", (route) => route.fulfill(answer));
    await link.click();
    await ada.error("Too many requests. You can try again in 60 seconds.", ada.part("Your data"));
    await ada.leave();
  });

  test("an account is recovered by keyboard alone", async () => {
    const ada = await newcomer(place());
    const [code] = await withCodes(ada);
    await ada.signOut();
    await ada.device.forget();
    await ada.page.reload();
    await ada.page.getByRole("heading", { name: "Your Hamrah account" }).waitFor();
    const { keyboard } = ada.page;
    for (let step = 0; step < 3; step += 1) await keyboard.press("Tab");
    assert.equal(await ada.focused(), "I lost my passkey");
    await keyboard.press("Enter");
    assert.equal(await ada.focused(), "Recover your account");
    assert.deepEqual(await tabs(ada), [
      "The account's e-mail address or username",
      "Next",
      "Back to sign-in",
    ]);
    await keyboard.press("Tab");
    await keyboard.type(ada.email);
    await keyboard.press("Enter");
    await ada.page.getByLabel("Code", { exact: true }).waitFor();
    assert.equal(await ada.focused(), "Code");
    assert.deepEqual(await tabs(ada), [
      "Sign out everywhere else",
      "Recover the account",
      "Back to sign-in",
    ]);
    for (let step = 0; step < 2; step += 1) await keyboard.press("Tab");
    assert.equal(await ada.focused(), "Code");
    await keyboard.type(code);
    await keyboard.press("Enter");
    await ada.status("Your code was accepted.");
    assert.deepEqual(await tabs(ada), ["Passkey name (optional)", "Add a passkey"]);
    for (let step = 0; step < 2; step += 1) await keyboard.press("Tab");
    assert.equal(await ada.focused(), "Passkey name (optional)");
    await keyboard.type("New phone");
    await ada.touching(async () => {
      await keyboard.press("Enter");
      await ada.status("The passkey was added");
      await ada.settled();
    });
    assert.ok((await ada.passkeyNames()).includes("New phone"));
    await ada.leave();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds no fault during a recovery in ${colorScheme} colours, at any width`, async () => {
      const { visitor: ada, look } = await inspector(place(), colorScheme);
      await ada.open();
      ada.email = await ada.signUp();
      await ada.buttonNamed("Set up an authenticator app").click();
      await ada.page.getByRole("img", { name: "QR code" }).waitFor();
      await ada.buttonNamed("Turn on").click();
      await ada.error("Enter the six digits", ways(ada));
      await look("totp");
      const { code } = await withApp(ada);
      await ada.buttonNamed("Create backup codes").click();
      await ways(ada).getByRole("group").waitFor();
      await ada.page.locator("[data-busy]").waitFor({ state: "detached" });
      await look("backup-codes");
      await ada.page.setViewportSize({ width: 640, height: 800 });
      await ada.page.evaluate(() =>
        document.documentElement.style.setProperty("font-size", "32px"),
      );
      await fits(ada.page, "backup codes, 200 %");
      await ada.page.evaluate(() => document.documentElement.style.removeProperty("font-size"));
      await aged(place(), ada);
      await ada.buttonNamed("Turn off the authenticator app").click();
      await ada.buttonNamed("Turn off", ada.page.getByRole("dialog")).click();
      await ada.stepUp().waitFor();
      await look("step-up");
      await ada.page.keyboard.press("Escape");
      await ada.signOut();
      await loses(ada, ada.email);
      await shows(ada, NO_CODE);
      await ada.error("The account could not be recovered");
      await look("lost");
      await shows(ada, await code());
      await ada.page.getByRole("heading", { name: "Add a new passkey" }).waitFor();
      await look("recovering");
      await ada.leave();
    });
  }
};
