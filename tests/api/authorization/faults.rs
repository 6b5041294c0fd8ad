//! Faults of the database during administration: the answer is 503, no change is half-written, no
//! change lacks its row in the change log, and a retry succeeds.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Call, Fault, FaultMode, PASSWORD, case};

const MESSAGE: &str = "D1_ERROR: Network connection lost.";

#[tokio::test]
async fn a_fault_at_any_call_leaves_a_whole_change_or_none() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let (service, role) = (
            app.create(&root, "services", "Stock").await,
            app.create(&root, "roles", "Clerk").await,
        );
        let permission = app.create(&root, "permissions", "read").await;
        let ids = json!({
            "person_id": member.id,
            "service_id": service,
            "role_id": role,
            "permission_id": permission,
        });
        let path = |path: &str| path.to_owned();
        let changes: Vec<(Method, String, Value)> = vec![
            (Method::POST, path("/roles"), json!({"name": "New"})),
            (Method::POST, path("/services"), json!({"name": "New"})),
            (
                Method::PUT,
                format!("/services/{service}"),
                json!({"description": "x"}),
            ),
            (Method::POST, path("/service-roles"), ids.clone()),
            (Method::POST, path("/role-permissions"), ids.clone()),
            (Method::POST, path("/person-service-roles"), ids.clone()),
            (
                Method::POST,
                path("/person-service-permissions"),
                json!({"person_id": member.id, "service_id": service, "permission_id": permission}),
            ),
            (
                Method::POST,
                path("/users"),
                json!({"username": "new", "name": "New", "password": PASSWORD}),
            ),
            (
                Method::PUT,
                format!("/users/{}", member.id),
                json!({"username": "renamed", "password": "another zebra 78"}),
            ),
            (
                Method::DELETE,
                format!("/services/{service}?force=true"),
                Value::Null,
            ),
            (
                Method::DELETE,
                format!("/roles/{role}?force=true"),
                Value::Null,
            ),
            (Method::DELETE, format!("/users/{}", member.id), Value::Null),
        ];
        for (method, path, body) in changes {
            let call = || -> Call<'_> {
                let call = app.request(method.clone(), &path).token(&root.token);
                if body.is_null() {
                    call
                } else {
                    call.json(&body)
                }
            };
            let before = app.dump().await;
            // A fault in each round trip, and in every statement of the second. The lookup of the
            // password precedes them.
            let modes = (0..3).flat_map(|at| {
                (0..8).map(move |n| {
                    (
                        at,
                        if n == 0 {
                            FaultMode::Before
                        } else {
                            FaultMode::Within(n - 1)
                        },
                    )
                })
            });
            for (faults, (at, mode)) in modes.enumerate() {
                let asked = app.batches().await;
                app.fail(&[Fault {
                    at,
                    mode,
                    message: MESSAGE,
                }])
                .await;
                let answer = call().send().await;
                app.fail(&[]).await;
                if answer.status() != 503 {
                    // The batch has no such statement, so the request succeeded and the loop ends.
                    assert!(
                        [200, 201].contains(&answer.status()) && faults > 4,
                        "{method} {path} {at} {mode:?}: {}",
                        answer.text()
                    );
                    assert!(app.batches().await > asked);
                    break;
                }
                assert_eq!(answer.refused(503), "service_unavailable");
                assert!(answer.header("retry-after").is_some());
                assert_eq!(app.dump().await, before, "{method} {path} {at} {mode:?}");
            }
            let last = call().send().await;
            // The retry succeeds, or reports that the change exists.
            assert!(
                [200, 201, 404, 409].contains(&last.status()),
                "{method} {path}: {}",
                last.text()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_with_a_lost_answer_is_complete() {
    case(async |app| {
        let root = app.administrator().await;
        for (kind, action) in [
            ("roles", "role_created"),
            ("permissions", "permission_created"),
            ("services", "service_created"),
        ] {
            let before = app.actions().await.len();
            app.fail(&[Fault {
                at: 1,
                mode: FaultMode::After,
                message: MESSAGE,
            }])
            .await;
            let answer = app
                .ask(
                    &root,
                    Method::POST,
                    &format!("/{kind}"),
                    json!({"name": "Lost"}),
                )
                .await;
            assert_eq!(answer.refused(503), "service_unavailable");
            assert_eq!(
                app.actions().await[before..],
                [action],
                "the change and its log row were written"
            );
            assert_eq!(
                app.ask(
                    &root,
                    Method::POST,
                    &format!("/{kind}"),
                    json!({"name": "Lost"})
                )
                .await
                .status(),
                409,
                "a retry reports the change"
            );
        }
    })
    .await;
}
