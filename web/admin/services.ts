// Services, and the roles of each.
import { button, byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, say } from "../shared/feedback.js";
import { type Named, type Service, all, api, isBuiltIn } from "./api.js";
import { type Field, openForm } from "./form-dialog.js";
import { showRelations } from "./relations.js";
import { type Section, confirmDeletion, fill, focusEntry, pagedList } from "./section.js";

const section = byId("services", HTMLElement);

const fields = (service?: Service): Field[] => [
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

const showRoles = (service: Service): void =>
  showRelations({
    title: `Roles of ${service.name}`,
    kind: "Role",
    none: "This service has no roles. People can only have direct permissions in it.",
    readOnly: isBuiltIn(service),
    related: () => all<Named>(`/services/${service.id}/roles`),
    possible: () => all<Named>("/roles"),
    add: ({ id }) => api.grant("service-roles", { service_id: service.id, role_id: id }),
    remove: ({ id }) => api.revoke("service-roles", { service_id: service.id, role_id: id }),
    warning: `People who have this role in ${service.name} lose it there.`,
  });

/** Prepares the section. */
export const services = (): Section => {
  const described = { "aria-describedby": "services-error" };

  const item = (service: Service): HTMLLIElement => {
    const builtIn = isBuiltIn(service);
    const { id, name, description } = service;
    const badge = builtIn ? [" ", element("span", { class: "badge" }, "Built in")] : [];
    const facts = element("div", {}, element("h3", {}, isolated(name), ...badge));
    if (description !== null) {
      facts.append(element("p", { class: "muted" }, isolated(description)));
    }
    const actions = [button("Roles", `Roles of ${name}`, () => showRoles(service))];
    if (!builtIn) {
      actions.push(
        button("Change", `Change service ${name}`, () => void change(service), described),
        button("Delete", `Delete service ${name}`, () => void remove(service), described),
      );
    }
    const actionGroup = element("div", { class: "actions" }, ...actions);
    return element("li", { "data-id": String(id) }, facts, actionGroup);
  };

  const none = "There are no services.";
  const list = pagedList<Service>(section, () => "/services", item, none);

  const create = async (): Promise<void> => {
    if (isBusy(section)) return;
    let created: Named | undefined;
    const submit = async (values: Record<string, string>): Promise<void> => {
      created = await api.create("services", values);
    };
    const title = "Add a service";
    const isDone = await openForm({ title, fields: fields(), action: title, submit });
    if (!isDone || !created) return;
    const { id, name } = created;
    await attempt(section, list.reload);
    say(`The service ${name} was created.`);
    focusEntry(section, id);
  };

  const change = async (service: Service): Promise<void> => {
    if (isBusy(section)) return;
    const isDone = await openForm({
      title: `Change ${service.name}`,
      text: "If you change the name, change it in every backend that uses it too.",
      fields: fields(service),
      action: "Save",
      submit: async (values) => {
        await api.update("services", service.id, values);
      },
    });
    if (!isDone) return;
    await attempt(section, list.reload);
    say("The service was changed.");
    focusEntry(section, service.id);
  };

  const remove = (service: Service): Promise<void> =>
    confirmDeletion(section, {
      object: `the service ${service.name}`,
      text: "All access to this service is revoked.",
      remove: (force) => api.remove("services", service.id, force),
      removed: async () => {
        await list.reload();
        say(`The service ${service.name} was deleted.`);
        byId("services-title", HTMLElement).focus();
      },
    });

  byId("services-add", HTMLElement).addEventListener("click", () => void create());
  return { load: () => fill(section, list.reload), clear: list.clear };
};
