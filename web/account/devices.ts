// The iPhones and iPads with the app, and how to revoke one. Most accounts have none, and see nothing of this.
import { type Device, api, here } from "./api.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, time, written } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";

const section = byId("devices", HTMLElement);
const heading = byId("devices-title", HTMLElement);
const list = byId("devices-list", HTMLElement);
/** Where whoever revoked the last device goes on. */
const beside = byId("sessions-title", HTMLElement);

/** Prepares the section; `changed` is called when a device has been revoked, and its sign-ins have ended with it. */
export const devices = (changed: () => void) => {
  const reload = async (): Promise<void> => {
    const same = here();
    try {
      const live = (await api.devices()).keys.filter(({ revoked }) => !revoked);
      list.replaceChildren(...live.map(item));
      section.hidden = live.length === 0;
    } catch (error) {
      // That it is not known whether there are any must be seen.
      if (same()) section.hidden = false;
      throw error;
    }
  };

  const item = (device: Device): HTMLLIElement => {
    // Apple does not say which device it is: they are told apart by their times.
    const name = `iPhone or iPad registered ${written(device.created_at)}`;
    const used =
      device.last_used === null ? ["not used yet"] : ["last used ", time(device.last_used)];
    const times = element(
      "p",
      { class: "muted" },
      "Registered ",
      time(device.created_at),
      ", ",
      ...used,
    );
    const revoke = button("Revoke", `Revoke ${name}`, () => void ask(device, name), {
      "aria-describedby": "devices-error",
    });
    const facts = element("div", {}, element("h3", {}, "iPhone or iPad"), times);
    return element(
      "li",
      { "data-id": device.key_id },
      facts,
      element("div", { class: "actions" }, revoke),
    );
  };

  const ask = async (device: Device, name: string): Promise<void> => {
    if (isBusy(section)) return;
    const text =
      "Its sign-ins end at once, and its key cannot be used again. Whoever uses the app on it has to sign in again.";
    if (!(await confirmed({ title: `Revoke the ${name}?`, text, action: "Revoke device" }))) return;
    await attempt(section, async () => {
      await api.revokeDevice(device.key_id);
      await reload();
      say(`The ${name} is revoked.`);
      (section.hidden ? beside : heading).focus();
      changed();
    });
  };

  const clear = (): void => {
    section.hidden = true;
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
