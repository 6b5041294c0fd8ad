// Signing in at the admin page and how long the token is extended. Accessibility of the page:
// keyboard, small screens, light and dark.
import assert from "node:assert/strict";
import { administrator, fresh } from "./administrator.mjs";
import { test } from "./cases.mjs";
import { fits, inspector, tabs } from "./inspector.mjs";

export const adminSessionSuite = (place) => {
  const visitor = (options) => administrator(place().browser, place().origin, options);
  const profile = (token) => fetch(`${place().origin}/auth/profile`, { headers: { token } });

  test("admin: a wrong password is refused, a right one signs in, and signing out ends the token", async () => {
    const root = await visitor();
    await root.open();
    await root.buttonNamed("Sign in").click();
    await root.error("Enter your username.");
    assert.equal(await root.focused(), "Username");
    await root.credentials({ username: "root", password: "not the password" });
    await root.error("The name, the password or the code is wrong. Check them and try again.");
    assert.equal(await root.focused(), "Password");
    await root.signIn();
    assert.equal(await root.focused(), "People");
    await root.page.getByRole("banner").getByText("Root Administrator").waitFor();
    await root.keptNothing();
    const [token] = root.tokens;
    assert.equal((await profile(token)).status, 200);

    // Each section has its own address, and the browser's back button works.
    await root.go("Roles");
    assert.equal(new URL(root.page.url()).hash, "#roles");
    await root.page.goBack();
    await root.page.getByRole("heading", { level: 2, name: "People" }).waitFor();

    await root.signOut();
    assert.equal(await root.focused(), "Access control");
    assert.equal((await profile(token)).status, 401);
    assert.equal(await root.page.getByText("Root Administrator").count(), 0);

    // After a reload the page has no token.
    await root.signIn();
    await root.page.reload();
    await root.page.getByRole("heading", { level: 2, name: "Sign in" }).waitFor();
    await root.leave();
  });

  test("admin: signing in asks for a TOTP code if the account has TOTP", async () => {
    const root = await visitor();
    await root.page.route("**/auth/login", (route) => {
      const sent = route.request().postDataJSON();
      if (sent.code === "123456")
        return route.continue({
          postData: JSON.stringify({ username: sent.username, password: sent.password }),
        });
      assert.equal(sent.code, undefined);
      const problem = { error: "second_factor_required", detail: "The account has TOTP enabled." };
      return route.fulfill({
        status: 401,
        contentType: "application/problem+json",
        body: JSON.stringify(problem),
      });
    });
    await root.open();
    await root.credentials();
    await root.error("needs a code from its authenticator app");
    assert.equal(await root.focused(), "Six-digit code from your authenticator app");
    await root.page.keyboard.type("123456");
    await root.page.keyboard.press("Enter");
    await root.status("You are signed in.");
    await root.leave();
  });

  test("admin: the token is extended while the administrator is active, and the page signs out when it has expired", async () => {
    const root = await visitor();
    let until = 3;
    const shortened = async (route) => {
      const response = await route.fetch();
      if (!response.ok()) return route.fulfill({ response });
      const json = {
        ...(await response.json()),
        expires_at: Math.floor(Date.now() / 1000) + until,
      };
      return route.fulfill({ response, json });
    };
    await root.page.route("**/auth/login", shortened);
    await root.page.route("**/auth/profile", shortened);
    await root.open();
    await Promise.all([root.page.waitForRequest("**/auth/profile"), root.signIn()]);
    assert.equal(await root.page.getByRole("navigation").isVisible(), true);
    // The token was revoked elsewhere, which the page notices at its next request.
    until = 300;
    await root.page.waitForResponse("**/auth/profile");
    const [token] = root.tokens;
    await fetch(`${place().origin}/auth/logout`, { method: "POST", headers: { token } });
    await root.page.getByRole("navigation").getByRole("link", { name: "Roles" }).click();
    await root.status("You have been signed out. Sign in again.");
    assert.equal(await root.page.getByRole("navigation").isVisible(), false);
    await root.leave();
  });

  test("admin: an inactive administrator is signed out", async () => {
    const root = await visitor();
    await root.page.clock.install();
    await root.open();
    await root.signIn();
    let asked = 0;
    let over = false;
    await root.page.route("**/auth/profile", (route) => {
      asked += 1;
      if (over)
        return route.fulfill({
          status: 401,
          json: { error: "expired_token", detail: "The token has expired." },
        });
      // By the server's clock, which the test does not change.
      const now = Math.floor(Date.now() / 1000);
      const json = { payload: {}, renewed: true, expires_at: now + 300 };
      return route.fulfill({ headers: { date: new Date(now * 1000).toUTCString() }, json });
    });
    /** Moves the browser's clock forward without any input. */
    const pass = async (seconds) => {
      for (let passed = 0; passed < seconds; passed += 20) {
        await root.page.clock.runFor(20_000);
        await root.page.waitForTimeout(30);
      }
    };
    await pass(880);
    assert.equal(asked, 3, "extended for a quarter of an hour");
    over = true;
    await pass(220);
    assert.equal(asked, 3, "not extended after that");
    await pass(100);
    assert.equal(asked, 4, "the next request comes after the expiry");
    await root.page.getByRole("heading", { level: 2, name: "Sign in" }).waitFor();
    await root.leave();
  });

  test("admin: a role is created, renamed and deleted by keyboard alone", async () => {
    const root = await visitor();
    const { keyboard } = root.page;
    await root.open();
    assert.deepEqual(await tabs(root), ["Username", "Password", "Sign in"]);
    await keyboard.press("Tab");
    await keyboard.type("root");
    await keyboard.press("Tab");
    await keyboard.type("correct horse 4 the battery");
    await keyboard.press("Enter");
    await root.status("You are signed in.");
    await root.settled();
    assert.equal(await root.focused(), "People");
    // From the section's heading back to the navigation: Changes, Explain, Grants, Permissions,
    // Roles.
    for (const link of ["Changes", "Explain", "Grants", "Permissions", "Roles"]) {
      await keyboard.press("Shift+Tab");
      assert.equal(await root.focused(), link);
    }
    await keyboard.press("Enter");
    const roles = root.part("Roles");
    await root.buttonNamed("Permissions of auth.checker", roles).waitFor();
    await root.settled();
    assert.equal(await root.focused(), "Roles");
    await keyboard.press("Tab");
    assert.equal(await root.focused(), "Add a role");
    await keyboard.press("Enter");
    assert.equal(await root.focused(), "Name");
    const [first, second] = [fresh("Clerk"), fresh("Auditor")];
    await keyboard.type(first);
    await keyboard.press("Enter");
    await root.status(`The role ${first} was created.`);
    assert.equal(await root.focused(), `Permissions of ${first}`);
    await keyboard.press("Enter");
    assert.equal(await root.focused(), `Permissions of ${first}`, "the dialog's heading");
    await root.settled();
    await keyboard.press("Escape");
    await root.closed();
    assert.equal(await root.focused(), `Permissions of ${first}`);
    await keyboard.press("Tab");
    await keyboard.press("Space");
    await keyboard.press("ControlOrMeta+A");
    await keyboard.type(second);
    await keyboard.press("Enter");
    await root.status(`The role is now called ${second}.`);
    await keyboard.press("Tab");
    await keyboard.press("Tab");
    assert.equal(await root.focused(), `Delete role ${second}`);
    await keyboard.press("Enter");
    assert.equal(await root.focused(), "Cancel", "the harmless answer is the first");
    await keyboard.press("Escape");
    assert.equal(await root.focused(), `Delete role ${second}`);
    await keyboard.press("Enter");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await root.status(`The role ${second} was deleted.`);
    assert.equal(await root.focused(), "Roles");
    await root.leave();
  });

  test("admin: text can be twice as large", async () => {
    const root = await visitor({ viewport: { width: 640, height: 800 } });
    await root.open();
    await root.page.evaluate(() => document.documentElement.style.setProperty("font-size", "32px"));
    await fits(root.page, "200 %, signed out");
    await root.signIn();
    for (const link of ["Services", "Roles", "Permissions", "Grants", "Explain", "People"]) {
      await root.go(link);
      await fits(root.page, `200 %, ${link}`);
    }
    await root.buttonNamed("Add a person").click();
    await fits(root.page, "200 %, a form");
    await root.answer("Cancel");
    await root.leave();
  });

  for (const colorScheme of ["light", "dark"]) {
    test(`admin: axe finds no fault in ${colorScheme} colours, at any width`, async () => {
      const { visitor: root, look } = await inspector(place(), colorScheme, administrator);
      const { call, newcomer } = root.back;
      const ada = await newcomer("Augusta Ada King, Countess of Lovelace");
      const long = fresh("Anunbrokennameofnearlysixtyfourcharacterswhichisha");
      const description =
        "What is in store, and where: a description that does not fit on one line";
      const service = await call("POST", "/services", { name: fresh("Stock"), description });
      const role = await call("POST", "/roles", { name: long });
      const permission = await call("POST", "/permissions", { name: fresh("write") });
      const [service_id, role_id, permission_id, person_id] = [
        service.id,
        role.id,
        permission.id,
        ada.username,
      ];
      await call("POST", "/service-roles", { service_id, role_id });
      await call("POST", "/person-service-roles", {
        person_id,
        service_id,
        role_id,
        expires_at: Math.floor(Date.now() / 1000) + 86_400,
      });
      await root.open();
      await look("admin-signed-out");
      await root.buttonNamed("Sign in").click();
      await root.error("Enter your username.");
      await look("admin-field-error");
      await root.signIn();
      const people = root.part("People");
      await look("admin-people");
      await root.buttonNamed("Add a person", people).click();
      await root.fill("Add a person", { Username: "x" }, "Add a person");
      await look("admin-person-form");
      await root.answer("Cancel");
      await root.go("Services");
      await look("admin-services");
      await root.buttonNamed(`Roles of ${service.name}`).click();
      await root.settled();
      await look("admin-relations");
      await root.answer("Close");
      const roles = await root.go("Roles");
      await look("admin-roles");
      await root.buttonNamed(`Delete role ${long}`, roles).click();
      await look("admin-question");
      await root.answer("Delete");
      await root.dialog("although it is in use?").waitFor();
      await look("admin-in-use");
      await root.answer("Cancel");
      await root.go("Permissions");
      await look("admin-permissions");
      const grants = await root.go("Grants");
      await call("POST", "/person-service-permissions", { person_id, service_id, permission_id });
      await grants.getByLabel("Service").selectOption({ label: service.name });
      await grants.getByText("Augusta Ada King").waitFor();
      await look("admin-grants");
      await root.buttonNamed("Add a grant", grants).click();
      await root.dialog(/Add a grant/).waitFor();
      await look("admin-grant-form");
      await root.answer("Cancel");
      await call("DELETE", "/person-service-permissions", { person_id, service_id, permission_id });
      const explain = await root.go("Explain");
      await explain.getByLabel("Username").fill(ada.username);
      await explain.getByLabel("Service").selectOption({ label: service.name });
      await explain.getByLabel("Permission").selectOption({ label: permission.name });
      await root.buttonNamed("Explain", explain).click();
      await explain.getByText("Any one of these grants would allow it").waitFor();
      await look("admin-explain-denied");
      await root.buttonNamed(`Grant ${ada.username} ${permission.name} directly`, explain).click();
      await look("admin-explain-question");
      await root.answer("Grant");
      await explain.getByText("granted directly to this person").waitFor();
      await look("admin-explain-allowed");
      await root.go("Changes", "Recent changes");
      await look("admin-changes");
      await root.signOut();
      await root.signIn(ada);
      await look("admin-forbidden");
      await root.leave();
    });
  }
};
