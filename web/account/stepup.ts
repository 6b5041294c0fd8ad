// Step-up: the user confirms their identity again. The API asks for it before sensitive actions if
// the sign-in is not recent.
import { startAuthentication } from "@simplewebauthn/browser";
import { abandoned } from "../shared/api-error.js";
import { byId } from "../shared/dom.js";
import { attempt, clearErrors, onSubmit } from "../shared/feedback.js";
import { api, whenStepUpNeeded } from "./api.js";
import { cancelCeremony, ceremony } from "./ceremony.js";

const dialog = byId("step-up", HTMLDialogElement);
const passkey = byId("step-up-passkey", HTMLElement);
const form = byId("step-up-totp", HTMLFormElement);
const field = byId("step-up-code", HTMLInputElement);

const CONFIRMED = "confirmed";

/** Prepares the dialog. It opens when a call needs it. */
export const stepUp = (): void => {
  let openings = 0;
  let pending: Promise<boolean> | undefined;

  /** Returns a function that returns true if the dialog has stayed open since now. */
  const openGuard = (): (() => boolean) => {
    const then = openings;
    return () => dialog.open && openings === then;
  };

  const ask = (methods: readonly string[]): Promise<boolean> => {
    openings += 1;
    passkey.hidden = !methods.includes("passkey");
    form.hidden = !methods.includes("totp");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((answer) => {
      const closed = (): void => {
        pending = undefined;
        // After "Cancel", using the passkey must not confirm the action.
        cancelCeremony();
        form.reset();
        for (const area of [passkey, form]) clearErrors(area);
        answer(dialog.returnValue === CONFIRMED);
      };
      dialog.addEventListener("close", closed, { once: true });
    });
  };
  whenStepUpNeeded((methods) => (pending ??= ask(methods)));

  // Both methods check after each step that the dialog is still open.
  const confirmWithPasskey = async (): Promise<void> => {
    const isOpen = openGuard();
    const { challenge_id, options } = await api.beginStepUp();
    if (!isOpen()) throw abandoned();
    const response = await ceremony(startAuthentication({ optionsJSON: options }));
    if (!isOpen()) throw abandoned();
    await api.completeStepUp(challenge_id, { response });
    if (isOpen()) dialog.close(CONFIRMED);
  };
  byId("step-up-use", HTMLElement).addEventListener("click", () => {
    void attempt(passkey, confirmWithPasskey);
  });

  onSubmit(form, async () => {
    const isOpen = openGuard();
    // Only one method runs at a time.
    cancelCeremony();
    const { challenge_id } = await api.beginStepUp();
    if (!isOpen()) throw abandoned();
    await api.completeStepUp(challenge_id, { code: field.value });
    if (isOpen()) dialog.close(CONFIRMED);
  });
  byId("step-up-cancel", HTMLElement).addEventListener("click", () => dialog.close());
};
