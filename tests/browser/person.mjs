// What people do at the account page, told by what they see: roles and names, no ids.
import assert from "node:assert/strict";
import { visit } from "./browser.mjs";

let count = 0;

/** An address that nobody has used yet. */
export const freshEmail = () => {
  count += 1;
  return `person-${process.pid}-${count}@example.com`;
};

/** A visitor with an authenticator, and what they can do. Nobody touches the authenticator unless an action says so. */
export const person = async (browser, origin, options = {}) => {
  const visitor = await visit(browser, origin, { presence: false, ...options });
  const { page, url } = visitor;
  const device = await visitor.authenticator();

  const buttonNamed = (name, within = page) => within.getByRole("button", { name });
  const part = (name) => page.getByRole("region", { name });
  const status = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();
  const error = (text, within = page) => within.getByRole("alert").filter({ hasText: text }).waitFor();

  /** With a finger on the authenticator. */
  const touching = async (action) => {
    await device.presence(true);
    await action();
    await device.presence(false);
  };

  const open = async () => {
    await page.goto(url);
    await page.getByRole("heading", { level: 1 }).waitFor();
  };

  const fillSignUp = async (email, name) => {
    await page.getByLabel("Your e-mail address").fill(email);
    await page.getByLabel("Your name").fill(name);
    await buttonNamed("Create an account with a passkey").click();
  };

  /** The page has asked for a passkey already, in the autofill: otherwise a finger for the next request could be taken for this one. */
  const waiting = async () => {
    await page.waitForFunction(() => globalThis.asked !== undefined);
    // From the page through the browser to the authenticator.
    await page.waitForTimeout(100);
  };

  const signUp = async (email = freshEmail(), name = "Ada Lovelace") => {
    await waiting();
    await touching(async () => {
      await fillSignUp(email, name);
      await status("Your account is created");
    });
    await settled();
    return email;
  };

  const signIn = async (email = "") => {
    await waiting();
    await page.getByLabel("E-mail address (optional)").fill(email);
    await touching(async () => {
      await buttonNamed("Sign in with a passkey").click();
      await status("You are signed in.");
      await settled();
    });
  };

  const signOut = async () => {
    await buttonNamed("Sign out", page.getByRole("banner")).click();
    await status("You are signed out.");
  };

  /** The lists are there: each that is never empty has its first entry, and nothing is loaded any more. */
  const settled = async () => {
    for (const name of ["Passkeys", "Sessions and devices", "Recent security events"]) await part(name).getByRole("listitem").first().waitFor();
    await page.locator("[data-busy]").waitFor({ state: "detached" });
  };

  const passkeyNames = () => part("Passkeys").getByRole("heading", { level: 3 }).allTextContents();
  const devices = () => part("iPhones and iPads with the app").getByRole("listitem");
  const eventTexts = () => part("Recent security events").getByRole("listitem").allTextContents();

  /** The question in the dialog is answered with this button. */
  const answer = async (name) => {
    const dialog = page.getByRole("dialog");
    await buttonNamed(name, dialog).click();
    await dialog.waitFor({ state: "hidden" });
  };

  /** The question that comes up by itself when the sign-in is old. */
  const stepUp = () => page.getByRole("dialog", { name: "Confirm that it is you" });

  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return at?.getAttribute("aria-label") ?? (at?.labels?.[0] ?? at)?.textContent?.trim().replace(/\s+/g, " ") ?? "";
    });

  const leave = async () => {
    await visitor.check();
    await visitor.context.close();
  };

  const seen = { buttonNamed, part, status, error, settled, passkeyNames, devices, eventTexts, stepUp, focused };
  return { ...visitor, ...seen, device, touching, open, fillSignUp, signUp, signIn, signOut, answer, leave };
};

/** Somebody who has just made an account; `place` gives the browser and the server's origin. */
export const newcomer = async ({ browser, origin }, name) => {
  const made = await person(browser, origin);
  await made.open();
  return Object.assign(made, { email: await made.signUp(freshEmail(), name) });
};

/** A second device of somebody's, with the same passkey: as password managers sync it. */
export const sameOn = async (browser, origin, original, options) => {
  const other = await person(browser, origin, options);
  for (const { signCount, credentialId, isResidentCredential, rpId, privateKey, userHandle } of await original.device.passkeys()) {
    await other.device.put({ signCount, credentialId, isResidentCredential, rpId, privateKey, userHandle });
  }
  assert.ok((await other.device.passkeys()).length > 0);
  return other;
};
