// People: accounts with a username and a password, and the access of each.
import { confirmed, showDialog } from "../shared/dialog.js";
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { type Person, type RemovedFactors, type Service, all, api } from "./api.js";
import { type Field, openForm } from "./form-dialog.js";
import { type Section, confirmDeletion, fill, focusEntry, pagedList } from "./section.js";

const section = byId("people", HTMLElement);

const PASSWORD_CODES = "invalid_password common_password breached_password";
const PLAIN_TEXT = { autocapitalize: "none", spellcheck: "false" };

const fields = (person?: Person): Field[] => [
  {
    name: "username",
    label: "Username",
    value: person?.username ?? "",
    attributes: { ...PLAIN_TEXT, maxlength: "64" },
    missing: "Enter a username.",
    hint: "Letters, digits and ._@+- are allowed. A number alone is not.",
    codes: "user_exists",
  },
  {
    name: "name",
    label: "Name",
    value: person?.name ?? "",
    attributes: { maxlength: "200" },
    missing: "Enter a name.",
  },
  {
    name: "password",
    label: person ? "New password" : "Password",
    attributes: {
      ...PLAIN_TEXT,
      type: "password",
      autocomplete: "new-password",
      maxlength: "256",
    },
    codes: PASSWORD_CODES,
    ...(person
      ? { note: "optional", hint: "A new password signs the person out everywhere." }
      : {
          missing: "Enter a password.",
          hint: "At least 8 characters. The person signs in with it.",
        }),
  },
];

const menu = (label: string, choices: [string, string][]) => [
  { label, choices: choices.map(([value, text]) => ({ value, text })) },
];

/** Fields of a new person only. The page does not show or change them later. */
const documentFields: Field[] = [
  {
    name: "email",
    label: "E-mail address",
    note: "optional",
    attributes: { ...PLAIN_TEXT, maxlength: "254" },
  },
  {
    name: "person_type",
    label: "Kind of person",
    note: "optional",
    choices: menu("Kind", [
      ["N", "Natural person (N)"],
      ["J", "Legal person (J)"],
    ]),
  },
  {
    name: "document_type",
    label: "Document type",
    note: "optional",
    choices: menu("Document type", [
      ["DNI", "DNI"],
      ["CE", "CE"],
      ["RUC", "RUC"],
    ]),
  },
  {
    name: "document_number",
    label: "Document number",
    note: "optional",
    attributes: { ...PLAIN_TEXT, maxlength: "20" },
    codes: "document_exists",
  },
];

/** The most services that the access dialog shows. */
const MAX_SERVICES = 50;

const muted = (text: string): HTMLLIElement => element("li", { class: "muted" }, text);

/** Opens a dialog with the roles and permissions of a person in each service. */
const showAccess = (person: Person): void => {
  const title = `Access of ${person.username}`;
  const heading = element("h2", { id: "access-dialog-title", tabindex: "-1" }, title);
  const list = element("ul", { class: "items" });
  const close = element("button", { type: "button", "data-way-out": "" }, "Close");
  const error = element("p", { class: "error", role: "alert" });
  const actions = element("div", { class: "actions" }, close);
  const area = element("div", { class: "stack" }, heading, error, list, actions);

  const line = (label: string, names: string[]): HTMLElement =>
    element("p", {}, `${label}: `, names.length === 0 ? "none" : isolated(names.join(", ")));

  const item = async (service: Service): Promise<HTMLLIElement> => {
    const { roles, permissions } = await api.access(person.id, service.id);
    const facts = element(
      "div",
      {},
      element("h3", {}, isolated(service.name)),
      line("Roles", roles),
      line("Permissions", permissions),
    );
    return element("li", {}, facts);
  };

  void load(area, async () => {
    const services = await all<Service>(`/people/${person.id}/services`);
    const items = await Promise.all(services.slice(0, MAX_SERVICES).map(item));
    const more = services.length - MAX_SERVICES;
    if (more > 0) items.push(muted(`And ${more} more services.`));
    if (items.length === 0) items.push(muted("No access to any service."));
    list.replaceChildren(...items);
  });
  showDialog(heading, area, close);
};

/** Says which factors of a person were removed. */
const removalOf = (username: string, { totp, backup_codes: count }: RemovedFactors): string => {
  const codes = count === 1 ? "One backup code" : `${count} backup codes`;
  if (totp && count > 0)
    return `The authenticator app and ${codes.toLowerCase()} of ${username} were removed.`;
  if (totp) return `The authenticator app of ${username} was removed.`;
  if (count > 0) return `${codes} of ${username} ${count === 1 ? "was" : "were"} removed.`;
  return `${username} has no factor. Nothing was removed.`;
};

/** Prepares the section. */
export const people = (): Section => {
  const described = { "aria-describedby": "people-error" };

  const item = (person: Person): HTMLLIElement => {
    const { id, username, name } = person;
    const details = element("p", { class: "muted" }, isolated(username), `, number ${id}`);
    const facts = element("div", {}, element("h3", {}, isolated(name)), details);
    const actions = [
      button("Access", `Access of ${username}`, () => showAccess(person)),
      button("Change", `Change ${username}`, () => void change(person), described),
      button("Sign out", `Sign out ${username}`, () => void signOut(person), described),
      button(
        "Remove factors",
        `Remove factors of ${username}`,
        () => void removeFactors(person),
        described,
      ),
      button("Delete", `Delete ${username}`, () => void remove(person), described),
    ];
    const actionGroup = element("div", { class: "actions" }, ...actions);
    return element("li", { "data-id": String(id) }, facts, actionGroup);
  };

  const list = pagedList<Person>(section, () => "/users", item, "There are no people.");

  const create = async (): Promise<void> => {
    if (isBusy(section)) return;
    let created: Person | undefined;
    const title = "Add a person";
    const isDone = await openForm({
      title,
      fields: [...fields(), ...documentFields],
      action: title,
      submit: async (values) => {
        created = await api.createPerson(values);
      },
    });
    if (!isDone || !created) return;
    const { id, username } = created;
    await attempt(section, list.reload);
    say(`${username} was added.`);
    focusEntry(section, id);
  };

  const change = async (person: Person): Promise<void> => {
    if (isBusy(section)) return;
    const submit = async (values: Record<string, string>): Promise<void> => {
      const { username = "", name = "", password = "" } = values;
      // Only changed fields are sent, because a new password ends the person's sessions.
      const changes: Record<string, string> = {};
      if (username !== person.username) changes["username"] = username;
      if (name !== person.name) changes["name"] = name;
      if (password !== "") changes["password"] = password;
      if (Object.keys(changes).length > 0) await api.updatePerson(person.id, changes);
    };
    const isDone = await openForm({
      title: `Change ${person.username}`,
      fields: fields(person),
      action: "Save",
      submit,
    });
    if (!isDone) return;
    await attempt(section, list.reload);
    say(`${person.username} was changed.`);
    focusEntry(section, person.id);
  };

  const signOut = async (person: Person): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `Sign out ${person.username}?`,
      text: "All tokens of this person are revoked at once. The person can sign in again.",
      action: "Sign out",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      const { revoked_tokens: count } = await api.revokeTokens(person.id);
      const revoked = count === 1 ? "One token was revoked." : `${count} tokens were revoked.`;
      say(`${person.username} is signed out. ${revoked}`);
    });
  };

  const removeFactors = async (person: Person): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `Remove the factors of ${person.username}?`,
      text:
        "Do this only for a person who lost their authenticator app and backup codes. Check their " +
        "identity first. The person is signed out everywhere and then signs in without a code. " +
        "This cannot be undone.",
      action: "Remove",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      say(removalOf(person.username, await api.removeFactors(person.id)));
    });
  };

  const remove = (person: Person): Promise<void> =>
    confirmDeletion(section, {
      object: person.username,
      text: "The account and all its access are deleted immediately. This cannot be undone.",
      remove: () => api.deletePerson(person.id),
      removed: async () => {
        await list.reload();
        say(`${person.username} was deleted.`);
        byId("people-title", HTMLElement).focus();
      },
    });

  byId("people-add", HTMLElement).addEventListener("click", () => void create());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
