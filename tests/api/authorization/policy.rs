//! Services, roles and permissions: their names, and how they are deleted.

use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST, PUT};
use crate::harness::{Member, TestApp, case};

#[tokio::test]
async fn names_are_unique_and_case_sensitive() {
    case(async |app| {
        let root = app.administrator().await;
        for (kind, thing) in [
            ("roles", "role"),
            ("permissions", "permission"),
            ("services", "service"),
        ] {
            let (id, other) = (
                app.create(&root, kind, "Editor").await,
                app.create(&root, kind, "editor").await,
            );
            assert_eq!(other, id + 1, "the ids are in order");
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
                "the name is unchanged"
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

/// Creates a service with a role that has a permission, and assigns the role to a member.
pub(super) async fn in_use(app: &TestApp, root: &Member) -> (Member, i64, i64, i64) {
    let member = app.member(root).await;
    let (service, role) = (
        app.create(root, "services", "Stock").await,
        app.create(root, "roles", "Clerk").await,
    );
    let permission = app.create(root, "permissions", "read").await;
    app.grant(
        root,
        "/service-roles",
        json!({"service_id": service, "role_id": role}),
    )
    .await;
    app.grant(
        root,
        "/role-permissions",
        json!({"role_id": role, "permission_id": permission}),
    )
    .await;
    app.grant(
        root,
        "/person-service-roles",
        json!({"person_id": member.id, "service_id": service, "role_id": role}),
    )
    .await;
    (member, service, role, permission)
}

#[tokio::test]
async fn roles_and_permissions_in_use_are_deleted_only_with_force() {
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
        // The restored service keeps its id and has no grants.
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
