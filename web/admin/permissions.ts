// Permissions.
import { namedSection } from "./named-section.js";
import type { Section } from "./section.js";

/** Prepares the section. */
export const permissions = (): Section =>
  namedSection({
    path: "permissions",
    singular: "permission",
    codes: "permission_exists invalid_request_body",
    renaming:
      "Services check a permission by its name. Also change the name in every service that checks it.",
    deletion: "The permission is removed from all roles and people.",
  });
