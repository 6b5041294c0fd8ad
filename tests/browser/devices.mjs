// The account's devices with the app: listing and revoking them.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { fits, inspector, tabs } from "./inspector.mjs";
import { newcomer } from "./person.mjs";
import { registered, revocations, signedInWith } from "./rows.mjs";

const TITLE = "iPhones and iPads with the app";
const OLD = Date.UTC(2026, 2, 14, 9, 26);
const NEW = Date.UTC(2026, 7, 2, 18, 5);
const USED = Date.UTC(2026, 7, 3, 7, 41);

export const devicesSuite = (place) => {
  /** Returns a time as the browser formats it. */
  const written = (who, moment) =>
    who.page.evaluate(
      (at) =>
        new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(at),
      moment,
    );

  const reloaded = async (who) => {
    await who.page.reload();
    await who.settled();
  };

  /**
   * Adds two devices, the newer one first, and a revoked one. Returns the ids of their keys, and
   * the names of their buttons.
   */
  const withTwo = async (who) => {
    const ids = await registered(place(), who, [
      { created: NEW },
      { created: OLD, used: USED },
      { created: OLD, revoked: true },
    ]);
    await reloaded(who);
    const names = [];
    for (const moment of [NEW, OLD])
      names.push(`Revoke iPhone or iPad registered ${await written(who, moment)}`);
    return { ids, names };
  };

  const event = (who, sentence) =>
    who
      .part("Recent security events")
      .getByRole("listitem")
      .filter({ hasText: sentence })
      .waitFor();
  const unseen = async (who) => {
    assert.equal(await who.page.getByRole("heading", { name: TITLE }).count(), 0);
    assert.equal(await who.page.getByText(TITLE).isVisible(), false);
  };

  test("an account without a device has no section for devices", async () => {
    const ada = await newcomer(place());
    await unseen(ada);
    const [id] = await registered(place(), ada, [{ revoked: true }]);
    const answered = ada.page.waitForResponse("**/api/app-attestation/keys");
    await reloaded(ada);
    assert.deepEqual(
      (await (await answered).json()).keys.map(({ key_id }) => key_id),
      [id],
      "the list has the revoked device",
    );
    await unseen(ada);
    await ada.leave();
  });

  test("devices are listed, and each is revoked by its button", async () => {
    const ada = await newcomer(place());
    const { ids, names } = await withTwo(ada);
    const [newer, older] = await ada.devices().allTextContents();
    assert.equal(newer, `iPhone or iPadRegistered ${await written(ada, NEW)}, not used yetRevoke`);
    assert.equal(
      older,
      `iPhone or iPadRegistered ${await written(ada, OLD)}, last used ${await written(ada, USED)}Revoke`,
    );
    await picture(ada.page, `${place().name}-devices`);

    const before = await revocations(place(), ids);
    assert.ok(before[0] === null && before[1] === null && before[2] > 0, String(before));
    await ada.buttonNamed(names[1]).click();
    const question = await ada.page.getByRole("dialog").textContent();
    for (const told of [
      "Revoke the iPhone or iPad",
      await written(ada, OLD),
      "sessions end at once",
      "key cannot be used again",
      "sign in again",
    ]) {
      assert.ok(question.includes(told), told);
    }
    await picture(ada.page, `${place().name}-device-question`);
    await ada.answer("Cancel");
    assert.equal(await ada.focused(), names[1], "the dialog gives the focus back");
    await reloaded(ada);
    assert.equal(await ada.devices().count(), 2);
    assert.deepEqual(await revocations(place(), ids), before);

    await ada.buttonNamed(names[1]).click();
    await ada.answer("Revoke device");
    await ada.status(`The iPhone or iPad registered ${await written(ada, OLD)} was revoked.`);
    assert.equal(await ada.focused(), TITLE);
    assert.deepEqual(await ada.devices().allTextContents(), [newer]);
    await event(ada, "An iPhone or iPad with the app was revoked.");
    const after = await revocations(place(), ids);
    assert.ok(after[0] === null && after[1] > 0 && after[2] === before[2], String(after));

    await ada.buttonNamed(names[0]).click();
    await ada.answer("Revoke device");
    await ada.status(`The iPhone or iPad registered ${await written(ada, NEW)} was revoked.`);
    assert.equal(
      await ada.focused(),
      "Sessions and devices",
      "the section is gone, so the focus moves to the next one",
    );
    await unseen(ada);
    await reloaded(ada);
    await unseen(ada);
    await ada.leave();
  });

  test("revoking a device ends its sessions, and no others", async () => {
    const ada = await newcomer(place());
    const { ids, names } = await withTwo(ada);
    await signedInWith(place(), ada, [ids[0], ids[1], ids[1], null]);
    await reloaded(ada);
    const sessions = ada.part("Sessions and devices").getByRole("listitem");
    const apps = sessions.filter({ hasText: "iOS app" });
    assert.deepEqual([await sessions.count(), await apps.count()], [5, 4]);
    await ada.buttonNamed(names[1]).click();
    await ada.answer("Revoke device");
    await ada.status("was revoked.");
    await apps.nth(2).waitFor({ state: "detached" });
    assert.deepEqual([await sessions.count(), await apps.count()], [3, 2]);
    const left = await place().sql(
      `SELECT attest_key FROM sessions WHERE platform = 'ios' AND revoked_at IS NULL AND attest_key IN ('${ids.join("', '")}')`,
    );
    assert.deepEqual(left, [{ attest_key: ids[0] }]);
    await ada.leave();
  });

  test("a device is revoked by keyboard alone", async () => {
    const ada = await newcomer(place());
    const { ids, names } = await withTwo(ada);
    const { keyboard } = ada.page;
    const order = await tabs(ada);
    assert.deepEqual(order.slice(order.indexOf("Create backup codes")), [
      "Create backup codes",
      ...names,
      "Download my data",
      "Delete my account",
    ]);
    for (let step = 0; step <= order.indexOf(names[0]); step += 1) await keyboard.press("Tab");
    assert.equal(await ada.focused(), names[0]);
    await keyboard.press("Enter");
    assert.equal(await ada.focused(), "Cancel", "the harmless answer is the first");
    await keyboard.press("Enter");
    assert.equal(await ada.focused(), names[0]);
    await keyboard.press("Space");
    await keyboard.press("Escape");
    assert.equal(await ada.focused(), names[0]);
    await keyboard.press("Enter");
    await keyboard.press("Tab");
    assert.equal(await ada.focused(), "Revoke device");
    await keyboard.press("Enter");
    await ada.status("was revoked.");
    assert.equal(await ada.focused(), TITLE);
    await keyboard.press("Tab");
    assert.equal(await ada.focused(), names[1]);
    const [first, second] = await revocations(place(), ids);
    assert.ok(first > 0 && second === null);
    await ada.leave();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`axe finds no fault in the list of devices in ${colorScheme} colours, at any width`, async () => {
      const { visitor: ada, look } = await inspector(place(), colorScheme);
      await ada.open();
      ada.email = await ada.signUp();
      const { names } = await withTwo(ada);
      await ada.devices().first().waitFor();
      await look("devices");
      await ada.buttonNamed(names[0]).click();
      await look("device-question");
      await ada.answer("Cancel");
      await ada.page.setViewportSize({ width: 640, height: 800 });
      await ada.page.evaluate(() =>
        document.documentElement.style.setProperty("font-size", "32px"),
      );
      await fits(ada.page, "devices, 200 %");
      await ada.leave();
    });
  }

  test("signing out removes the devices from the page", async () => {
    const ada = await newcomer(place());
    const { ids } = await withTwo(ada);
    assert.ok((await ada.page.content()).includes(ids[0]));
    await ada.signOut();
    const left = await ada.page.content();
    for (const id of ids) assert.ok(!left.includes(id));
    assert.equal(
      await ada.page.locator("section", { hasText: TITLE }).getAttribute("hidden"),
      "",
      "hidden for the next visitor too",
    );
    await ada.leave();
  });

  test("devices that could not be loaded can be loaded again, and a device that could not be revoked stays listed", async () => {
    const ada = await newcomer(place());
    await ada.page.route("**/api/app-attestation/keys", (route) =>
      route.fulfill({ status: 500, contentType: "text/plain", body: "no" }),
    );
    ada.allow(/status of 500/);
    await reloaded(ada);
    await ada.error(/.{10}/, ada.part(TITLE));
    await ada.page.unroute("**/api/app-attestation/keys");
    await ada.buttonNamed("Try again", ada.part(TITLE)).click();
    await ada.part(TITLE).waitFor({ state: "detached" });

    const { ids, names } = await withTwo(ada);
    await ada.page.route("**/api/app-attestation/keys/*", (route) =>
      route.fulfill({ status: 500, contentType: "text/plain", body: "no" }),
    );
    await ada.buttonNamed(names[0]).click();
    await ada.answer("Revoke device");
    await ada.error("status 500", ada.part(TITLE));
    assert.equal(await ada.devices().count(), 2);
    assert.equal(await ada.focused(), names[0]);
    assert.equal((await revocations(place(), ids))[0], null);
    await ada.page.unroute("**/api/app-attestation/keys/*");
    await ada.buttonNamed(names[0]).click();
    await ada.answer("Revoke device");
    await ada.status("was revoked.");
    assert.equal(await ada.part(TITLE).getByRole("alert").textContent(), "");
    await ada.leave();
  });
};
