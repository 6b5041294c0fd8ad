// A dialog with a form: what is asked for when something is made, changed or granted.
import { element } from "../shared/dom.js";
import { onSubmit } from "../shared/feedback.js";
import { here } from "../shared/failure.js";

export interface Choice {
  value: string;
  text: string;
}

export interface Field {
  name: string;
  label: string;
  /** Beside the label, for what may be left out. */
  note?: string;
  hint?: string;
  attributes?: Record<string, string>;
  value?: string;
  /** What is said if it is missing; it may be left out otherwise. */
  missing?: string;
  /** The API's codes that are about this field. */
  codes?: string;
  /** Groups of what is chosen from, instead of text that is typed. */
  choices?: { label: string; choices: Choice[] }[];
}

export interface Form {
  title: string;
  text?: string;
  fields: Field[];
  action: string;
  /** Does it; what it throws is told in the dialog, which stays. */
  submit(values: Record<string, string>): Promise<void>;
}

export const option = ({ value, text }: Choice): HTMLOptionElement =>
  element("option", { value }, text);

const control = ({
  name,
  attributes = {},
  value,
  missing,
  codes,
  choices,
  hint,
}: Field): HTMLInputElement | HTMLSelectElement => {
  const id = `asked-${name}`;
  const described = `${hint === undefined ? "" : `${id}-hint `}asked-error`;
  const common: Record<string, string> = { id, name, "aria-describedby": described };
  if (missing !== undefined) Object.assign(common, { required: "", "data-missing": missing });
  if (codes !== undefined) common["data-code"] = codes;
  if (!choices) {
    const made = element("input", { autocomplete: "off", ...common, ...attributes });
    made.value = value ?? "";
    return made;
  }
  const groups = choices.filter((group) => group.choices.length > 0);
  const options = groups.map(({ label, choices: each }) =>
    element("optgroup", { label }, ...each.map(option)),
  );
  return element(
    "select",
    { ...common, ...attributes },
    option({ value: "", text: "Choose…" }),
    ...options,
  );
};

const row = (field: Field): HTMLElement => {
  const made = control(field);
  const note =
    field.note === undefined ? [] : [" ", element("span", { class: "muted" }, `(${field.note})`)];
  const hint =
    field.hint === undefined
      ? null
      : element("p", { id: `${made.id}-hint`, class: "muted" }, field.hint);
  return element(
    "div",
    { class: "field" },
    element("label", { for: made.id }, field.label, ...note),
    made,
    hint,
  );
};

/** Asks; gives whether it was done. Escape and "Cancel" mean no. */
export const ask = ({ title, text, fields, action, submit }: Form): Promise<boolean> => {
  const heading = element("h2", { id: "asked-title" }, title);
  const explanation = text === undefined ? null : element("p", { id: "asked-text" }, text);
  const error = element("p", { id: "asked-error", class: "error", role: "alert" });
  const cancel = element("button", { type: "button", "data-way-out": "" }, "Cancel");
  const go = element(
    "button",
    { type: "submit", class: "primary", "aria-describedby": "asked-error" },
    action,
  );
  const actions = element("div", { class: "actions" }, cancel, go);
  const form = element(
    "form",
    { novalidate: "", method: "dialog" },
    heading,
    explanation,
    ...fields.map(row),
    error,
    actions,
  );
  const dialog = element(
    "dialog",
    {
      "aria-labelledby": heading.id,
      ...(explanation ? { "aria-describedby": explanation.id } : {}),
    },
    form,
  );
  const same = here();
  cancel.addEventListener("click", () => dialog.close());
  onSubmit(form, async () => {
    const values: Record<string, string> = {};
    for (const { name } of fields)
      values[name] = (form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement).value;
    await submit(values);
    dialog.close("done");
  });
  document.body.append(dialog);
  dialog.showModal();
  form.querySelector<HTMLElement>("input, select")?.focus();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "done" && same());
    });
  });
};
