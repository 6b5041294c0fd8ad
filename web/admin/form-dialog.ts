// A modal dialog with a form, to create, change or grant something.
import { ownerGuard } from "../shared/api.js";
import { element, errorPlace } from "../shared/dom.js";
import { onSubmit } from "../shared/feedback.js";

export interface Choice {
  value: string;
  text: string;
}

export interface Field {
  name: string;
  label: string;
  /** Note beside the label, for an optional field. */
  note?: string;
  hint?: string;
  attributes?: Record<string, string>;
  value?: string;
  /** Error text if the field is empty. Without it the field is optional. */
  missing?: string;
  /** The API's error codes that are about this field. */
  codes?: string;
  /** Groups of options. With them the field is a menu. */
  choices?: { label: string; choices: Choice[] }[];
}

export interface Form {
  title: string;
  text?: string;
  fields: Field[];
  action: string;
  /** Sends the values. If it throws, the dialog stays open and shows the error. */
  submit(values: Record<string, string>): Promise<void>;
}

export const option = ({ value, text }: Choice): HTMLOptionElement =>
  element("option", { value }, text);

/** The empty option at the top of a menu. */
export const noChoice = (): HTMLOptionElement => option({ value: "", text: "Choose…" });

const control = (field: Field): HTMLInputElement | HTMLSelectElement => {
  const { name, attributes = {}, value, missing, codes, choices, hint } = field;
  const id = `form-${name}`;
  const description = hint === undefined ? "form-error" : `${id}-hint form-error`;
  const common: Record<string, string> = { id, name, "aria-describedby": description };
  if (missing !== undefined) Object.assign(common, { required: "", "data-missing": missing });
  if (codes !== undefined) common["data-code"] = codes;
  if (!choices) {
    const input = element("input", { autocomplete: "off", ...common, ...attributes });
    input.value = value ?? "";
    return input;
  }
  const groups = choices
    .filter((group) => group.choices.length > 0)
    .map((group) => element("optgroup", { label: group.label }, ...group.choices.map(option)));
  return element("select", { ...common, ...attributes }, noChoice(), ...groups);
};

const row = (field: Field): HTMLElement => {
  const input = control(field);
  const { note, hint } = field;
  const label = element("label", { for: input.id }, field.label);
  if (note !== undefined) label.append(" ", element("span", { class: "muted" }, `(${note})`));
  const hintText =
    hint === undefined ? null : element("p", { id: `${input.id}-hint`, class: "muted" }, hint);
  return element("div", { class: "field" }, label, input, hintText);
};

/** Opens the form. Resolves to true after it was submitted. Escape and "Cancel" mean false. */
export const openForm = ({ title, text, fields, action, submit }: Form): Promise<boolean> => {
  const heading = element("h2", { id: "form-title" }, title);
  const explanation = text === undefined ? null : element("p", { id: "form-text" }, text);
  const error = errorPlace("form-error");
  const cancel = element("button", { type: "button", "data-way-out": "" }, "Cancel");
  const send = element(
    "button",
    { type: "submit", class: "primary", "aria-describedby": error.id },
    action,
  );
  const form = element(
    "form",
    { novalidate: "", method: "dialog" },
    heading,
    explanation,
    ...fields.map(row),
    error,
    element("div", { class: "actions" }, cancel, send),
  );
  const dialog = element("dialog", { "aria-labelledby": heading.id }, form);
  if (explanation) dialog.setAttribute("aria-describedby", explanation.id);
  const sameOwner = ownerGuard();
  cancel.addEventListener("click", () => dialog.close());
  onSubmit(form, async () => {
    const values: Record<string, string> = {};
    for (const { name } of fields) {
      const input = form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
      values[name] = input.value;
    }
    await submit(values);
    dialog.close("done");
  });
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector<HTMLElement>("input, select")?.focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "done" && sameOwner());
    });
  });
};
