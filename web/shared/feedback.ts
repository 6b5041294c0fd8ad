// What the page tells about an action: that it goes on, that it worked, why it failed.
import { byId, element } from "./dom.js";
import { ApiError } from "./failure.js";

const status = byId("status", HTMLElement);
let announced: ReturnType<typeof setTimeout> | undefined;

/** Says it in the live region; an empty text says nothing any more. */
export const say = (text: string): void => {
  clearTimeout(announced);
  status.textContent = "";
  // In a task of its own: the same text twice in a row is two announcements.
  if (text !== "") announced = setTimeout(() => (status.textContent = text), 30);
};

/** A sentence for people; null if there is nothing to tell, because the page itself gave up. */
type Explain = (error: unknown) => string | null;

/** What every page tells; one that knows more of its errors adds to it. */
export const explainFailure: Explain = (error) => {
  if (error instanceof ApiError) return error.code === "left" ? null : error.message;
  reportError(error);
  return "Something is wrong with this page. Load it again.";
};

let explain = explainFailure;

/** How the page explains its errors. */
export const explainBy = (how: Explain): void => {
  explain = how;
};

let departed: (error: ApiError) => void = () => {};

/** What happens when the API says that whoever the page shows is not signed in any more. */
export const whenDeparted = (handler: (error: ApiError) => void): void => {
  departed = handler;
};

let recovering: () => void = () => {};

/** What happens when the API says that whoever is signed in has to add a passkey first. */
export const whenRecovering = (handler: () => void): void => {
  recovering = handler;
};

/** The place for an area's errors: its controls name it as their description. */
const errorPlace = (area: HTMLElement): HTMLElement => {
  const place = area.querySelector<HTMLElement>("[role=alert]");
  if (!place) throw new Error(`${area.id} has no place for errors`);
  return place;
};

export const clearErrors = (area: HTMLElement): void => {
  for (const place of area.querySelectorAll("[role=alert]")) place.replaceChildren();
  for (const field of area.querySelectorAll("[aria-invalid]"))
    field.removeAttribute("aria-invalid");
};

/** Shows an error in the area; with a field it is that field's, which gets the focus. */
export const showError = (area: HTMLElement, text: string, field?: HTMLElement): void => {
  errorPlace(area).textContent = text;
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
};

const fail = (area: HTMLElement, error: unknown): void => {
  if (error instanceof ApiError && error.departed) return departed(error);
  if (error instanceof ApiError && error.recovering) return recovering();
  const text = explain(error);
  // Given up for something else, which has its own to say.
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
  told: HTMLElement,
): Promise<void> => {
  area.dataset["busy"] = "";
  // Not `disabled`, which would take the focus away. A way out stays open.
  const buttons = [...area.querySelectorAll("button:not([data-way-out])")];
  for (const each of buttons) each.setAttribute("aria-disabled", "true");
  clearErrors(area);
  try {
    await action();
  } catch (error) {
    // What was told there may have been replaced meanwhile.
    fail(told.isConnected ? told : area, error);
  } finally {
    delete area.dataset["busy"];
    for (const each of buttons) each.removeAttribute("aria-disabled");
  }
};

/** Whether an action of the area goes on. */
export const isBusy = (area: HTMLElement): boolean => area.dataset["busy"] !== undefined;

/** Runs one action of an area at a time, and no other meanwhile; its error is shown there, or in a part of it. */
export const attempt = (
  area: HTMLElement,
  action: () => Promise<void>,
  told = area,
): Promise<void> => {
  if (isBusy(area)) return Promise.resolve();
  const done = perform(area, action, told);
  running.set(area, done);
  return done;
};

/** Fills an area from the API, after whatever goes on there; if that fails it can be tried again. */
export const load = async (area: HTMLElement, action: () => Promise<void>): Promise<void> => {
  while (isBusy(area)) await running.get(area);
  await attempt(area, async () => {
    try {
      await action();
    } catch (error) {
      const text = explain(error);
      if (text === null || (error instanceof ApiError && (error.departed || error.recovering)))
        throw error;
      const again = element("button", { type: "button" }, "Try again");
      again.addEventListener("click", () => void load(area, action));
      errorPlace(area).replaceChildren(element("span", {}, text), again);
    }
  });
};

/** Whether every field may be sent; the first that may not is told. The API checks all of it again. */
const valid = (form: HTMLFormElement): boolean => {
  for (const field of form.querySelectorAll<HTMLInputElement | HTMLSelectElement>(
    "input, select",
  )) {
    // Every character of a password counts.
    if (field.type !== "password" && field instanceof HTMLInputElement)
      field.value = field.value.trim();
    if (field.validity.valid) continue;
    const { missing, wrong } = field.dataset;
    showError(
      form,
      (field.validity.valueMissing ? missing : wrong) ?? field.validationMessage,
      field,
    );
    return false;
  }
  return true;
};

/** Runs the action when the form is sent, as one of the area, which is the form itself if none is named; its errors are shown in the form. */
export const onSubmit = (
  form: HTMLFormElement,
  action: () => Promise<void>,
  area: HTMLElement = form,
): void => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isBusy(area)) return;
    clearErrors(area);
    if (valid(form)) void attempt(area, action, form);
  });
};
