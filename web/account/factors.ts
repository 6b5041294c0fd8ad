// Account recovery: an authenticator app and backup codes, for users who lose all their passkeys.
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, errorPlace, time } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit, say, showError } from "../shared/feedback.js";
import { type Enrolment, type Factors, api } from "./api.js";

const section = byId("factors", HTMLElement);
const heading = byId("factors-title", HTMLElement);
const list = byId("factors-list", HTMLElement);
/** Shows secrets for as long as the user needs to see them. */
const panel = byId("factors-panel", HTMLElement);

const DESCRIBED = { "aria-describedby": "factors-error" };

/** Prepares the section. Calls `changed` after a change of the recovery methods. */
export const factors = (changed: () => void) => {
  const hideSecrets = (): void => panel.replaceChildren();
  // The browser may keep the page in its cache for the next user of the device.
  addEventListener("pagehide", hideSecrets);

  const reload = async (): Promise<void> => {
    const { totp, backup_codes } = await api.factors();
    list.replaceChildren(totpItem(totp), codesItem(backup_codes));
  };

  const item = (
    id: string,
    title: string,
    state: (Node | string)[],
    action: HTMLButtonElement,
  ): HTMLLIElement => {
    const description = element("p", { class: "muted" }, ...state);
    const facts = element("div", {}, element("h3", {}, title), description);
    return element("li", { "data-id": id }, facts, element("div", { class: "actions" }, action));
  };

  const totpItem = ({ enabled, since }: Factors["totp"]): HTMLLIElement => {
    const on = ["On", ...(since === null ? [] : [" since ", time(since)])];
    const state = enabled ? on : ["Not set up"];
    const action = enabled
      ? button("Turn off", "Turn off the authenticator app", () => void askToDisable(), DESCRIBED)
      : button("Set up", "Set up an authenticator app", () => void enrol(), DESCRIBED);
    return item("totp", "Authenticator app", state, action);
  };

  const codesItem = ({ left, made_at }: Factors["backup_codes"]): HTMLLIElement => {
    const state = made_at === null ? ["None created"] : [`${left} left, created `, time(made_at)];
    const text = made_at === null ? "Create backup codes" : "Create new backup codes";
    const create = button(text, text, () => void askForCodes(left), DESCRIBED);
    return item("codes", "Backup codes", state, create);
  };

  /** Shows an element in the panel, in place of its previous content, and focuses its heading. */
  const show = (shown: HTMLElement): void => {
    // The previous announcement was about another action.
    say("");
    panel.replaceChildren(shown);
    panel.querySelector<HTMLElement>("h3")?.focus();
  };

  const close = (message: string): void => {
    hideSecrets();
    heading.focus();
    say(message);
  };

  const enrol = (): Promise<void> =>
    attempt(section, async () => {
      // A second enrolment replaces the secret of the first one.
      hideSecrets();
      show(enrolmentForm(await api.enrolTotp()));
    });

  const enrolmentForm = ({ secret, otpauth_uri, qr_svg }: Enrolment): HTMLFormElement => {
    const errors = errorPlace("totp-error");
    const described = { "aria-describedby": errors.id };
    const title = element(
      "h3",
      { id: "totp-title", tabindex: "-1" },
      "Set up an authenticator app",
    );
    const how = element(
      "p",
      {},
      "Scan the QR code with the app, or type the secret into it. " +
        "Then enter the code that the app shows.",
    );
    // A script inside the SVG does not run if the SVG is an image.
    const image = element("img", {
      src: `data:image/svg+xml,${encodeURIComponent(qr_svg)}`,
      alt: "QR code of the secret",
      class: "qr",
    });
    // For phones, which cannot scan their own screen.
    const link = element(
      "a",
      { href: otpauth_uri, class: "button on-touch" },
      "Open the app on this device",
    );
    // Groups of four are easier to type. A copy of the secret has no spaces.
    const groups = (secret.match(/.{1,4}/g) ?? []).map((group) => element("span", {}, group));
    const text = element("p", {}, "Secret: ", element("code", { class: "secret" }, ...groups));
    const field = element("input", {
      id: "totp-code",
      inputmode: "numeric",
      autocomplete: "one-time-code",
      maxlength: "16",
      required: "",
      "data-missing": "Enter the six digits that the app shows.",
      "data-code": "invalid_code",
      ...described,
    });
    const label = element("label", { for: field.id }, "First code from the app");
    const row = element("div", { class: "field" }, label, field);
    const save = element("button", { type: "submit", class: "primary", ...described }, "Turn on");
    const cancel = button("Cancel", "Cancel setting up the authenticator app", () => close(""));
    const actions = element("div", { class: "actions" }, save, cancel);
    const form = element(
      "form",
      { "aria-labelledby": title.id },
      ...[title, how, image, link, text, row, errors, actions],
    );
    form.noValidate = true;
    const confirm = async (): Promise<void> => {
      await api.confirmTotp(field.value);
      hideSecrets();
      await reload();
      close("The authenticator app is set up.");
      changed();
    };
    onSubmit(form, confirm, section);
    return form;
  };

  const askToDisable = async (): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: "Turn off the authenticator app?",
      text: "Its codes will stop working. Also delete the account in the app.",
      action: "Turn off",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      await api.disableTotp();
      await reload();
      close("The authenticator app is turned off.");
      changed();
    });
  };

  const askForCodes = async (left: number): Promise<void> => {
    if (isBusy(section)) return;
    if (left > 0) {
      const isConfirmed = await confirmed({
        title: "Create new backup codes?",
        text: "Your current backup codes will stop working.",
        action: "Create new backup codes",
      });
      if (!isConfirmed) return;
    }
    await attempt(section, async () => {
      const { codes } = await api.createBackupCodes();
      // Shown before anything else can fail, because the API returns them only once.
      show(codesGroup(codes));
      await reload();
      changed();
    });
  };

  const codesGroup = (codes: readonly string[]): HTMLElement => {
    const title = element("h3", { id: "codes-title", tabindex: "-1" }, "Your new backup codes");
    const how = element(
      "p",
      {},
      "Each code works once. " +
        "Print the codes or write them down, and keep them away from your devices. They are not shown again.",
    );
    const items = codes.map((code) => element("li", {}, element("code", {}, code)));
    const errors = errorPlace("codes-error");
    const copyCodes = async (): Promise<void> => {
      try {
        await navigator.clipboard.writeText(codes.join("\n"));
      } catch {
        const text =
          "This browser does not let the page copy the codes. Select and copy them yourself.";
        return showError(group, text);
      }
      say("The backup codes are copied.");
    };
    const copy = button("Copy", "Copy the backup codes", () => void attempt(section, copyCodes), {
      "aria-describedby": errors.id,
    });
    const saved = element("button", { type: "button", class: "primary" }, "I have saved them");
    saved.addEventListener("click", () => close("The backup codes are no longer shown."));
    const actions = element("div", { class: "actions" }, copy, saved);
    const codeList = element("ul", { class: "codes" }, ...items);
    const group = element(
      "div",
      { role: "group", "aria-labelledby": title.id },
      ...[title, how, codeList, errors, actions],
    );
    return group;
  };

  const clear = (): void => {
    hideSecrets();
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
