// What the parts of the page have in common: lists that go on, what somebody may not see, and deleting what is in use.
import { type Page, Refusal, page } from "./api.js";
import { confirmed } from "../shared/dialog.js";
import { byId, element } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";

/** A part of the page. */
export interface Part {
  /** It is looked at now. */
  load(): Promise<void>;
  /** Nobody is signed in any more: nothing of it stays. */
  clear(): void;
}

/** Whether the service refused because it is not theirs to do. */
const isForbidden = (error: unknown): error is Refusal =>
  error instanceof Refusal && error.status === 403;

/** Fills a part. To whoever may not see it, it says only that. */
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
    const needs = refused?.permission;
    const text =
      needs === undefined
        ? "This part is not yours."
        : `This part is not yours: it needs the permission ${needs} in the service auth.`;
    closed.textContent = refused ? text : "";
  });
};

/** A list of a part, which is shown page by page; `item` makes an entry. */
export const pagedList = <T>(
  section: HTMLElement,
  path: () => string,
  item: (entry: T) => HTMLLIElement,
  none: string,
) => {
  const list = byId(`${section.id}-list`, HTMLElement);
  const more = byId(`${section.id}-more`, HTMLButtonElement);
  let next: string | null = null;

  const take = ({ entries, next: following }: Page<T>): HTMLLIElement[] => {
    next = following;
    more.hidden = next === null;
    return entries.map(item);
  };

  more.addEventListener("click", () => {
    void attempt(section, async () => {
      if (next === null) return;
      const items = take(await page<T>(next));
      list.append(...items);
      say(`${items.length} more are shown.`);
      // The button may be gone now: whoever used it goes on with what it brought.
      items[0]?.setAttribute("tabindex", "-1");
      items[0]?.focus();
    });
  });

  return {
    reload: async (): Promise<void> => {
      const items = take(await page<T>(path()));
      list.replaceChildren(
        ...(items.length === 0 ? [element("li", { class: "muted" }, none)] : items),
      );
    },
    clear: (): void => {
      next = null;
      more.hidden = true;
      list.replaceChildren();
    },
  };
};

/** Where somebody went on from, in a list that has been made anew; its heading, if that is not there any more. */
export const focusEntry = (section: HTMLElement, id: number): void => {
  const again =
    section.querySelector<HTMLElement>(`[data-id="${id}"] button`) ??
    byId(`${section.id}-title`, HTMLElement);
  again.focus();
};

export interface Deletion {
  title: string;
  text: string;
  remove(force: boolean): Promise<unknown>;
  /** It is gone. */
  removed(): Promise<void>;
}

const MOST_NAMED = 10;

/** Names, but not hundreds of them. */
const some = (names: string[]): string => {
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
};

/** Asks, deletes; if it is in use says by what, and asks once more. */
export const deleteAsked = async (
  section: HTMLElement,
  { title, text, remove, removed }: Deletion,
): Promise<void> => {
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
  const users = Object.entries(usedBy).filter(([, names]) => names.length > 0);
  const told = users.map(([kind, names]) => `${kind}: ${some(names)}`).join("; ");
  const question = {
    title: "It is in use",
    text: `It is used by ${told}. If you delete it anyway, they lose it.`,
    action: "Delete anyway",
  };
  if (!(await confirmed(question))) return;
  await attempt(section, async () => {
    await remove(true);
    await removed();
  });
};
