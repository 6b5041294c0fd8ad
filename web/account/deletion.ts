// The end of an account: typed to confirm.
import { type Signals, type User, api } from "./api.js";
import { signalNone } from "./ceremony.js";
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say, showError } from "../shared/feedback.js";

const dialog = byId("deletion-dialog", HTMLDialogElement);
const form = byId("deletion-form", HTMLFormElement);
const email = byId("deletion-email", HTMLElement);
const typed = byId("deletion-typed", HTMLInputElement);

interface Account {
  user(): User;
  signals(): Signals | undefined;
  deleted(): void;
}

/** Prepares the section. */
export const deletion = (account: Account): void => {
  byId("deletion-open", HTMLElement).addEventListener("click", () => {
    email.textContent = account.user().email;
    dialog.showModal();
    typed.focus();
  });
  dialog.addEventListener("close", () => {
    email.textContent = "";
    form.reset();
    clearErrors(form);
  });
  byId("deletion-cancel", HTMLElement).addEventListener("click", () => dialog.close());

  onSubmit(form, async () => {
    const user = account.user();
    if (typed.value.toLowerCase() !== user.email.toLowerCase()) {
      return showError(form, "This is not the e-mail address of the account.", typed);
    }
    // Told only when exactly this account is gone: the requests name it.
    const signals = account.signals();
    // Whoever keeps the account after all must not delete it by confirming later who they are.
    await api.deleteMe(() => dialog.open);
    dialog.close();
    if (signals) signalNone(signals);
    account.deleted();
    say("Your account is deleted.");
  });
};
