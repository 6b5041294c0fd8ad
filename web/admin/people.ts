// People, as accounts with a username and a password, and what each of them may do.
import { type Person, type Service, all, api } from "./api.js";
import { type Field, ask } from "./form-dialog.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { type Part, deleteAsked, fill, focusEntry, pagedList } from "./section.js";

const section = byId("people", HTMLElement);

const PASSWORD_CODES = "invalid_password common_password breached_password";
const plain = { autocapitalize: "none", spellcheck: "false" };

const fields = (person?: Person): Field[] => [
  {
    name: "username",
    label: "Username",
    value: person?.username ?? "",
    attributes: { ...plain, maxlength: "64" },
    missing: "Enter a username.",
    hint: "Letters, digits and ._@+-, and not a number.",
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
    attributes: { ...plain, type: "password", autocomplete: "new-password", maxlength: "256" },
    codes: PASSWORD_CODES,
    ...(person
      ? { note: "optional", hint: "Whoever is signed in with the old one has to sign in again." }
      : { missing: "Enter a password.", hint: "8 characters at least. They can sign in with it." }),
  },
];

const menu = (label: string, choices: [string, string][]) => [
  { label, choices: choices.map(([value, text]) => ({ value, text })) },
];

/** What is only asked when somebody is made: it is not shown or changed afterwards. */
const papers: Field[] = [
  {
    name: "email",
    label: "E-mail address",
    note: "optional",
    attributes: { ...plain, maxlength: "254" },
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
    label: "Document",
    note: "optional",
    choices: menu("Document", [
      ["DNI", "DNI"],
      ["CE", "CE"],
      ["RUC", "RUC"],
    ]),
  },
  {
    name: "document_number",
    label: "Number of the document",
    note: "optional",
    attributes: { ...plain, maxlength: "20" },
    codes: "document_exists",
  },
];

/** Nobody's services are all shown if there are more than that. */
const MOST_SERVICES = 50;

/** Where somebody may do what, in a dialog. */
const showAccess = (person: Person): void => {
  const heading = element(
    "h2",
    { id: "may-title", tabindex: "-1" },
    `What ${person.username} may do`,
  );
  const list = element("ul", { class: "items" });
  const close = element("button", { type: "button", "data-way-out": "" }, "Close");
  const error = element("p", { class: "error", role: "alert" });
  const area = element(
    "div",
    { class: "stack" },
    heading,
    error,
    list,
    element("div", { class: "actions" }, close),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, area);

  const item = async (service: Service): Promise<HTMLLIElement> => {
    const { roles, permissions } = await api.access(person.id, service.id);
    const line = (what: string, names: string[]) =>
      element("p", {}, `${what}: `, names.length === 0 ? "none" : isolated(names.join(", ")));
    return element(
      "li",
      {},
      element(
        "div",
        {},
        element("h3", {}, isolated(service.name)),
        line("Roles", roles),
        line("Permissions", permissions),
      ),
    );
  };

  void load(area, async () => {
    const every = await all<Service>(`/people/${person.id}/services`);
    const items = await Promise.all(every.slice(0, MOST_SERVICES).map(item));
    if (every.length > MOST_SERVICES)
      items.push(
        element("li", { class: "muted" }, `And ${every.length - MOST_SERVICES} more services.`),
      );
    list.replaceChildren(
      ...(items.length === 0
        ? [element("li", { class: "muted" }, "Nothing, in no service.")]
        : items),
    );
  });
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
  dialog.addEventListener("close", () => dialog.remove());
};

/** Prepares the section. */
export const people = (): Part => {
  const described = { "aria-describedby": "people-error" };

  const item = (person: Person): HTMLLIElement => {
    const { id, username, name } = person;
    const who = element(
      "div",
      {},
      element("h3", {}, isolated(name)),
      element("p", { class: "muted" }, isolated(username), `, number ${id}`),
    );
    const actions = [
      button("Access", `Access of ${username}`, () => showAccess(person)),
      button("Change", `Change ${username}`, () => void change(person), described),
      button("Sign out", `Sign out ${username}`, () => void signOut(person), described),
      button("Delete", `Delete ${username}`, () => void remove(person), described),
    ];
    return element(
      "li",
      { "data-id": String(id) },
      who,
      element("div", { class: "actions" }, ...actions),
    );
  };

  const list = pagedList<Person>(section, () => "/users", item, "There is nobody.");

  const make = async (): Promise<void> => {
    if (isBusy(section)) return;
    let made: Person | undefined;
    const submit = async (values: Record<string, string>): Promise<void> => {
      made = await api.makePerson(values);
    };
    if (
      !(await ask({
        title: "Add a person",
        fields: [...fields(), ...papers],
        action: "Add a person",
        submit,
      })) ||
      !made
    )
      return;
    const { id, username } = made;
    await attempt(section, list.reload);
    say(`${username} is added.`);
    focusEntry(section, id);
  };

  const change = async (person: Person): Promise<void> => {
    if (isBusy(section)) return;
    const submit = async ({
      username = "",
      name = "",
      password = "",
    }: Record<string, string>): Promise<void> => {
      // Only what became different: a new password ends what is signed in.
      const to: Record<string, string> = {};
      if (username !== person.username) to["username"] = username;
      if (name !== person.name) to["name"] = name;
      if (password !== "") to["password"] = password;
      if (Object.keys(to).length > 0) await api.changePerson(person.id, to);
    };
    if (
      !(await ask({
        title: `Change ${person.username}`,
        fields: fields(person),
        action: "Save",
        submit,
      }))
    )
      return;
    await attempt(section, list.reload);
    say(`${person.username} is changed.`);
    focusEntry(section, person.id);
  };

  const signOut = async (person: Person): Promise<void> => {
    if (isBusy(section)) return;
    const text = "Every token of theirs ends at once. They can sign in again.";
    if (!(await confirmed({ title: `Sign out ${person.username}?`, text, action: "Sign out" })))
      return;
    await attempt(section, async () => {
      const { revoked_tokens } = await api.endTokens(person.id);
      say(
        `${person.username} is signed out: ${revoked_tokens === 1 ? "one token has" : `${revoked_tokens} tokens have`} ended.`,
      );
    });
  };

  const remove = (person: Person): Promise<void> =>
    deleteAsked(section, {
      title: `Delete ${person.username}?`,
      text: "Their account goes at once and for good, with everything that they may do.",
      remove: () => api.deletePerson(person.id),
      removed: async () => {
        await list.reload();
        say(`${person.username} is deleted.`);
        byId("people-title", HTMLElement).focus();
      },
    });

  byId("people-add", HTMLElement).addEventListener("click", () => void make());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
