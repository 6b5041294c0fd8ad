// The actions of a visitor at the account page. Controls are found by role and name, never by id.
import assert from "node:assert/strict";
import { visit } from "./browser.mjs";

let count = 0;

/** Returns an address that no account has. */
export const freshEmail = () => {
  count += 1;
  return `person-${process.pid}-${count}@example.com`;
};

/**
 * Opens a browser profile with an authenticator and returns the actions of its user. The
 * authenticator is touched only during an action.
 */
export const person = async (browser, origin, options = {}) => {
  const visitor = await visit(browser, origin, { presence: false, ...options });
  const { page, url } = visitor;
  const device = await visitor.authenticator();

  const buttonNamed = (name, within = page) => within.getByRole("button", { name });
  const part = (name) => page.getByRole("region", { name });
  const status = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();
  const error = (text, within = page) =>
    within.getByRole("alert").filter({ hasText: text }).waitFor();

  /** Touches the authenticator during an action. */
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

  /**
   * Waits until the page has asked for a passkey in the autofill. An earlier touch could answer
   * that request instead of the next.
   */
  const waiting = async () => {
    await page.waitForFunction(() => globalThis.asked !== undefined);
    // The request goes from the page through the browser to the authenticator.
    await page.waitForTimeout(100);
  };

  const signUp = async (email = freshEmail(), name = "Ada Lovelace") => {
    await waiting();
    await touching(async () => {
      await fillSignUp(email, name);
      await status("Your account was created");
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

  /** Waits until the lists are loaded and those that are never empty have an entry. */
  const settled = async () => {
    for (const name of ["Passkeys", "Sessions and devices", "Recent security events"])
      await part(name).getByRole("listitem").first().waitFor();
    await page.locator("[data-busy]").waitFor({ state: "detached" });
  };

  const passkeyNames = () => part("Passkeys").getByRole("heading", { level: 3 }).allTextContents();
  const devices = () => part("iPhones and iPads with the app").getByRole("listitem");
  /** Returns the texts of the events. An action's event is shown a moment after its result. */
  const eventTexts = async () => {
    await page.locator("[data-busy]").waitFor({ state: "detached" });
    return part("Recent security events").getByRole("listitem").allTextContents();
  };

  /** Answers the question in the dialog with this button. */
  const answer = async (name) => {
    const dialog = page.getByRole("dialog");
    await buttonNamed(name, dialog).click();
    await dialog.waitFor({ state: "hidden" });
  };

  /** Returns the dialog that opens by itself if the session is too old. */
  const stepUp = () => page.getByRole("dialog", { name: "Confirm that it is you" });

  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return (
        at?.getAttribute("aria-label") ??
        (at?.labels?.[0] ?? at)?.textContent?.trim().replace(/\s+/g, " ") ??
        ""
      );
    });

  const leave = async () => {
    await visitor.check();
    await visitor.context.close();
  };

  const seen = {
    buttonNamed,
    part,
    status,
    error,
    settled,
    passkeyNames,
    devices,
    eventTexts,
    stepUp,
    focused,
  };
  return {
    ...visitor,
    ...seen,
    device,
    touching,
    open,
    fillSignUp,
    signUp,
    signIn,
    signOut,
    answer,
    leave,
  };
};

/**
 * Creates an account and returns the visitor who owns it. `place` has the browser and the server's
 * origin.
 */
export const newcomer = async ({ browser, origin }, name) => {
  const made = await person(browser, origin);
  await made.open();
  return Object.assign(made, { email: await made.signUp(freshEmail(), name) });
};

/** Opens a second browser profile with the owner's passkey, as password managers sync it. */
export const sameOn = async (browser, origin, original, options) => {
  const other = await person(browser, origin, options);
  for (const {
    signCount,
    credentialId,
    isResidentCredential,
    rpId,
    privateKey,
    userHandle,
  } of await original.device.passkeys()) {
    await other.device.put({
      signCount,
      credentialId,
      isResidentCredential,
      rpId,
      privateKey,
      userHandle,
    });
  }
  assert.ok((await other.device.passkeys()).length > 0);
  return other;
};
