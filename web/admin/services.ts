// The services in which people may do something, and the roles that there are in each.
import { type Named, type Service, all, api, isBuiltIn } from "./api.js";
import { ask } from "./form-dialog.js";
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import { type Part, deleteAsked, fill, focusEntry, pagedList } from "./section.js";
import { showRelations } from "./relations.js";

const section = byId("services", HTMLElement);

const fields = (service?: Service) => [
  {
    name: "name",
    label: "Name",
    value: service?.name ?? "",
    attributes: { maxlength: "64" },
    missing: "Enter a name for the service.",
    codes: "service_exists",
  },
  {
    name: "description",
    label: "Description",
    note: "optional",
    value: service?.description ?? "",
    attributes: { maxlength: "500" },
  },
];

/** Which roles people can have in it. */
const rolesOf = (service: Service): void =>
  showRelations({
    title: `Roles of ${service.name}`,
    kind: "Role",
    none: "It has no roles: people can only have permissions in it directly.",
    fixed: isBuiltIn(service),
    related: () => all<Named>(`/services/${service.id}/roles`),
    possible: () => all<Named>("/roles"),
    add: (role) => api.relate("service-roles", { service_id: service.id, role_id: role.id }),
    remove: (role) => api.part("service-roles", { service_id: service.id, role_id: role.id }),
    warning: () => `Whoever has this role in ${service.name} loses it there.`,
  });

/** Prepares the section. */
export const services = (): Part => {
  const described = { "aria-describedby": "services-error" };

  const item = (service: Service): HTMLLIElement => {
    const builtIn = isBuiltIn(service);
    const { name } = service;
    const title = element(
      "h3",
      {},
      isolated(name),
      ...(builtIn ? [" ", element("span", { class: "badge" }, "Built in")] : []),
    );
    const description =
      service.description === null
        ? null
        : element("p", { class: "muted" }, isolated(service.description));
    const actions = [button("Roles", `Roles of ${name}`, () => rolesOf(service))];
    if (!builtIn) {
      actions.push(
        button("Change", `Change service ${name}`, () => void change(service), described),
      );
      actions.push(
        button("Delete", `Delete service ${name}`, () => void remove(service), described),
      );
    }
    return element(
      "li",
      { "data-id": String(service.id) },
      element("div", {}, title, description),
      element("div", { class: "actions" }, ...actions),
    );
  };

  const list = pagedList<Service>(section, () => "/services", item, "There are no services.");

  const make = async (): Promise<void> => {
    if (isBusy(section)) return;
    let made: Named | undefined;
    const submit = async (values: Record<string, string>): Promise<void> => {
      made = await api.make("services", values);
    };
    if (
      !(await ask({ title: "Add a service", fields: fields(), action: "Add a service", submit })) ||
      !made
    )
      return;
    const { id, name } = made;
    await attempt(section, list.reload);
    say(`The service ${name} is made.`);
    focusEntry(section, id);
  };

  const change = async (service: Service): Promise<void> => {
    if (isBusy(section)) return;
    const submit = async (values: Record<string, string>): Promise<void> => {
      await api.change("services", service.id, values);
    };
    const text = "Backends that ask for a service by its name have to be told of a new one.";
    if (
      !(await ask({
        title: `Change ${service.name}`,
        text,
        fields: fields(service),
        action: "Save",
        submit,
      }))
    )
      return;
    await attempt(section, list.reload);
    say("The service is changed.");
    focusEntry(section, service.id);
  };

  const remove = (service: Service): Promise<void> =>
    deleteAsked(section, {
      title: `Delete the service ${service.name}?`,
      text: "Nobody may do anything in it any more.",
      remove: (force) => api.remove("services", service.id, force),
      removed: async () => {
        await list.reload();
        say(`The service ${service.name} is deleted.`);
        byId("services-title", HTMLElement).focus();
      },
    });

  byId("services-add", HTMLElement).addEventListener("click", () => void make());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
