// Proving again who one is: the API asks that, for what cannot be undone, of whoever signed in a while ago.
import { startAuthentication } from "@simplewebauthn/browser";
import { api, left, whenTooOld } from "./api.js";
import { ceremony, giveUp } from "./ceremony.js";
import { byId } from "../shared/dom.js";
import { attempt, clearErrors, onSubmit } from "../shared/feedback.js";

const dialog = byId("step-up", HTMLDialogElement);
const passkey = byId("step-up-passkey", HTMLElement);
const form = byId("step-up-totp", HTMLFormElement);
const field = byId("step-up-code", HTMLInputElement);

const PROVEN = "proven";

/** Prepares the dialog, which opens by itself. */
export const stepUp = (): void => {
  let turns = 0;
  let asked: Promise<boolean> | undefined;

  /** Asked later, whether the question is still the one that is open now. */
  const open = (): (() => boolean) => {
    const then = turns;
    return () => dialog.open && turns === then;
  };

  const ask = (methods: readonly string[]): Promise<boolean> => {
    turns += 1;
    passkey.hidden = !methods.includes("passkey");
    form.hidden = !methods.includes("totp");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((answer) => {
      const closed = (): void => {
        asked = undefined;
        // Whoever cancels must not confirm it by using the passkey later.
        giveUp();
        form.reset();
        for (const area of [passkey, form]) clearErrors(area);
        answer(dialog.returnValue === PROVEN);
      };
      dialog.addEventListener("close", closed, { once: true });
    });
  };
  whenTooOld((methods) => (asked ??= ask(methods)));

  /** Only one of the two at a time, and only as long as the question is open. */
  const withPasskey = async (): Promise<void> => {
    const wanted = open();
    const { challenge_id, options } = await api.beginReauthentication();
    if (!wanted()) throw left();
    const response = await ceremony(startAuthentication({ optionsJSON: options }));
    if (!wanted()) throw left();
    await api.completeReauthentication(challenge_id, { response });
    if (wanted()) dialog.close(PROVEN);
  };
  byId("step-up-use", HTMLElement).addEventListener(
    "click",
    () => void attempt(passkey, withPasskey),
  );

  onSubmit(form, async () => {
    const wanted = open();
    giveUp();
    const { challenge_id } = await api.beginReauthentication();
    if (!wanted()) throw left();
    await api.completeReauthentication(challenge_id, { code: field.value });
    if (wanted()) dialog.close(PROVEN);
  });
  byId("step-up-cancel", HTMLElement).addEventListener("click", () => dialog.close());
};
