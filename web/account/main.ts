// The account page: which view is shown, and how the sections work together.
import { ApiError } from "../shared/api-error.js";
import { byId } from "../shared/dom.js";
import { attempt, explainBy, say, whenOwnerGone, whenRecovering } from "../shared/feedback.js";
import {
  SIGNED_OUT,
  closeDialogs,
  emptyAlerts,
  onRestored,
  setTexts,
  showOnly,
} from "../shared/page.js";
import { type User, api, setOwner } from "./api.js";
import { cancelCeremony, explain } from "./ceremony.js";
import { deletion } from "./deletion.js";
import { devices } from "./devices.js";
import { events } from "./events.js";
import { exporting } from "./export.js";
import { factors } from "./factors.js";
import { messaging } from "./messaging.js";
import { passkeys } from "./passkeys.js";
import { recovery } from "./recovery.js";
import { sessions } from "./sessions.js";
import { signedOut } from "./signed-out.js";
import { stepUp } from "./stepup.js";

const VIEWS = ["loading", "broken", "signed-out", "lost", "recovering", "signed-in"] as const;
type View = (typeof VIEWS)[number];
/** Views that check for a sign-in or sign-out in another tab when the user returns to them. */
const LASTING: readonly View[] = ["signed-out", "lost", "recovering", "signed-in"];

const OTHER_ACCOUNT =
  "This browser is now signed in to a different account. This page shows that account.";

const who = byId("who", HTMLElement);
const signOut = byId("sign-out", HTMLButtonElement);
let user: User | undefined;
let view: View = "loading";

/** Shows one view. Moves the focus to its heading if the user's own action led to it. */
const show = (next: View, focus: boolean): void => {
  view = next;
  showOnly(VIEWS, view);
  who.hidden = view !== "signed-in" && view !== "recovering";
  if (focus) byId(view, HTMLElement).querySelector<HTMLElement>("h1")?.focus();
};

const passkeySection = passkeys(() => void eventSection.load());
const eventSection = events(passkeySection.nameOf);
const sessionSection = sessions(() => void eventSection.load());
const deviceSection = devices(() => {
  void sessionSection.load();
  void eventSection.load();
});
const messagingSection = messaging();
const factorSection = factors(() => void eventSection.load());
const recoveryForms = recovery({
  recovered: (signedIn) => showRecovering(signedIn, "Your code was accepted."),
  complete: (signedIn) => {
    showAccount(signedIn, true);
    say(
      "The passkey was added, and your account is recovered. " +
        "Delete the passkeys that you lost, and create new backup codes.",
    );
  },
});
const parts = [
  passkeySection,
  factorSection,
  sessionSection,
  deviceSection,
  messagingSection,
  eventSection,
  recoveryForms,
];

/** Gives the page to another account or to none. Removes all data of the previous account. */
const handOver = (next: User | undefined): void => {
  setOwner(next);
  user = next;
  cancelCeremony();
  forms.hidden();
  closeDialogs();
  for (const part of parts) part.clear();
  emptyAlerts("#signed-in [role=alert], #who [role=alert]");
  setTexts({ "who-name": next?.name ?? "", "who-email": next?.email ?? "" });
};

const showAccount = (signedIn: User, focus: boolean): void => {
  handOver(signedIn);
  show("signed-in", focus);
  void factorSection.load();
  void sessionSection.load();
  void deviceSection.load();
  void messagingSection.load();
  // Events are loaded after the passkeys, because they show the names of passkeys.
  void passkeySection.load().then(() => {
    if (user === signedIn && view === "signed-in") return eventSection.load();
    return undefined;
  });
};

/** Shows the view for a recovered account. Its data is hidden until a passkey has been added. */
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
    if (!user) throw new Error("no account is signed in");
    return user;
  },
  signals: passkeySection.signals,
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

/** Shows the signed-in account, or the sign-in forms with the message. */
const start = async (message = "", focus = false): Promise<void> => {
  handOver(undefined);
  show("loading", false);
  try {
    showAccount(await api.me(), focus);
  } catch (error) {
    if (error instanceof ApiError && error.abandoned) return;
    if (error instanceof ApiError && error.signedOut) return showForms(message, focus);
    show("broken", focus);
    setTexts({ "broken-why": explain(error) ?? "" });
  }
};

byId("broken-again", HTMLElement).addEventListener("click", () => void start());
// A restored page may show an account that has signed out since.
onRestored(() => void start());

explainBy(explain);
whenOwnerGone((error) => {
  if (error.signedOut) return showForms(SIGNED_OUT, true);
  void start(SIGNED_OUT, true);
  say(error.wrote ? `${OTHER_ACCOUNT} Nothing was changed.` : OTHER_ACCOUNT);
});

whenRecovering(() => {
  if (user && view !== "recovering") showRecovering(user, "");
});

/** Checks for a sign-in or sign-out in another tab, and shows its result. */
const checkOtherTabs = async (): Promise<void> => {
  let now: User | undefined;
  try {
    now = await api.me();
  } catch (error) {
    if (!(error instanceof ApiError && error.signedOut)) return;
    // A running action notices the end of the session by itself, or has caused it.
    if (document.querySelector("[data-busy]")) return;
  }
  if (now?.id === user?.id) return;
  if (!now) return showForms(SIGNED_OUT, true);
  const message = user ? OTHER_ACCOUNT : "You are signed in.";
  showAccount(now, true);
  say(message);
};

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && LASTING.includes(view)) void checkOtherTabs();
});
void start();
