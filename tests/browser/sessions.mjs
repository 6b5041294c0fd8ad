// The list of sessions: the device, country, method and time of each.
import assert from "node:assert/strict";
import { picture } from "./browser.mjs";
import { test } from "./cases.mjs";
import { addsPasskey, loses, shows, withApp, withCodes } from "./factors.mjs";
import { newcomer, person } from "./person.mjs";
import { aged, placed, signedInWith } from "./rows.mjs";

const MOMENT = String.raw`\w+ \d+, \d{4}, \d+:\d\d [AP]M`;

/** Returns a pattern for the whole text, in which "…" matches a date and time. */
const said = (text) => new RegExp(`^${text.replaceAll("…", MOMENT)}$`);

export const sessionsSuite = (place) => {
  test("each session shows its sign-in method, its country and its last confirmation", async () => {
    const ada = await newcomer(place());
    const [code] = await withCodes(ada);
    const app = await withApp(ada);
    const laptop = await person(place().browser, place().origin);
    await laptop.open();
    await loses(laptop, ada.email);
    await laptop.page.getByLabel("Sign out everywhere else").uncheck();
    await shows(laptop, code);
    await addsPasskey(laptop);
    await signedInWith(place(), ada, [null]);
    await placed(place(), ada, { web: ["T1"], ios: ["DE", "fed"] });

    const facts = async () => {
      await ada.page.reload();
      await ada.settled();
      const items = await ada.part("Sessions and devices").getByRole("listitem").all();
      return Promise.all(
        items.map(async (item) => [
          await item.getByRole("heading").textContent(),
          ...(await item.locator("p").allTextContents()),
        ]),
      );
    };
    const listed = await facts();
    const has = (lists, ...lines) =>
      assert.ok(
        lists.some(
          (list) =>
            list.length === lines.length && lines.every((line, n) => said(line).test(list[n])),
        ),
        JSON.stringify(lists),
      );
    assert.equal(listed.length, 3);
    assert.match(listed[0][0], /This session$/, "the current session is the first");
    has(
      listed,
      String.raw`Chrome on \w+ This session`,
      "Web browser",
      "Signed in with a passkey …",
      "Last active …",
    );
    has(
      listed,
      String.raw`Chrome on \w+`,
      "Web browser",
      "Recovered with a backup code …",
      "Last active …",
    );
    has(
      listed,
      "Hamrah/1.*",
      "iOS app, Germany",
      "Signed in with Apple, Google or another provider …",
      "Last active …",
    );

    await aged(place(), ada);
    await ada.buttonNamed("Turn off the authenticator app").click();
    await ada.buttonNamed("Turn off", ada.page.getByRole("dialog")).click();
    await ada.page.getByLabel("Six-digit code from your authenticator app").fill(await app.code());
    await ada.buttonNamed("Confirm with the app", ada.stepUp()).click();
    await ada.status("The authenticator app is turned off.");
    const later = await facts();
    const lines = ["Signed in …", "Confirmed with an authenticator app …", "Last active …"];
    has(later, String.raw`Chrome on \w+ This session`, "Web browser", ...lines);
    for (const [width, name] of [
      [390, "phone"],
      [1280, "desktop"],
    ]) {
      await ada.page.setViewportSize({ width, height: 844 });
      await picture(ada.page, `${place().name}-sessions-${name}`);
    }
    await ada.leave();
    await laptop.leave();
  });
};
