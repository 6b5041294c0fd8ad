// The account page: which of its views is shown, and what they share.
import { ApiError, type User, api, turnTo } from "./api.js";
import { explain, giveUp } from "./ceremony.js";
import { deletion } from "./deletion.js";
import { devices } from "./devices.js";
import { byId } from "./dom.js";
import { events } from "./events.js";
import { attempt, say, whenDeparted } from "./feedback.js";
import { passkeys } from "./passkeys.js";
import { sessions } from "./sessions.js";
import { signedOut } from "./signed-out.js";

const VIEWS = ["loading", "broken", "signed-out", "signed-in"] as const;
type View = (typeof VIEWS)[number];

const ENDED = "You have been signed out. Sign in again.";
const OTHER = "Another account is signed in in this browser now. This page shows that one.";

const who = byId("who", HTMLElement);
const signOut = byId("sign-out", HTMLButtonElement);
let user: User | undefined;
let view: View = "loading";

/** Shows one view. Its heading gets the focus when the reader's own action led there, so that reading goes on at its top. */
const show = (next: View, focus: boolean): void => {
  view = next;
  for (const each of VIEWS) byId(each, HTMLElement).hidden = each !== view;
  who.hidden = view !== "signed-in";
  if (focus) byId(view, HTMLElement).querySelector<HTMLElement>("h1")?.focus();
};

const keys = passkeys(() => void log.load());
const log = events(keys.nameOf);
const places = sessions(() => void log.load());
const phones = devices(() => {
  void places.load();
  void log.load();
});
const parts = [keys, places, phones, log];

/** From here on the page is somebody else's, or nobody's: of whoever had it nothing stays in the document, and nothing goes on. */
const handOver = (next: User | undefined): void => {
  turnTo(next);
  user = next;
  giveUp();
  forms.hidden();
  for (const dialog of document.querySelectorAll("dialog[open]")) (dialog as HTMLDialogElement).close();
  for (const part of parts) part.clear();
  for (const error of document.querySelectorAll("#signed-in [role=alert], #who [role=alert]")) error.replaceChildren();
  byId("who-name", HTMLElement).textContent = next?.name ?? "";
  byId("who-email", HTMLElement).textContent = next?.email ?? "";
};

const showAccount = (signedIn: User, focus: boolean): void => {
  handOver(signedIn);
  show("signed-in", focus);
  void places.load();
  void phones.load();
  // The events name passkeys.
  void keys.load().then(() => (user === signedIn ? log.load() : undefined));
};

const forms = signedOut((signedIn, message) => {
  showAccount(signedIn, true);
  say(message);
});

const showForms = (message: string, focus: boolean): void => {
  handOver(undefined);
  show("signed-out", focus);
  forms.shown();
  say(message);
};

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

/** Shows whoever is signed in in this browser; `ended` is said if that is nobody. */
const start = async (ended = "", focus = false): Promise<void> => {
  handOver(undefined);
  show("loading", false);
  try {
    showAccount(await api.me(), focus);
  } catch (error) {
    if (error instanceof ApiError && error.code === "left") return;
    if (error instanceof ApiError && error.signedOut) return showForms(ended, focus);
    show("broken", focus);
    byId("broken-why", HTMLElement).textContent = explain(error);
  }
};

byId("broken-again", HTMLElement).addEventListener("click", () => void start());
// A page that the browser kept may show an account that has been left since.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void start();
});

whenDeparted((error) => {
  if (error.signedOut) return showForms(ENDED, true);
  void start(ENDED, true);
  say(error.wrote ? `${OTHER} What you asked for was not done.` : OTHER);
});

/** Whether another tab has signed in or out meanwhile. */
const lookAgain = async (): Promise<void> => {
  let now: User | undefined;
  try {
    now = await api.me();
  } catch (error) {
    if (!(error instanceof ApiError && error.signedOut)) return;
    // What goes on learns it by itself, and may be what ended the session.
    if (document.querySelector("[data-busy]")) return;
  }
  if (now?.id === user?.id) return;
  if (!now) return showForms(ENDED, true);
  const message = user ? OTHER : "You are signed in.";
  showAccount(now, true);
  say(message);
};

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && (view === "signed-in" || view === "signed-out")) void lookAgain();
});
void start();
