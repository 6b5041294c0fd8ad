//! The last administrator, who cannot be removed.

use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST, PUT};
use crate::harness::{Member, PASSWORD, case, race};

#[tokio::test]
async fn the_last_administrator_cannot_be_removed() {
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
        // A grant with an expiry does not replace the last permanent one.
        let ends = app.now().await + 3600;
        let mut ending = own.clone();
        ending["expires_at"] = json!(ends);
        assert_eq!(
            app.ask(&root, POST, "/person-service-roles", ending)
                .await
                .refused(409),
            "last_administrator"
        );
        // The last administrator cannot delete their own account either.
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
        // With a second administrator the first may be removed.
        let second = app.member(&root).await;
        app.grant_permission(&root, &second, "auth.administer")
            .await;
        let ended = app.get("/auth/profile").token(&second.token).send().await;
        assert_eq!(
            ended.refused(401),
            "invalid_token",
            "the earlier token of a new administrator is revoked"
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
async fn one_of_two_administrators_who_remove_each_other_remains() {
    race(async |app| {
        let root = app.administrator().await;
        for _ in 0..6 {
            let (one, two) = (app.member(&root).await, app.member(&root).await);
            for each in [&one, &two] {
                app.grant_permission(&root, each, "auth.administer").await;
            }
            let (one, two) = (app.again(&one).await, app.again(&two).await);
            // Only these two administrators remain.
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
                "a valid token is never called invalid: {statuses:?}"
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
