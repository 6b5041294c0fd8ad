// The account's passkeys: list, add, rename, delete.
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, errorPlace, isolated, time } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit, say } from "../shared/feedback.js";
import { type Passkey, type Signals, api } from "./api.js";
import { register, signal } from "./ceremony.js";

const section = byId("passkeys", HTMLElement);
const heading = byId("passkeys-title", HTMLElement);
const list = byId("passkeys-list", HTMLElement);
const addForm = byId("passkey-add", HTMLFormElement);
const addName = byId("passkey-add-name", HTMLInputElement);

const TRANSPORTS: Record<string, string> = {
  internal: "built into a device",
  hybrid: "on a phone",
  usb: "USB",
  nfc: "NFC",
  ble: "Bluetooth",
  "smart-card": "smart card",
};

const kindOf = ({ credential_device_type, credential_backed_up, transports }: Passkey): string => {
  const synced = credential_backed_up ? "Synced between your devices" : "Not backed up";
  const kind = credential_device_type === "multiDevice" ? synced : "On one device only";
  const names = transports.flatMap((name) => TRANSPORTS[name] ?? []);
  return names.length === 0 ? kind : `${kind} (${names.join(", ")})`;
};

/** Prepares the section. Calls `changed` after a change of the account's passkeys. */
export const passkeys = (changed: () => void) => {
  /** The last signals that were sent to password managers. */
  let signals: Signals | undefined;
  const names = new Map<string, string>();

  const reload = async (): Promise<void> => {
    const answer = await api.passkeys();
    ({ signals } = answer);
    signal(signals);
    names.clear();
    for (const { id, name } of answer.credentials) names.set(id, name);
    list.replaceChildren(...answer.credentials.map(item));
  };

  const facts = (passkey: Passkey): HTMLElement => {
    const used =
      passkey.last_used === null ? ["not used yet"] : ["last used ", time(passkey.last_used)];
    const added = ["Added ", time(passkey.created_at), ", "];
    return element(
      "div",
      {},
      element("h3", {}, isolated(passkey.name)),
      element("p", {}, kindOf(passkey)),
      element("p", { class: "muted" }, ...added, ...used),
    );
  };

  const item = (passkey: Passkey): HTMLLIElement => {
    const { id, name } = passkey;
    const described = { "aria-describedby": "passkeys-error" };
    const rename = button("Rename", `Rename passkey ${name}`, () => edit(passkey, row), described);
    const remove = button(
      "Delete",
      `Delete passkey ${name}`,
      () => void askToDelete(passkey),
      described,
    );
    const actions = element("div", { class: "actions" }, rename, remove);
    const row = element("li", { "data-id": id }, facts(passkey), actions);
    return row;
  };

  /** Returns the focus to a passkey after the list has been built again. */
  const focusItem = (id: string): void => {
    const found = list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] button`);
    (found ?? heading).focus();
  };

  /** Replaces the content of a passkey's row with a form that has its name. */
  const edit = (passkey: Passkey, row: HTMLLIElement): void => {
    if (isBusy(section)) return;
    const errors = errorPlace(`rename-${passkey.id}-error`);
    const described = { "aria-describedby": errors.id };
    const field = element("input", {
      id: `rename-${passkey.id}`,
      maxlength: "64",
      required: "",
      autocomplete: "off",
      dir: "auto",
      "data-missing": "Enter a name.",
      "data-code": "invalid_passkey_name",
      ...described,
    });
    field.value = passkey.name;
    const cancel = button("Cancel", `Cancel renaming ${passkey.name}`, () => {
      form.replaceWith(...content);
      focusItem(passkey.id);
    });
    const save = element("button", { type: "submit", class: "primary", ...described }, "Save");
    const label = element("label", { for: field.id }, "New name");
    const actions = element("div", { class: "actions" }, save, cancel);
    const form = element(
      "form",
      { "aria-label": `Rename passkey ${passkey.name}` },
      ...[label, field, errors, actions],
    );
    form.noValidate = true;
    form.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") cancel.click();
    });
    const rename = async (): Promise<void> => {
      const answer = await api.renamePasskey(passkey.id, field.value);
      signal(answer.signals);
      await reload();
      say(`The passkey is now called ${field.value}.`);
      focusItem(passkey.id);
      changed();
    };
    onSubmit(form, rename, section);
    const content = [...row.childNodes];
    row.replaceChildren(form);
    field.select();
  };

  const askToDelete = async (passkey: Passkey): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `Delete passkey ${passkey.name}?`,
      text:
        "You can no longer sign in with it. Your password manager may still show it. " +
        "Delete it there too.",
      action: "Delete passkey",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      const answer = await api.deletePasskey(passkey.id);
      signal(answer.signals);
      await reload();
      say(`The passkey ${passkey.name} was deleted.`);
      heading.focus();
      changed();
    });
  };

  const add = async (): Promise<void> => {
    const registrant = addName.value === "" ? {} : { label: addName.value };
    // Announced late, because the user may first have to confirm their identity with a passkey.
    await register(registrant, () => say("Waiting for your new passkey…"));
    addForm.reset();
    await reload();
    say("The passkey was added.");
    changed();
  };
  onSubmit(addForm, add, section);

  const clear = (): void => {
    // Signals of this account would remove the passkeys of the next one.
    signals = undefined;
    names.clear();
    addForm.reset();
    list.replaceChildren();
  };

  return {
    load: () => load(section, reload),
    clear,
    signals: () => signals,
    nameOf: (id: string) => names.get(id),
  };
};
