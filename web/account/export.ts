// Everything that is kept about the account, as a file.
import { api } from "./api.js";
import { byId, element } from "../shared/dom.js";
import { attempt, say } from "../shared/feedback.js";

const section = byId("data", HTMLElement);
const link = byId("data-export", HTMLAnchorElement);

const KEPT_MS = 60_000;

/** Prepares the section. */
export const exporting = (): void => {
  // Not left to the browser: it would say nothing of why the API refused, and would take whoever is signed in by now.
  link.addEventListener("click", (event) => {
    event.preventDefault();
    void attempt(section, async () => {
      const text = JSON.stringify(await api.exportMe(), null, 2);
      const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      element("a", { href, download: link.download }).click();
      // Later: not every browser has begun to read it by now.
      setTimeout(() => URL.revokeObjectURL(href), KEPT_MS);
      say("Your data is downloaded.");
    });
  });
};
