// The account's messaging keys and the accounts that it blocked.
import assert from "node:assert/strict";
import { test } from "./cases.mjs";
import { fits, inspector } from "./inspector.mjs";
import { newcomer } from "./person.mjs";
import { withMessagingKeys } from "./rows.mjs";

const TITLE = "Messaging keys";
const NO_KEYS = "You have no messaging keys. A messaging app creates them when you sign in to it.";
/** The SHA-256 of 32 zero bytes. */
const FINGERPRINT =
  "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20 0897 1485 6ee2 33b3 902a 591d 0d5f 2925";

export const messagingSuite = (place) => {
  const reloaded = async (who) => {
    await who.page.reload();
    await who.settled();
    await who.part(TITLE).waitFor();
  };
  const lines = (who) => who.part(TITLE).getByRole("paragraph").allTextContents();
  const shown = async (who) => (await lines(who)).filter((line) => line !== "");

  test("an account without messaging keys reads one sentence about them", async () => {
    const ada = await newcomer(place());
    await ada.part(TITLE).waitFor();
    assert.equal(await ada.part(TITLE).getByText(NO_KEYS).isVisible(), true);
    assert.equal(await ada.part(TITLE).getByText("Blocked accounts").isVisible(), false);
    assert.equal(await ada.part(TITLE).getByRole("alert").textContent(), "");
    await ada.leave();
  });

  test("messaging keys are shown, and a blocked account is unblocked by its button", async () => {
    const bob = await newcomer(place(), "Bob Babbage");
    const ada = await newcomer(place());
    await withMessagingKeys(place(), ada, { prekeys: 3 });
    await reloaded(ada);
    assert.deepEqual((await shown(ada)).slice(0, 3), [
      `Fingerprint of your identity key (SHA-256): ${FINGERPRINT}`,
      "3 one-time prekeys are left. Open your messaging app to add more.",
      "Your keys have no backup.",
    ]);
    assert.equal(
      await ada.part(TITLE).getByText("You have blocked no accounts.").isVisible(),
      true,
    );

    await withMessagingKeys(place(), ada, { prekeys: 100, backup: true, blocked: [bob] });
    await reloaded(ada);
    const [, prekeys, backup] = await shown(ada);
    assert.equal(prekeys, "100 one-time prekeys are left.");
    assert.match(backup, /^Your keys have a backup from .*2026.*\.$/);
    const items = ada.part(TITLE).getByRole("listitem");
    assert.deepEqual(await items.getByRole("heading").allTextContents(), ["Bob Babbage"]);
    await ada.buttonNamed("Unblock Bob Babbage").click();
    await ada.status("You no longer block Bob Babbage.");
    assert.equal(await ada.focused(), "Blocked accounts");
    assert.equal(await items.count(), 0);
    await reloaded(ada);
    assert.equal(await items.count(), 0);

    await ada.signOut();
    assert.ok(!(await ada.page.content()).includes(FINGERPRINT));
    await ada.leave();
    await bob.leave();
  });

  test("messaging keys that could not be loaded can be loaded again", async () => {
    const ada = await newcomer(place());
    await ada.page.route("**/api/v1/keys/identity", (route) =>
      route.fulfill({ status: 500, contentType: "text/plain", body: "no" }),
    );
    ada.allow(/status of 500/);
    await ada.page.reload();
    await ada.settled();
    await ada.error(/.{10}/, ada.part(TITLE));
    await ada.page.unroute("**/api/v1/keys/identity");
    await ada.buttonNamed("Try again", ada.part(TITLE)).click();
    await ada.part(TITLE).getByText(NO_KEYS).waitFor();

    // A service without a relay does not know the route.
    await ada.page.route("**/api/v1/keys/identity", (route) =>
      route.fulfill({ status: 404, contentType: "application/json", body: "{}" }),
    );
    ada.allow(/status of 404/);
    await ada.page.reload();
    await ada.settled();
    assert.equal(await ada.page.getByText(TITLE).isVisible(), false);
    await ada.leave();
  });

  test("axe finds no fault in the messaging keys, at any width", async () => {
    const { visitor: ada, look } = await inspector(place(), "light");
    const bob = await newcomer(place(), "Bob Babbage");
    await ada.open();
    ada.email = await ada.signUp();
    await withMessagingKeys(place(), ada, { prekeys: 3, backup: true, blocked: [bob] });
    await reloaded(ada);
    await ada.buttonNamed("Unblock Bob Babbage").waitFor();
    await look("messaging");
    await ada.page.setViewportSize({ width: 640, height: 800 });
    await ada.page.evaluate(() => document.documentElement.style.setProperty("font-size", "32px"));
    await fits(ada.page, "messaging keys, 200 %");
    await ada.leave();
    await bob.leave();
  });
};
