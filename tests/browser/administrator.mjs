// The actions of an administrator at the admin page. Controls are found by role and name, never by
// id.
import assert from "node:assert/strict";
import { visit } from "./browser.mjs";

export const BOOTSTRAP_SECRET = "browser-suite-Bootstrap-8Wq3nKz6Vd1sXc";
const PASSWORD = "correct horse 4 the battery";
const ROOT = { username: "root", name: "Root Administrator", password: PASSWORD };

let count = 0;

/** Returns a name that is not in use. */
export const fresh = (word) => {
  count += 1;
  return `${word}-${process.pid}-${count}`;
};

const send = async (origin, method, path, body, token) => {
  const headers = { "content-type": "application/json", ...(token === undefined ? {} : { token }) };
  const answer = await fetch(`${origin}${path}`, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const read = await answer.json();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${JSON.stringify(read)}`);
  return read;
};

const roots = new Map();

/**
 * Returns functions that call the API as the first administrator, who is created once for each
 * server.
 */
export const backstage = async (origin) => {
  if (!roots.has(origin))
    roots.set(
      origin,
      send(origin, "POST", "/auth/bootstrap", { secret: BOOTSTRAP_SECRET, ...ROOT }),
    );
  await roots.get(origin);
  const { token } = await send(origin, "POST", "/auth/login", ROOT);
  const call = (method, path, body) => send(origin, method, path, body, token);
  return {
    call,
    /** Creates a person without any permission. */
    newcomer: (name = "Ada Lovelace") => {
      const who = { username: fresh("ada"), name, password: PASSWORD };
      return call("POST", "/users", who).then((made) => ({ ...made, password: PASSWORD }));
    },
  };
};

/** Opens a browser profile for the admin page and returns the actions of its user. */
export const administrator = async (browser, origin, options = {}) => {
  const back = await backstage(origin);
  const visitor = await visit(browser, origin, options);
  const { page, context, requests } = visitor;
  const url = `${origin}/admin`;
  /** Every token that the page has received. */
  const tokens = [];
  page.on("response", async (response) => {
    if (!response.url().endsWith("/auth/login") || !response.ok()) return;
    const { token } = await response.json().catch(() => ({}));
    if (token) tokens.push(token);
  });

  const buttonNamed = (name, within = page) => within.getByRole("button", { name, exact: true });
  const part = (name) => page.getByRole("region", { name });
  const status = (text) => page.getByRole("status").filter({ hasText: text }).waitFor();
  const error = (text, within = page) =>
    within.getByRole("alert").filter({ hasText: text }).waitFor();
  const dialog = (name) => page.getByRole("dialog", { name });
  /** Waits until no dialog is in the page. A closed dialog is removed after its `close` event. */
  const closed = () => page.locator("dialog").waitFor({ state: "detached" });
  const settled = () => page.locator("[data-busy]").waitFor({ state: "detached" });

  const open = async () => {
    await page.goto(url);
    await page.getByRole("heading", { level: 1 }).waitFor();
  };

  const credentials = async ({ username, password } = ROOT) => {
    const form = page.getByRole("form", { name: "Sign in" });
    await form.getByLabel("Username").fill(username);
    await form.getByLabel("Password").fill(password);
    await buttonNamed("Sign in", form).click();
  };

  const signIn = async (who) => {
    await credentials(who);
    await status("You are signed in.");
    await settled();
  };

  const signOut = async () => {
    await buttonNamed("Sign out", page.getByRole("banner")).click();
    await status("You are signed out.");
  };

  /** Opens a section of the page. */
  const go = async (link, title = link) => {
    await page.getByRole("navigation").getByRole("link", { name: link, exact: true }).click();
    await page.getByRole("heading", { level: 2, name: title, exact: true }).waitFor();
    await settled();
    return part(title);
  };

  /** Fills in the form in the dialog by its labels, and submits it. */
  const fill = async (title, values, action) => {
    const form = dialog(title);
    for (const [label, value] of Object.entries(values)) {
      // A label can end in "(optional)", so fields are found by its beginning.
      const field = form.getByLabel(new RegExp(`^${label}`));
      if (await field.evaluate((each) => each instanceof HTMLSelectElement))
        await field.selectOption({ label: value });
      else await field.fill(value);
    }
    await buttonNamed(action, form).click();
  };

  /** Answers the open question with this button. */
  const answer = async (name) => {
    // Waits for this dialog only, because the answer can open another.
    const asked = await page.getByRole("dialog").last().elementHandle();
    await buttonNamed(name, page.getByRole("dialog").last()).click();
    await page.waitForFunction((dialog) => !dialog.isConnected, asked);
  };

  const focused = () =>
    page.evaluate(() => {
      const at = document.activeElement;
      return (
        at?.getAttribute("aria-label") ??
        (at?.labels?.[0] ?? at)?.textContent?.trim().replace(/\s+/g, " ") ??
        ""
      );
    });

  /** Checks that tokens and passwords are in no storage, cookie, address or part of the page. */
  const keptNothing = async () => {
    const kept = await page.evaluate(async () => {
      const fields = [...document.querySelectorAll("input")].map(({ value }) => value);
      const databases = (await indexedDB.databases()).length + (await caches.keys()).length;
      const stores = [
        JSON.stringify({ ...localStorage }),
        JSON.stringify({ ...sessionStorage }),
        JSON.stringify(history.state),
        window.name,
      ];
      return {
        text: [
          document.documentElement.outerHTML,
          document.cookie,
          location.href,
          ...fields,
          ...stores,
        ].join("\n"),
        databases,
      };
    });
    const cookies = JSON.stringify(await context.cookies());
    assert.equal(kept.databases, 0);
    for (const secret of [...tokens, PASSWORD]) {
      assert.ok(!kept.text.includes(secret) && !cookies.includes(secret), "a secret is kept");
      const asked = requests.find(
        (each) => each.includes(secret) || each.includes(encodeURIComponent(secret)),
      );
      assert.equal(asked, undefined, "a secret is in an address");
    }
  };

  const leave = async () => {
    await keptNothing();
    await visitor.check();
    await context.close();
  };

  const seen = { buttonNamed, part, status, error, dialog, closed, settled, focused };
  return {
    ...visitor,
    ...seen,
    url,
    back,
    tokens,
    open,
    credentials,
    signIn,
    signOut,
    go,
    fill,
    answer,
    keptNothing,
    leave,
  };
};
