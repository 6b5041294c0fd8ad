// Download of all data stored about the account.
import { byId, element } from "../shared/dom.js";
import { attempt, say } from "../shared/feedback.js";
import { api } from "./api.js";

const section = byId("data", HTMLElement);
const link = byId("data-export", HTMLAnchorElement);

/** How long the file stays available to the browser, in milliseconds. */
const FILE_LIFETIME_MS = 60_000;

/** Prepares the section. */
export const exporting = (): void => {
  // The browser's own download would not show an error, and could export another account after a
  // sign-in in another tab.
  link.addEventListener("click", (event) => {
    event.preventDefault();
    void attempt(section, async () => {
      const text = JSON.stringify(await api.exportMe(), null, 2);
      const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
      element("a", { href, download: link.download }).click();
      // Delayed, because some browsers start to read the file later.
      setTimeout(() => URL.revokeObjectURL(href), FILE_LIFETIME_MS);
      say("Your data is downloaded.");
    });
  });
};
