// Behaviour that the sections of the admin page share: paged lists, missing permissions, deletion.
import { confirmed } from "../shared/dialog.js";
import { byId, element } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { type Page, Refusal, page } from "./api.js";

/** A section of the page. */
export interface Section {
  /** Loads the section when the user opens it. */
  load(): Promise<void>;
  /** Removes all data from the section after the user has signed out. */
  clear(): void;
}

const listSection = byId("list-section", HTMLTemplateElement);

// Gives every section with a list and an "Add" button the markup of the template.
for (const section of document.querySelectorAll<HTMLElement>("section[data-add]")) {
  const content = listSection.content.cloneNode(true) as DocumentFragment;
  for (const each of content.querySelectorAll("[id]")) each.id = `${section.id}-${each.id}`;
  for (const each of content.querySelectorAll("[aria-describedby]")) {
    each.setAttribute("aria-describedby", `${section.id}-error`);
  }
  const add = content.querySelector("button");
  if (add) add.textContent = section.dataset["add"] ?? "";
  section.append(content);
}

const isForbidden = (error: unknown): error is Refusal =>
  error instanceof Refusal && error.status === 403;

/** Loads a section. Without the permission for it, the user sees only which one is missing. */
export const fill = (section: HTMLElement, action: () => Promise<void>): Promise<void> => {
  const body = byId(`${section.id}-body`, HTMLElement);
  const closed = byId(`${section.id}-closed`, HTMLElement);
  return load(section, async () => {
    let refused: Refusal | undefined;
    try {
      await action();
    } catch (error) {
      if (!isForbidden(error)) throw error;
      refused = error;
    }
    body.hidden = refused !== undefined;
    closed.textContent = refused ? missingPermission(refused.permission) : "";
  });
};

const missingPermission = (permission: string | undefined): string => {
  const needed = permission === undefined ? "another permission" : `the permission ${permission}`;
  return (
    `You cannot see this section. It requires ${needed} in the service auth. ` +
    "Ask an administrator for it."
  );
};

/** Returns a list of a section, shown page by page. `item` creates an entry. */
export const pagedList = <T>(
  section: HTMLElement,
  path: () => string,
  item: (entry: T) => HTMLLIElement,
  none: string,
) => {
  const list = byId(`${section.id}-list`, HTMLElement);
  const more = byId(`${section.id}-more`, HTMLButtonElement);
  let next: string | null = null;

  const itemsOf = (current: Page<T>): HTMLLIElement[] => {
    ({ next } = current);
    more.hidden = next === null;
    return current.entries.map(item);
  };

  more.addEventListener("click", () => {
    void attempt(section, async () => {
      if (next === null) return;
      const items = itemsOf(await page<T>(next));
      list.append(...items);
      say(
        items.length === 1 ? "1 more entry is shown." : `${items.length} more entries are shown.`,
      );
      // The button may be hidden now, so the focus moves to the first new entry.
      items[0]?.setAttribute("tabindex", "-1");
      items[0]?.focus();
    });
  });

  return {
    reload: async (): Promise<void> => {
      const items = itemsOf(await page<T>(path()));
      if (items.length === 0) items.push(element("li", { class: "muted" }, none));
      list.replaceChildren(...items);
    },
    clear: (): void => {
      next = null;
      more.hidden = true;
      list.replaceChildren();
    },
  };
};

/** Focuses an entry after its list was built again, or the section's heading if it is gone. */
export const focusEntry = (section: HTMLElement, id: number): void => {
  const entry = section.querySelector<HTMLElement>(`[data-id="${id}"] button`);
  (entry ?? byId(`${section.id}-title`, HTMLElement)).focus();
};

export interface Deletion {
  /** The object with its name, such as `the role Editor`. */
  object: string;
  text: string;
  remove(force: boolean): Promise<unknown>;
  /** Called after the deletion. */
  removed(): Promise<void>;
}

const MAX_NAMES = 10;

/** Joins names, but not more than a dialog can show. */
const joined = (names: string[]): string => {
  const more = names.length - MAX_NAMES;
  return names.slice(0, MAX_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
};

/** Asks, then deletes. If the object is in use, shows its users and asks once more. */
export const confirmDeletion = async (
  section: HTMLElement,
  { object, text, remove, removed }: Deletion,
): Promise<void> => {
  const title = `Delete ${object}?`;
  if (isBusy(section) || !(await confirmed({ title, text, action: "Delete" }))) return;
  let usedBy: Refusal["usedBy"];
  await attempt(section, async () => {
    try {
      await remove(false);
    } catch (error) {
      if (!(error instanceof Refusal) || !error.usedBy) throw error;
      ({ usedBy } = error);
      return;
    }
    await removed();
  });
  if (!usedBy) return;
  const users = Object.entries(usedBy)
    .filter(([, names]) => names.length > 0)
    .map(([kind, names]) => `${kind}: ${joined(names)}`)
    .join("; ");
  const isConfirmed = await confirmed({
    title: `Delete ${object} although it is in use?`,
    text: `It is used by ${users}. If you delete it anyway, it is removed there too.`,
    action: "Delete anyway",
  });
  if (!isConfirmed) return;
  await attempt(section, async () => {
    await remove(true);
    await removed();
  });
};
