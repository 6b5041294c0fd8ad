// The security events of the account, newest first.
import { byId, element, isolated, time } from "../shared/dom.js";
import { attempt, load, say } from "../shared/feedback.js";
import { type SecurityEvent, api } from "./api.js";
import { deviceName } from "./user-agent.js";

const section = byId("events", HTMLElement);
const list = byId("events-list", HTMLElement);
const more = byId("events-more", HTMLButtonElement);

const SENTENCES: Record<string, string> = {
  user_created: "The account was created.",
  identity_linked: "Another way to sign in was linked to the account.",
  signed_in: "Signed in to the account.",
  tokens_refreshed: "An app renewed its session.",
  refresh_token_reused:
    "An old key of an app was used again. It may have been copied, so the session was ended.",
  sign_in_revoked: "A session was ended.",
  signed_out: "Signed out of the account.",
  user_updated: "The account's details were changed.",
  user_deleted: "The account was deleted.",
  passkey_added: "A passkey was added.",
  passkey_renamed: "A passkey was renamed.",
  passkey_removed: "A passkey was deleted.",
  passkey_clone_suspected:
    "A passkey may have been copied, because its counter went backwards. It was refused. " +
    "If it moved to another authenticator, delete the passkey and add it again. " +
    "If you cannot explain this, delete it.",
  totp_enabled: "An authenticator app was set up.",
  totp_disabled: "The authenticator app was turned off.",
  factors_removed:
    "An administrator turned off the authenticator app and removed the backup codes. " +
    "If you did not ask for this, change your password.",
  backup_codes_made: "New backup codes were created.",
  recovered: "The account was recovered with a code instead of a passkey.",
  reauthenticated: "The identity of a signed-in user was confirmed.",
  device_key_added: "An iPhone or iPad with the app was registered.",
  device_key_revoked: "An iPhone or iPad with the app was revoked.",
};

const WARNINGS = new Set(["refresh_token_reused", "passkey_clone_suspected", "factors_removed"]);

const item = (event: SecurityEvent, passkey: string | undefined): HTMLLIElement => {
  const isWarning = WARNINGS.has(event.kind);
  // A kind that this page does not know is shown by its name.
  const sentence = SENTENCES[event.kind] ?? `${event.kind.replaceAll("_", " ")}.`;
  const warning = isWarning ? element("strong", {}, "Warning: ") : null;
  const title = element("p", {}, warning, sentence);
  const device = event.user_agent === null ? null : deviceName(event.user_agent);
  const origin = [device, event.address].filter((part) => part !== null);
  const details = [
    time(event.at),
    ...origin.map((part) => `, ${part}`),
    ...(passkey === undefined ? [] : [", passkey ", isolated(passkey)]),
  ];
  const attributes: Record<string, string> = { "data-kind": event.kind };
  if (isWarning) attributes["class"] = "warning";
  return element("li", attributes, title, element("p", { class: "muted" }, ...details));
};

/** Prepares the section. `nameOf` returns the name of a passkey that the account still has. */
export const events = (nameOf: (passkey: string) => string | undefined) => {
  let next: string | null = null;

  const page = async (before?: string): Promise<HTMLLIElement[]> => {
    const answer = await api.events(before);
    next = answer.next;
    more.hidden = next === null;
    return answer.events.map((event) => item(event, nameOf(event.subject ?? "")));
  };

  const reload = async (): Promise<void> => list.replaceChildren(...(await page()));

  const showMore = async (): Promise<void> => {
    const items = await page(next ?? undefined);
    list.append(...items);
    say(`${items.length} older events are shown.`);
    // The button may be hidden now, so the focus moves to the first new event.
    const [first] = items;
    first?.setAttribute("tabindex", "-1");
    first?.focus();
  };
  more.addEventListener("click", () => void attempt(section, showMore));

  const clear = (): void => {
    more.hidden = true;
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
