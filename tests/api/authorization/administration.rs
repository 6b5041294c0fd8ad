//! The permissions that administrative requests need.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{PASSWORD, case};

pub const GET: Method = Method::GET;
pub const POST: Method = Method::POST;
pub const PUT: Method = Method::PUT;
pub const DELETE: Method = Method::DELETE;

/// Returns every endpoint that needs a permission, with a valid body.
fn administration(person: i64) -> Vec<(Method, String, Value)> {
    let relation = json!({"service_id": 1, "role_id": 1, "permission_id": 1, "person_id": person});
    let user = json!({"username": "new", "name": "New", "password": PASSWORD});
    let mut list = vec![
        (GET, "/users".to_owned(), Value::Null),
        (POST, "/users".to_owned(), user),
        (PUT, format!("/users/{person}"), json!({"name": "Other"})),
        (DELETE, format!("/users/{person}"), Value::Null),
        (DELETE, format!("/users/{person}/tokens"), Value::Null),
        (DELETE, format!("/users/{person}/factors"), Value::Null),
        (
            POST,
            "/service-tokens".to_owned(),
            json!({"person_id": person}),
        ),
        (GET, "/services/1/roles".to_owned(), Value::Null),
        (GET, "/roles/1/permissions".to_owned(), Value::Null),
        (GET, "/roles/1".to_owned(), Value::Null),
        (GET, "/services/1".to_owned(), Value::Null),
        (GET, "/services/1/roles/1/people".to_owned(), Value::Null),
        (GET, "/services/1/people".to_owned(), Value::Null),
        (GET, "/changes".to_owned(), Value::Null),
    ];
    for kind in ["/roles", "/permissions", "/services"] {
        list.push((GET, kind.to_owned(), Value::Null));
        list.push((POST, kind.to_owned(), json!({"name": "new"})));
        list.push((PUT, format!("{kind}/1"), json!({"name": "new"})));
        list.push((DELETE, format!("{kind}/1"), Value::Null));
    }
    for kind in [
        "/role-permissions",
        "/service-roles",
        "/person-service-roles",
        "/person-service-permissions",
    ] {
        list.push((POST, kind.to_owned(), relation.clone()));
        list.push((DELETE, kind.to_owned(), relation.clone()));
    }
    list
}

#[tokio::test]
async fn every_administrative_request_needs_a_permission() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        for (method, path, body) in administration(root.id) {
            assert_eq!(
                app.ask(&member, method.clone(), &path, body.clone())
                    .await
                    .refused(403),
                "forbidden",
                "{method} {path}"
            );
            let without = app.request(method.clone(), &path);
            let without = if body.is_null() {
                without
            } else {
                without.json(&body)
            };
            assert_eq!(
                without.send().await.refused(401),
                "missing_token_header",
                "{method} {path}"
            );
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM roles WHERE built_in = 0", &[])
                .await,
            0
        );
        // Every person may read their own data.
        assert_eq!(
            app.ask(&member, GET, &format!("/users/{}", member.id), Value::Null)
                .await
                .ok()["username"],
            member.username
        );
        assert_eq!(
            app.ask(&member, GET, &format!("/users/{}", root.id), Value::Null)
                .await
                .refused(403),
            "forbidden"
        );
        for path in ["services", "services/auth", "services/auth/roles"] {
            let own = app
                .ask(
                    &member,
                    GET,
                    &format!("/people/{}/{path}", member.username),
                    Value::Null,
                )
                .await;
            assert_eq!(own.status(), 200, "{path}");
            let others = app
                .ask(
                    &member,
                    GET,
                    &format!("/people/{}/{path}", root.id),
                    Value::Null,
                )
                .await;
            assert_eq!(others.refused(403), "forbidden_person_lookup", "{path}");
            let nobody = app
                .ask(&member, GET, &format!("/people/nobody/{path}"), Value::Null)
                .await;
            assert_eq!(
                nobody.refused(403),
                "forbidden_person_lookup",
                "a caller without the permission does not learn who exists"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn each_permission_allows_its_own_requests_only() {
    case(async |app| {
        let root = app.administrator().await;
        let tries: [(&str, &str); 5] = [
            ("auth.people.read", "/users"),
            ("auth.policy.read", "/roles"),
            ("auth.policy.read", "/services"),
            ("auth.policy.read", "/permissions"),
            ("auth.changes.read", "/changes"),
        ];
        for (permission, path) in tries {
            let member = app.member(&root).await;
            app.grant_permission(&root, &member, permission).await;
            let member = app.again(&member).await;
            assert_eq!(
                app.ask(&member, GET, path, Value::Null).await.status(),
                200,
                "{permission} {path}"
            );
            for (other, elsewhere) in tries.iter().filter(|(other, _)| *other != permission) {
                assert_eq!(
                    app.ask(&member, GET, elsewhere, Value::Null).await.status(),
                    403,
                    "{permission} is not {other}"
                );
            }
        }
        let writer = app.member(&root).await;
        app.grant_permission(&root, &writer, "auth.policy.write")
            .await;
        let writer = app.again(&writer).await;
        app.create(&writer, "roles", "Clerk").await;
        assert_eq!(
            app.ask(
                &writer,
                POST,
                "/users",
                json!({"username": "x", "name": "X", "password": PASSWORD})
            )
            .await
            .status(),
            403
        );
    })
    .await;
}

#[tokio::test]
async fn writers_of_policy_and_people_cannot_become_administrators() {
    case(async |app| {
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        for permission in [
            "auth.policy.write",
            "auth.policy.read",
            "auth.people.write",
            "auth.people.read",
        ] {
            app.grant_permission(&root, &eve, permission).await;
        }
        let eve = app.again(&eve).await;
        let admin_role = app
            .sql(
                "SELECT id FROM roles WHERE name = 'auth.administrator'",
                &[],
            )
            .await[0]["id"]
            .clone();
        let own_role = app.create(&eve, "roles", "Mine").await;
        let administer = app
            .sql(
                "SELECT id FROM permissions WHERE name = 'auth.administer'",
                &[],
            )
            .await[0]["id"]
            .clone();
        let tries = [
            (
                "/person-service-roles",
                json!({"person_id": eve.id, "service_id": "auth", "role_id": admin_role}),
            ),
            (
                "/person-service-permissions",
                json!({
                    "person_id": eve.id,
                    "service_id": "auth",
                    "permission_name": "auth.administer",
                }),
            ),
            (
                "/role-permissions",
                json!({"role_id": own_role, "permission_id": administer}),
            ),
            (
                "/service-roles",
                json!({"service_id": "auth", "role_id": own_role}),
            ),
        ];
        for (path, body) in tries {
            assert_eq!(
                app.ask(&eve, POST, path, body).await.refused(403),
                "forbidden",
                "{path}"
            );
        }
        let takeover = json!({"password": "another zebra 78"});
        assert_eq!(
            app.ask(&eve, PUT, &format!("/users/{}", root.id), takeover)
                .await
                .refused(403),
            "forbidden"
        );
        assert_eq!(
            app.ask(&eve, DELETE, &format!("/users/{}", root.id), Value::Null)
                .await
                .refused(403),
            "forbidden"
        );
        assert_eq!(
            app.ask(
                &eve,
                DELETE,
                &format!("/users/{}/tokens", root.id),
                Value::Null
            )
            .await
            .refused(403),
            "forbidden"
        );
        assert_eq!(app.login("root", PASSWORD).await.status(), 200);
    })
    .await;
}
