// The actions of an account owner with an authenticator app and with backup codes.
import assert from "node:assert/strict";
import { generateSync } from "otplib";

export const WAYS = "Account recovery";
const STEP_S = 30;
/**
 * The last part of a step in which no code is used, because the code could arrive in the next step.
 */
const MARGIN_S = 10;

/**
 * Creates an authenticator app with one secret. Each code is valid once. Codes of neighbouring
 * steps are valid too.
 */
export const generator = (secret) => {
  let used = 0;
  return async () => {
    for (;;) {
      const now = Date.now() / 1000;
      const current = Math.floor(now / STEP_S);
      const step = Math.max(used + 1, now % STEP_S > STEP_S - MARGIN_S ? current : current - 1);
      if (step <= current + 1) {
        used = step;
        return generateSync({ secret, epoch: step * STEP_S });
      }
      await new Promise((resume) => setTimeout(resume, 500));
    }
  };
};

export const ways = (who) => who.part(WAYS);
export const way = (who, title) =>
  ways(who)
    .getByRole("listitem")
    .filter({ has: who.page.getByRole("heading", { name: title }) });

export const event = (who, sentence) =>
  who
    .part("Recent security events")
    .getByRole("listitem")
    .filter({ hasText: sentence })
    .first()
    .waitFor();

/** Sets up an authenticator app and returns it. */
export const withApp = async (who) => {
  await who.buttonNamed("Set up an authenticator app").click();
  const secret = await ways(who).locator("code").textContent();
  const code = generator(secret);
  await who.page.getByLabel("First code from the app").fill(await code());
  await who.buttonNamed("Turn on").click();
  await who.status("The authenticator app is set up.");
  return { secret, code };
};

export const shownCodes = (who) =>
  ways(who)
    .getByRole("group", { name: "Your new backup codes" })
    .getByRole("listitem")
    .allTextContents();

export const withCodes = async (who) => {
  await who.buttonNamed("Create backup codes").click();
  await ways(who).getByRole("group").waitFor();
  const codes = await shownCodes(who);
  await who.buttonNamed("I have saved them").click();
  return codes;
};

/** Starts a recovery on the signed-out page, up to the field for the code. */
export const loses = async (who, email) => {
  await who.buttonNamed("I lost my passkey").click();
  assert.equal(await who.focused(), "Recover your account");
  await who.page.getByLabel("The account's e-mail address").fill(email);
  await who.buttonNamed("Next").click();
  await who.page.getByLabel("Code", { exact: true }).waitFor();
  assert.equal(await who.focused(), "Code");
};

export const shows = async (who, code) => {
  await who.page.getByLabel("Code", { exact: true }).fill(code);
  await who.buttonNamed("Recover the account").click();
};

export const addsPasskey = async (who) => {
  await who.page.getByRole("heading", { name: "Add a new passkey" }).waitFor();
  await who.touching(async () => {
    await who.buttonNamed("Add a passkey").click();
    await who.status("The passkey was added, and your account is recovered.");
    await who.settled();
  });
};
