// Why somebody may do something in a service or may not, and which single grant would let them.
import { type Explanation, type Named, type Remedy, type Service, all, api } from "./api.js";
import { fillMenu, proposeUsernames } from "./select-options.js";
import { confirmed } from "../shared/dialog.js";
import { byId, element, isolated } from "../shared/dom.js";
import { attempt, isBusy, onSubmit, say } from "../shared/feedback.js";
import { type Part, fill } from "./section.js";

const section = byId("explain", HTMLElement);
const form = byId("explain-form", HTMLFormElement);
const subject = byId("explain-subject", HTMLInputElement);
const services = byId("explain-service", HTMLSelectElement);
const permissions = byId("explain-permission", HTMLSelectElement);
const result = byId("explain-result", HTMLElement);

/** A question, as it was asked. */
interface Question {
  subject: string;
  service: Named;
  permission: Named;
}

const UNKNOWN: Record<string, (asked: Question) => string> = {
  unknown_subject: ({ subject: who }) => `There is nobody with the username or the number ${who}.`,
  unknown_service: ({ service }) => `There is no service ${service.name} any more.`,
  unknown_permission: ({ permission }) => `There is no permission ${permission.name} any more.`,
};

const reasonOf = (asked: Question, { reason, via }: Explanation): string => {
  if (reason === "role")
    return `By the role ${via?.role ?? ""}, which has the permission ${asked.permission.name}.`;
  if (reason === "direct_grant") return "The permission is granted to them directly.";
  return (
    UNKNOWN[reason]?.(asked) ??
    "None of their roles in this service has the permission, and it is not granted to them directly."
  );
};

/** What is to be known of a role that matters here. */
const aboutRole = ({
  role,
  held,
  ended,
  has_permission,
}: Explanation["roles"][number]): HTMLLIElement => {
  const has = held
    ? "they have it"
    : ended
      ? "they had it, and it has ended"
      : "they do not have it";
  const gives = has_permission ? "it has the permission" : "it does not have the permission";
  return element("li", {}, element("strong", {}, isolated(role.name)), `: ${has}; ${gives}.`);
};

interface Way {
  action: string;
  warning: string;
  apply(): Promise<unknown>;
}

const wayOf = (
  { subject: who, service, permission }: Question,
  { grant, role }: Remedy,
): Way | undefined => {
  const [person_id, service_id, permission_id] = [who, service.id, permission.id];
  const inService = `They get it in ${service.name} at once, for good.`;
  if (grant === "person_service_permission") {
    const apply = () =>
      api.relate("person-service-permissions", { person_id, service_id, permission_id });
    return { action: `Grant ${who} ${permission.name} directly`, warning: inService, apply };
  }
  if (!role) return undefined;
  const role_id = role.id;
  if (grant === "person_service_role") {
    const apply = () => api.relate("person-service-roles", { person_id, service_id, role_id });
    return {
      action: `Give ${who} the role ${role.name}`,
      warning: `${inService} With it comes everything else that the role has.`,
      apply,
    };
  }
  if (grant !== "role_permission") return undefined;
  const warning = "Everybody who has this role gets it, in every service that has the role.";
  const apply = () => api.relate("role-permissions", { role_id, permission_id });
  return { action: `Give the role ${role.name} the permission ${permission.name}`, warning, apply };
};

/** Prepares the section. */
export const explaining = (): Part => {
  const answerTo = async (asked: Question): Promise<void> => {
    const explained = await api.explain(asked.subject, asked.service.id, asked.permission.name);
    const may = explained.allowed ? "may" : "may not";
    const verdict = `${asked.subject} ${may} ${asked.permission.name} in ${asked.service.name}.`;
    const heading = element(
      "h3",
      { tabindex: "-1", class: explained.allowed ? "allowed" : "denied" },
      verdict,
    );
    const parts: HTMLElement[] = [heading, element("p", {}, reasonOf(asked, explained))];
    if (explained.roles.length > 0) {
      parts.push(
        element("h4", {}, "Roles that matter here"),
        element("ul", { class: "facts" }, ...explained.roles.map(aboutRole)),
      );
    }
    const ways = explained.would_allow.flatMap((remedy) => wayOf(asked, remedy) ?? []);
    if (ways.length > 0) {
      const buttons = ways.map((way) => {
        const made = element(
          "button",
          { type: "button", "aria-describedby": "explain-error" },
          way.action,
        );
        made.addEventListener("click", () => void apply(asked, way));
        return made;
      });
      parts.push(
        element("h4", {}, "Any one of these would allow it"),
        element("div", { class: "actions" }, ...buttons),
      );
    }
    result.replaceChildren(...parts);
    heading.focus();
  };

  const apply = async (asked: Question, { action, warning, apply: grant }: Way): Promise<void> => {
    if (
      isBusy(section) ||
      !(await confirmed({ title: `${action}?`, text: warning, action: "Grant", harmless: true }))
    )
      return;
    await attempt(section, async () => {
      await grant();
      await answerTo(asked);
      say("It is granted.");
    });
  };

  onSubmit(
    form,
    async () => {
      const [service] = services.selectedOptions;
      const [permission] = permissions.selectedOptions;
      if (!service || !permission) return;
      result.replaceChildren();
      await answerTo({
        subject: subject.value,
        service: { id: Number(service.value), name: service.text },
        permission: { id: Number(permission.value), name: permission.text },
      });
    },
    section,
  );

  const clear = (): void => {
    form.reset();
    services.replaceChildren();
    permissions.replaceChildren();
    result.replaceChildren();
  };
  const loadAll = async (): Promise<void> => {
    // What was answered may not be so any more.
    result.replaceChildren();
    const [places, things] = await Promise.all([
      all<Service>("/services"),
      all<Named>("/permissions"),
      proposeUsernames(),
    ]);
    fillMenu(services, places);
    fillMenu(permissions, things);
  };
  return { load: () => fill(section, loadAll), clear };
};
