// What is chosen from in more than one part: services in a menu, people by what was typed.
import { type Named, type Person, Refusal, page } from "./api.js";
import { option } from "./form-dialog.js";
import { byId } from "../shared/dom.js";

const usernames = byId("usernames", HTMLDataListElement);

/** Fills a menu; what was chosen stays so, if it is there yet. */
export const fillMenu = (menu: HTMLSelectElement, things: Named[]): void => {
  const chosen = menu.value;
  menu.replaceChildren(
    option({ value: "", text: "Choose…" }),
    ...things.map(({ id, name }) => option({ value: String(id), text: name })),
  );
  menu.value = things.some(({ id }) => String(id) === chosen) ? chosen : "";
};

/** Proposes usernames where one is typed. Only proposals: whoever may not list people can type one all the same. */
export const proposeUsernames = async (): Promise<void> => {
  try {
    const { entries } = await page<Person>("/users?limit=500");
    usernames.replaceChildren(
      ...entries.map(({ username, name }) => option({ value: username, text: name })),
    );
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 403) throw error;
  }
};

export const forgetUsernames = (): void => usernames.replaceChildren();
