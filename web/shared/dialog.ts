// One question in a modal dialog, which keeps the focus inside and gives it back.
import { element } from "./dom.js";
import { here } from "./failure.js";

export interface Question {
  title: string;
  text: string;
  /** What the button that goes ahead says. */
  action: string;
  /** Going ahead takes nothing away from anybody. */
  harmless?: boolean;
}

/** Whether the action is wanted, by whoever the page showed when it asked. Escape means no. */
export const confirmed = ({
  title,
  text,
  action,
  harmless = false,
}: Question): Promise<boolean> => {
  const heading = element("h2", { id: "question-title" }, title);
  const explanation = element("p", { id: "question-text" }, text);
  // First, and so focused when it opens: Enter alone does no harm.
  const no = element("button", { type: "submit", value: "" }, "Cancel");
  const yes = element(
    "button",
    { type: "submit", value: "yes", class: harmless ? "primary" : "danger" },
    action,
  );
  const form = element(
    "form",
    { method: "dialog" },
    heading,
    explanation,
    element("div", { class: "actions" }, no, yes),
  );
  const dialog = element(
    "dialog",
    { "aria-labelledby": heading.id, "aria-describedby": explanation.id },
    form,
  );
  const same = here();
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes" && same());
    });
  });
};
