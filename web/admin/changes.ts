// What was changed lately, newest first.
import type { Change } from "./api.js";
import { byId, element, isolated, time, written } from "../shared/dom.js";
import { type Part, fill, pagedList } from "./section.js";

const section = byId("changes", HTMLElement);

/** What was done, and to what, by the names of then. */
const SENTENCES: Record<string, (about: (name: string) => string) => string> = {
  user_created: (about) => `${about("username")} was added.`,
  user_updated: (about) => `${about("username")} was changed.`,
  user_deleted: (about) => `${about("username")} was deleted.`,
  tokens_revoked: (about) => `${about("username")} was signed out.`,
  service_token_issued: (about) => `A token for a backend was made for ${about("username")}.`,
  administrator_made: (about) => `${about("username")} became an administrator of this service.`,
  service_created: (about) => `The service ${about("name")} was made.`,
  service_restored: (about) => `The service ${about("name")} was made again.`,
  service_updated: (about) => `The service ${about("name")} was changed.`,
  service_deleted: (about) => `The service ${about("name")} was deleted.`,
  role_created: (about) => `The role ${about("name")} was made.`,
  role_renamed: (about) => `The role ${about("from")} was renamed ${about("to")}.`,
  role_deleted: (about) => `The role ${about("name")} was deleted.`,
  permission_created: (about) => `The permission ${about("name")} was made.`,
  permission_renamed: (about) => `The permission ${about("from")} was renamed ${about("to")}.`,
  permission_deleted: (about) => `The permission ${about("name")} was deleted.`,
  permission_added_to_role: (about) =>
    `The role ${about("role")} was given the permission ${about("permission")}.`,
  permission_removed_from_role: (about) =>
    `The permission ${about("permission")} was taken from the role ${about("role")}.`,
  role_added_to_service: (about) =>
    `The service ${about("service")} was given the role ${about("role")}.`,
  role_removed_from_service: (about) =>
    `The role ${about("role")} was taken from the service ${about("service")}.`,
  role_granted: (about) =>
    `${about("username")} was given the role ${about("name")} in ${about("service")}`,
  role_revoked: (about) =>
    `The role ${about("name")} in ${about("service")} was taken from ${about("username")}.`,
  permission_granted: (about) =>
    `${about("username")} was granted ${about("name")} in ${about("service")} directly`,
  permission_revoked: (about) =>
    `The direct permission ${about("name")} in ${about("service")} was taken from ${about("username")}.`,
};

const GRANTED = new Set(["role_granted", "permission_granted"]);

/** What is known of a thing whose name was not written down. */
const numberOf = (change: Change, name: string): string => {
  if (name === "username" && change.person_id !== undefined) return `Person ${change.person_id}`;
  const id = change.service_id ?? change.role_id ?? change.permission_id;
  return id === undefined ? "(unknown)" : `number ${id}`;
};

const sentenceOf = (change: Change): string => {
  const detail = change.detail ?? {};
  const about = (name: string): string =>
    typeof detail[name] === "string" ? detail[name] : numberOf(change, name);
  // A kind that this page does not know yet is better shown than hidden.
  const sentence = SENTENCES[change.action]?.(about) ?? `${change.action.replaceAll("_", " ")}.`;
  if (!GRANTED.has(change.action)) return sentence;
  const end = detail["expires_at"];
  return typeof end === "number" ? `${sentence} until ${written(end * 1000)}.` : `${sentence}.`;
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
export const changes = (): Part => {
  const list = pagedList<Change>(section, () => "/changes?limit=50", item, "Nothing was changed.");
  return { load: () => fill(section, list.reload), clear: list.clear };
};
