// Modal dialogs. The focus stays inside an open dialog. When the dialog closes, the focus returns
// to the element that had it before.
import { ownerGuard } from "./api.js";
import { element } from "./dom.js";

export interface Question {
  title: string;
  text: string;
  /** Label of the button that confirms the action. */
  action: string;
  /** True if the action removes nothing. The button then does not look dangerous. */
  harmless?: boolean;
}

/**
 * Asks the user to confirm an action and returns the answer. The answer is no if the user presses
 * Escape, or if the page's owner changes while the dialog is open.
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

/** Opens a dialog with `area` as its content, and removes the dialog when the user closes it. */
export const showDialog = (heading: HTMLElement, area: HTMLElement, close: HTMLElement): void => {
  const dialog = element("dialog", { "aria-labelledby": heading.id }, area);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
};
