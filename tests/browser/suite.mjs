// All cases of the account page and the admin page, with one server.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { accessSuite } from "./access.mjs";
import { accountSuite } from "./account.mjs";
import { adminSessionSuite } from "./admin-session.mjs";
import { adminSuite } from "./admin.mjs";
import { BOOTSTRAP_SECRET } from "./administrator.mjs";
import { launch } from "./browser.mjs";
import { choose, misnamed } from "./cases.mjs";
import { csrfSuite } from "./csrf.mjs";
import { devicesSuite } from "./devices.mjs";
import { messagingSuite } from "./messaging.mjs";
import { otherTabSuite } from "./other-tab.mjs";
import { recoverySuite } from "./recovery.mjs";
import { sessionsSuite } from "./sessions.mjs";
import { signInSuite } from "./sign-in.mjs";
import { stepUpSuite } from "./stepup.mjs";

/**
 * Registers the cases, or those that `core` names. `start` starts the server with additional
 * settings, and returns its origin.
 */
export const suite = (name, start, core) => {
  if (core) choose(core);
  const here = { name };
  before(async () => {
    Object.assign(here, await start({ BOOTSTRAP_SECRET }));
    here.browser = await launch();
  });
  after(async () => {
    await here.browser?.close();
    await here.stop?.();
  });
  const place = () => here;
  signInSuite(place);
  accountSuite(place);
  devicesSuite(place);
  messagingSuite(place);
  recoverySuite(place);
  sessionsSuite(place);
  stepUpSuite(place);
  otherTabSuite(place);
  accessSuite(place);
  adminSuite(place);
  adminSessionSuite(place);
  // It starts a server of its own, with another setting.
  if (!core) csrfSuite(place, start);
  assert.deepEqual(misnamed(), [], "tests/browser/core.mjs names cases that do not exist");
};
