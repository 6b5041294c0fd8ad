// Behaviour of a whole page that the account page and the admin page share.
import { byId } from "./dom.js";

export const SIGNED_OUT = "You have been signed out. Sign in again.";

/** Shows one of several elements and hides the others. */
export const showOnly = (ids: readonly string[], shown: string): void => {
  for (const id of ids) byId(id, HTMLElement).hidden = id !== shown;
};

/** Closes every open dialog. */
export const closeDialogs = (): void => {
  for (const dialog of document.querySelectorAll<HTMLDialogElement>("dialog[open]")) dialog.close();
};

/** Empties the error texts that match the selector. */
export const emptyAlerts = (selector: string): void => {
  for (const alert of document.querySelectorAll(selector)) alert.replaceChildren();
};

/** Sets the text of several elements, by their ids. */
export const setTexts = (texts: Record<string, string>): void => {
  for (const [id, text] of Object.entries(texts)) byId(id, HTMLElement).textContent = text;
};

/** Calls the handler when the browser shows a page that it had kept in its back/forward cache. */
export const onRestored = (handler: () => void): void => {
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) handler();
  });
};
