// Deletion of the account. The user types the account's e-mail address to confirm it, or its name or
// id if it has no address.
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say, showError } from "../shared/feedback.js";
import { type Signals, type User, api } from "./api.js";
import { signalNone } from "./ceremony.js";

const dialog = byId("deletion-dialog", HTMLDialogElement);
const form = byId("deletion-form", HTMLFormElement);
const label = byId("deletion-email", HTMLElement);
const typed = byId("deletion-typed", HTMLInputElement);

interface Account {
  user(): User;
  signals(): Signals | undefined;
  deleted(): void;
}

const labelOf = ({ email, name, id }: User): string => email ?? name ?? id;

/** Prepares the section. */
export const deletion = (account: Account): void => {
  byId("deletion-open", HTMLElement).addEventListener("click", () => {
    label.textContent = labelOf(account.user());
    dialog.showModal();
    typed.focus();
  });
  dialog.addEventListener("close", () => {
    label.textContent = "";
    form.reset();
    clearErrors(form);
  });
  byId("deletion-cancel", HTMLElement).addEventListener("click", () => dialog.close());

  onSubmit(form, async () => {
    const user = account.user();
    if (typed.value.toLowerCase() !== labelOf(user).toLowerCase()) {
      const text =
        user.email === null
          ? "This is not the text shown above. Enter it to delete the account."
          : "This is not the account's e-mail address. Enter the address shown above.";
      return showError(form, text, typed);
    }
    // Read now, because the page shows no account after the deletion.
    const signals = account.signals();
    // A user who closes the dialog keeps the account, even if they confirm their identity later.
    await api.deleteMe(() => dialog.open);
    dialog.close();
    if (signals) signalNone(signals);
    account.deleted();
    say("Your account was deleted.");
  });
};
