// The way back in for whoever lost their passkeys: a code first, and a new passkey before anything else.
import { type User, api } from "./api.js";
import { register } from "./ceremony.js";
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say } from "../shared/feedback.js";

const form = byId("lost-form", HTMLFormElement);
const email = byId("lost-email", HTMLInputElement);
/** What is asked after the address. */
const second = byId("lost-second", HTMLElement);
const code = byId("lost-code", HTMLInputElement);
const others = byId("lost-others", HTMLInputElement);
const go = byId("lost-go", HTMLButtonElement);
const addForm = byId("recovering-form", HTMLFormElement);
const addName = byId("recovering-name", HTMLInputElement);

interface Recovery {
  /** The code was right: a passkey has to follow. */
  recovered(user: User): void;
  /** There is a passkey again. */
  complete(user: User): void;
}

/** Prepares both forms; gives how to forget what was typed into them. */
export const recovery = (account: Recovery): { clear(): void } => {
  const showSecond = (shown: boolean): void => {
    second.hidden = !shown;
    code.required = shown;
    go.textContent = shown ? "Recover the account" : "Next";
  };

  onSubmit(form, async () => {
    if (second.hidden) {
      showSecond(true);
      code.focus();
      return;
    }
    // Only now: who has to look for their codes first may take longer than a challenge lives.
    const { challenge_id } = await api.beginRecovery(email.value);
    const { user } = await api.completeRecovery(challenge_id, code.value, others.checked);
    account.recovered(user);
  });

  onSubmit(addForm, async () => {
    account.complete(
      await register(addName.value === "" ? {} : { label: addName.value }, () =>
        say("Waiting for your new passkey…"),
      ),
    );
  });

  const clear = (): void => {
    for (const each of [form, addForm]) {
      each.reset();
      clearErrors(each);
    }
    showSecond(false);
  };

  return { clear };
};
