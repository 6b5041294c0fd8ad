// The account's passkeys: listed, added, renamed, deleted.
import { type Passkey, type Signals, api } from "./api.js";
import { register, signal } from "./ceremony.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, errorOf, isolated, time } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit, say } from "../shared/feedback.js";

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
  const ways = transports.flatMap((name) => TRANSPORTS[name] ?? []);
  return ways.length === 0 ? kind : `${kind} (${ways.join(", ")})`;
};

/** Prepares the section; `changed` is called when something of it has become different. Gives how to load it. */
export const passkeys = (changed: () => void) => {
  /** What password managers were told last. */
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
    const line = element(
      "p",
      { class: "muted" },
      "Added ",
      time(passkey.created_at),
      ", ",
      ...used,
    );
    return element(
      "div",
      {},
      element("h3", {}, isolated(passkey.name)),
      element("p", {}, kindOf(passkey)),
      line,
    );
  };

  const item = (passkey: Passkey): HTMLLIElement => {
    const described = { "aria-describedby": "passkeys-error" };
    const rename = button(
      "Rename",
      `Rename passkey ${passkey.name}`,
      () => edit(passkey, made),
      described,
    );
    const remove = button(
      "Delete",
      `Delete passkey ${passkey.name}`,
      () => void ask(passkey),
      described,
    );
    const made = element(
      "li",
      { "data-id": passkey.id },
      facts(passkey),
      element("div", { class: "actions" }, rename, remove),
    );
    return made;
  };

  /** Where somebody went on from, in a list that has been made anew. */
  const focusItem = (id: string): void => {
    const found = list.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"] button`);
    (found ?? heading).focus();
  };

  const edit = (passkey: Passkey, shown: HTMLLIElement): void => {
    if (isBusy(section)) return;
    const fieldId = `rename-${passkey.id}`;
    const errors = errorOf(`${fieldId}-error`);
    const described = { "aria-describedby": errors.id };
    const told = { "data-missing": "Enter a name.", "data-code": "invalid_passkey_name" };
    const field = element("input", {
      id: fieldId,
      maxlength: "64",
      required: "",
      autocomplete: "off",
      dir: "auto",
      ...told,
      ...described,
    });
    field.value = passkey.name;
    const cancel = button("Cancel", `Cancel renaming ${passkey.name}`, () => {
      form.replaceWith(...kept);
      focusItem(passkey.id);
    });
    const save = element("button", { type: "submit", class: "primary", ...described }, "Save");
    const label = element("label", { for: fieldId }, "New name");
    const actions = element("div", { class: "actions" }, save, cancel);
    const form = element(
      "form",
      { "aria-label": `Rename passkey ${passkey.name}` },
      label,
      field,
      errors,
      actions,
    );
    form.noValidate = true;
    form.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") cancel.click();
    });
    const rename = async (): Promise<void> => {
      const { signals: fresh } = await api.renamePasskey(passkey.id, field.value);
      signal(fresh);
      await reload();
      say(`The passkey is now called ${field.value}.`);
      focusItem(passkey.id);
      changed();
    };
    onSubmit(form, rename, section);
    const kept = [...shown.childNodes];
    shown.replaceChildren(form);
    field.select();
  };

  const ask = async (passkey: Passkey): Promise<void> => {
    if (isBusy(section)) return;
    const text =
      "You can no longer sign in with it. Your password manager may go on showing it; delete it there too.";
    if (
      !(await confirmed({
        title: `Delete passkey ${passkey.name}?`,
        text,
        action: "Delete passkey",
      }))
    )
      return;
    await attempt(section, async () => {
      const { signals: fresh } = await api.deletePasskey(passkey.id);
      signal(fresh);
      await reload();
      say(`The passkey ${passkey.name} is deleted.`);
      heading.focus();
      changed();
    });
  };

  const add = async (): Promise<void> => {
    // Not before: until then another passkey may be asked for, to confirm who they are.
    await register(addName.value === "" ? {} : { label: addName.value }, () =>
      say("Waiting for your new passkey…"),
    );
    addForm.reset();
    await reload();
    say("The passkey is added.");
    changed();
  };
  onSubmit(addForm, add, section);

  const clear = (): void => {
    // Told of another account, they would take that one's passkeys away.
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
