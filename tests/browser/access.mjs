// Accessibility of the account page: keyboard, screen reader, small screens, light and dark. And
// the headers of the pages.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "./cases.mjs";
import { fits, inspector, tabs } from "./inspector.mjs";
import { freshEmail, person } from "./person.mjs";

/** Returns the headers that dist/_headers sets for a path. */
const headersOf = (path) => {
  const block = readFileSync("dist/_headers", "utf8")
    .split(/^(?=\/)/m)
    .find((part) => part.startsWith(`${path}\n`));
  assert.ok(block, `dist/_headers has ${path}`);
  return [...block.matchAll(/^ +([\w-]+): (.+)$/gm)].map(([, name, value]) => [name, value]);
};

export const accessSuite = (place) => {
  const visitor = (options) => person(place().browser, place().origin, options);

  test("the account page can be used by keyboard alone", async () => {
    const ada = await visitor();
    await ada.open();
    const { keyboard } = ada.page;
    assert.deepEqual(await tabs(ada), [
      "E-mail address (optional)",
      "Sign in with a passkey",
      "I lost my passkey",
      "Your e-mail address",
      "Your name",
      "Create an account with a passkey",
    ]);
    for (let step = 0; step < 4; step += 1) await keyboard.press("Tab");
    const email = freshEmail();
    await keyboard.type(email);
    await keyboard.press("Tab");
    await keyboard.type("Ada Lovelace");
    await ada.touching(async () => {
      await keyboard.press("Enter");
      await ada.status("Your account was created");
      await ada.settled();
    });
    assert.equal(await ada.focused(), "Your account");
    const [name] = await ada.passkeyNames();
    const ways = ["Set up an authenticator app", "Create backup codes"];
    const passkeys = [
      `Rename passkey ${name}`,
      `Delete passkey ${name}`,
      "Name of a new passkey (optional)",
      "Add a passkey",
    ];
    const controls = [...passkeys, ...ways, "Download my data", "Delete my account"];
    assert.deepEqual(await tabs(ada), controls, "from the heading on");
    assert.equal((await tabs(ada))[0], "Sign out", "and around again from the top");

    await keyboard.press("Tab");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    assert.equal(await ada.focused(), "New name");
    await keyboard.type("Laptop");
    await keyboard.press("Enter");
    await ada.status("The passkey is now called Laptop.");
    assert.equal(await ada.focused(), "Rename passkey Laptop");

    await keyboard.press("Tab");
    await keyboard.press("Enter");
    assert.equal(await ada.focused(), "Cancel", "the harmless answer is the first");
    await keyboard.press("Escape");
    assert.equal(await ada.focused(), "Delete passkey Laptop");

    for (let step = 0; step < 6; step += 1) await keyboard.press("Tab");
    assert.equal(await ada.focused(), "Delete my account");
    await keyboard.press("Space");
    await keyboard.type(email);
    await keyboard.press("Tab");
    assert.equal(await ada.focused(), "Keep my account");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await ada.status("Your account was deleted.");
    assert.equal(await ada.focused(), "Your Hamrah account");
    await ada.leave();
  });

  test("messages are in live regions, and errors describe their controls", async () => {
    const ada = await visitor();
    await ada.open();
    const regions = await ada.page.evaluate(() => {
      const found = [...document.querySelectorAll("[role=status], [role=alert]")];
      // All live regions must exist when the page loads. Screen readers may skip a region that is
      // added with its text.
      const ids = new Set(
        [...document.querySelectorAll("[aria-describedby], [aria-labelledby]")].flatMap((each) =>
          `${each.getAttribute("aria-describedby") ?? ""} ${each.getAttribute("aria-labelledby") ?? ""}`
            .trim()
            .split(/\s+/),
        ),
      );
      return {
        count: found.length,
        missing: [...ids].filter((id) => !document.getElementById(id)),
      };
    });
    assert.ok(regions.count >= 7, String(regions.count));
    assert.deepEqual(regions.missing, []);
    await ada.leave();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds no fault on the account page in ${colorScheme} colours, at any width`, async () => {
      const { visitor: ada, look } = await inspector(place(), colorScheme);
      await ada.open();
      await look("signed-out");
      await ada.buttonNamed("Create an account with a passkey").click();
      await ada.error("Enter your e-mail address.");
      await look("field-error");
      const long = `a-rather-long-address-without-any-place-to-break-it-${process.pid}-${colorScheme}@a-long-subdomain.example.com`;
      await ada.signUp(long, "Augusta Ada King, Countess of Lovelace");
      const second = await ada.authenticator({ transport: "usb" });
      await second.presence(true);
      await ada.page
        .getByLabel("Name of a new passkey")
        .fill("Anunbrokenpasskeynameofsixtyfourcharacterswhichishardtofitonscreen");
      await ada.buttonNamed("Add a passkey").click();
      await ada.status("The passkey was added.");
      await ada.page.route("**/api/users/me/events", async (route) => {
        const response = await route.fetch();
        const json = await response.json();
        const warnings = ["passkey_clone_suspected", "refresh_token_reused"].map((kind, n) => ({
          ...json.events[0],
          kind,
          id: `w-${n}`,
        }));
        await route.fulfill({
          response,
          json: {
            ...json,
            events: [...json.events.slice(0, 1), ...warnings, ...json.events.slice(1)],
            next: "more",
          },
        });
      });
      await ada.page.route("**/api/users/me/sessions", async (route) => {
        const response = await route.fetch();
        const json = await response.json();
        await route.fulfill({
          response,
          json: {
            ...json,
            sessions: [...json.sessions, { ...json.sessions[0], id: "s-2", current: false }],
          },
        });
      });
      await ada.page.reload();
      await ada.settled();
      await look("signed-in");
      await ada.buttonNamed("Sign out everywhere else").click();
      await look("sign-out-everywhere");
      await ada.answer("Cancel");
      await ada.buttonNamed("Rename passkey Anunbroken").click();
      await look("renaming");
      await ada.page.keyboard.press("Escape");
      await ada.buttonNamed("Delete passkey Anunbroken").click();
      await look("question");
      await ada.answer("Cancel");
      await ada.buttonNamed("Delete my account").click();
      await ada.buttonNamed("Delete permanently").click();
      await ada.error("Enter the account's e-mail address.");
      await look("deletion");
      await ada.leave();
    });
  }

  test("reduced motion is respected, and text can be twice as large", async () => {
    const ada = await visitor({ reducedMotion: "reduce", viewport: { width: 640, height: 800 } });
    await ada.open();
    const transition = await ada
      .buttonNamed("Sign in with a passkey")
      .evaluate((button) => getComputedStyle(button).transitionProperty);
    assert.equal(transition, "none");
    await ada.page.evaluate(() => document.documentElement.style.setProperty("font-size", "32px"));
    await fits(ada.page, "200 %");
    await ada.leave();
  });

  test("pages, scripts and styles are sent with the headers of web/_headers", async () => {
    for (const [path, type] of [
      ["/account", "text/html; charset=utf-8"],
      ["/account.js", "text/javascript; charset=utf-8"],
      ["/account.css", "text/css; charset=utf-8"],
      ["/admin", "text/html; charset=utf-8"],
      ["/admin.js", "text/javascript; charset=utf-8"],
      ["/admin.css", "text/css; charset=utf-8"],
    ]) {
      const answer = await fetch(`${place().origin}${path}`, { redirect: "manual" });
      assert.equal(answer.status, 200, path);
      assert.equal(
        answer.headers
          .get("content-type")
          ?.toLowerCase()
          .replace("application/javascript", "text/javascript"),
        type,
      );
      assert.equal(answer.headers.get("set-cookie"), null);
      for (const [name, value] of headersOf(path))
        assert.equal(answer.headers.get(name), value, `${path} ${name}`);
      assert.ok((await answer.text()).length > 1000);
      const head = await fetch(`${place().origin}${path}`, { method: "HEAD" });
      assert.equal(
        head.headers.get("content-security-policy"),
        answer.headers.get("content-security-policy"),
      );
    }
    // Each page has one address.
    for (const page of ["/account", "/admin"]) {
      for (const path of [`${page}/`, `${page}.html`]) {
        const answer = await fetch(`${place().origin}${path}`, { redirect: "manual" });
        assert.deepEqual([answer.status, answer.headers.get("location")], [307, page], path);
      }
    }
    // Of the folder, only the files of the pages are served.
    for (const path of ["/_headers", "/account.js.map", "/admin.js.map"])
      assert.equal((await fetch(`${place().origin}${path}`)).status, 404, path);
  });

  test("the Content-Security-Policy is the strict one that was decided", () => {
    const [account, admin] = ["/account", "/admin"].map((path) =>
      Object.fromEntries(headersOf(path)),
    );
    // Browsers must not store the admin page, not even to revalidate it.
    assert.deepEqual(admin, { ...account, "Cache-Control": "no-store" });
    const policy = Object.fromEntries(headersOf("/account"))["Content-Security-Policy"].split("; ");
    assert.deepEqual(policy, [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
  });

  test("the browser refuses injected HTML, scripts and requests to other origins", async () => {
    const ada = await visitor();
    await ada.open();
    ada.allow(/Content Security Policy|TrustedHTML|TrustedScript|requires 'Trusted|assignment/);
    const outcome = await ada.page.evaluate(async () => {
      const tried = {};
      try {
        document.body.innerHTML = "<b>x</b>";
        tried.html = "went through";
      } catch (error) {
        tried.html = error.name;
      }
      const script = document.createElement("script");
      script.append("globalThis.injected = true");
      try {
        document.head.append(script);
      } catch {
        // The policy refused the script.
      }
      tried.script = globalThis.injected === undefined;
      tried.fetched = await fetch("https://example.com/").then(
        () => "went through",
        () => "refused",
      );
      return tried;
    });
    assert.deepEqual(outcome, { html: "TypeError", script: true, fetched: "refused" });
    await ada.context.close();
  });
};
