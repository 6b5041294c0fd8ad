// The account page: which of its views is shown, and what they share.
import { ApiError, type User, api, leave } from "./api.js";
import { explain } from "./ceremony.js";
import { deletion } from "./deletion.js";
import { byId } from "./dom.js";
import { events } from "./events.js";
import { attempt, say, whenSessionEnds } from "./feedback.js";
import { passkeys } from "./passkeys.js";
import { sessions } from "./sessions.js";
import { signedOut } from "./signed-out.js";

const VIEWS = ["loading", "broken", "signed-out", "signed-in"] as const;
type View = (typeof VIEWS)[number];

const who = byId("who", HTMLElement);
const signOut = byId("sign-out", HTMLButtonElement);
let user: User | undefined;

/** Shows one view. Its heading gets the focus when the reader's own action led there, so that reading goes on at its top. */
const show = (view: View, focus: boolean): void => {
  for (const each of VIEWS) byId(each, HTMLElement).hidden = each !== view;
  who.hidden = view !== "signed-in";
  if (focus) byId(view, HTMLElement).querySelector<HTMLElement>("h1")?.focus();
};

const keys = passkeys(() => void log.load());
const log = events(keys.nameOf);
const places = sessions(() => void log.load());
const parts = [keys, places, log];

const showAccount = (signedIn: User, focus: boolean): void => {
  leave();
  user = signedIn;
  byId("who-name", HTMLElement).textContent = signedIn.name ?? "";
  byId("who-email", HTMLElement).textContent = signedIn.email;
  for (const part of parts) part.clear();
  show("signed-in", focus);
  void places.load();
  // The events name passkeys.
  void keys.load().then(() => (user === signedIn ? log.load() : undefined));
};

const forms = signedOut((signedIn, message) => {
  showAccount(signedIn, true);
  say(message);
});

const showForms = (message: string, focus: boolean): void => {
  leave();
  user = undefined;
  for (const dialog of document.querySelectorAll("dialog[open]")) (dialog as HTMLDialogElement).close();
  // Nothing of an account stays in the document of somebody who has left it.
  for (const part of parts) part.clear();
  byId("who-name", HTMLElement).textContent = "";
  byId("who-email", HTMLElement).textContent = "";
  show("signed-out", focus);
  forms.shown();
  say(message);
};

whenSessionEnds(() => showForms("You have been signed out. Sign in again.", true));

deletion({
  user: () => {
    if (!user) throw new Error("nobody is signed in");
    return user;
  },
  signals: keys.signals,
  deleted: () => showForms("", true),
  changed: (other) => {
    showAccount(other, true);
    say("That passkey belongs to another account. Nothing was deleted; you are now signed in to the other account.");
  },
});

signOut.addEventListener("click", () => {
  void attempt(who, async () => {
    await api.signOut();
    showForms("You are signed out.", true);
  });
});

const start = async (): Promise<void> => {
  show("loading", false);
  try {
    showAccount(await api.me(), false);
  } catch (error) {
    if (error instanceof ApiError && error.signedOut) return showForms("", false);
    show("broken", false);
    byId("broken-why", HTMLElement).textContent = explain(error);
  }
};

byId("broken-again", HTMLElement).addEventListener("click", () => void start());
// A page that the browser kept may show an account that has been left since.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void start();
});
void start();
