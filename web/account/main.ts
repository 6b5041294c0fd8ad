// The account page: which of its views is shown, and what they share.
import { ApiError, type User, api, turnTo } from "./api.js";
import { explain, giveUp } from "./ceremony.js";
import { deletion } from "./deletion.js";
import { devices } from "./devices.js";
import { byId } from "../shared/dom.js";
import { events } from "./events.js";
import { exporting } from "./export.js";
import { factors } from "./factors.js";
import { attempt, explainBy, say, whenDeparted, whenRecovering } from "../shared/feedback.js";
import { passkeys } from "./passkeys.js";
import { recovery } from "./recovery.js";
import { sessions } from "./sessions.js";
import { signedOut } from "./signed-out.js";
import { stepUp } from "./stepup.js";

const VIEWS = ["loading", "broken", "signed-out", "lost", "recovering", "signed-in"] as const;
type View = (typeof VIEWS)[number];
/** Those that somebody may come back to, who signed in or out elsewhere meanwhile. */
const LASTING: readonly View[] = ["signed-out", "lost", "recovering", "signed-in"];

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
  who.hidden = view !== "signed-in" && view !== "recovering";
  if (focus) byId(view, HTMLElement).querySelector<HTMLElement>("h1")?.focus();
};

const keys = passkeys(() => void log.load());
const log = events(keys.nameOf);
const places = sessions(() => void log.load());
const phones = devices(() => {
  void places.load();
  void log.load();
});
const ways = factors(() => void log.load());
const lost = recovery({
  recovered: (signedIn) => showRecovering(signedIn, "Your code was right."),
  complete: (signedIn) => {
    showAccount(signedIn, true);
    say(
      "The passkey is added, and your account is yours again. Delete the passkeys that you have lost, and make new backup codes.",
    );
  },
});
const parts = [keys, ways, places, phones, log, lost];

/** From here on the page is somebody else's, or nobody's: of whoever had it nothing stays in the document, and nothing goes on. */
const handOver = (next: User | undefined): void => {
  turnTo(next);
  user = next;
  giveUp();
  forms.hidden();
  for (const dialog of document.querySelectorAll("dialog[open]"))
    (dialog as HTMLDialogElement).close();
  for (const part of parts) part.clear();
  for (const error of document.querySelectorAll("#signed-in [role=alert], #who [role=alert]"))
    error.replaceChildren();
  byId("who-name", HTMLElement).textContent = next?.name ?? "";
  byId("who-email", HTMLElement).textContent = next?.email ?? "";
};

const showAccount = (signedIn: User, focus: boolean): void => {
  handOver(signedIn);
  show("signed-in", focus);
  void ways.load();
  void places.load();
  void phones.load();
  // The events name passkeys.
  void keys.load().then(() => (user === signedIn && view === "signed-in" ? log.load() : undefined));
};

/** Somebody who got in with a code: of their account nothing is shown before it has a passkey that works. */
const showRecovering = (signedIn: User, message: string): void => {
  handOver(signedIn);
  show("recovering", true);
  say(message);
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
});
stepUp();
exporting();

signOut.addEventListener("click", () => {
  void attempt(who, async () => {
    await api.signOut();
    showForms("You are signed out.", true);
  });
});

byId("lost-open", HTMLElement).addEventListener("click", () => {
  handOver(undefined);
  show("lost", true);
});
byId("lost-back", HTMLElement).addEventListener("click", () => showForms("", true));

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

explainBy(explain);
whenDeparted((error) => {
  if (error.signedOut) return showForms(ENDED, true);
  void start(ENDED, true);
  say(error.wrote ? `${OTHER} What you asked for was not done.` : OTHER);
});

whenRecovering(() => {
  if (user && view !== "recovering") showRecovering(user, "");
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
  if (!document.hidden && LASTING.includes(view)) void lookAgain();
});
void start();
