// Signing in and signing up.
import { browserSupportsWebAuthn } from "@simplewebauthn/browser";
import type { User } from "./api.js";
import { Autofill } from "./autofill.js";
import { explain, register, signIn } from "./ceremony.js";
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say, showError } from "../shared/feedback.js";

const signInForm = byId("sign-in", HTMLFormElement);
const signUpForm = byId("sign-up", HTMLFormElement);
const view = byId("signed-out", HTMLElement);
const forms = [signInForm, signUpForm];
const signInEmail = byId("sign-in-email", HTMLInputElement);
const signUpEmail = byId("sign-up-email", HTMLInputElement);
const signUpName = byId("sign-up-name", HTMLInputElement);

/** Prepares the forms; gives what to do when they are shown, and when they are not any more. */
export const signedOut = (
  welcome: (user: User, message: string) => void,
): { shown(): void; hidden(): void } => {
  const autofill = new Autofill({
    signedIn: (user) => welcome(user, "You are signed in."),
    failed: (error) => showError(signInForm, explain(error) ?? ""),
  });

  let latest = 0;

  /** A ceremony that a button starts takes the place of any other, and of the one that waits in the autofill. */
  const instead = async (ceremony: () => Promise<User>, message: string): Promise<void> => {
    latest += 1;
    const mine = latest;
    for (const form of forms) clearErrors(form);
    say("Waiting for your passkey…");
    await autofill.stop();
    // The one in the autofill may just have succeeded.
    if (view.hidden) return;
    try {
      welcome(await ceremony(), message);
    } catch (error) {
      // Unless it failed because the other form began one, or an account is shown: that must not be disturbed.
      if (mine === latest && !view.hidden) autofill.start();
      throw error;
    }
  };

  onSubmit(signInForm, () =>
    instead(() => signIn(signInEmail.value || undefined), "You are signed in."),
  );
  onSubmit(signUpForm, () => {
    const who = { email: signUpEmail.value, name: signUpName.value };
    return instead(() => register(who), "Your account is made, and you are signed in.");
  });

  return {
    shown: () => {
      for (const form of forms) {
        form.reset();
        clearErrors(form);
      }
      const supported = browserSupportsWebAuthn();
      byId("unsupported", HTMLElement).hidden = supported;
      for (const each of document.querySelectorAll<HTMLButtonElement>("#signed-out button"))
        each.disabled = !supported;
      if (supported) autofill.start();
    },
    hidden: () => {
      for (const form of forms) form.reset();
      void autofill.stop();
    },
  };
};
