// Roles, and the permissions of each.
import { button } from "../shared/dom.js";
import { type Named, all, api, isBuiltIn } from "./api.js";
import { namedSection } from "./named-section.js";
import { showRelations } from "./relations.js";
import type { Section } from "./section.js";

const showPermissions = (role: Named): void =>
  showRelations({
    title: `Permissions of ${role.name}`,
    kind: "Permission",
    none: "This role has no permissions.",
    readOnly: isBuiltIn(role),
    related: () => all<Named>(`/roles/${role.id}/permissions`),
    possible: () => all<Named>("/permissions"),
    add: ({ id }) => api.grant("role-permissions", { role_id: role.id, permission_id: id }),
    remove: ({ id }) => api.revoke("role-permissions", { role_id: role.id, permission_id: id }),
    warning: `People with the role ${role.name} lose this permission, unless another grant gives it to them.`,
  });

/** Prepares the section. */
export const roles = (): Section =>
  namedSection({
    path: "roles",
    singular: "role",
    codes: "role_exists invalid_request_body",
    deletion: "The role is removed from all people and services.",
    actions: (role) => [
      button("Permissions", `Permissions of ${role.name}`, () => showPermissions(role)),
    ],
  });
