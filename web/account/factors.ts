// What opens the account again when every passkey is lost: an authenticator app, and backup codes.
import { type Enrolment, type Factors, api } from "./api.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, errorOf, time } from "../shared/dom.js";
import { attempt, isBusy, load, onSubmit, say, showError } from "../shared/feedback.js";

const section = byId("factors", HTMLElement);
const heading = byId("factors-title", HTMLElement);
const list = byId("factors-list", HTMLElement);
/** Where secrets are shown, as long as somebody needs to see them. */
const panel = byId("factors-panel", HTMLElement);

const DESCRIBED = { "aria-describedby": "factors-error" };

/** Prepares the section; `changed` is called when something of it has become different. */
export const factors = (changed: () => void) => {
  const forget = (): void => panel.replaceChildren();
  // The browser may keep the page as it is for whoever comes back.
  addEventListener("pagehide", forget);

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
    const facts = element(
      "div",
      {},
      element("h3", {}, title),
      element("p", { class: "muted" }, ...state),
    );
    return element("li", { "data-id": id }, facts, element("div", { class: "actions" }, action));
  };

  const totpItem = ({ enabled, since }: Factors["totp"]): HTMLLIElement => {
    const state = enabled
      ? ["On", ...(since === null ? [] : [" since ", time(since)])]
      : ["Not set up"];
    const action = enabled
      ? button("Turn off", "Turn off the authenticator app", () => void askToDisable(), DESCRIBED)
      : button("Set up", "Set up an authenticator app", () => void enrol(), DESCRIBED);
    return item("totp", "Authenticator app", state, action);
  };

  const codesItem = ({ left, made_at }: Factors["backup_codes"]): HTMLLIElement => {
    const state = made_at === null ? ["None made"] : [`${left} left, made `, time(made_at)];
    const text = made_at === null ? "Make backup codes" : "Make new backup codes";
    return item(
      "codes",
      "Backup codes",
      state,
      button(text, text, () => void askForCodes(left), DESCRIBED),
    );
  };

  /** Shows something for once, in place of what was shown before; reading goes on at its top. */
  const show = (shown: HTMLElement): void => {
    // What was said before is not of this.
    say("");
    panel.replaceChildren(shown);
    panel.querySelector<HTMLElement>("h3")?.focus();
  };

  const close = (message: string): void => {
    forget();
    heading.focus();
    say(message);
  };

  const enrol = (): Promise<void> =>
    attempt(section, async () => {
      // Of two secrets only the second is good.
      forget();
      show(enrolment(await api.enrolTotp()));
    });

  const enrolment = ({ secret, otpauth_uri, qr_svg }: Enrolment): HTMLFormElement => {
    const errors = errorOf("totp-error");
    const described = { "aria-describedby": errors.id };
    const title = element(
      "h3",
      { id: "totp-title", tabindex: "-1" },
      "Set up an authenticator app",
    );
    const how = element(
      "p",
      {},
      "Scan this with the app, or type the secret into it. Then enter the code that the app shows.",
    );
    // As an image nothing in it can run.
    const image = element("img", {
      src: `data:image/svg+xml,${encodeURIComponent(qr_svg)}`,
      alt: "QR code of the secret",
      class: "qr",
    });
    // Nobody scans their own screen.
    const here = element(
      "a",
      { href: otpauth_uri, class: "button on-touch" },
      "Open the app on this device",
    );
    // In groups, for whoever types it; copied it is one word.
    const groups = (secret.match(/.{1,4}/g) ?? []).map((group) => element("span", {}, group));
    const typed = element("p", {}, "Secret: ", element("code", { class: "secret" }, ...groups));
    const told = {
      "data-missing": "Enter the six digits that the app shows.",
      "data-code": "invalid_code",
    };
    const digits = {
      inputmode: "numeric",
      autocomplete: "one-time-code",
      maxlength: "16",
      required: "",
    };
    const field = element("input", { id: "totp-code", ...digits, ...told, ...described });
    const label = element(
      "div",
      { class: "field" },
      element("label", { for: "totp-code" }, "First code of the app"),
      field,
    );
    const save = element("button", { type: "submit", class: "primary", ...described }, "Turn on");
    const cancel = button("Cancel", "Cancel setting up the authenticator app", () => close(""));
    const actions = element("div", { class: "actions" }, save, cancel);
    const form = element(
      "form",
      { "aria-labelledby": title.id },
      title,
      how,
      image,
      here,
      typed,
      label,
      errors,
      actions,
    );
    form.noValidate = true;
    const confirm = async (): Promise<void> => {
      await api.confirmTotp(field.value);
      forget();
      await reload();
      close("The authenticator app is set up.");
      changed();
    };
    onSubmit(form, confirm, section);
    return form;
  };

  const askToDisable = async (): Promise<void> => {
    if (isBusy(section)) return;
    const text =
      "Its codes will not open your account any more. Delete the account in the app, too.";
    if (!(await confirmed({ title: "Turn off the authenticator app?", text, action: "Turn off" })))
      return;
    await attempt(section, async () => {
      await api.disableTotp();
      await reload();
      close("The authenticator app is turned off.");
      changed();
    });
  };

  const askForCodes = async (left: number): Promise<void> => {
    if (isBusy(section)) return;
    const text = "The ones that you have will not work any more.";
    if (
      left > 0 &&
      !(await confirmed({ title: "Make new backup codes?", text, action: "Make new backup codes" }))
    )
      return;
    await attempt(section, async () => {
      const { codes } = await api.makeBackupCodes();
      // Shown first: they are not told again, whatever fails after this.
      show(made(codes));
      await reload();
      changed();
    });
  };

  const made = (codes: readonly string[]): HTMLElement => {
    const title = element("h3", { id: "codes-title", tabindex: "-1" }, "Your new backup codes");
    const how = element(
      "p",
      {},
      "Each of them works once. Print them or write them down, and keep them apart from your devices: they are not shown again.",
    );
    const items = codes.map((code) => element("li", {}, element("code", {}, code)));
    const errors = errorOf("codes-error");
    const copied = async (): Promise<void> => {
      try {
        await navigator.clipboard.writeText(codes.join("\n"));
      } catch {
        return showError(
          group,
          "The browser does not let this page copy them. Select the codes and copy them yourself.",
        );
      }
      say("The backup codes are copied.");
    };
    const copy = button("Copy", "Copy the backup codes", () => void attempt(section, copied), {
      "aria-describedby": errors.id,
    });
    const kept = element("button", { type: "button", class: "primary" }, "I have kept them");
    kept.addEventListener("click", () => close("The backup codes are not shown any more."));
    const actions = element("div", { class: "actions" }, copy, kept);
    const list = element("ul", { class: "codes" }, ...items);
    const group = element(
      "div",
      { role: "group", "aria-labelledby": title.id },
      title,
      how,
      list,
      errors,
      actions,
    );
    return group;
  };

  const clear = (): void => {
    forget();
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
