//! The quotas of services, roles, permissions and grants, and reads that do not grow beyond them.

use http::Method;
use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST};
use crate::harness::{Member, TestApp, case};

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";

const USER_ID: &str = "printf('00000000-0000-4000-8000-%012d', i)";

/// Inserts rows, one for each number from 1 to `count`.
async fn seed(app: &TestApp, table: &str, count: usize, values: &str) {
    let insert = format!("INSERT INTO {table} {NUMBERS}{count}) SELECT {values} FROM n");
    app.sql(&insert, &[]).await;
}

async fn seed_policy(app: &TestApp, services: usize, roles: usize, permissions: usize) {
    let columns = "services (id, name, policy_version, built_in, created_at)";
    seed(app, columns, services, "i, 'Service ' || i, 1, 0, 0").await;
    seed(
        app,
        "roles (id, name, built_in)",
        roles,
        "i, 'Role ' || i, 0",
    )
    .await;
    let columns = "permissions (id, name, built_in)";
    seed(app, columns, permissions, "i, 'thing.' || i, 0").await;
}

/// Checks that a request is answered with `too_many_entries`, and that it succeeds after `remove`.
async fn refused(app: &TestApp, root: &Member, path: &str, body: Value, remove: (&str, Value)) {
    let answer = app.ask(root, POST, path, body.clone()).await;
    assert_eq!(answer.refused(409), "too_many_entries", "{path} {body}");
    let removed = app.ask(root, DELETE, remove.0, remove.1).await;
    assert_eq!(removed.status(), 200, "{}", removed.text());
    let answer = app.ask(root, POST, path, body.clone()).await;
    assert!([200, 201].contains(&answer.status()), "{path} {body}");
}

#[tokio::test]
async fn a_person_has_a_limited_number_of_grants() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        seed_policy(app, 60, 60, 60).await;
        let offered = "INSERT INTO service_roles SELECT s.id, r.id FROM services AS s, \
                       roles AS r WHERE s.built_in = 0 AND r.built_in = 0";
        app.sql(offered, &[]).await;
        let role = |service: i64, role: i64| {
            json!({"person_id": member.id, "service_id": service, "role_id": role})
        };
        let permission = |service: i64, permission: i64| {
            json!({"person_id": member.id, "service_id": service, "permission_id": permission})
        };
        let grant_roles = format!(
            "INSERT INTO person_roles (person_id, service_id, role_id) {NUMBERS}50) \
             SELECT ?1, ?2, i FROM n"
        );
        app.sql(&grant_roles, &[json!(member.id), json!(1)]).await;
        let path = "/person-service-roles";
        refused(app, &root, path, role(1, 51), (path, role(1, 1))).await;
        // The expiry of a grant can be changed at the limit.
        let mut until = role(1, 51);
        until["expires_at"] = json!(9_999_999_999_i64);
        app.grant(&root, path, until).await;
        for service in 2..=10 {
            app.sql(&grant_roles, &[json!(member.id), json!(service)])
                .await;
        }
        refused(app, &root, path, role(11, 1), (path, role(10, 1))).await;

        app.sql(
            "INSERT INTO person_permissions (person_id, service_id, permission_id) \
             SELECT ?1, s.id, p.id FROM services AS s, permissions AS p \
              WHERE s.id <= 10 AND p.id <= 50",
            &[json!(member.id)],
        )
        .await;
        let path = "/person-service-permissions";
        let removed = (path, permission(10, 1));
        refused(app, &root, path, permission(11, 1), removed).await;
        let most = app.most_written().await;
        let deleted = app
            .ask(&root, DELETE, &format!("/users/{}", member.id), Value::Null)
            .await;
        assert_eq!(deleted.status(), 200);
        let written = app.most_written().await;
        assert!(written <= most.max(8_000), "a batch wrote {written} rows");
    })
    .await;
}

#[tokio::test]
async fn a_person_with_all_grants_of_services_can_become_an_administrator() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        seed_policy(app, 10, 50, 50).await;
        for insert in [
            "INSERT INTO service_roles SELECT s.id, r.id FROM services AS s, roles AS r \
              WHERE s.built_in = 0 AND r.built_in = 0 AND ?1 > 0",
            "INSERT INTO person_roles (person_id, service_id, role_id) \
             SELECT ?1, s.id, r.id FROM services AS s, roles AS r \
              WHERE s.built_in = 0 AND r.built_in = 0",
            "INSERT INTO person_permissions (person_id, service_id, permission_id) \
             SELECT ?1, s.id, p.id FROM services AS s, permissions AS p \
              WHERE s.built_in = 0 AND p.built_in = 0",
        ] {
            app.sql(insert, &[json!(member.id)]).await;
        }
        let in_auth =
            |field: &str, id: i64| json!({"person_id": member.id, "service_id": "auth", field: id});
        for (path, grant) in [
            ("/person-service-roles", in_auth("role_id", 1_000_000_001)),
            (
                "/person-service-permissions",
                in_auth("permission_id", 1_000_000_003),
            ),
        ] {
            app.grant(&root, path, grant).await;
        }
        // Grants in `auth` take no place of another service's.
        let other = app.member(&root).await;
        app.sql(
            "INSERT INTO person_permissions (person_id, service_id, permission_id) \
             SELECT ?1, s.id, p.id FROM services AS s, permissions AS p \
              WHERE s.built_in = 0 AND p.built_in = 0 AND (s.id, p.id) <> (10, 50)",
            &[json!(other.id)],
        )
        .await;
        app.grant_permission(&root, &other, "auth.people.read")
            .await;
        let last = json!({"person_id": other.id, "service_id": 10, "permission_id": 50});
        app.grant(&root, "/person-service-permissions", last).await;
    })
    .await;
}

#[tokio::test]
async fn services_and_roles_have_limited_numbers() {
    case(async |app| {
        let root = app.administrator().await;
        // The service `auth` is one of the thousand.
        seed_policy(app, 999, 501, 501).await;
        app.sql(
            "UPDATE id_counters SET last = 999 WHERE thing = 'service'",
            &[],
        )
        .await;
        let one_more = json!({"name": "One more"});
        refused(
            app,
            &root,
            "/services",
            one_more,
            ("/services/7", Value::Null),
        )
        .await;
        let restored = json!({"name": "Service 7"});
        let removed = ("/services/8", Value::Null);
        refused(app, &root, "/services", restored, removed).await;

        seed(app, "role_permissions", 500, "1, i").await;
        let added = |permission: i64| json!({"role_id": 1, "permission_id": permission});
        let path = "/role-permissions";
        refused(app, &root, path, added(501), (path, added(1))).await;

        seed(app, "service_roles", 500, "1, i").await;
        let added = |role: i64| json!({"service_id": 1, "role_id": role});
        let path = "/service-roles";
        refused(app, &root, path, added(501), (path, added(1))).await;
    })
    .await;
}

#[tokio::test]
async fn the_service_auth_has_limits_of_its_own() {
    case(async |app| {
        let root = app.administrator().await;
        seed_policy(app, 1, 2, 20).await;
        seed(app, "role_permissions", 11, "1, i").await;
        seed(app, "role_permissions", 10, "2, i").await;
        let to_auth = |role: i64| json!({"service_id": "auth", "role_id": role});
        let answer = app.ask(&root, POST, "/service-roles", to_auth(1)).await;
        assert_eq!(answer.refused(409), "too_many_entries");
        app.grant(&root, "/service-roles", to_auth(2)).await;
        let path = "/role-permissions";
        let added = |permission: i64| json!({"role_id": 2, "permission_id": permission});
        refused(app, &root, path, added(11), (path, added(1))).await;

        let columns = "users (id, email, email_verified, auth_method, created_at, updated_at)";
        seed(
            app,
            columns,
            500,
            &format!("{USER_ID}, 'crowd', 0, 'x', i, i"),
        )
        .await;
        seed(
            app,
            "people (user_id, username)",
            500,
            &format!("{USER_ID}, 'u' || i"),
        )
        .await;
        app.sql(
            "INSERT INTO person_roles (person_id, service_id, role_id) \
             SELECT id, 1000000001, 2 FROM people WHERE username LIKE 'u%' AND username <> 'u500'",
            &[],
        )
        .await;
        let role = |person: &str| json!({"person_id": person, "service_id": "auth", "role_id": 2});
        let path = "/person-service-roles";
        refused(app, &root, path, role("u500"), (path, role("u1"))).await;
        let written = app.most_written().await;
        assert!(written < 12_000, "a batch wrote {written} rows");
        app.sql("DELETE FROM users WHERE email = 'crowd'", &[])
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_page_reads_rows_only_for_its_entries() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        seed_policy(app, 990, 10, 1).await;
        seed(app, "service_roles", 500, "i, 1").await;
        app.sql(
            "INSERT INTO person_roles (person_id, service_id, role_id) \
             SELECT ?1, service_id, 1 FROM service_roles WHERE role_id = 1",
            &[json!(member.id)],
        )
        .await;
        app.sql(
            "INSERT INTO person_permissions (person_id, service_id, permission_id) \
             SELECT ?1, id, 1 FROM services WHERE id <= 500",
            &[json!(member.id)],
        )
        .await;
        // 20,000 services were deleted.
        let columns = "services (id, name, policy_version, built_in, created_at, deleted_at)";
        let values = "1000 + i, 'Old ' || i, 1, 0, 0, 1";
        seed(app, columns, 20_000, values).await;
        let paths = [
            format!("/people/{}/services?limit=1", member.id),
            format!("/people/{}/services?limit=1&after=250", member.id),
            "/services?limit=1".to_owned(),
            "/services?limit=1&after=989".to_owned(),
            "/services/1/people?limit=1".to_owned(),
        ];
        for path in paths {
            let call = app.request(Method::GET, &path).token(&root.token);
            let (answer, cost) = app.cost(call).await;
            assert_eq!(answer.ok().as_array().map(Vec::len), Some(1), "{path}");
            assert!(cost.rows_read < 100, "{path}: {} rows read", cost.rows_read);
        }
        let all = format!("/people/{}/services?limit=500", member.id);
        let all = app.ask(&root, GET, &all, Value::Null).await.ok();
        assert_eq!(all.as_array().map(Vec::len), Some(500));
    })
    .await;
}
