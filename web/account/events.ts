// What happened to the account, newest first.
import { type SecurityEvent, api } from "./api.js";
import { byId, element, isolated, time } from "../shared/dom.js";
import { attempt, load, say } from "../shared/feedback.js";
import { deviceName } from "./user-agent.js";

const section = byId("events", HTMLElement);
const list = byId("events-list", HTMLElement);
const more = byId("events-more", HTMLButtonElement);

const SENTENCES: Record<string, string> = {
  user_created: "The account was made.",
  identity_linked: "A way to sign in was linked to the account.",
  signed_in: "Somebody signed in.",
  tokens_refreshed: "An app renewed its sign-in.",
  refresh_token_reused:
    "An old key of an app was used again: somebody may have copied it. That sign-in was ended.",
  sign_in_revoked: "A session was ended.",
  signed_out: "Somebody signed out.",
  user_updated: "The account's details were changed.",
  user_deleted: "The account was deleted.",
  passkey_added: "A passkey was added.",
  passkey_renamed: "A passkey was renamed.",
  passkey_removed: "A passkey was deleted.",
  passkey_clone_suspected:
    "A passkey may have been copied: its counter went backwards, so it was refused. Delete it if you do not know why.",
  totp_enabled: "An authenticator app was set up.",
  totp_disabled: "The authenticator app was turned off.",
  backup_codes_made: "New backup codes were made.",
  recovered: "Somebody got back into the account without a passkey, with a code.",
  reauthenticated: "Somebody who was signed in confirmed who they are.",
  device_key_added: "An iPhone or iPad with the app was registered.",
  device_key_revoked: "An iPhone or iPad with the app was revoked.",
};

const WARNINGS = new Set(["refresh_token_reused", "passkey_clone_suspected"]);

const item = (event: SecurityEvent, passkey: string | undefined): HTMLLIElement => {
  const warns = WARNINGS.has(event.kind);
  // A kind that this page does not know yet is better shown than hidden.
  const sentence = SENTENCES[event.kind] ?? `${event.kind.replaceAll("_", " ")}.`;
  const title = element("p", {}, warns ? element("strong", {}, "Warning: ") : null, sentence);
  const from = [
    event.user_agent === null ? null : deviceName(event.user_agent),
    event.address,
  ].filter((part) => part !== null);
  const which = passkey === undefined ? [] : [", passkey ", isolated(passkey)];
  const where = element(
    "p",
    { class: "muted" },
    time(event.at),
    ...from.map((part) => `, ${part}`),
    ...which,
  );
  return element(
    "li",
    warns ? { class: "warning", "data-kind": event.kind } : { "data-kind": event.kind },
    title,
    where,
  );
};

/** Prepares the section; `nameOf` knows what a passkey is called that the account still has. */
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
    // The button may be gone now: whoever used it goes on with what it brought.
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
