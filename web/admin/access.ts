// Who may do what in a service: roles and permissions that people have there, for good or for a while.
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
import { ask } from "./form-dialog.js";
import { fillMenu, forgetUsernames, proposeUsernames } from "./select-options.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, isolated, time } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import { type Part, fill, pagedList } from "./section.js";

const section = byId("access", HTMLElement);
const menu = byId("access-service", HTMLSelectElement);
const add = byId("access-add", HTMLButtonElement);

/** A role, or a permission that is granted directly. */
type What = "role" | "permission";

/** What gives or takes it. */
const relationOf = (what: What, service: number, person: number | string, id: number) =>
  what === "role"
    ? (["person-service-roles", { person_id: person, service_id: service, role_id: id }] as const)
    : ([
        "person-service-permissions",
        { person_id: person, service_id: service, permission_id: id },
      ] as const);

/** Seconds of a moment that was typed; undefined if none was. */
const endOf = (typed: string): number | undefined => {
  if (typed === "") return undefined;
  const end = Math.floor(new Date(typed).getTime() / 1000);
  if (!(end * 1000 > Date.now()))
    throw new Refusal(0, "invalid_end", "Choose a moment to come, or none.");
  return end;
};

/** Prepares the section. */
export const access = (): Part => {
  const described = { "aria-describedby": "access-error" };
  const service = (): Named | undefined => {
    const [chosen] = menu.selectedOptions;
    return chosen && chosen.value !== ""
      ? { id: Number(chosen.value), name: chosen.text }
      : undefined;
  };

  const grantLine = (holder: Holder, what: What, grant: Grant): HTMLLIElement => {
    const end = grant.expires_at;
    const over = end !== null && end * 1000 <= Date.now();
    const until =
      end === null
        ? []
        : [element("span", { class: "muted" }, over ? " ended " : " until ", time(end * 1000))];
    const label = `Take away the ${what} ${grant.name} from ${holder.username}`;
    const text = element(
      "span",
      {},
      what === "role" ? "Role " : "Permission ",
      element("strong", {}, isolated(grant.name)),
      ...until,
    );
    return element(
      "li",
      over ? { class: "over" } : {},
      text,
      button("Take away", label, () => void take(holder, what, grant), described),
    );
  };

  const item = (holder: Holder): HTMLLIElement => {
    const who = element(
      "div",
      {},
      element("h3", {}, isolated(holder.name)),
      element("p", { class: "muted" }, isolated(holder.username)),
    );
    const roles = holder.roles.map((role) => grantLine(holder, "role", role));
    const direct = holder.permissions.map((permission) =>
      grantLine(holder, "permission", permission),
    );
    return element(
      "li",
      { class: "holder", "data-id": String(holder.id) },
      who,
      element("ul", { class: "grants" }, ...roles, ...direct),
    );
  };

  const list = pagedList<Holder>(
    section,
    () => `/services/${service()?.id ?? 0}/people`,
    item,
    "Nobody has anything in this service.",
  );

  const reload = async (): Promise<void> => {
    add.hidden = service() === undefined;
    if (service() === undefined) list.clear();
    else await list.reload();
  };

  const grant = async (): Promise<void> => {
    const where = service();
    if (!where || isBusy(section)) return;
    let choices: { roles: Named[]; permissions: Named[] } | undefined;
    await attempt(section, async () => {
      const [roles, permissions] = await Promise.all([
        all<Named>(`/services/${where.id}/roles`),
        all<Named>("/permissions"),
        proposeUsernames(),
      ]);
      // In the service itself there are only its own, and nowhere else are they good for anything.
      choices = {
        roles,
        permissions: permissions.filter((each) => isBuiltIn(each) === isBuiltIn(where)),
      };
    });
    if (!choices) return;
    const menuOf = (what: What, things: Named[]) =>
      things.map(({ id, name }) => ({ value: `${what} ${id}`, text: name }));
    const given = [
      { label: "Roles", choices: menuOf("role", choices.roles) },
      { label: "Permissions, directly", choices: menuOf("permission", choices.permissions) },
    ];
    const submit = async ({
      person = "",
      given: chosen = "",
      end = "",
    }: Record<string, string>): Promise<void> => {
      const [what, id] = chosen.split(" ") as [What, string];
      const until = endOf(end);
      const [kind, relation] = relationOf(what, where.id, person, Number(id));
      await api.relate(kind, {
        ...relation,
        ...(until === undefined ? {} : { expires_at: until }),
      });
    };
    const done = await ask({
      title: `Grant something in ${where.name}`,
      fields: [
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
          name: "given",
          label: "What",
          choices: given,
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
      ],
      action: "Grant",
      submit,
    });
    if (!done) return;
    await attempt(section, reload);
    say("It is granted.");
    add.focus();
  };

  const take = async (holder: Holder, what: What, granted: Grant): Promise<void> => {
    const where = service();
    if (!where || isBusy(section)) return;
    const title = `Take the ${what} ${granted.name} from ${holder.username}?`;
    if (
      !(await confirmed({
        title,
        text: `They lose it in ${where.name} at once.`,
        action: "Take away",
      }))
    )
      return;
    await attempt(section, async () => {
      const [kind, relation] = relationOf(what, where.id, holder.id, granted.id);
      await api.part(kind, relation);
      await reload();
      say(`The ${what} ${granted.name} is taken from ${holder.username}.`);
      byId("access-title", HTMLElement).focus();
    });
  };

  menu.addEventListener("change", () => void fill(section, reload));
  add.addEventListener("click", () => void grant());

  const clear = (): void => {
    menu.replaceChildren();
    add.hidden = true;
    list.clear();
    forgetUsernames();
  };
  const loadAll = async (): Promise<void> => {
    fillMenu(menu, await all<Service>("/services"));
    await reload();
  };
  return { load: () => fill(section, loadAll), clear };
};
