// Small helpers for the DOM. Texts become text nodes, never markup.

/** Returns the element with this id. Throws if the page has none of this kind. */
export const byId = <E extends HTMLElement>(
  id: string,
  kind: abstract new (...none: never[]) => E,
): E => {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${id}`);
};

type Attributes = Record<string, string>;
type Child = Node | string | null;

/** Creates an element with attributes and children. A null child is left out. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children.filter((child) => child !== null));
  return created;
};

/** Creates a button. `label` is its name for screen readers and includes the object it acts on. */
export const button = (
  text: string,
  label: string,
  onClick: () => void,
  attributes: Attributes = {},
): HTMLButtonElement => {
  const created = element("button", { type: "button", "aria-label": label, ...attributes }, text);
  created.addEventListener("click", onClick);
  return created;
};

/** Creates an empty place for an error text. Controls name it in `aria-describedby`. */
export const errorPlace = (id: string): HTMLElement =>
  element("p", { id, class: "error", role: "alert" });

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Formats a time in the user's locale. */
export const formatted = (milliseconds: number): string => format.format(new Date(milliseconds));

/** Creates a `<time>` element with the formatted time and its machine-readable form. */
export const time = (milliseconds: number): HTMLTimeElement =>
  element("time", { datetime: new Date(milliseconds).toISOString() }, formatted(milliseconds));

/** Isolates text that a user chose, so its writing direction does not change the sentence. */
export const isolated = (text: string): HTMLElement => element("bdi", {}, text);
