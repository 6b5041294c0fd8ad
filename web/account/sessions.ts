// Where the account is signed in, and how to end that elsewhere.
import { type Session, api } from "./api.js";
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, time } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { deviceName } from "./user-agent.js";
import { countryName, proofs } from "./location-label.js";

const section = byId("sessions", HTMLElement);
const heading = byId("sessions-title", HTMLElement);
const list = byId("sessions-list", HTMLElement);
const others = byId("sessions-end-others", HTMLButtonElement);

const PLATFORMS: Record<string, string> = {
  web: "Web browser",
  ios: "iOS app",
  api: "App or script",
};

/** Prepares the section; `changed` is called when a session has been ended. */
export const sessions = (changed: () => void) => {
  const reload = async (): Promise<void> => {
    const all = (await api.sessions()).sessions;
    // This one first, then those that were used last.
    all.sort((a, b) => Number(b.current) - Number(a.current) || b.last_used - a.last_used);
    list.replaceChildren(...all.map(item));
    others.hidden = all.every(({ current }) => current);
  };

  const item = (session: Session): HTMLLIElement => {
    const name = deviceName(session.user_agent);
    const title = element(
      "h3",
      {},
      name,
      ...(session.current ? [" ", element("span", { class: "badge" }, "This session")] : []),
    );
    const place = countryName(session.country);
    const platform = element(
      "p",
      {},
      PLATFORMS[session.platform] ?? session.platform,
      place === null ? null : `, ${place}`,
    );
    const { began, confirmed: later } = proofs(session);
    const line = (what: string, at: number) =>
      element("p", { class: "muted" }, `${what} `, time(at));
    const since = later === null ? [] : [line(later, session.auth_time)];
    const times = [
      line(began, session.created_at),
      ...since,
      line("Last active", session.last_used),
    ];
    // For this one there is "Sign out" at the top of the page.
    const end = button("End session", `End session of ${name}`, () => void ask(session, name), {
      "aria-describedby": "sessions-error",
    });
    const actions = session.current ? null : element("div", { class: "actions" }, end);
    return element(
      "li",
      { "data-id": session.id },
      element("div", {}, title, platform, ...times),
      actions,
    );
  };

  const ask = async (session: Session, name: string): Promise<void> => {
    if (isBusy(section)) return;
    const text = "Whoever uses it has to sign in again.";
    if (!(await confirmed({ title: `End the session of ${name}?`, text, action: "End session" })))
      return;
    await attempt(section, async () => {
      await api.endSession(session.id);
      await reload();
      say(`The session of ${name} is ended.`);
      heading.focus();
      changed();
    });
  };

  const askForAll = async (): Promise<void> => {
    if (isBusy(section)) return;
    const text =
      "Every session but this one ends at once, in browsers and in apps. Whoever uses one has to sign in again.";
    if (
      !(await confirmed({
        title: "Sign out everywhere else?",
        text,
        action: "Sign out everywhere else",
      }))
    )
      return;
    await attempt(section, async () => {
      const { revoked } = await api.endOtherSessions();
      await reload();
      say(
        `You are signed out everywhere else: ${revoked === 1 ? "one session has" : `${revoked} sessions have`} ended.`,
      );
      heading.focus();
      changed();
    });
  };
  others.addEventListener("click", () => void askForAll());

  const clear = (): void => {
    others.hidden = true;
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
