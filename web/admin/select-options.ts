// Options for menus and fields that several sections have: services, permissions, usernames.
import { byId } from "../shared/dom.js";
import { type Named, type Person, Refusal, page } from "./api.js";
import { noChoice, option } from "./form-dialog.js";

const usernames = byId("usernames", HTMLDataListElement);

/** Returns the options of a menu, without the empty one. */
export const optionsOf = (entries: Named[]): HTMLOptionElement[] =>
  entries.map(({ id, name }) => option({ value: String(id), text: name }));

/** Fills a menu. Keeps the current choice if it is still an option. */
export const fillSelect = (menu: HTMLSelectElement, entries: Named[]): void => {
  const chosen = menu.value;
  menu.replaceChildren(noChoice(), ...optionsOf(entries));
  menu.value = entries.some(({ id }) => String(id) === chosen) ? chosen : "";
};

/**
 * Loads suggestions for fields with a username. Without the permission to list people there are
 * none, and the user can still type a username.
 */
export const suggestUsernames = async (): Promise<void> => {
  try {
    const { entries } = await page<Person>("/users?limit=500");
    const options = entries.map(({ username, name }) => option({ value: username, text: name }));
    usernames.replaceChildren(...options);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 403) throw error;
  }
};

export const clearUsernames = (): void => usernames.replaceChildren();
