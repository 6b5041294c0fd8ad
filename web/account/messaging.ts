// The messaging keys of the account, and the accounts that it blocked. The section is hidden if the
// service has no relay.
import { ApiError } from "../shared/api-error.js";
import { ownerGuard } from "../shared/api.js";
import { button, byId, element, isolated, time } from "../shared/dom.js";
import { attempt, load, say } from "../shared/feedback.js";
import { type BackupStatus, type BlockedAccount, api } from "./api.js";

const section = byId("messaging", HTMLElement);
const facts = byId("messaging-facts", HTMLElement);
const blocks = byId("messaging-blocks", HTMLElement);
const blocksHeading = byId("messaging-blocks-title", HTMLElement);
const noBlocks = byId("messaging-no-blocks", HTMLElement);
const list = byId("messaging-blocks-list", HTMLElement);

const NO_KEYS = "You have no messaging keys. A messaging app creates them when you sign in to it.";

/** Returns the SHA-256 of a key in groups of four hexadecimal digits. */
const fingerprint = async (key: string): Promise<string> => {
  const bytes = Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const digits = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/.{4}(?=.)/g, "$& ");
};

const keysLine = (count: number, isLow: boolean): HTMLElement => {
  const left = count === 1 ? "One one-time prekey is left." : `${count} one-time prekeys are left.`;
  return element("p", {}, isLow ? `${left} Open your messaging app to add more.` : left);
};

const backupLine = ({ updated_at }: BackupStatus): HTMLElement =>
  updated_at === null
    ? element("p", {}, "Your keys have no backup.")
    : element("p", {}, "Your keys have a backup from ", time(Date.parse(updated_at)), ".");

const nameOf = ({ username, display_name }: BlockedAccount): string =>
  username ?? display_name ?? "an account without a name";

/** Prepares the section. */
export const messaging = () => {
  const reload = async (): Promise<void> => {
    const sameOwner = ownerGuard();
    try {
      const { identity_key } = await api.identityKey();
      if (identity_key === null) {
        facts.replaceChildren(element("p", {}, NO_KEYS));
        blocks.hidden = true;
        list.replaceChildren();
      } else {
        await showKeys(identity_key);
      }
      section.hidden = false;
    } catch (error) {
      if (!sameOwner()) throw error;
      // Without a relay, the service does not know the route.
      section.hidden = error instanceof ApiError && error.status === 404;
      if (!section.hidden) throw error;
    }
  };

  const showKeys = async (identityKey: string): Promise<void> => {
    const [shown, prekeys, backup, blocked] = await Promise.all([
      fingerprint(identityKey),
      api.prekeys(),
      api.backupStatus(),
      api.blocked(),
    ]);
    facts.replaceChildren(
      element("p", {}, "Fingerprint of your identity key (SHA-256): ", element("code", {}, shown)),
      keysLine(prekeys.count, prekeys.needs_replenishment),
      backupLine(backup),
    );
    list.replaceChildren(...blocked.map(item));
    noBlocks.hidden = blocked.length > 0;
    blocks.hidden = false;
  };

  const item = (account: BlockedAccount): HTMLLIElement => {
    const name = nameOf(account);
    const described = { "aria-describedby": "messaging-error" };
    const unblock = button("Unblock", `Unblock ${name}`, () => void end(account), described);
    const since = element(
      "p",
      { class: "muted" },
      "Blocked ",
      time(Date.parse(account.blocked_at)),
    );
    const who = element("div", {}, element("h4", {}, isolated(name)), since);
    const actions = element("div", { class: "actions" }, unblock);
    return element("li", { "data-id": account.user_id }, who, actions);
  };

  const end = (account: BlockedAccount): Promise<void> =>
    attempt(section, async () => {
      await api.unblock(account.user_id);
      await reload();
      say(`You no longer block ${nameOf(account)}.`);
      blocksHeading.focus();
    });

  const clear = (): void => {
    section.hidden = true;
    facts.replaceChildren();
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
