// Account recovery for users who lost their passkeys. They enter a code, then add a new passkey.
import { byId } from "../shared/dom.js";
import { clearErrors, onSubmit, say } from "../shared/feedback.js";
import { type User, api } from "./api.js";
import { register } from "./ceremony.js";

const form = byId("lost-form", HTMLFormElement);
const account = byId("lost-email", HTMLInputElement);
/** The fields that follow the name of the account. */
const codeFields = byId("lost-second", HTMLElement);
const code = byId("lost-code", HTMLInputElement);
const others = byId("lost-others", HTMLInputElement);
const submit = byId("lost-go", HTMLButtonElement);
const addForm = byId("recovering-form", HTMLFormElement);
const addName = byId("recovering-name", HTMLInputElement);

interface Handlers {
  /** Called after the code was accepted. The user must add a passkey next. */
  recovered(user: User): void;
  /** Called after the passkey has been added. */
  complete(user: User): void;
}

/** Prepares both forms. Returns how to clear them. */
export const recovery = (handlers: Handlers): { clear(): void } => {
  const showCodeFields = (shown: boolean): void => {
    codeFields.hidden = !shown;
    code.required = shown;
    submit.textContent = shown ? "Recover the account" : "Next";
  };

  onSubmit(form, async () => {
    if (codeFields.hidden) {
      showCodeFields(true);
      code.focus();
      return;
    }
    // Requested late, because a challenge could expire while the user looks for a code.
    const text = account.value.trim();
    const name = text.includes("@") ? { email: text } : { username: text };
    const { challenge_id } = await api.beginRecovery(name);
    const { user } = await api.completeRecovery(challenge_id, code.value, others.checked);
    handlers.recovered(user);
  });

  onSubmit(addForm, async () => {
    const registrant = addName.value === "" ? {} : { label: addName.value };
    const user = await register(registrant, () => say("Waiting for your new passkey…"));
    handlers.complete(user);
  });

  const clear = (): void => {
    for (const each of [form, addForm]) {
      each.reset();
      clearErrors(each);
    }
    showCodeFields(false);
  };

  return { clear };
};
