// Starts Chromium with virtual authenticators, and records the errors of pages.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { findChromium } from "../../scripts/chromium.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const AUTHENTICATOR = {
  protocol: "ctap2",
  ctap2Version: "ctap2_1",
  transport: "internal",
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
};

/** Starts the browser. Without Chromium the tests fail; they are not skipped. */
export const launch = async () => {
  const executablePath = findChromium();
  assert.ok(executablePath, "Chromium is missing. Run node scripts/chromium.mjs for instructions.");
  return chromium.launch({ executablePath, args: FLAGS });
};

/**
 * The console message of Chromium for an answer with an error status. The page shows such errors
 * itself, so they are allowed.
 */
const REFUSAL =
  /^Failed to load resource: the server responded with a status of (400|401|403|404|409|422|429|503)/;

/**
 * Opens a page in a new browser profile. Returns `page`; `context`; `url`; `requests`, the
 * requested URLs; `authenticator()`, which adds an authenticator and returns its controls;
 * `allow(pattern)`, which allows console errors that the test provokes; and `check()`, which fails
 * after any other error or warning, a violation of the content security policy, or a request to
 * another origin.
 */
export const visit = async (browser, origin, { presence = true, ...options } = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const bad = [];
  const requests = [];
  const allowed = [REFUSAL];
  page.on("console", (message) => {
    const text = message.text();
    if (
      ["error", "warning"].includes(message.type()) &&
      !allowed.some((pattern) => pattern.test(text))
    )
      bad.push(`console: ${text}`);
  });
  page.on("pageerror", (error) => bad.push(`uncaught: ${error.stack ?? error}`));
  page.on("request", (request) => requests.push(request.url()));
  await page.addInitScript(() => {
    globalThis.violations = [];
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
      globalThis.violations.push({ violatedDirective, blockedURI, sample });
    });
    // Records whether the page waits for a passkey. A touch of the authenticator before that would
    // be too early.
    const get = navigator.credentials.get.bind(navigator.credentials);
    navigator.credentials.get = (options) => {
      const asked = get(options);
      globalThis.asked = asked;
      asked
        .catch(() => {})
        .finally(
          () => (globalThis.asked = globalThis.asked === asked ? undefined : globalThis.asked),
        );
      return asked;
    };
  });

  const cdp = await context.newCDPSession(page);
  await cdp.send("WebAuthn.enable", { enableUI: false });
  const authenticator = async (changes = {}) => {
    const options = { ...AUTHENTICATOR, automaticPresenceSimulation: presence, ...changes };
    const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options });
    const send = (method, more = {}) =>
      cdp.send(`WebAuthn.${method}`, { authenticatorId, ...more });
    return {
      /**
       * Sets whether the user touches the authenticator when asked. Without a touch the request
       * waits, as an autofill request does.
       */
      presence: (enabled) => send("setAutomaticPresenceSimulation", { enabled }),
      /** Sets whether user verification succeeds. */
      verified: (isUserVerified) => send("setUserVerified", { isUserVerified }),
      passkeys: async () => (await send("getCredentials")).credentials,
      put: (credential) => send("addCredential", { credential }),
      forget: () => send("clearCredentials"),
      remove: () => send("removeVirtualAuthenticator"),
    };
  };

  const url = `${origin}/account`;
  const check = async () => {
    bad.push(
      ...(await page.evaluate(() => globalThis.violations ?? [])).map(
        (violation) => `policy: ${JSON.stringify(violation)}`,
      ),
    );
    const foreign = requests.filter(
      (asked) => !asked.startsWith("data:") && new URL(asked).origin !== origin,
    );
    assert.deepEqual({ bad, foreign }, { bad: [], foreign: [] });
    assert.ok(requests.length > 0);
  };
  return {
    page,
    context,
    authenticator,
    url,
    requests,
    allow: (pattern) => allowed.push(pattern),
    check,
  };
};

/** Saves a screenshot of the whole page in the folder that `SCREENSHOTS` names, if it is set. */
export const picture = async (page, name) => {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
};
