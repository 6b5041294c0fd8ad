// The admin page: signing in and out, and which of its parts is shown.
import { access } from "./access.js";
import { type Lifetime, Refusal, api, forget } from "./api.js";
import { changes } from "./changes.js";
import { explaining } from "./explain.js";
import { byId } from "../shared/dom.js";
import {
  attempt,
  clearErrors,
  onSubmit,
  say,
  showError,
  whenDeparted,
} from "../shared/feedback.js";
import type { Part } from "./section.js";
import { people } from "./people.js";
import { services } from "./services.js";
import { keep, release } from "./session.js";
import { PERMISSIONS, ROLES, things } from "./named-section.js";

const ENDED = "You have been signed out. Sign in again.";

const who = byId("who", HTMLElement);
const signedOut = byId("signed-out", HTMLElement);
const signedIn = byId("signed-in", HTMLElement);
const form = byId("sign-in", HTMLFormElement);
const username = byId("sign-in-username", HTMLInputElement);
const password = byId("sign-in-password", HTMLInputElement);
const code = byId("sign-in-code", HTMLInputElement);
const second = byId("sign-in-second", HTMLElement);
const nav = byId("parts", HTMLElement);

/** The parts, each in a section of this id, to which a link of the navigation leads. */
const PARTS: Record<string, Part> = {
  people: people(),
  services: services(),
  roles: things(ROLES),
  permissions: things(PERMISSIONS),
  access: access(),
  explain: explaining(),
  changes: changes(),
};
const FIRST = "people";

/** The part that the address names. */
const named = (): string => {
  const name = location.hash.slice(1);
  return Object.hasOwn(PARTS, name) ? name : FIRST;
};

/** Shows the part, with what is in it now. Its heading gets the focus, so that reading goes on there. */
const showPart = (): void => {
  if (signedIn.hidden) return;
  const name = named();
  for (const each of Object.keys(PARTS)) byId(each, HTMLElement).hidden = each !== name;
  for (const link of nav.querySelectorAll("a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = byId(`${name}-title`, HTMLElement);
  document.title = `${heading.textContent} – Hamrah admin`;
  heading.focus();
  void PARTS[name]?.load();
};

const askForCode = (asked: boolean): void => {
  second.hidden = !asked;
  code.required = asked;
};

/** From here on nobody is signed in: of whoever was nothing stays in the document, and nothing goes on. */
const showSignIn = (message: string, focus = true): void => {
  forget();
  release();
  for (const dialog of document.querySelectorAll("dialog[open]"))
    (dialog as HTMLDialogElement).close();
  for (const part of Object.values(PARTS)) part.clear();
  for (const error of document.querySelectorAll("[role=alert]")) error.replaceChildren();
  for (const name of ["who-name", "who-username"]) byId(name, HTMLElement).textContent = "";
  form.reset();
  clearErrors(form);
  askForCode(false);
  who.hidden = true;
  signedIn.hidden = true;
  signedOut.hidden = false;
  document.title = "Hamrah admin";
  say(message);
  if (focus) signedOut.querySelector<HTMLElement>("h1")?.focus();
};

const showParts = (lifetime: Lifetime): void => {
  // Neither is needed any more.
  form.reset();
  askForCode(false);
  byId("who-name", HTMLElement).textContent = lifetime.person.name;
  byId("who-username", HTMLElement).textContent = lifetime.person.username;
  keep(lifetime, () => showSignIn(ENDED));
  who.hidden = false;
  signedOut.hidden = true;
  signedIn.hidden = false;
  say("You are signed in.");
  showPart();
};

onSubmit(form, async () => {
  try {
    showParts(
      await api.signIn(username.value, password.value, second.hidden ? undefined : code.value),
    );
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "second_factor_required") throw error;
    askForCode(true);
    showError(form, "This account also needs the code of its authenticator app.", code);
    // It is not wrong, only not there yet.
    code.removeAttribute("aria-invalid");
  }
});

byId("sign-out", HTMLElement).addEventListener("click", () => {
  void attempt(who, async () => {
    try {
      await api.signOut();
    } catch (error) {
      // One that has ended is as good as revoked; of any other it has to be told that it is still good for a while.
      if (!(error instanceof Refusal) || !error.signedOut) throw error;
    }
    showSignIn("You are signed out.");
  });
});

whenDeparted(() => showSignIn(ENDED));
addEventListener("hashchange", () => {
  // What was told before was about another part.
  say("");
  showPart();
});
// A page that the browser kept belongs to whoever left it.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) showSignIn(ENDED, false);
});
byId("loading", HTMLElement).hidden = true;
showSignIn("", false);
