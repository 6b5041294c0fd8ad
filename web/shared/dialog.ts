// A modal dialog with one question. It keeps the focus inside and returns it when it closes.
import { ownerGuard } from "./api.js";
import { element } from "./dom.js";

export interface Question {
  title: string;
  text: string;
  /** Label of the button that confirms. */
  action: string;
  /** True if the action takes nothing away. The button then does not look dangerous. */
  harmless?: boolean;
}

/**
 * Asks the user to confirm an action and returns the answer. Escape means no, and so does a page
 * that has another owner by now.
 */
export const confirmed = ({
  title,
  text,
  action,
  harmless = false,
}: Question): Promise<boolean> => {
  const heading = element("h2", { id: "question-title" }, title);
  const explanation = element("p", { id: "question-text" }, text);
  // "Cancel" comes first and has the focus when the dialog opens, so Enter alone does no harm.
  const no = element("button", { type: "submit", value: "" }, "Cancel");
  const tone = harmless ? "primary" : "danger";
  const yes = element("button", { type: "submit", value: "yes", class: tone }, action);
  const actions = element("div", { class: "actions" }, no, yes);
  const form = element("form", { method: "dialog" }, heading, explanation, actions);
  const dialog = element(
    "dialog",
    { "aria-labelledby": heading.id, "aria-describedby": explanation.id },
    form,
  );
  const sameOwner = ownerGuard();
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      answer(dialog.returnValue === "yes" && sameOwner());
    });
  });
};

/** Opens a dialog that only shows its area, and removes it when the user closes it. */
export const showDialog = (heading: HTMLElement, area: HTMLElement, close: HTMLElement): void => {
  const dialog = element("dialog", { "aria-labelledby": heading.id }, area);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
};
