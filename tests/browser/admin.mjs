// The admin page: people, services, roles and permissions, grants, explanations and the list of
// changes.
import assert from "node:assert/strict";
import { administrator, fresh } from "./administrator.mjs";
import { test } from "./cases.mjs";

/** Returns the value of a date field: the local time this many days from now. */
const momentIn = (days) => {
  const moment = new Date(Date.now() + days * 86_400_000);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 16);
};

export const adminSuite = (place) => {
  const visitor = (options) => administrator(place().browser, place().origin, options);

  test("admin: people, services, roles and permissions are created, related, granted, explained and deleted", async () => {
    const root = await visitor();
    const { page } = root;
    const [ada, stock, editor, write] = ["ada", "Stock", "Editor", "write"].map(fresh);
    const read = fresh("read");
    await root.open();
    await root.signIn();

    // A person. Errors are shown at their fields.
    const people = await root.go("People");
    await root.buttonNamed("Add a person", people).click();
    await root.fill(
      "Add a person",
      { Username: ada, Name: "Ada Lovelace", Password: "short" },
      "Add a person",
    );
    await root.error("8 to 256 characters", root.dialog("Add a person"));
    assert.equal(await root.focused(), "Password");
    const papers = {
      "E-mail address": `${ada}@example.com`,
      "Kind of person": "Natural person (N)",
      "Document type": "DNI",
    };
    const document = String(Date.now()).slice(-12);
    await root.fill(
      "Add a person",
      { Password: "a longer one 4 Ada", ...papers, "Document number": "not one" },
      "Add a person",
    );
    await root.error("document_number", root.dialog("Add a person"));
    await root.fill("Add a person", { "Document number": document }, "Add a person");
    await root.status(`${ada} was added.`);
    assert.equal(await root.focused(), `Access of ${ada}`, "the focus is on the new entry");
    await root.buttonNamed(`Change ${ada}`, people).click();
    await root.fill(`Change ${ada}`, { Username: "root" }, "Save");
    await root.error("exists", root.dialog(`Change ${ada}`));
    await root.fill(`Change ${ada}`, { Username: ada, Name: "Ada King" }, "Save");
    await root.status(`${ada} was changed.`);
    await people.getByRole("heading", { name: "Ada King" }).waitFor();

    // A service, a role and permissions. Each name can be used once.
    const services = await root.go("Services");
    await root.buttonNamed("Add a service", services).click();
    await root.fill(
      "Add a service",
      { Name: stock, Description: "What is in store" },
      "Add a service",
    );
    await root.status(`The service ${stock} was created.`);
    const permissions = await root.go("Permissions");
    for (const name of [write, read]) {
      await root.buttonNamed("Add a permission", permissions).click();
      if (name !== write) {
        await root.fill("Add a permission", { Name: write }, "Add a permission");
        await root.error("A permission with this name exists", root.dialog("Add a permission"));
      }
      await root.fill("Add a permission", { Name: name }, "Add a permission");
      await root.status(`The permission ${name} was created.`);
    }
    const roles = await root.go("Roles");
    await root.buttonNamed("Add a role", roles).click();
    await root.fill("Add a role", { Name: "auth.checker" }, "Add a role");
    await root.error("which is reserved", root.dialog("Add a role"));
    await root.fill("Add a role", { Name: editor }, "Add a role");
    await root.status(`The role ${editor} was created.`);

    // Built-in entries have no buttons to rename or delete them.
    const builtIn = roles.getByRole("listitem").filter({ hasText: "auth.checker" });
    await builtIn.getByText("Built in").waitFor();
    assert.deepEqual(await builtIn.getByRole("button").allTextContents(), ["Permissions"]);

    // The role gets a permission, and the service gets the role.
    await root.buttonNamed(`Permissions of ${editor}`, roles).click();
    const ofRole = root.dialog(`Permissions of ${editor}`);
    await ofRole.getByText("This role has no permissions.").waitFor();
    await root.buttonNamed("Add", ofRole).click();
    await root.error("Choose a permission.", ofRole);
    await ofRole.getByLabel("Permission to add").selectOption({ label: read });
    await root.buttonNamed("Add", ofRole).click();
    await ofRole.getByText(`${read} was added.`).waitFor();
    await root.buttonNamed("Close", ofRole).click();
    await root.go("Services");
    await root.buttonNamed(`Roles of ${stock}`, services).click();
    const ofService = root.dialog(`Roles of ${stock}`);
    await ofService.getByLabel("Role to add").selectOption({ label: editor });
    await root.buttonNamed("Add", ofService).click();
    await ofService.getByText(`${editor} was added.`).waitFor();
    await root.buttonNamed("Close", ofService).click();

    // Nothing is granted yet, so the page explains why the action is not allowed.
    const explain = await root.go("Explain");
    const ask = async (permission) => {
      await explain.getByLabel("Username").fill(ada);
      await explain.getByLabel("Service").selectOption({ label: stock });
      await explain.getByLabel("Permission").selectOption({ label: permission });
      await root.buttonNamed("Explain", explain).click();
      await explain.getByRole("heading", { level: 3 }).waitFor();
    };
    await ask(read);
    assert.equal(await root.focused(), `${ada} may not ${read} in ${stock}.`);
    await explain
      .getByText(`${editor}: The person does not have this role. The role has the permission.`)
      .waitFor();
    await root.buttonNamed(`Give ${ada} the role ${editor}`, explain).waitFor();

    // One grant does not expire, and another does.
    const grants = await root.go("Grants");
    await grants.getByLabel("Service").selectOption({ label: stock });
    await grants.getByText("There are no grants in this service.").waitFor();
    await root.buttonNamed("Add a grant", grants).click();
    const granting = `Add a grant in ${stock}`;
    await root.fill(granting, { Username: fresh("nobody"), "Role or permission": editor }, "Grant");
    await root.error("The person does not exist", root.dialog(granting));
    assert.equal(await root.focused(), "Username");
    await root.fill(granting, { Username: ada }, "Grant");
    await root.status("The grant was added.");
    await root.settled();
    await root.buttonNamed("Add a grant", grants).click();
    await root.fill(
      granting,
      { Username: ada, "Role or permission": write, Until: momentIn(-1) },
      "Grant",
    );
    await root.error("The end is not in the future", root.dialog(granting));
    await root.fill(granting, { Until: momentIn(2) }, "Grant");
    await root.closed();
    await root.settled();
    const holder = grants.getByRole("listitem").filter({ hasText: "Ada King" }).first();
    const lines = await holder.getByRole("listitem").allTextContents();
    assert.equal(lines.length, 2);
    assert.ok(lines[0].startsWith(`Role ${editor}`) && !lines[0].includes("until"), lines[0]);
    assert.match(lines[1], new RegExp(`^Permission ${write} until .*20\\d\\d`));

    await root.go("People");
    await root.buttonNamed(`Access of ${ada}`, people).click();
    const may = root.dialog(`Access of ${ada}`);
    await may.getByText(`Roles: ${editor}`).waitFor();
    const told = await may.getByText(/^Permissions:/).textContent();
    assert.ok(told.includes(read) && told.includes(write), told);
    await root.buttonNamed("Close", may).click();

    // The action is allowed now. For an action that is not allowed, the page offers each way to
    // grant it.
    await root.go("Explain");
    await ask(read);
    assert.equal(await root.focused(), `${ada} may ${read} in ${stock}.`);
    await explain.getByText(`The person has the role ${editor}`).waitFor();
    await root.go("Grants");
    await root.buttonNamed(`Revoke the permission ${write} from ${ada}`, grants).click();
    await root.answer("Revoke");
    await root.status(`The permission ${write} was revoked from ${ada}.`);
    await root.go("Explain");
    await ask(write);
    assert.equal(await root.focused(), `${ada} may not ${write} in ${stock}.`);
    await root.buttonNamed(`Give the role ${editor} the permission ${write}`, explain).waitFor();
    await root.buttonNamed(`Grant ${ada} ${write} directly`, explain).click();
    await root.answer("Cancel");
    await explain.getByText(`${ada} may not ${write}`).waitFor();
    await root.buttonNamed(`Grant ${ada} ${write} directly`, explain).click();
    await root.answer("Grant");
    await explain.getByText("The permission is granted directly to this person.").waitFor();
    assert.equal(await root.focused(), `${ada} may ${write} in ${stock}.`);

    // The page warns before it deletes an entry that is in use.
    await root.go("Roles");
    await root.buttonNamed(`Rename role ${editor}`, roles).click();
    const writer = fresh("Writer");
    await root.fill(`Rename the role ${editor}`, { Name: writer }, "Rename");
    await root.status(`The role is now called ${writer}.`);
    await root.buttonNamed(`Delete role ${writer}`, roles).click();
    await root.answer("Delete");
    const inUse = root.dialog("although it is in use?");
    await inUse.getByText(stock).waitFor();
    await root.answer("Cancel");
    await root.buttonNamed(`Delete role ${writer}`, roles).waitFor();
    await root.buttonNamed(`Delete role ${writer}`, roles).click();
    await root.answer("Delete");
    await inUse.getByText(stock).waitFor();
    await root.answer("Delete anyway");
    await root.status(`The role ${writer} was deleted.`);
    assert.equal(await root.buttonNamed(`Delete role ${writer}`, roles).count(), 0);
    await root.go("Services");
    await root.buttonNamed(`Delete service ${stock}`, services).click();
    await root.answer("Delete");
    await inUse.getByText(ada).waitFor();
    await root.answer("Delete anyway");
    await root.status(`The service ${stock} was deleted.`);
    await root.go("People");
    await root.buttonNamed(`Delete ${ada}`, people).click();
    await root.answer("Delete");
    await root.status(`${ada} was deleted.`);

    const changes = await root.go("Changes", "Recent changes");
    const log = (await changes.getByRole("listitem").allTextContents()).join("\n");
    for (const sentence of [
      `The service ${stock} was deleted. It was in use.`,
      `The role ${writer} was deleted. It was in use.`,
      `The role ${editor} was renamed ${writer}.`,
      `${ada} was granted ${write} in ${stock} directly.`,
      `${ada} was granted ${write} in ${stock} directly until`,
      `${ada} was given the role ${editor} in ${stock}.`,
      `The service ${stock} was given the role ${editor}.`,
      `The role ${editor} was given the permission ${read}.`,
      `The permission ${read} was created.`,
      "by root",
    ]) {
      assert.ok(log.includes(sentence), `${sentence} in ${log}`);
    }
    assert.ok(
      log.indexOf(`The service ${stock} was deleted.`) <
        log.indexOf(`The service ${stock} was created.`),
      "newest first",
    );
    await root.signOut();
    assert.equal(
      await page
        .getByRole("heading", { level: 2 })
        .allTextContents()
        .then((all) => all.join()),
      "Sign in",
    );
    assert.equal(
      await page.locator("#signed-in li[data-id], #signed-in option").count(),
      0,
      "signing out removes all entries",
    );
    await root.leave();
  });

  test("admin: the factors of a person who lost them are removed after a question", async () => {
    const root = await visitor();
    const ada = await root.back.newcomer();
    const send = async (path, body, token) => {
      const answer = await fetch(`${place().origin}/api/auth/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(token && { authorization: token }) },
        body: JSON.stringify(body),
      });
      assert.ok(answer.ok, await answer.clone().text());
      return answer.json();
    };
    const { session_token } = await send("password/sign-in", ada);
    await send("backup-codes", {}, `Bearer ${session_token}`);
    await root.open();
    await root.signIn();
    const people = await root.go("People");
    const lost = root.buttonNamed(`Remove factors of ${ada.username}`, people);
    await lost.click();
    await root.dialog("Remove the factors").getByText("Check their identity").waitFor();
    await root.answer("Cancel");
    await lost.click();
    await root.answer("Remove");
    await root.status(`10 backup codes of ${ada.username} were removed.`);
    await lost.click();
    await root.answer("Remove");
    await root.status(`${ada.username} has no factor. Nothing was removed.`);
    const changes = await root.go("Changes", "Recent changes");
    await changes.getByText(`The factors of Person ${ada.id} were removed.`).waitFor();
    // Administrators remove their own factors on the account page.
    await root.go("People");
    await root.buttonNamed("Remove factors of root", people).click();
    await root.answer("Remove");
    await root.error("your own factors", people);
    await root.leave();
  });

  test("admin: lists load further entries", async () => {
    const root = await visitor();
    await root.open();
    await root.signIn();
    await root.page.route(/\/permissions$/, (route) =>
      route.continue({ url: `${route.request().url()}?limit=1` }),
    );
    const permissions = await root.go("Permissions");
    assert.equal(await permissions.getByRole("listitem").count(), 1);
    await root.buttonNamed("Show more", permissions).click();
    await root.status("1 more entry is shown.");
    assert.equal(await permissions.getByRole("listitem").count(), 2);
    assert.ok((await root.focused()).length > 0);
    await root.leave();
  });

  test("admin: a section that a person may not read names the missing permission", async () => {
    const root = await visitor();
    const nobody = await root.back.newcomer();
    await root.open();
    await root.signIn(nobody);
    for (const [link, title, permission] of [
      ["People", "People", "auth.people.read"],
      ["Services", "Services", "auth.policy.read"],
      ["Roles", "Roles", "auth.policy.read"],
      ["Permissions", "Permissions", "auth.policy.read"],
      ["Grants", "Grants", "auth.policy.read"],
      ["Explain", "Explain", "auth.policy.read"],
      ["Changes", "Recent changes", "auth.changes.read"],
    ]) {
      const shown = await root.go(link, title);
      await shown
        .getByText(
          `You cannot see this section. It requires the permission ${permission} in the service auth.`,
        )
        .waitFor();
      assert.equal(await shown.getByRole("button").count(), 0, title);
    }
    // A person who may read but not change gets an error at the first change.
    const grant = {
      person_id: nobody.username,
      service_id: "auth",
      permission_name: "auth.people.read",
    };
    await root.back.call("POST", "/person-service-permissions", grant);
    await root.leave();
    // The permission ended the session of the page.
    const reader = await visitor();
    await reader.open();
    await reader.signIn(nobody);
    const people = await reader.go("People");
    await reader.buttonNamed(`Delete ${nobody.username}`, people).click();
    await reader.answer("Delete");
    await reader.error("auth", people);
    await reader.leave();
  });
};
