// The section of a list of objects that have only a name: roles, or permissions.
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import { type Named, api, isBuiltIn } from "./api.js";
import { openForm } from "./form-dialog.js";
import { type Section, confirmDeletion, fill, focusEntry, pagedList } from "./section.js";

/** A kind of object, and the texts about it. */
export interface Kind {
  path: "roles" | "permissions";
  singular: string;
  /** The API's error codes about the name. */
  codes: string;
  /** The changes to make elsewhere after renaming an object. */
  renaming?: string;
  /** The consequence of deleting an object. */
  deletion: string;
  /** Creates buttons of an entry, in front of "Rename" and "Delete". */
  actions?(entry: Named): HTMLElement[];
}

const nameField = (kind: Kind, value = "") => ({
  name: "name",
  label: "Name",
  value,
  attributes: { maxlength: "64" },
  missing: `Enter a name for the ${kind.singular}.`,
  codes: kind.codes,
});

/** Prepares the section of a kind. */
export const namedSection = (kind: Kind): Section => {
  const section = byId(kind.path, HTMLElement);
  const described = { "aria-describedby": `${kind.path}-error` };

  const item = (entry: Named): HTMLLIElement => {
    const builtIn = isBuiltIn(entry);
    const badge = builtIn ? [" ", element("span", { class: "badge" }, "Built in")] : [];
    const title = element("div", {}, element("h3", {}, isolated(entry.name), ...badge));
    const actions = kind.actions?.(entry) ?? [];
    if (!builtIn) {
      const label = `${kind.singular} ${entry.name}`;
      actions.push(button("Rename", `Rename ${label}`, () => void rename(entry), described));
      actions.push(button("Delete", `Delete ${label}`, () => void remove(entry), described));
    }
    const actionGroup = element("div", { class: "actions" }, ...actions);
    return element("li", { "data-id": String(entry.id) }, title, actionGroup);
  };

  const none = `There are no ${kind.path}.`;
  const list = pagedList<Named>(section, () => `/${kind.path}`, item, none);

  const create = async (): Promise<void> => {
    if (isBusy(section)) return;
    let created: Named | undefined;
    const submit = async ({ name = "" }: Record<string, string>): Promise<void> => {
      created = await api.create(kind.path, { name });
    };
    const title = `Add a ${kind.singular}`;
    const isDone = await openForm({ title, fields: [nameField(kind)], action: title, submit });
    if (!isDone || !created) return;
    const { id, name } = created;
    await attempt(section, list.reload);
    say(`The ${kind.singular} ${name} was created.`);
    focusEntry(section, id);
  };

  const rename = async (entry: Named): Promise<void> => {
    if (isBusy(section)) return;
    let newName = entry.name;
    const submit = async ({ name = "" }: Record<string, string>): Promise<void> => {
      await api.update(kind.path, entry.id, { name });
      newName = name;
    };
    const isDone = await openForm({
      title: `Rename the ${kind.singular} ${entry.name}`,
      ...(kind.renaming === undefined ? {} : { text: kind.renaming }),
      fields: [nameField(kind, entry.name)],
      action: "Rename",
      submit,
    });
    if (!isDone) return;
    await attempt(section, list.reload);
    say(`The ${kind.singular} is now called ${newName}.`);
    focusEntry(section, entry.id);
  };

  const remove = (entry: Named): Promise<void> =>
    confirmDeletion(section, {
      object: `the ${kind.singular} ${entry.name}`,
      text: kind.deletion,
      remove: (force) => api.remove(kind.path, entry.id, force),
      removed: async () => {
        await list.reload();
        say(`The ${kind.singular} ${entry.name} was deleted.`);
        byId(`${kind.path}-title`, HTMLElement).focus();
      },
    });

  byId(`${kind.path}-add`, HTMLElement).addEventListener("click", () => void create());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
