// Feedback about an action: that it is running, that it succeeded, why it failed.
import { ApiError } from "./api-error.js";
import { byId, element } from "./dom.js";

const status = byId("status", HTMLElement);
let announcement: ReturnType<typeof setTimeout> | undefined;

/** Announces a text in the live region. An empty text clears the region. */
export const say = (text: string): void => {
  clearTimeout(announcement);
  status.textContent = "";
  // Set in a later task, so that the same text twice in a row is announced twice.
  if (text !== "") announcement = setTimeout(() => (status.textContent = text), 30);
};

/** Returns the text for an error, or null if the page itself abandoned the work. */
type Explain = (error: unknown) => string | null;

/** Explains the errors that both pages know. */
export const explainFailure: Explain = (error) => {
  if (error instanceof ApiError) return error.abandoned ? null : error.message;
  reportError(error);
  return "Something went wrong on this page. Reload the page and try again.";
};

let explain = explainFailure;

/** Sets how the page explains its errors. */
export const explainBy = (how: Explain): void => {
  explain = how;
};

let ownerGone: (error: ApiError) => void = () => {};

/** Sets the handler for an account on the page that is no longer signed in. */
export const whenOwnerGone = (handler: (error: ApiError) => void): void => {
  ownerGone = handler;
};

let recovering: () => void = () => {};

/** Sets the handler for a recovered session that must add a passkey first. */
export const whenRecovering = (handler: () => void): void => {
  recovering = handler;
};

/** Returns the place for an area's error texts. The area's controls name it as description. */
const alertOf = (area: HTMLElement): HTMLElement => {
  const place = area.querySelector<HTMLElement>("[role=alert]");
  if (!place) throw new Error(`${area.id} has no place for errors`);
  return place;
};

export const clearErrors = (area: HTMLElement): void => {
  for (const place of area.querySelectorAll("[role=alert]")) place.replaceChildren();
  for (const field of area.querySelectorAll("[aria-invalid]"))
    field.removeAttribute("aria-invalid");
};

/** Shows an error in the area. If it is about a field, that field is marked and focused. */
export const showError = (area: HTMLElement, text: string, field?: HTMLElement): void => {
  alertOf(area).textContent = text;
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
};

const fail = (area: HTMLElement, error: unknown): void => {
  if (error instanceof ApiError && error.ownerGone) return ownerGone(error);
  if (error instanceof ApiError && error.recovering) return recovering();
  const text = explain(error);
  // The page abandoned the work for other work, which has its own feedback.
  if (text === null) return;
  say("");
  const field =
    error instanceof ApiError
      ? area.querySelector<HTMLElement>(`[data-code~="${CSS.escape(error.code)}"]`)
      : null;
  showError(area, text, field ?? undefined);
};

const running = new WeakMap<HTMLElement, Promise<void>>();

const perform = async (
  area: HTMLElement,
  action: () => Promise<void>,
  errorArea: HTMLElement,
): Promise<void> => {
  area.dataset["busy"] = "";
  // Not `disabled`, which would move the focus. A button that leaves the area stays usable.
  const buttons = [...area.querySelectorAll("button:not([data-way-out])")];
  for (const each of buttons) each.setAttribute("aria-disabled", "true");
  clearErrors(area);
  try {
    await action();
  } catch (error) {
    // The action may have replaced the part in which its error was to be shown.
    fail(errorArea.isConnected ? errorArea : area, error);
  } finally {
    delete area.dataset["busy"];
    for (const each of buttons) each.removeAttribute("aria-disabled");
  }
};

/** Returns true while an action of the area is running. */
export const isBusy = (area: HTMLElement): boolean => area.dataset["busy"] !== undefined;

/** Runs an action of an area unless one is running. Its error is shown in `errorArea`. */
export const attempt = (
  area: HTMLElement,
  action: () => Promise<void>,
  errorArea = area,
): Promise<void> => {
  if (isBusy(area)) return Promise.resolve();
  const done = perform(area, action, errorArea);
  running.set(area, done);
  return done;
};

/** Loads an area after its running action. If loading fails, the area offers to try again. */
export const load = async (area: HTMLElement, action: () => Promise<void>): Promise<void> => {
  while (isBusy(area)) await running.get(area);
  await attempt(area, async () => {
    try {
      await action();
    } catch (error) {
      const text = explain(error);
      const isHandled = error instanceof ApiError && (error.ownerGone || error.recovering);
      if (text === null || isHandled) throw error;
      const again = element("button", { type: "button" }, "Try again");
      again.addEventListener("click", () => void load(area, action));
      alertOf(area).replaceChildren(element("span", {}, text), again);
    }
  });
};

/** Validates the fields and shows the first error. The API validates everything again. */
const validate = (form: HTMLFormElement): boolean => {
  const fields = form.querySelectorAll<HTMLInputElement | HTMLSelectElement>("input, select");
  for (const field of fields) {
    // Spaces belong to a password, also at its ends.
    if (field.type !== "password" && field instanceof HTMLInputElement) {
      field.value = field.value.trim();
    }
    if (field.validity.valid) continue;
    const { missing, wrong } = field.dataset;
    const text = field.validity.valueMissing ? missing : wrong;
    showError(form, text ?? field.validationMessage, field);
    return false;
  }
  return true;
};

/** Runs the action when the form is submitted. It counts as an action of `area`. */
export const onSubmit = (
  form: HTMLFormElement,
  action: () => Promise<void>,
  area: HTMLElement = form,
): void => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(area)) return;
    clearErrors(area);
    if (validate(form)) void attempt(area, action, form);
  });
};
