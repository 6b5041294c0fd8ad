// The iPhones and iPads with the app, and how to revoke one. The section is hidden without devices.
import { ownerGuard } from "../shared/api.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, formatted, time } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { type Device, api } from "./api.js";

const section = byId("devices", HTMLElement);
const heading = byId("devices-title", HTMLElement);
const list = byId("devices-list", HTMLElement);
/** Gets the focus after the last device is revoked, because the section is hidden then. */
const neighbour = byId("sessions-title", HTMLElement);

/** Prepares the section. Calls `changed` after a device and its sessions have been revoked. */
export const devices = (changed: () => void) => {
  const reload = async (): Promise<void> => {
    const sameOwner = ownerGuard();
    try {
      const live = (await api.devices()).keys.filter(({ revoked }) => !revoked);
      list.replaceChildren(...live.map(item));
      section.hidden = live.length === 0;
    } catch (error) {
      // The account may have devices, so the section shows the error.
      if (sameOwner()) section.hidden = false;
      throw error;
    }
  };

  const item = (device: Device): HTMLLIElement => {
    // Apple does not identify the device, so its times tell devices apart.
    const name = `iPhone or iPad registered ${formatted(device.created_at)}`;
    const used =
      device.last_used === null ? ["not used yet"] : ["last used ", time(device.last_used)];
    const registered = ["Registered ", time(device.created_at), ", "];
    const times = element("p", { class: "muted" }, ...registered, ...used);
    const described = { "aria-describedby": "devices-error" };
    const revoke = button(
      "Revoke",
      `Revoke ${name}`,
      () => void askToRevoke(device, name),
      described,
    );
    const facts = element("div", {}, element("h3", {}, "iPhone or iPad"), times);
    const actions = element("div", { class: "actions" }, revoke);
    return element("li", { "data-id": device.key_id }, facts, actions);
  };

  const askToRevoke = async (device: Device, name: string): Promise<void> => {
    if (isBusy(section)) return;
    const text =
      "Its sessions end at once, and its key cannot be used again. " +
      "To use the app on it, sign in again.";
    const isConfirmed = await confirmed({
      title: `Revoke the ${name}?`,
      text,
      action: "Revoke device",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      await api.revokeDevice(device.key_id);
      await reload();
      say(`The ${name} was revoked.`);
      (section.hidden ? neighbour : heading).focus();
      changed();
    });
  };

  const clear = (): void => {
    section.hidden = true;
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
