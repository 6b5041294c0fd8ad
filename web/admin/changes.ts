// Recent changes of the policy, newest first.
import { byId, element, formatted, isolated, time } from "../shared/dom.js";
import type { Change } from "./api.js";
import { type Section, fill, pagedList } from "./section.js";

const section = byId("changes", HTMLElement);

/** Sentences about each change. They use the names that the objects had at that time. */
const SENTENCES: Record<string, (about: (name: string) => string) => string> = {
  user_created: (about) => `${about("username")} was added.`,
  user_updated: (about) => `${about("username")} was changed.`,
  user_deleted: (about) => `${about("username")} was deleted.`,
  tokens_revoked: (about) => `${about("username")} was signed out.`,
  factors_removed: (about) => `The factors of ${about("username")} were removed.`,
  service_token_issued: (about) => `A service token was created for ${about("username")}.`,
  administrator_made: (about) => `${about("username")} became an administrator of this service.`,
  service_created: (about) => `The service ${about("name")} was created.`,
  service_restored: (about) => `The service ${about("name")} was restored.`,
  service_updated: (about) => `The service ${about("name")} was changed.`,
  service_deleted: (about) => `The service ${about("name")} was deleted.`,
  role_created: (about) => `The role ${about("name")} was created.`,
  role_renamed: (about) => `The role ${about("from")} was renamed ${about("to")}.`,
  role_deleted: (about) => `The role ${about("name")} was deleted.`,
  permission_created: (about) => `The permission ${about("name")} was created.`,
  permission_renamed: (about) => `The permission ${about("from")} was renamed ${about("to")}.`,
  permission_deleted: (about) => `The permission ${about("name")} was deleted.`,
  permission_added_to_role: (about) =>
    `The role ${about("role")} was given the permission ${about("permission")}.`,
  permission_removed_from_role: (about) =>
    `The permission ${about("permission")} was removed from the role ${about("role")}.`,
  role_added_to_service: (about) =>
    `The service ${about("service")} was given the role ${about("role")}.`,
  role_removed_from_service: (about) =>
    `The role ${about("role")} was removed from the service ${about("service")}.`,
  role_granted: (about) =>
    `${about("username")} was given the role ${about("name")} in ${about("service")}`,
  role_revoked: (about) =>
    `The role ${about("name")} in ${about("service")} was revoked from ${about("username")}.`,
  permission_granted: (about) =>
    `${about("username")} was granted ${about("name")} in ${about("service")} directly`,
  permission_revoked: (about) =>
    `The direct permission ${about("name")} in ${about("service")} was revoked from ` +
    `${about("username")}.`,
};

const GRANTED = new Set(["role_granted", "permission_granted"]);

/** Identifies an object without a recorded name by its number. */
const numberOf = (change: Change, name: string): string => {
  if (name === "username" && change.person_id !== undefined) return `Person ${change.person_id}`;
  const id = change.service_id ?? change.role_id ?? change.permission_id;
  return id === undefined ? "(unknown)" : `number ${id}`;
};

const sentenceOf = (change: Change): string => {
  const detail = change.detail ?? {};
  const about = (name: string): string =>
    typeof detail[name] === "string" ? detail[name] : numberOf(change, name);
  // An action that this page does not know is shown by its name.
  const sentence = SENTENCES[change.action]?.(about) ?? `${change.action.replaceAll("_", " ")}.`;
  if (!GRANTED.has(change.action)) return sentence;
  const end = detail["expires_at"];
  return typeof end === "number" ? `${sentence} until ${formatted(end * 1000)}.` : `${sentence}.`;
};

const item = (change: Change): HTMLLIElement => {
  const forced = change.detail?.["forced"] === true ? " It was in use." : "";
  const by = element(
    "p",
    { class: "muted" },
    time(change.at * 1000),
    ", by ",
    isolated(change.actor),
  );
  return element(
    "li",
    { "data-action": change.action },
    element("p", {}, isolated(sentenceOf(change) + forced)),
    by,
  );
};

/** Prepares the section. */
export const changes = (): Section => {
  const list = pagedList<Change>(section, () => "/changes?limit=50", item, "There are no changes.");
  return { load: () => fill(section, list.reload), clear: list.clear };
};
