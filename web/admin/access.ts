// Grants: the roles and direct permissions that people have in a service, and until when.
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, isolated, time } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import {
  type Grant,
  type Holder,
  type Named,
  Refusal,
  type Service,
  all,
  api,
  isBuiltIn,
} from "./api.js";
import { type Field, openForm } from "./form-dialog.js";
import { type Section, fill, pagedList } from "./section.js";
import { clearUsernames, fillSelect, suggestUsernames } from "./select-options.js";

const section = byId("access", HTMLElement);
const menu = byId("access-service", HTMLSelectElement);
const add = byId("access-add", HTMLButtonElement);

/** A role, or a directly granted permission. */
type GrantKind = "role" | "permission";

interface Grantables {
  roles: Named[];
  permissions: Named[];
}

/** Returns the endpoint and the body that grant or revoke. */
const relationOf = (kind: GrantKind, service: number, person: number | string, id: number) =>
  kind === "role"
    ? (["person-service-roles", { person_id: person, service_id: service, role_id: id }] as const)
    : ([
        "person-service-permissions",
        { person_id: person, service_id: service, permission_id: id },
      ] as const);

/** Returns a typed time in seconds since 1970, or undefined if none was typed. */
const endOf = (typed: string): number | undefined => {
  if (typed === "") return undefined;
  const end = Math.floor(new Date(typed).getTime() / 1000);
  if (end * 1000 > Date.now()) return end;
  const text = "The end is not in the future. Choose a later time, or leave the field empty.";
  throw new Refusal(0, "invalid_end", text);
};

const formFields = ({ roles, permissions }: Grantables): Field[] => {
  const options = (kind: GrantKind, entries: Named[]) =>
    entries.map(({ id, name }) => ({ value: `${kind} ${id}`, text: name }));
  return [
    {
      name: "person",
      label: "Username",
      attributes: {
        list: "usernames",
        autocapitalize: "none",
        spellcheck: "false",
        maxlength: "64",
      },
      missing: "Enter a username.",
      codes: "person_not_found invalid_person_id",
    },
    {
      name: "granted",
      label: "Role or permission",
      choices: [
        { label: "Roles", choices: options("role", roles) },
        { label: "Direct permissions", choices: options("permission", permissions) },
      ],
      missing: "Choose a role or a permission.",
      codes: "role_not_in_service role_not_found",
    },
    {
      name: "end",
      label: "Until",
      note: "optional",
      attributes: { type: "datetime-local" },
      codes: "invalid_end invalid_request_body",
    },
  ];
};

/** Prepares the section. */
export const access = (): Section => {
  const described = { "aria-describedby": "access-error" };

  const chosenService = (): Named | undefined => {
    const [chosen] = menu.selectedOptions;
    if (!chosen || chosen.value === "") return undefined;
    return { id: Number(chosen.value), name: chosen.text };
  };

  const grantItem = (holder: Holder, kind: GrantKind, grant: Grant): HTMLLIElement => {
    const end = grant.expires_at;
    const expired = end !== null && end * 1000 <= Date.now();
    const label = `Revoke the ${kind} ${grant.name} from ${holder.username}`;
    const name = element("strong", {}, isolated(grant.name));
    const text = element("span", {}, kind === "role" ? "Role " : "Permission ", name);
    if (end !== null) {
      const word = expired ? " expired " : " until ";
      text.append(element("span", { class: "muted" }, word, time(end * 1000)));
    }
    const revoke = button("Revoke", label, () => void askToRevoke(holder, kind, grant), described);
    return element("li", expired ? { class: "over" } : {}, text, revoke);
  };

  const item = (holder: Holder): HTMLLIElement => {
    const facts = element(
      "div",
      {},
      element("h3", {}, isolated(holder.name)),
      element("p", { class: "muted" }, isolated(holder.username)),
    );
    const roles = holder.roles.map((role) => grantItem(holder, "role", role));
    const direct = holder.permissions.map((each) => grantItem(holder, "permission", each));
    const grants = element("ul", { class: "grants" }, ...roles, ...direct);
    return element("li", { class: "holder", "data-id": String(holder.id) }, facts, grants);
  };

  const path = (): string => `/services/${chosenService()?.id ?? 0}/people`;
  const list = pagedList<Holder>(section, path, item, "There are no grants in this service.");

  const reload = async (): Promise<void> => {
    const service = chosenService();
    add.hidden = service === undefined;
    if (service === undefined) list.clear();
    else await list.reload();
  };

  const loadGrantables = async (service: Named): Promise<Grantables> => {
    const [roles, permissions] = await Promise.all([
      all<Named>(`/services/${service.id}/roles`),
      all<Named>("/permissions"),
      suggestUsernames(),
    ]);
    // Built-in permissions work only in the built-in service, and no others work there.
    const matching = permissions.filter((each) => isBuiltIn(each) === isBuiltIn(service));
    return { roles, permissions: matching };
  };

  const grant = async (): Promise<void> => {
    const service = chosenService();
    if (!service || isBusy(section)) return;
    let grantables: Grantables | undefined;
    await attempt(section, async () => {
      grantables = await loadGrantables(service);
    });
    if (!grantables) return;
    const submit = async (values: Record<string, string>): Promise<void> => {
      const { person = "", granted = "", end = "" } = values;
      const [kind, id] = granted.split(" ") as [GrantKind, string];
      const expires_at = endOf(end);
      const [endpoint, relation] = relationOf(kind, service.id, person, Number(id));
      const expiry = expires_at === undefined ? {} : { expires_at };
      await api.grant(endpoint, { ...relation, ...expiry });
    };
    const isDone = await openForm({
      title: `Add a grant in ${service.name}`,
      fields: formFields(grantables),
      action: "Grant",
      submit,
    });
    if (!isDone) return;
    await attempt(section, reload);
    say("The grant was added.");
    add.focus();
  };

  const askToRevoke = async (holder: Holder, kind: GrantKind, granted: Grant): Promise<void> => {
    const service = chosenService();
    if (!service || isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `Revoke the ${kind} ${granted.name} from ${holder.username}?`,
      text: `The person loses it in ${service.name} at once.`,
      action: "Revoke",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      const [endpoint, relation] = relationOf(kind, service.id, holder.id, granted.id);
      await api.revoke(endpoint, relation);
      await reload();
      say(`The ${kind} ${granted.name} was revoked from ${holder.username}.`);
      byId("access-title", HTMLElement).focus();
    });
  };

  menu.addEventListener("change", () => void fill(section, reload));
  add.addEventListener("click", () => void grant());

  const clear = (): void => {
    menu.replaceChildren();
    add.hidden = true;
    list.clear();
    clearUsernames();
  };

  const loadAll = async (): Promise<void> => {
    fillSelect(menu, await all<Service>("/services"));
    await reload();
  };

  return { load: () => fill(section, loadAll), clear };
};
