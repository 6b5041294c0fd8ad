//! Deletions of roles, of permissions and of a service's role take effect at once, and the rows of
//! 20,000 people are removed in slices.

use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST, PUT};
use crate::harness::{TestApp, case};

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                       WHERE i < 20000)";
/// The largest number of rows that a batch writes.
const MOST_WRITTEN: usize = 8_000;
/// The largest number of rows that a request reads.
const MOST_READ: usize = 8_000;
const GRANTS: &str = "SELECT (SELECT COUNT(*) FROM person_roles WHERE service_id = ?1)
                           + (SELECT COUNT(*) FROM person_permissions WHERE service_id = ?1)
                           + (SELECT COUNT(*) FROM removed_roles)
                           + (SELECT COUNT(*) FROM removed_permissions)";

/// Creates a service in which 20,000 people have a role with the permission, and the permission
/// itself. Returns the ids of the service, the role and the permission.
async fn crowded_service(app: &TestApp, root: &crate::harness::Member) -> [i64; 3] {
    let shop = app.create(root, "services", "shop").await;
    let role = app.create(root, "roles", "clerk").await;
    let permission = app.create(root, "permissions", "shop.open").await;
    let other = app.create(root, "permissions", "shop.close").await;
    let to_service = json!({"service_id": shop, "role_id": role});
    app.grant(root, "/service-roles", to_service).await;
    for permission in [permission, other] {
        let added = json!({"role_id": role, "permission_id": permission});
        app.grant(root, "/role-permissions", added).await;
    }
    for insert in [
        "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at)
         SELECT printf('00000000-0000-4000-8000-%012d', i), 'crowd', 0, 'x', i, i FROM n",
        "INSERT INTO people (user_id, username)
         SELECT printf('00000000-0000-4000-8000-%012d', i), 'u' || i FROM n",
    ] {
        app.sql(&format!("{NUMBERS} {insert}"), &[]).await;
    }
    for insert in [
        "INSERT INTO person_roles (person_id, service_id, role_id) \
         SELECT id, ?1, ?2 FROM people WHERE username <> 'root'",
        "INSERT INTO person_permissions (person_id, service_id, permission_id) \
         SELECT id, ?1, ?2 FROM people WHERE username <> 'root'",
    ] {
        let granted = if insert.contains("role_id") {
            role
        } else {
            permission
        };
        app.sql(insert, &[json!(shop), json!(granted)]).await;
    }
    [shop, role, permission]
}

async fn allowed(app: &TestApp, root: &crate::harness::Member, permission: &str) -> bool {
    let asked = json!({"subject": "u1", "service": "shop", "permission": permission});
    let checked = app.ask(root, POST, "/check", asked).await.ok();
    checked["allowed"] == true
}

/// Runs maintenance until no row of a deletion is left.
async fn empty(app: &TestApp, shop: i64, expected: i64) {
    let mut left = app.count(GRANTS, &[json!(shop)]).await;
    while left > expected {
        app.cron().await;
        let now = app.count(GRANTS, &[json!(shop)]).await;
        assert!(now < left, "{now} rows are left");
        left = now;
    }
    assert_eq!(left, expected);
}

async fn bounded(app: &TestApp, root: &crate::harness::Member, request: (&http::Method, &str)) {
    let (method, path) = request;
    let mut call = app.request(method.clone(), path).token(&root.token);
    if *method == PUT {
        call = call.json(&json!({"name": "renamed"}));
    }
    let (answer, cost) = app.cost(call).await;
    answer.ok();
    assert!(
        cost.rows_read < MOST_READ,
        "{method} {path}: {} rows read",
        cost.rows_read
    );
}

async fn finish(app: &TestApp) {
    let most = app.most_written().await;
    assert!(most < MOST_WRITTEN, "a batch wrote {most} rows");
    app.sql("DELETE FROM users WHERE email = 'crowd'", &[])
        .await;
}

#[tokio::test]
async fn a_role_of_20000_people_is_deleted_at_once_and_emptied_in_slices() {
    case(async |app| {
        let root = app.administrator().await;
        let [shop, role, _] = crowded_service(app, &root).await;
        assert!(allowed(app, &root, "shop.close").await);
        let path = format!("/roles/{role}");
        bounded(app, &root, (&PUT, &path)).await;
        bounded(app, &root, (&DELETE, &format!("{path}?force=true"))).await;
        assert!(app.count(GRANTS, &[json!(shop)]).await > 30_000);
        assert!(!allowed(app, &root, "shop.close").await);
        assert!(allowed(app, &root, "shop.open").await, "the direct grant");
        let of_person = app
            .ask(&root, GET, "/people/u20000/services/shop", Value::Null)
            .await
            .ok();
        assert_eq!(of_person["roles"], json!([]));
        assert_eq!(of_person["permissions"], json!(["shop.open"]));
        let gone = app.ask(&root, GET, &path, Value::Null).await;
        assert_eq!(gone.status(), 404);
        // A role of the same name has another id, and people do not have it.
        let again = app.create(&root, "roles", "clerk").await;
        assert_ne!(again, role);
        let to_service = json!({"service_id": shop, "role_id": again});
        app.grant(&root, "/service-roles", to_service).await;
        empty(app, shop, 20_000).await;
        finish(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_permission_of_20000_people_is_deleted_at_once_and_emptied_in_slices() {
    case(async |app| {
        let root = app.administrator().await;
        let [shop, _, permission] = crowded_service(app, &root).await;
        let path = format!("/permissions/{permission}");
        bounded(app, &root, (&PUT, &path)).await;
        assert!(allowed(app, &root, "renamed").await);
        bounded(app, &root, (&DELETE, &format!("{path}?force=true"))).await;
        assert!(app.count(GRANTS, &[json!(shop)]).await > 30_000);
        assert!(!allowed(app, &root, "renamed").await);
        let of_person = app
            .ask(&root, GET, "/people/u20000/services/shop", Value::Null)
            .await
            .ok();
        assert_eq!(of_person["permissions"], json!(["shop.close"]));
        let again = app.create(&root, "permissions", "shop.open").await;
        assert_ne!(again, permission);
        assert!(!allowed(app, &root, "shop.open").await);
        empty(app, shop, 20_000).await;
        finish(app).await;
    })
    .await;
}

#[tokio::test]
async fn a_service_loses_a_role_of_20000_people_at_once_and_its_grants_in_slices() {
    case(async |app| {
        let root = app.administrator().await;
        let [shop, role, _] = crowded_service(app, &root).await;
        let pair = json!({"service_id": shop, "role_id": role});
        app.ask(&root, DELETE, "/service-roles", pair.clone())
            .await
            .ok();
        assert!(app.count(GRANTS, &[json!(shop)]).await > 30_000);
        assert!(!allowed(app, &root, "shop.close").await);
        let of_person = app
            .ask(&root, GET, "/people/u20000/services/shop", Value::Null)
            .await
            .ok();
        assert_eq!(of_person["roles"], json!([]));
        assert_eq!(of_person["permissions"], json!(["shop.open"]));
        let roles = app
            .ask(
                &root,
                GET,
                "/people/u20000/services/shop/roles",
                Value::Null,
            )
            .await
            .ok();
        assert_eq!(roles, json!([]));
        let people = format!("/services/shop/roles/{role}/people?limit=1");
        let people = app.ask(&root, GET, &people, Value::Null).await.ok();
        assert_eq!(people, json!([]));
        // The service gets the role again when no grant is left, so none comes back with it.
        let early = app.ask(&root, POST, "/service-roles", pair.clone()).await;
        assert_eq!(early.status(), 503);
        empty(app, shop, 20_000).await;
        app.grant(&root, "/service-roles", pair).await;
        assert!(!allowed(app, &root, "shop.close").await);
        finish(app).await;
    })
    .await;
}
