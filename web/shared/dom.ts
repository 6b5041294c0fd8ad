// Small helpers around the DOM. Texts become text nodes, never markup.

/** The page's own element of this id; the page is broken without it. */
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

/** An element with attributes and children; null stands for none. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
};

/** A button that does something; `label` says on what, for whoever does not see its surroundings. */
export const button = (
  text: string,
  label: string,
  onClick: () => void,
  attributes: Attributes = {},
): HTMLButtonElement => {
  const made = element("button", { type: "button", "aria-label": label, ...attributes }, text);
  made.addEventListener("click", onClick);
  return made;
};

/** Where errors are told of what stands beside it, which names it as its description. */
export const errorOf = (id: string): HTMLElement =>
  element("p", { id, class: "error", role: "alert" });

const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** A moment, in the reader's own way of writing it. */
export const written = (milliseconds: number): string => format.format(new Date(milliseconds));

/** The same, for machines as well. */
export const time = (milliseconds: number): HTMLTimeElement =>
  element("time", { datetime: new Date(milliseconds).toISOString() }, written(milliseconds));

/** Text that others chose: its direction does not disturb the sentence around it. */
export const isolated = (text: string): HTMLElement => element("bdi", {}, text);
