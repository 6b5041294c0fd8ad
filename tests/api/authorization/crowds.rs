//! Rows read do not grow with the people of a service, nor with the accounts that claim an address.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, case};

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                       WHERE i < 20000)";
/// The largest number of rows that a page of a few entries reads.
const MOST_READ: usize = 300;

async fn seed_people(app: &TestApp) {
    for insert in [
        "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at)
         SELECT printf('00000000-0000-4000-8000-%012d', i), 'crowd', 0, 'x', i, 0
           FROM n",
        "INSERT INTO people (user_id, username)
         SELECT printf('00000000-0000-4000-8000-%012d', i), 'p' || i FROM n",
    ] {
        app.sql(&format!("{NUMBERS} {insert}"), &[]).await;
    }
}

#[tokio::test]
async fn a_page_of_people_reads_rows_only_for_its_entries() {
    case(async |app| {
        let root = app.administrator().await;
        app.create(&root, "services", "Stock").await;
        app.create(&root, "roles", "Clerk").await;
        app.create(&root, "permissions", "read").await;
        seed_people(app).await;
        for insert in [
            "INSERT INTO service_roles VALUES (1, 1)",
            // Every person has a role, and only those of the last five have not ended.
            "INSERT INTO person_roles (person_id, service_id, role_id, expires_at)
             SELECT id, 1, 1,
                    iif(username >= 'p19996' AND LENGTH(username) = 6 OR username = 'p20000', \
                 NULL, 1) FROM people WHERE username LIKE 'p%'",
            "INSERT INTO person_permissions (person_id, service_id, permission_id)
             SELECT id, 1, 1 FROM people WHERE username LIKE 'p%'",
        ] {
            app.sql(insert, &[]).await;
        }
        // The cleanup of a minute marks some thousand grants that ended.
        app.sql(
            "UPDATE person_roles SET expires_at = expires_at + \
                 (SELECT MAX(created_at) FROM services) - 1000",
            &[],
        )
        .await;
        for _ in 0..6 {
            app.cron().await;
        }
        let mut after = String::new();
        let mut costs = Vec::new();
        for page in 0..3 {
            let path = format!("/services/Stock/people?limit=2{after}");
            let (answer, cost) = app.cost(app.get(&path).token(&root.token)).await;
            let answer = answer.ok();
            let last = &answer.as_array().expect("a list")[1];
            after = format!("&after={}", last["id"]);
            assert_eq!(last["username"], format!("p{}", page * 2 + 2));
            costs.push(("people of a service", cost.rows_read));
        }
        let path = "/services/Stock/roles/1/people?limit=3";
        let (answer, cost) = app.cost(app.get(path).token(&root.token)).await;
        let names: Value = answer.ok();
        let names = names.as_array().expect("a list").iter();
        let names: Vec<&Value> = names.map(|person| &person["username"]).collect();
        assert_eq!(names, ["p19996", "p19997", "p19998"]);
        costs.push(("people with a role", cost.rows_read));
        let delete = app
            .request(Method::DELETE, "/services/1")
            .token(&root.token);
        let (answer, cost) = app.cost(delete).await;
        assert_eq!(answer.status(), 409);
        costs.push(("delete a service in use", cost.rows_read));
        costs.retain(|(_, rows)| *rows > MOST_READ);
        assert!(
            costs.is_empty(),
            "more than {MOST_READ} rows read: {costs:?}"
        );

        // A grant that is given again has not ended.
        let body = json!({"person_id": "p1", "service_id": "Stock", "role_id": 1});
        app.grant(&root, "/person-service-roles", body).await;
        let answer = app.get(path).token(&root.token).send().await.ok();
        assert_eq!(answer[0]["username"], "p1");
        app.sql("DELETE FROM users WHERE email = 'crowd'", &[])
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_look_up_by_address_reads_a_bounded_number_of_claims() {
    case(async |app| {
        let insert = "INSERT INTO users (id, email, email_verified, auth_method, created_at, \
                updated_at)
             SELECT printf('00000000-0000-4000-8000-%012d', i), 'crowd@example.com', 0, 'x', i, 0
               FROM n";
        app.sql(&format!("{NUMBERS} {insert}"), &[]).await;
        let email = json!({"email": "crowd@example.com"});
        let begun = app
            .post("/api/auth/recovery/begin", &email)
            .send()
            .await
            .ok();
        let calls = [
            (
                "sign in",
                app.post("/api/webauthn/authenticate/begin", &email),
            ),
            (
                "recover",
                app.post(
                    "/api/auth/recovery/complete",
                    &json!({"challenge_id": begun["challenge_id"], "code": "0000-0000-0000-0000"}),
                ),
            ),
            (
                "password",
                app.post(
                    "/api/auth/password/sign-in",
                    &json!({"email": "crowd@example.com", "password": "no such password"}),
                ),
            ),
            ("find", app.internal("/api/internal/users/by-email", &email)),
        ];
        let mut costs = Vec::new();
        for (name, call) in calls {
            let (answer, cost) = app.cost(call).await;
            assert!(
                [200, 401].contains(&answer.status()),
                "{name}: {}",
                answer.text()
            );
            costs.push((name, cost.rows_read));
        }
        costs.retain(|(_, rows)| *rows > MOST_READ);
        assert!(
            costs.is_empty(),
            "more than {MOST_READ} rows read: {costs:?}"
        );
        app.sql("DELETE FROM users WHERE email LIKE 'crowd%'", &[])
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_service_with_20000_grants_is_deleted_at_once_and_emptied_in_slices() {
    case(async |app| {
        let root = app.administrator().await;
        let shop = app.create(&root, "services", "shop").await;
        let role = app.create(&root, "roles", "clerk").await;
        let permission = app.create(&root, "permissions", "shop.open").await;
        app.grant(
            &root,
            "/service-roles",
            json!({"service_id": shop, "role_id": role}),
        )
        .await;
        for insert in [
            "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at)
             SELECT 'u' || i, 'crowd', 0, 'x', i, i FROM n",
            "INSERT INTO people (user_id, username) SELECT 'u' || i, 'u' || i FROM n",
        ] {
            app.sql(&format!("{NUMBERS} {insert}"), &[]).await;
        }
        let people = "FROM people WHERE username <> 'root'";
        app.sql(
            &format!(
                "INSERT INTO person_roles (person_id, service_id, role_id) \
                 SELECT id, ?1, ?2 {people}"
            ),
            &[json!(shop), json!(role)],
        )
        .await;
        app.sql(
            &format!(
                "INSERT INTO person_permissions (person_id, service_id, permission_id) \
                 SELECT id, ?1, ?2 {people}"
            ),
            &[json!(shop), json!(permission)],
        )
        .await;

        let path = format!("/services/{shop}");
        let forced = format!("{path}?force=true");
        app.ask(&root, Method::DELETE, &forced, Value::Null)
            .await
            .ok();
        assert_eq!(
            app.ask(&root, Method::GET, &path, Value::Null)
                .await
                .status(),
            404
        );
        let grants = "SELECT (SELECT COUNT(*) FROM person_roles WHERE service_id = ?1)
                           + (SELECT COUNT(*) FROM person_permissions WHERE service_id = ?1)
                           + (SELECT COUNT(*) FROM service_roles WHERE service_id = ?1)";
        let mut left = app.count(grants, &[json!(shop)]).await;
        assert!(left > 30_000, "{left} rows were removed at once");
        let asked =
            json!({"person_id": "u1", "service_id": "shop", "permission_name": "shop.open"});
        let checked = app.ask(&root, Method::POST, "/check", asked).await;
        assert_ne!(checked.json()["allowed"], true);
        // The service comes back when no grant is left, so none comes back with it.
        let again = json!({"name": "shop"});
        let early = app
            .ask(&root, Method::POST, "/services", again.clone())
            .await;
        assert_eq!(early.status(), 503);
        while left > 0 {
            app.cron().await;
            let now = app.count(grants, &[json!(shop)]).await;
            assert!(now < left, "{now} rows are left");
            left = now;
        }
        let back = app
            .ask(&root, Method::POST, "/services", again)
            .await
            .created();
        assert_eq!(back["id"], shop);
        let most = app.most_written().await;
        assert!(most < 8_000, "a batch wrote {most} rows");
        app.sql("DELETE FROM users WHERE email = 'crowd'", &[])
            .await;
    })
    .await;
}
