// Explains why a person has a permission in a service or not, and offers grants that would give it.
import { confirmed } from "../shared/dialog.js";
import { byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, onSubmit, say } from "../shared/feedback.js";
import { type Explanation, type Named, type Remedy, type Service, all, api } from "./api.js";
import { type Section, fill } from "./section.js";
import { fillSelect, suggestUsernames } from "./select-options.js";

const section = byId("explain", HTMLElement);
const form = byId("explain-form", HTMLFormElement);
const subject = byId("explain-subject", HTMLInputElement);
const services = byId("explain-service", HTMLSelectElement);
const permissions = byId("explain-permission", HTMLSelectElement);
const result = byId("explain-result", HTMLElement);

/** The question of the form: whether a person has a permission in a service. */
interface Question {
  subject: string;
  service: Named;
  permission: Named;
}

const UNKNOWN: Record<string, (question: Question) => string> = {
  unknown_subject: (question) =>
    `No person has the username or the number ${question.subject}. Check the spelling.`,
  unknown_service: ({ service }) =>
    `The service ${service.name} no longer exists. Choose another service.`,
  unknown_permission: ({ permission }) =>
    `The permission ${permission.name} no longer exists. Choose another permission.`,
};

const reasonOf = (question: Question, { reason, via }: Explanation): string => {
  if (reason === "role") {
    const role = via?.role ?? "";
    return `The person has the role ${role}, which has the permission ${question.permission.name}.`;
  }
  if (reason === "direct_grant") return "The permission is granted directly to this person.";
  return (
    UNKNOWN[reason]?.(question) ??
    "No role of this person in the service has the permission, and there is no direct grant."
  );
};

/** Describes a role that has the permission or that the person has. */
const roleItem = (each: Explanation["roles"][number]): HTMLLIElement => {
  const { role, held, ended, has_permission } = each;
  const past = ended ? "no longer has" : "does not have";
  const person = `The person ${held ? "has" : past} this role.`;
  const permission = `The role ${has_permission ? "has" : "does not have"} the permission.`;
  return element("li", {}, element("strong", {}, isolated(role.name)), `: ${person} ${permission}`);
};

/** A grant that the page offers. */
interface Offer {
  action: string;
  warning: string;
  apply(): Promise<unknown>;
}

const offerOf = (question: Question, { grant, role }: Remedy): Offer | undefined => {
  const { subject: person_id, service, permission } = question;
  const [service_id, permission_id] = [service.id, permission.id];
  const effect = `The person gets it in ${service.name} at once, without an end date.`;
  if (grant === "person_service_permission") {
    return {
      action: `Grant ${person_id} ${permission.name} directly`,
      warning: effect,
      apply: () =>
        api.grant("person-service-permissions", { person_id, service_id, permission_id }),
    };
  }
  if (!role) return undefined;
  const role_id = role.id;
  if (grant === "person_service_role") {
    return {
      action: `Give ${person_id} the role ${role.name}`,
      warning: `${effect} The person also gets all other permissions of the role.`,
      apply: () => api.grant("person-service-roles", { person_id, service_id, role_id }),
    };
  }
  if (grant !== "role_permission") return undefined;
  return {
    action: `Give the role ${role.name} the permission ${permission.name}`,
    warning: "All people with this role get the permission, in every service that has the role.",
    apply: () => api.grant("role-permissions", { role_id, permission_id }),
  };
};

/** Prepares the section. */
export const explaining = (): Section => {
  const showAnswer = async (question: Question): Promise<void> => {
    const { service, permission } = question;
    const answer = await api.explain(question.subject, service.id, permission.name);
    const verb = answer.allowed ? "may" : "may not";
    const heading = element(
      "h3",
      { tabindex: "-1", class: answer.allowed ? "allowed" : "denied" },
      `${question.subject} ${verb} ${permission.name} in ${service.name}.`,
    );
    const parts: HTMLElement[] = [heading, element("p", {}, reasonOf(question, answer))];
    if (answer.roles.length > 0) {
      parts.push(
        element("h4", {}, "Relevant roles"),
        element("ul", { class: "facts" }, ...answer.roles.map(roleItem)),
      );
    }
    const offers = answer.would_allow.flatMap((remedy) => offerOf(question, remedy) ?? []);
    if (offers.length > 0) {
      const buttons = offers.map((offer) => offerButton(question, offer));
      parts.push(
        element("h4", {}, "Any one of these grants would allow it"),
        element("div", { class: "actions" }, ...buttons),
      );
    }
    result.replaceChildren(...parts);
    heading.focus();
  };

  const offerButton = (question: Question, offer: Offer): HTMLButtonElement => {
    const attributes = { type: "button", "aria-describedby": "explain-error" };
    const button = element("button", attributes, offer.action);
    button.addEventListener("click", () => void apply(question, offer));
    return button;
  };

  const apply = async (question: Question, offer: Offer): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `${offer.action}?`,
      text: offer.warning,
      action: "Grant",
      harmless: true,
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      await offer.apply();
      await showAnswer(question);
      say("The grant was added.");
    });
  };

  const submit = async (): Promise<void> => {
    const [service] = services.selectedOptions;
    const [permission] = permissions.selectedOptions;
    if (!service || !permission) return;
    result.replaceChildren();
    await showAnswer({
      subject: subject.value,
      service: { id: Number(service.value), name: service.text },
      permission: { id: Number(permission.value), name: permission.text },
    });
  };
  onSubmit(form, submit, section);

  const clear = (): void => {
    form.reset();
    services.replaceChildren();
    permissions.replaceChildren();
    result.replaceChildren();
  };

  const loadAll = async (): Promise<void> => {
    // The last answer may no longer be true.
    result.replaceChildren();
    const [allServices, allPermissions] = await Promise.all([
      all<Service>("/services"),
      all<Named>("/permissions"),
      suggestUsernames(),
    ]);
    fillSelect(services, allServices);
    fillSelect(permissions, allPermissions);
  };

  return { load: () => fill(section, loadAll), clear };
};
