// The end of an account: typed to confirm, with a passkey again if the sign-in is old.
import { ApiError, type Signals, type User, api } from "./api.js";
import { giveUp, signIn, signalNone } from "./ceremony.js";
import { byId } from "./dom.js";
import { clearErrors, onSubmit, say, showError } from "./feedback.js";

const dialog = byId("deletion-dialog", HTMLDialogElement);
const form = byId("deletion-form", HTMLFormElement);
const email = byId("deletion-email", HTMLElement);
const typed = byId("deletion-typed", HTMLInputElement);

interface Account {
  user(): User;
  signals(): Signals | undefined;
  deleted(): void;
  /** Somebody else's passkey was used: the page now is theirs. */
  changed(user: User): void;
}

/** Prepares the section. */
export const deletion = (account: Account): void => {
  byId("deletion-open", HTMLElement).addEventListener("click", () => {
    email.textContent = account.user().email;
    dialog.showModal();
    typed.focus();
  });
  dialog.addEventListener("close", () => {
    // Whoever keeps the account after all must not delete it by using the passkey later.
    giveUp();
    email.textContent = "";
    form.reset();
    clearErrors(form);
  });
  byId("deletion-cancel", HTMLElement).addEventListener("click", () => dialog.close());

  /** Whether the account may be deleted now: it is the same person as before. */
  const again = async (user: User): Promise<boolean> => {
    showError(form, "You signed in a while ago. Use your passkey once more to delete the account.");
    const now = await signIn(user.email);
    if (!dialog.open) return false;
    if (now.id === user.id) return true;
    dialog.close();
    account.changed(now);
    return false;
  };

  onSubmit(form, async () => {
    const user = account.user();
    if (typed.value.toLowerCase() !== user.email.toLowerCase()) {
      return showError(form, "This is not the e-mail address of the account.", typed);
    }
    // Told only when exactly this account is gone: the requests name it.
    const signals = account.signals();
    try {
      await api.deleteMe();
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "reauthentication_required") throw error;
      if (!(await again(user))) return;
      await api.deleteMe();
    }
    dialog.close();
    if (signals) signalNone(signals);
    account.deleted();
    say("Your account is deleted.");
  });
};
