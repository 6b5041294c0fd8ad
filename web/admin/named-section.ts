// Roles, and permissions: they are alike, but that a role has permissions.
import { type Named, all, api, isBuiltIn } from "./api.js";
import { ask } from "./form-dialog.js";
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import { type Part, deleteAsked, fill, focusEntry, pagedList } from "./section.js";
import { showRelations } from "./relations.js";

/** A kind of thing, as the API and people call it. */
interface Kind {
  path: "roles" | "permissions";
  one: string;
  codes: string;
  /** What deleting one means. */
  gone: string;
}

export const ROLES: Kind = {
  path: "roles",
  one: "role",
  codes: "role_exists invalid_request_body",
  gone: "Nobody can have it any more, in any service.",
};
export const PERMISSIONS: Kind = {
  path: "permissions",
  one: "permission",
  codes: "permission_exists invalid_request_body",
  gone: "No role can have it any more, and nobody directly.",
};

const nameField = (kind: Kind, value = "") => ({
  name: "name",
  label: "Name",
  value,
  attributes: { maxlength: "64" },
  missing: `Enter a name for the ${kind.one}.`,
  codes: kind.codes,
});

/** Which permissions a role has. */
const permissionsOf = (role: Named): void =>
  showRelations({
    title: `Permissions of ${role.name}`,
    kind: "Permission",
    none: "It has no permissions.",
    fixed: isBuiltIn(role),
    related: () => all<Named>(`/roles/${role.id}/permissions`),
    possible: () => all<Named>("/permissions"),
    add: (permission) =>
      api.relate("role-permissions", { role_id: role.id, permission_id: permission.id }),
    remove: (permission) =>
      api.part("role-permissions", { role_id: role.id, permission_id: permission.id }),
    warning: () =>
      `Whoever has the role ${role.name} loses this permission, unless something else gives it.`,
  });

/** Prepares the section. */
export const things = (kind: Kind): Part => {
  const section = byId(kind.path, HTMLElement);
  const described = { "aria-describedby": `${kind.path}-error` };

  const item = (thing: Named): HTMLLIElement => {
    const builtIn = isBuiltIn(thing);
    const badge = builtIn ? [" ", element("span", { class: "badge" }, "Built in")] : [];
    const title = element("div", {}, element("h3", {}, isolated(thing.name), ...badge));
    const actions: HTMLElement[] = [];
    if (kind === ROLES)
      actions.push(
        button("Permissions", `Permissions of ${thing.name}`, () => permissionsOf(thing)),
      );
    if (!builtIn) {
      actions.push(
        button("Rename", `Rename ${kind.one} ${thing.name}`, () => void rename(thing), described),
      );
      actions.push(
        button("Delete", `Delete ${kind.one} ${thing.name}`, () => void remove(thing), described),
      );
    }
    return element(
      "li",
      { "data-id": String(thing.id) },
      title,
      element("div", { class: "actions" }, ...actions),
    );
  };

  const list = pagedList<Named>(section, () => `/${kind.path}`, item, `There are no ${kind.path}.`);

  const make = async (): Promise<void> => {
    if (isBusy(section)) return;
    let made: Named | undefined;
    const submit = async ({ name = "" }: Record<string, string>): Promise<void> => {
      made = await api.make(kind.path, { name });
    };
    const title = `Add a ${kind.one}`;
    if (!(await ask({ title, fields: [nameField(kind)], action: title, submit })) || !made) return;
    const { id, name } = made;
    await attempt(section, list.reload);
    say(`The ${kind.one} ${name} is made.`);
    focusEntry(section, id);
  };

  const rename = async (thing: Named): Promise<void> => {
    if (isBusy(section)) return;
    let called = thing.name;
    const submit = async ({ name = "" }: Record<string, string>): Promise<void> => {
      await api.change(kind.path, thing.id, { name });
      called = name;
    };
    const title = `Rename the ${kind.one} ${thing.name}`;
    const text =
      kind === PERMISSIONS
        ? "Services ask for permissions by their names: they have to be told of the new one."
        : undefined;
    const form = { title, fields: [nameField(kind, thing.name)], action: "Rename", submit };
    if (!(await ask(text === undefined ? form : { ...form, text }))) return;
    await attempt(section, list.reload);
    say(`The ${kind.one} is now called ${called}.`);
    focusEntry(section, thing.id);
  };

  const remove = (thing: Named): Promise<void> =>
    deleteAsked(section, {
      title: `Delete the ${kind.one} ${thing.name}?`,
      text: kind.gone,
      remove: (force) => api.remove(kind.path, thing.id, force),
      removed: async () => {
        await list.reload();
        say(`The ${kind.one} ${thing.name} is deleted.`);
        byId(`${kind.path}-title`, HTMLElement).focus();
      },
    });

  byId(`${kind.path}-add`, HTMLElement).addEventListener("click", () => void make());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
