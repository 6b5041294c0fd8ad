// The admin page: sign-in, sign-out, and which section is shown.
import { byId } from "../shared/dom.js";
import {
  attempt,
  clearErrors,
  onSubmit,
  say,
  showError,
  whenOwnerGone,
} from "../shared/feedback.js";
import {
  SIGNED_OUT,
  closeDialogs,
  emptyAlerts,
  onRestored,
  setTexts,
  showOnly,
} from "../shared/page.js";
import { access } from "./access.js";
import { type Lifetime, Refusal, api, forgetToken } from "./api.js";
import { changes } from "./changes.js";
import { explaining } from "./explain.js";
import { people } from "./people.js";
import { permissions } from "./permissions.js";
import { roles } from "./roles.js";
import type { Section } from "./section.js";
import { services } from "./services.js";
import { keepSignedIn, stopRenewing } from "./session.js";

const VIEWS = ["loading", "signed-out", "signed-in"];
const TITLE = "Hamrah admin";

const who = byId("who", HTMLElement);
const signedOut = byId("signed-out", HTMLElement);
const signedIn = byId("signed-in", HTMLElement);
const form = byId("sign-in", HTMLFormElement);
const username = byId("sign-in-username", HTMLInputElement);
const password = byId("sign-in-password", HTMLInputElement);
const code = byId("sign-in-code", HTMLInputElement);
const codeField = byId("sign-in-second", HTMLElement);
const nav = byId("parts", HTMLElement);

/** The sections by the id of their element, to which a link of the navigation leads. */
const SECTIONS: Record<string, Section> = {
  people: people(),
  services: services(),
  roles: roles(),
  permissions: permissions(),
  access: access(),
  explain: explaining(),
  changes: changes(),
};
const FIRST = "people";

/** Returns the section that the URL names. */
const sectionInUrl = (): string => {
  const name = location.hash.slice(1);
  return Object.hasOwn(SECTIONS, name) ? name : FIRST;
};

/** Shows the section that the URL names, loads it and moves the focus to its heading. */
const showSection = (): void => {
  if (signedIn.hidden) return;
  const name = sectionInUrl();
  showOnly(Object.keys(SECTIONS), name);
  for (const link of nav.querySelectorAll("a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const heading = byId(`${name}-title`, HTMLElement);
  document.title = `${heading.textContent} – ${TITLE}`;
  heading.focus();
  void SECTIONS[name]?.load();
};

const showCodeField = (shown: boolean): void => {
  codeField.hidden = !shown;
  code.required = shown;
};

/** Shows the sign-in form. Removes all data of the person who was signed in. */
const showSignIn = (message: string, focus = true): void => {
  forgetToken();
  stopRenewing();
  closeDialogs();
  for (const section of Object.values(SECTIONS)) section.clear();
  emptyAlerts("[role=alert]");
  setTexts({ "who-name": "", "who-username": "" });
  form.reset();
  clearErrors(form);
  showCodeField(false);
  who.hidden = true;
  showOnly(VIEWS, "signed-out");
  document.title = TITLE;
  say(message);
  if (focus) signedOut.querySelector<HTMLElement>("h1")?.focus();
};

const showSignedIn = (lifetime: Lifetime): void => {
  // The password and the code are no longer needed.
  form.reset();
  showCodeField(false);
  const { name, username: login } = lifetime.person;
  setTexts({ "who-name": name, "who-username": login });
  keepSignedIn(lifetime, () => showSignIn(SIGNED_OUT));
  who.hidden = false;
  showOnly(VIEWS, "signed-in");
  say("You are signed in.");
  showSection();
};

onSubmit(form, async () => {
  const secondFactor = codeField.hidden ? undefined : code.value;
  try {
    showSignedIn(await api.signIn(username.value, password.value, secondFactor));
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "second_factor_required") throw error;
    showCodeField(true);
    const text = "This account also needs a code from its authenticator app. Enter the code.";
    showError(form, text, code);
    // The field is empty, not wrong.
    code.removeAttribute("aria-invalid");
  }
});

byId("sign-out", HTMLElement).addEventListener("click", () => {
  void attempt(who, async () => {
    try {
      await api.signOut();
    } catch (error) {
      // An expired token needs no revocation. After any other error it is still valid, so the user
      // must see the error.
      if (!(error instanceof Refusal) || !error.signedOut) throw error;
    }
    showSignIn("You are signed out.");
  });
});

whenOwnerGone(() => showSignIn(SIGNED_OUT));
addEventListener("hashchange", () => {
  // The last announcement was about another section.
  say("");
  showSection();
});
// A restored page may still show the data of a person who has left it.
onRestored(() => showSignIn(SIGNED_OUT, false));
showSignIn("", false);
