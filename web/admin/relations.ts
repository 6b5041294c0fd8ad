// What belongs to a thing, in a dialog of its own: the permissions of a role, the roles of a service.
import { type Named, isBuiltIn } from "./api.js";
import { option } from "./form-dialog.js";
import { confirmed } from "../shared/dialog.js";
import { button, element, errorOf, isolated } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit } from "../shared/feedback.js";

export interface Relations {
  title: string;
  /** What belongs to it, such as `Permission`. */
  kind: string;
  none: string;
  /** It belongs to the service itself: what belongs to it is only shown. */
  fixed: boolean;
  related(): Promise<Named[]>;
  possible(): Promise<Named[]>;
  add(thing: Named): Promise<unknown>;
  remove(thing: Named): Promise<unknown>;
  /** What taking one away means for people. */
  warning(thing: Named): string;
}

/** Shows them until the dialog is closed, which gives the focus back. */
export const showRelations = (about: Relations): void => {
  const { title, kind, none, fixed } = about;
  const heading = element("h2", { id: "relations-title", tabindex: "-1" }, title);
  const error = element("p", { class: "error", role: "alert" });
  // The page's own is behind the dialog, where nobody is told of it.
  const told = element("p", { class: "muted", role: "status" });
  const list = element("ul", { class: "items" });
  const missing = `Choose a ${kind.toLowerCase()}.`;
  const select = element("select", {
    id: "relations-choice",
    required: "",
    "data-missing": missing,
    "aria-describedby": "relations-error",
  });
  const label = element("label", { for: select.id }, `${kind} to add`);
  const add = element(
    "button",
    { type: "submit", class: "primary", "aria-describedby": "relations-error" },
    "Add",
  );
  const form = element(
    "form",
    { class: "row", novalidate: "" },
    element("div", { class: "field" }, label, select),
    add,
    errorOf("relations-error"),
  );
  const close = element("button", { type: "button", "data-way-out": "" }, "Close");
  const area = element(
    "div",
    { class: "stack" },
    heading,
    error,
    list,
    form,
    told,
    element("div", { class: "actions" }, close),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, area);
  form.hidden = fixed;

  const item = (thing: Named): HTMLLIElement => {
    const remove = button("Remove", `Remove ${thing.name}`, () => void takeAway(thing));
    return element("li", {}, element("span", {}, isolated(thing.name)), fixed ? null : remove);
  };

  const reload = async (): Promise<void> => {
    const related = await about.related();
    list.replaceChildren(
      ...(related.length === 0 ? [element("li", { class: "muted" }, none)] : related.map(item)),
    );
    if (fixed) return;
    const known = new Set(related.map(({ id }) => id));
    const possible = (await about.possible()).filter(
      (thing) => !known.has(thing.id) && !isBuiltIn(thing),
    );
    select.replaceChildren(
      option({ value: "", text: "Choose…" }),
      ...possible.map(({ id, name }) => option({ value: String(id), text: name })),
    );
  };

  const takeAway = async (thing: Named): Promise<void> => {
    if (
      isBusy(area) ||
      !(await confirmed({
        title: `Remove ${thing.name}?`,
        text: about.warning(thing),
        action: "Remove",
      }))
    )
      return;
    await attempt(area, async () => {
      await about.remove(thing);
      await reload();
      told.textContent = `${thing.name} is removed.`;
      heading.focus();
    });
  };

  onSubmit(
    form,
    async () => {
      const [chosen] = select.selectedOptions;
      if (!chosen) return;
      await about.add({ id: Number(chosen.value), name: chosen.text });
      await reload();
      told.textContent = `${chosen.text} is added.`;
      select.focus();
    },
    area,
  );
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
  void load(area, reload);
  dialog.addEventListener("close", () => dialog.remove());
};
