// Sign-in and sign-up.
import { browserSupportsWebAuthn } from "@simplewebauthn/browser";
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say, showError } from "../shared/feedback.js";
import type { User } from "./api.js";
import { Autofill } from "./autofill.js";
import { explain, register, signIn } from "./ceremony.js";

const signInForm = byId("sign-in", HTMLFormElement);
const signUpForm = byId("sign-up", HTMLFormElement);
const view = byId("signed-out", HTMLElement);
const forms = [signInForm, signUpForm];
const signInEmail = byId("sign-in-email", HTMLInputElement);
const signUpEmail = byId("sign-up-email", HTMLInputElement);
const signUpName = byId("sign-up-name", HTMLInputElement);

/** Prepares the forms. Returns the functions to call when the view is shown and hidden. */
export const signedOut = (
  welcome: (user: User, message: string) => void,
): { shown(): void; hidden(): void } => {
  const autofill = new Autofill({
    signedIn: (user) => welcome(user, "You are signed in."),
    failed: (error) => showError(signInForm, explain(error) ?? ""),
  });

  let latest = 0;

  /** Runs a button's ceremony. It replaces any other ceremony, even that of the autofill. */
  const replaceCeremony = async (ceremony: () => Promise<User>, message: string): Promise<void> => {
    latest += 1;
    const own = latest;
    for (const form of forms) clearErrors(form);
    say("Waiting for your passkey…");
    await autofill.stop();
    // The ceremony of the autofill may just have succeeded.
    if (view.hidden) return;
    try {
      welcome(await ceremony(), message);
    } catch (error) {
      // The autofill stays off if the other form's ceremony is running or an account is shown.
      if (own === latest && !view.hidden) autofill.start();
      throw error;
    }
  };

  onSubmit(signInForm, () =>
    replaceCeremony(() => signIn(signInEmail.value || undefined), "You are signed in."),
  );
  onSubmit(signUpForm, () => {
    const registrant = { email: signUpEmail.value, name: signUpName.value };
    const message = "Your account was created, and you are signed in.";
    return replaceCeremony(() => register(registrant), message);
  });

  return {
    shown: () => {
      for (const form of forms) {
        form.reset();
        clearErrors(form);
      }
      const supported = browserSupportsWebAuthn();
      byId("unsupported", HTMLElement).hidden = supported;
      const buttons = document.querySelectorAll<HTMLButtonElement>("#signed-out button");
      for (const each of buttons) each.disabled = !supported;
      if (supported) autofill.start();
    },
    hidden: () => {
      for (const form of forms) form.reset();
      void autofill.stop();
    },
  };
};
