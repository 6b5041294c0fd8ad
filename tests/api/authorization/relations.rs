//! Grants and memberships, lists, and concurrent creations of one name.

use http::Method;
use serde_json::{Value, json};

use super::policy::in_use;
use crate::harness::{case, race};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const DELETE: Method = Method::DELETE;

#[tokio::test]
async fn grants_are_added_and_removed_and_may_be_repeated() {
    case(async |app| {
        let root = app.administrator().await;
        let (member, service, role, permission) = in_use(app, &root).await;
        let bare = app.create(&root, "roles", "Bare").await;
        let not_there = json!({"person_id": member.id, "service_id": service, "role_id": bare});
        assert_eq!(
            app.ask(&root, POST, "/person-service-roles", not_there)
                .await
                .refused(409),
            "role_not_in_service"
        );
        let before = app.actions().await.len();
        for (path, body) in [
            (
                "/role-permissions",
                json!({"role_id": role, "permission_id": permission}),
            ),
            (
                "/person-service-roles",
                json!({
                    "person_id": member.username,
                    "service_id": "Stock",
                    "role_id": role,
                }),
            ),
            (
                "/service-roles",
                json!({"service_id": "Stock", "role_id": role}),
            ),
        ] {
            assert_eq!(
                app.grant(&root, path, body.clone()).await,
                json!({"status": "success"}),
                "{path}"
            );
            assert_eq!(
                app.actions().await.len(),
                before,
                "a repeated grant is no change"
            );
            for field in body.as_object().expect("an object").keys() {
                let mut unknown = body.clone();
                unknown[field] = json!(999_999);
                let thing = field.trim_end_matches("_id");
                assert_eq!(
                    app.ask(&root, POST, path, unknown.clone())
                        .await
                        .refused(404),
                    format!("{thing}_not_found"),
                    "{path} {field}"
                );
                unknown[field] = json!(-1);
                assert_eq!(
                    app.ask(&root, POST, path, unknown.clone())
                        .await
                        .refused(400),
                    format!("invalid_{thing}_id"),
                    "{path} {field}"
                );
                unknown[field] = Value::Null;
                assert_eq!(
                    app.ask(&root, POST, path, unknown).await.refused(400),
                    "invalid_request_body",
                    "{path} {field}"
                );
            }
        }
        let granted = app
            .grant(
                &root,
                "/person-service-permissions",
                json!({
                    "person_id": member.id,
                    "service_id": service,
                    "permission_name": "read",
                }),
            )
            .await;
        assert_eq!(
            granted,
            json!({
                "status": "permission_granted",
                "person_id": member.id,
                "service_id": service,
                "permission_id": permission,
            })
        );
        let both = json!({
            "person_id": member.id,
            "service_id": service,
            "permission_name": "read",
            "permission_id": permission,
        });
        assert_eq!(
            app.ask(&root, POST, "/person-service-permissions", both)
                .await
                .refused(400),
            "invalid_request_body"
        );
        for (path, body, status) in [
            (
                "/person-service-permissions",
                json!({"person_id": member.id, "service_id": service, "permission_id": permission}),
                "permission_removed_from_person",
            ),
            (
                "/person-service-roles",
                json!({"person_id": member.id, "service_id": service, "role_id": role}),
                "role_removed_from_person",
            ),
            (
                "/role-permissions",
                json!({"role_id": role, "permission_id": permission}),
                "permission_removed_from_role",
            ),
            (
                "/service-roles",
                json!({"service_id": service, "role_id": role}),
                "role_removed_from_service",
            ),
        ] {
            for _ in 0..2 {
                assert_eq!(
                    app.ask(&root, DELETE, path, body.clone()).await.ok()["status"],
                    status,
                    "{path}"
                );
            }
        }
        let actions = app.actions().await;
        let undone = [
            "permission_granted",
            "permission_revoked",
            "role_revoked",
            "permission_removed_from_role",
            "role_removed_from_service",
        ];
        assert_eq!(actions[before..], undone, "each change writes one row");
    })
    .await;
}

#[tokio::test]
async fn lists_are_paginated() {
    case(async |app| {
        let root = app.administrator().await;
        for n in 0..5 {
            app.create(&root, "services", &format!("Service {n}")).await;
        }
        let mut path = "/services?limit=2".to_owned();
        let mut names = Vec::new();
        for _ in 0..9 {
            let answer = app.ask(&root, GET, &path, Value::Null).await;
            let page = answer.ok();
            assert!(page.as_array().expect("a list").len() <= 2);
            names.extend(
                page.as_array()
                    .expect("a list")
                    .iter()
                    .map(|service| service["name"].as_str().expect("a name").to_owned()),
            );
            let Some(link) = answer.header("link") else {
                break;
            };
            path = link
                .trim_start_matches('<')
                .split('>')
                .next()
                .expect("an address")
                .to_owned();
            assert!(link.ends_with("; rel=\"next\""), "{link}");
        }
        assert_eq!(
            names,
            [
                "Service 0",
                "Service 1",
                "Service 2",
                "Service 3",
                "Service 4",
                "auth"
            ]
        );
        for bad in ["limit=0", "limit=501", "limit=x", "after=-1"] {
            assert_eq!(
                app.ask(&root, GET, &format!("/services?{bad}"), Value::Null)
                    .await
                    .refused(400),
                "invalid_query",
                "{bad}"
            );
        }
        let newest = app.ask(&root, GET, "/changes?limit=1", Value::Null).await;
        assert_eq!(
            (&newest.ok()[0]["action"], &newest.ok()[0]["actor"]),
            (&json!("service_created"), &json!("root"))
        );
        assert_eq!(newest.ok()[0]["detail"]["name"], "Service 4");
    })
    .await;
}

#[tokio::test]
async fn one_of_concurrent_creations_with_one_name_succeeds() {
    race(async |app| {
        let root = app.administrator().await;
        for (kind, thing) in [
            ("roles", "role"),
            ("services", "service"),
            ("permissions", "permission"),
        ] {
            let calls = (0..12).map(|_| {
                app.request(POST, &format!("/{kind}"))
                    .token(&root.token)
                    .json(&json!({"name": "Same"}))
                    .send()
            });
            let answers = futures::future::join_all(calls).await;
            assert_eq!(
                answers
                    .iter()
                    .filter(|answer| answer.status() == 201)
                    .count(),
                1
            );
            for answer in answers.iter().filter(|answer| answer.status() != 201) {
                assert_eq!(answer.refused(409), format!("{thing}_exists"));
            }
        }
        let calls = (0..12).map(|n| {
            app.request(POST, "/roles")
                .token(&root.token)
                .json(&json!({"name": format!("Role {n}")}))
                .send()
        });
        let mut ids: Vec<_> = futures::future::join_all(calls)
            .await
            .iter()
            .map(|answer| answer.created()["id"].as_i64())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 12, "each object has a unique id");
    })
    .await;
}
