// A dialog with the objects that belong to another one: permissions of a role, roles of a service.
import { confirmed, showDialog } from "../shared/dialog.js";
import { button, element, errorPlace, isolated } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit } from "../shared/feedback.js";
import { type Named, isBuiltIn } from "./api.js";
import { noChoice } from "./form-dialog.js";
import { optionsOf } from "./select-options.js";

export interface Relations {
  title: string;
  /** Kind of the related objects, such as `Permission`. */
  kind: string;
  /** Text if there are no related objects. */
  none: string;
  /** True for built-in objects, which cannot be changed. */
  readOnly: boolean;
  related(): Promise<Named[]>;
  possible(): Promise<Named[]>;
  add(entry: Named): Promise<unknown>;
  remove(entry: Named): Promise<unknown>;
  /** The consequence for people if a related object is removed. */
  warning: string;
}

/** Opens the dialog. */
export const showRelations = (relations: Relations): void => {
  const { title, kind, none, readOnly } = relations;
  const heading = element("h2", { id: "relations-title", tabindex: "-1" }, title);
  const error = element("p", { class: "error", role: "alert" });
  // The page's own live region is behind the dialog, so screen readers do not announce it.
  const status = element("p", { class: "muted", role: "status" });
  const list = element("ul", { class: "items" });
  const described = { "aria-describedby": "relations-error" };
  const select = element("select", {
    id: "relations-choice",
    required: "",
    "data-missing": `Choose a ${kind.toLowerCase()}.`,
    ...described,
  });
  const label = element("label", { for: select.id }, `${kind} to add`);
  const add = element("button", { type: "submit", class: "primary", ...described }, "Add");
  const form = element(
    "form",
    { class: "row", novalidate: "" },
    element("div", { class: "field" }, label, select),
    add,
    errorPlace("relations-error"),
  );
  const close = element("button", { type: "button", "data-way-out": "" }, "Close");
  const actions = element("div", { class: "actions" }, close);
  const area = element("div", { class: "stack" }, ...[heading, error, list, form, status, actions]);
  form.hidden = readOnly;

  const item = (entry: Named): HTMLLIElement => {
    const remove = button("Remove", `Remove ${entry.name}`, () => void askToRemove(entry));
    return element("li", {}, element("span", {}, isolated(entry.name)), readOnly ? null : remove);
  };

  const reload = async (): Promise<void> => {
    const related = await relations.related();
    const items = related.map(item);
    if (items.length === 0) items.push(element("li", { class: "muted" }, none));
    list.replaceChildren(...items);
    if (readOnly) return;
    const relatedIds = new Set(related.map(({ id }) => id));
    const possible = (await relations.possible()).filter(
      (entry) => !relatedIds.has(entry.id) && !isBuiltIn(entry),
    );
    select.replaceChildren(noChoice(), ...optionsOf(possible));
  };

  const askToRemove = async (entry: Named): Promise<void> => {
    if (isBusy(area)) return;
    const isConfirmed = await confirmed({
      title: `Remove ${entry.name}?`,
      text: relations.warning,
      action: "Remove",
    });
    if (!isConfirmed) return;
    await attempt(area, async () => {
      await relations.remove(entry);
      await reload();
      status.textContent = `${entry.name} was removed.`;
      heading.focus();
    });
  };

  const addChosen = async (): Promise<void> => {
    const [chosen] = select.selectedOptions;
    if (!chosen) return;
    await relations.add({ id: Number(chosen.value), name: chosen.text });
    await reload();
    status.textContent = `${chosen.text} was added.`;
    select.focus();
  };

  onSubmit(form, addChosen, area);
  showDialog(heading, area, close);
  void load(area, reload);
};
