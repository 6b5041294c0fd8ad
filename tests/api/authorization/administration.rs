//! People, services, roles, permissions and what relates them: made, changed, deleted; who may; and
//! what the log of changes has of it.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Member, PASSWORD, TestApp, case, race};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Every endpoint that needs a permission, with a body that is good.
fn administration(person: i64) -> Vec<(Method, String, Value)> {
    let relation = json!({"service_id": 1, "role_id": 1, "permission_id": 1, "person_id": person});
    let user = json!({"username": "new", "name": "New", "password": PASSWORD});
    let mut list = vec![
        (GET, "/users".to_owned(), Value::Null),
        (POST, "/users".to_owned(), user),
        (PUT, format!("/users/{person}"), json!({"name": "Other"})),
        (DELETE, format!("/users/{person}"), Value::Null),
        (DELETE, format!("/users/{person}/tokens"), Value::Null),
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
async fn nobody_administers_anything_without_a_permission() {
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
        // Of oneself everybody may know.
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
                "who may not is not told who there is"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn each_permission_opens_its_part_and_no_other() {
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
            app.entrust(&root, &member, permission).await;
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
        app.entrust(&root, &writer, "auth.policy.write").await;
        app.thing(&writer, "roles", "Clerk").await;
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
async fn whoever_writes_policy_or_people_does_not_become_an_administrator() {
    case(async |app| {
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        for permission in [
            "auth.policy.write",
            "auth.policy.read",
            "auth.people.write",
            "auth.people.read",
        ] {
            app.entrust(&root, &eve, permission).await;
        }
        let admin_role = app
            .sql(
                "SELECT id FROM roles WHERE name = 'auth.administrator'",
                &[],
            )
            .await[0]["id"]
            .clone();
        let own_role = app.thing(&eve, "roles", "Mine").await;
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

#[tokio::test]
async fn people_are_made_changed_and_deleted() {
    case(async |app| {
        let root = app.administrator().await;
        let body = json!({
            "username": "ana",
            "password_hash": PASSWORD,
            "name": "Ana",
            "person_type": "N",
            "document_type": "DNI",
            "document_number": "00000001",
        });
        let made = app.ask(&root, POST, "/users", body.clone()).await.created();
        let id = made["id"].as_i64().expect("an id");
        assert_eq!(made, json!({"id": id, "username": "ana", "name": "Ana"}));
        assert_eq!(
            app.ask(&root, POST, "/users", body.clone())
                .await
                .refused(409),
            "user_exists"
        );
        let same_document = json!({
            "username": "Ana",
            "password": PASSWORD,
            "name": "A",
            "document_type": "DNI",
            "document_number": "00000001",
        });
        assert_eq!(
            app.ask(&root, POST, "/users", same_document)
                .await
                .refused(409),
            "document_exists"
        );
        let case_counts = json!({"username": "Ana", "password": PASSWORD, "name": "A"});
        app.ask(&root, POST, "/users", case_counts).await.created();
        for (bad, status, code) in [
            (
                json!({"username": "", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "7", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bo b", "password": PASSWORD, "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bob", "name": "A"}),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "password_hash": PASSWORD,
                    "name": "A",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "name": "A",
                    "person_type": "X",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({
                    "username": "bob",
                    "password": PASSWORD,
                    "name": "A",
                    "document_type": "DNI",
                }),
                400,
                "invalid_request_body",
            ),
            (
                json!({"username": "bob", "password": "short", "name": "A"}),
                422,
                "invalid_password",
            ),
            (
                json!({"username": "bobby", "password": "bobby1234", "name": "A"}),
                422,
                "common_password",
            ),
        ] {
            assert_eq!(
                app.ask(&root, POST, "/users", bad.clone())
                    .await
                    .refused(status),
                code,
                "{bad}"
            );
        }
        let path = format!("/users/{id}");
        let token = app.login("ana", PASSWORD).await.ok()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            app.ask(
                &root,
                PUT,
                &path,
                json!({"username": "anna", "name": "Anna"})
            )
            .await
            .ok(),
            json!({"status": "success"})
        );
        assert_eq!(
            app.ask(&root, GET, &path, Value::Null).await.ok(),
            json!({"id": id, "username": "anna", "name": "Anna"})
        );
        assert_eq!(
            app.ask(&root, PUT, &path, json!({"username": "Ana"}))
                .await
                .refused(409),
            "user_exists"
        );
        assert_eq!(
            app.get("/auth/profile").token(&token).send().await.status(),
            200
        );
        assert_eq!(
            app.ask(&root, PUT, &path, json!({"password": "another zebra 78"}))
                .await
                .status(),
            200
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&token)
                .send()
                .await
                .refused(401),
            "invalid_token",
            "a new password ends all of it"
        );
        let token = app.login("anna", "another zebra 78").await.ok()["token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let gone = app.ask(&root, DELETE, &path, Value::Null).await.ok();
        assert_eq!(
            gone,
            json!({"status": "user_deleted", "user_id": id, "revoked_tokens": 1})
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
        for (method, body) in [
            (GET, Value::Null),
            (PUT, json!({"name": "A"})),
            (DELETE, Value::Null),
        ] {
            assert_eq!(
                app.ask(&root, method, &path, body).await.refused(404),
                "user_not_found"
            );
        }
        let again = app.ask(&root, POST, "/users", body).await.created();
        assert_ne!(again["id"], id, "an id is never used twice");
        for bad in ["abc", "0", "-1", "1.5", "99999999999999999999"] {
            assert_eq!(
                app.ask(&root, GET, &format!("/users/{bad}"), Value::Null)
                    .await
                    .refused(400),
                "invalid_user_id",
                "{bad}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn names_are_unique_and_case_counts() {
    case(async |app| {
        let root = app.administrator().await;
        for (kind, thing) in [
            ("roles", "role"),
            ("permissions", "permission"),
            ("services", "service"),
        ] {
            let (id, other) = (
                app.thing(&root, kind, "Editor").await,
                app.thing(&root, kind, "editor").await,
            );
            assert_eq!(other, id + 1, "in order");
            let path = format!("/{kind}");
            assert_eq!(
                app.ask(&root, POST, &path, json!({"name": "Editor"}))
                    .await
                    .refused(409),
                format!("{thing}_exists")
            );
            for bad in [
                json!({}),
                json!({"name": ""}),
                json!({"name": "auth.x"}),
                json!({"name": "AUTH"}),
                json!({"name": 7}),
                json!({"name": "7"}),
                json!({"name": "x".repeat(65)}),
                json!({"name": "a\u{0}b"}),
            ] {
                assert_eq!(
                    app.ask(&root, POST, &path, bad.clone()).await.refused(400),
                    "invalid_request_body",
                    "{bad}"
                );
            }
            let one = format!("/{kind}/{id}");
            assert_eq!(
                app.ask(&root, PUT, &one, json!({"name": "editor"}))
                    .await
                    .refused(409),
                format!("{thing}_exists")
            );
            assert_eq!(
                app.ask(&root, PUT, &one, json!({"name": "Writer"}))
                    .await
                    .ok(),
                json!({"status": "success"})
            );
            assert_eq!(
                app.ask(&root, PUT, &one, json!({"name": "Writer"}))
                    .await
                    .ok(),
                json!({"status": "success"}),
                "as it is called already"
            );
            let deleted = app.ask(&root, DELETE, &one, Value::Null).await.ok();
            assert_eq!(
                (&deleted["status"], &deleted[format!("{thing}_id")]),
                (&json!(format!("{thing}_deleted")), &json!(id))
            );
            for method in [PUT, DELETE] {
                let body = if method == PUT {
                    json!({"name": "x"})
                } else {
                    Value::Null
                };
                assert_eq!(
                    app.ask(&root, method.clone(), &one, body.clone())
                        .await
                        .refused(404),
                    format!("{thing}_not_found")
                );
                let bad = app.ask(&root, method, &format!("/{kind}/abc"), body).await;
                assert_eq!(bad.refused(400), format!("invalid_{thing}_id"));
            }
        }
    })
    .await;
}

/// A service with a role that has a permission, which a member has there.
pub(super) async fn in_use(app: &TestApp, root: &Member) -> (Member, i64, i64, i64) {
    let member = app.member(root).await;
    let (service, role) = (
        app.thing(root, "services", "Stock").await,
        app.thing(root, "roles", "Clerk").await,
    );
    let permission = app.thing(root, "permissions", "read").await;
    app.relate(
        root,
        "/service-roles",
        json!({"service_id": service, "role_id": role}),
    )
    .await;
    app.relate(
        root,
        "/role-permissions",
        json!({"role_id": role, "permission_id": permission}),
    )
    .await;
    app.relate(
        root,
        "/person-service-roles",
        json!({"person_id": member.id, "service_id": service, "role_id": role}),
    )
    .await;
    (member, service, role, permission)
}

#[tokio::test]
async fn what_is_in_use_is_deleted_only_by_force() {
    case(async |app| {
        let root = app.administrator().await;
        let (member, service, role, permission) = in_use(app, &root).await;
        let refused = async |path: &str, code: &str| {
            let answer = app.ask(&root, DELETE, path, Value::Null).await;
            assert_eq!(answer.refused(409), code);
            answer.json()["used_by"].clone()
        };
        assert_eq!(
            refused(&format!("/roles/{role}"), "role_in_use").await,
            json!({"services": ["Stock"], "people": [member.username]})
        );
        assert_eq!(
            refused(&format!("/permissions/{permission}"), "permission_in_use").await,
            json!({"roles": ["Clerk"]})
        );
        assert_eq!(
            refused(&format!("/services/{service}"), "service_in_use").await,
            json!({"people": [member.username]})
        );
        assert_eq!(
            app.ask(
                &root,
                DELETE,
                &format!("/roles/{role}?force=maybe"),
                Value::Null
            )
            .await
            .refused(400),
            "invalid_query"
        );
        app.ask(
            &root,
            DELETE,
            &format!("/services/{service}?force=true"),
            Value::Null,
        )
        .await
        .ok();
        assert_eq!(
            app.ask(&root, GET, "/services/Stock/roles", Value::Null)
                .await
                .refused(404),
            "service_not_found"
        );
        // It comes back with its id, and with nobody in it.
        let back = app
            .ask(
                &root,
                POST,
                "/services",
                json!({"name": "Stock", "description": "again"}),
            )
            .await
            .created();
        assert_eq!(
            back,
            json!({"id": service, "name": "Stock", "description": "again"})
        );
        assert_eq!(
            app.ask(&root, GET, "/services/Stock/roles", Value::Null)
                .await
                .ok(),
            json!([])
        );
        let access = app
            .ask(
                &root,
                GET,
                &format!("/people/{}/services/Stock", member.id),
                Value::Null,
            )
            .await
            .ok();
        assert_eq!(
            (&access["roles"], &access["permissions"]),
            (&json!([]), &json!([]))
        );
        app.ask(
            &root,
            DELETE,
            &format!("/permissions/{permission}?force=true"),
            Value::Null,
        )
        .await
        .ok();
        app.ask(
            &root,
            DELETE,
            &format!("/roles/{role}?force=true"),
            Value::Null,
        )
        .await
        .ok();
        for table in [
            "role_permissions",
            "service_roles",
            "person_roles",
            "person_permissions",
        ] {
            let left = app
                .count(&format!("SELECT COUNT(*) FROM {table}"), &[])
                .await;
            let built_in = match table {
                "role_permissions" => 3,
                "service_roles" => 2,
                "person_roles" => 1,
                _ => 0,
            };
            assert_eq!(left, built_in, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    case(async |app| {
        let root = app.administrator().await;
        let role = app
            .sql(
                "SELECT id FROM roles WHERE name = 'auth.administrator'",
                &[],
            )
            .await[0]["id"]
            .clone();
        let own = json!({"person_id": root.id, "service_id": "auth", "role_id": role});
        assert_eq!(
            app.ask(&root, DELETE, "/person-service-roles", own.clone())
                .await
                .refused(409),
            "last_administrator"
        );
        assert_eq!(
            app.ask(&root, DELETE, &format!("/users/{}", root.id), Value::Null)
                .await
                .refused(409),
            "last_administrator"
        );
        // Not by a grant that ends, either.
        let ends = app.now().await + 3600;
        let mut ending = own.clone();
        ending["expires_at"] = json!(ends);
        assert_eq!(
            app.ask(&root, POST, "/person-service-roles", ending)
                .await
                .refused(409),
            "last_administrator"
        );
        // Nor by deleting the account as its owner.
        let signed_in = app
            .post(
                "/api/auth/password/sign-in",
                &json!({"username": "root", "password": PASSWORD}),
            )
            .send()
            .await
            .ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        assert_eq!(
            app.delete("/api/users/me")
                .bearer(session)
                .send()
                .await
                .problem(409),
            "last_administrator"
        );
        for path in [
            "/services/1000000001",
            "/roles/1000000001",
            "/permissions/1000000001",
        ] {
            assert_eq!(
                app.ask(&root, DELETE, &format!("{path}?force=true"), Value::Null)
                    .await
                    .refused(409),
                "built_in"
            );
            assert_eq!(
                app.ask(&root, PUT, path, json!({"name": "x"}))
                    .await
                    .refused(409),
                "built_in"
            );
        }
        let builtin = json!({"role_id": role, "permission_id": 1_000_000_001});
        assert_eq!(
            app.ask(&root, DELETE, "/role-permissions", builtin)
                .await
                .refused(409),
            "built_in"
        );
        assert_eq!(
            app.ask(
                &root,
                DELETE,
                "/service-roles",
                json!({"service_id": "auth", "role_id": role})
            )
            .await
            .refused(409),
            "built_in"
        );
        // With another one the first may go.
        let second = app.member(&root).await;
        app.entrust(&root, &second, "auth.administer").await;
        let ended = app.get("/auth/profile").token(&second.token).send().await;
        assert_eq!(
            ended.refused(401),
            "invalid_token",
            "whoever was let in as nobody in particular is not let in as an administrator"
        );
        let second = app.again(&second).await;
        app.ask(&second, DELETE, "/person-service-roles", own)
            .await
            .ok();
        assert_eq!(
            app.ask(&root, GET, "/users", Value::Null)
                .await
                .refused(403),
            "forbidden"
        );
        let last = json!({
            "person_id": second.id,
            "service_id": "auth",
            "permission_name": "auth.administer",
        });
        assert_eq!(
            app.ask(&second, DELETE, "/person-service-permissions", last)
                .await
                .refused(409),
            "last_administrator"
        );
        assert_eq!(
            app.delete("/api/users/me")
                .bearer(session)
                .send()
                .await
                .status(),
            200
        );
    })
    .await;
}

#[tokio::test]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    race(async |app| {
        let root = app.administrator().await;
        for _ in 0..6 {
            let (one, two) = (app.member(&root).await, app.member(&root).await);
            for each in [&one, &two] {
                app.entrust(&root, each, "auth.administer").await;
            }
            let (one, two) = (app.again(&one).await, app.again(&two).await);
            // Only these two are left.
            app.sql(
                "DELETE FROM person_roles WHERE person_id = ?1",
                &[json!(root.id)],
            )
            .await;
            let remove = |by: &Member, whom: &Member| {
                let body = json!({
                    "person_id": whom.id,
                    "service_id": "auth",
                    "permission_name": "auth.administer",
                });
                app.request(DELETE, "/person-service-permissions")
                    .token(&by.token)
                    .json(&body)
                    .send()
            };
            let (first, second) =
                futures::future::join(remove(&one, &two), remove(&two, &one)).await;
            let mut statuses = [first.status(), second.status()];
            statuses.sort_unstable();
            assert_eq!(statuses[0], 200, "{statuses:?}");
            assert!(
                [403, 409].contains(&statuses[1]),
                "a good token is not told to be bad: {statuses:?}"
            );
            let left = "SELECT COUNT(*) FROM person_permissions WHERE permission_id = 1000000001";
            assert_eq!(app.count(left, &[]).await, 1);
            app.sql("DELETE FROM person_permissions", &[]).await;
            app.sql(
                "INSERT INTO person_roles (person_id, service_id, role_id) \
                 VALUES (?1, 1000000001, 1000000001)",
                &[json!(root.id)],
            )
            .await;
        }
    })
    .await;
}
