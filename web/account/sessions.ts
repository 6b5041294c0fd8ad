// The sessions of the account, and how to end them.
import { confirmed } from "../shared/dialog.js";
import { button, byId, element, time } from "../shared/dom.js";
import { attempt, isBusy, load, say } from "../shared/feedback.js";
import { type Session, api } from "./api.js";
import { countryName, signInLabels } from "./location-label.js";
import { deviceName } from "./user-agent.js";

const section = byId("sessions", HTMLElement);
const heading = byId("sessions-title", HTMLElement);
const list = byId("sessions-list", HTMLElement);
const others = byId("sessions-end-others", HTMLButtonElement);

const PLATFORMS: Record<string, string> = {
  web: "Web browser",
  ios: "iOS app",
  api: "App or script",
};

const timeLine = (label: string, at: number): HTMLElement =>
  element("p", { class: "muted" }, `${label} `, time(at));

/** Prepares the section. Calls `changed` after a session has ended. */
export const sessions = (changed: () => void) => {
  const reload = async (): Promise<void> => {
    const all = (await api.sessions()).sessions;
    // The current session comes first, then the others by their last use.
    all.sort((a, b) => Number(b.current) - Number(a.current) || b.last_used - a.last_used);
    list.replaceChildren(...all.map(item));
    others.hidden = all.every(({ current }) => current);
  };

  const item = (session: Session): HTMLLIElement => {
    const name = deviceName(session.user_agent);
    const badge = session.current ? [" ", element("span", { class: "badge" }, "This session")] : [];
    const country = countryName(session.country);
    const platform = PLATFORMS[session.platform] ?? session.platform;
    const { began, confirmed: label } = signInLabels(session);
    const facts = element(
      "div",
      {},
      element("h3", {}, name, ...badge),
      element("p", {}, platform, country === null ? null : `, ${country}`),
      timeLine(began, session.created_at),
      label === null ? null : timeLine(label, session.auth_time),
      timeLine("Last active", session.last_used),
    );
    const row = element("li", { "data-id": session.id }, facts);
    // The current session is ended by "Sign out" at the top of the page.
    if (!session.current) {
      const described = { "aria-describedby": "sessions-error" };
      const onClick = () => void askToEnd(session, name);
      const end = button("End session", `End session of ${name}`, onClick, described);
      row.append(element("div", { class: "actions" }, end));
    }
    return row;
  };

  const askToEnd = async (session: Session, name: string): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: `End the session of ${name}?`,
      text: "To use the account there again, sign in again.",
      action: "End session",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      await api.endSession(session.id);
      await reload();
      say(`The session of ${name} has ended.`);
      heading.focus();
      changed();
    });
  };

  const askToEndOthers = async (): Promise<void> => {
    if (isBusy(section)) return;
    const isConfirmed = await confirmed({
      title: "Sign out everywhere else?",
      text:
        "All other sessions end at once, in browsers and in apps. " +
        "To use the account there again, sign in again.",
      action: "Sign out everywhere else",
    });
    if (!isConfirmed) return;
    await attempt(section, async () => {
      const { revoked } = await api.endOtherSessions();
      await reload();
      const ended = revoked === 1 ? "One session has ended." : `${revoked} sessions have ended.`;
      say(`You are signed out everywhere else. ${ended}`);
      heading.focus();
      changed();
    });
  };
  others.addEventListener("click", () => void askToEndOthers());

  const clear = (): void => {
    others.hidden = true;
    list.replaceChildren();
  };

  return { load: () => load(section, reload), clear };
};
