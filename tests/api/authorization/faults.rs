//! Faults of the database while somebody administers: 503, nothing half-written, no change without
//! its row in the log, and a retry ends well.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Call, Fault, FaultMode, PASSWORD, TestApp, case};

const TABLES: [&str; 12] = [
    "users",
    "people",
    "passwords",
    "person_tokens",
    "services",
    "roles",
    "permissions",
    "role_permissions",
    "service_roles",
    "person_roles",
    "person_permissions",
    "policy_events",
];
const MESSAGE: &str = "D1_ERROR: Network connection lost.";

async fn dump(app: &TestApp) -> Vec<String> {
    let mut dump = Vec::new();
    let queries = TABLES.map(|table| format!("SELECT * FROM {table}"));
    for (table, rows) in TABLES.iter().zip(app.queries(&queries).await) {
        dump.extend(
            rows.iter()
                .map(|row| format!("{table} {}", serde_json::to_string(row).expect("JSON"))),
        );
    }
    dump.sort();
    dump
}

#[tokio::test]
async fn a_fault_at_any_point_leaves_all_or_nothing() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let (service, role) = (app.thing(&root, "services", "Stock").await, app.thing(&root, "roles", "Clerk").await);
        let permission = app.thing(&root, "permissions", "read").await;
        let ids = json!({"person_id": member.id, "service_id": service, "role_id": role, "permission_id": permission});
        let path = |path: &str| path.to_owned();
        let changes: Vec<(Method, String, Value)> = vec![
            (Method::POST, path("/roles"), json!({"name": "New"})),
            (Method::POST, path("/services"), json!({"name": "New"})),
            (Method::PUT, format!("/services/{service}"), json!({"description": "x"})),
            (Method::POST, path("/service-roles"), ids.clone()),
            (Method::POST, path("/role-permissions"), ids.clone()),
            (Method::POST, path("/person-service-roles"), ids.clone()),
            (
                Method::POST,
                path("/person-service-permissions"),
                json!({"person_id": member.id, "service_id": service, "permission_id": permission}),
            ),
            (Method::POST, path("/users"), json!({"username": "new", "name": "New", "password": PASSWORD})),
            (Method::PUT, format!("/users/{}", member.id), json!({"username": "renamed", "password": "another zebra 78"})),
            (Method::DELETE, format!("/services/{service}?force=true"), Value::Null),
            (Method::DELETE, format!("/roles/{role}?force=true"), Value::Null),
            (Method::DELETE, format!("/users/{}", member.id), Value::Null),
        ];
        for (method, path, body) in changes {
            let call = || -> Call<'_> {
                let call = app.request(method.clone(), &path).token(&root.token);
                if body.is_null() { call } else { call.json(&body) }
            };
            let before = dump(app).await;
            // Both round trips, and in the second one every statement; the password's look-up
            // before them.
            let modes = (0..3).flat_map(|at| (0..8).map(move |n| (at, if n == 0 { FaultMode::Before } else { FaultMode::Within(n - 1) })));
            for (faults, (at, mode)) in modes.enumerate() {
                let asked = app.batches().await;
                app.fail(&[Fault { at, mode, message: MESSAGE }]).await;
                let answer = call().send().await;
                app.fail(&[]).await;
                if answer.status() != 503 {
                    // There was no such statement, so it was done: what follows would be another
                    // case.
                    assert!([200, 201].contains(&answer.status()) && faults > 4, "{method} {path} {at} {mode:?}: {}", answer.text());
                    assert!(app.batches().await > asked);
                    break;
                }
                assert_eq!(answer.refused(503), "service_unavailable");
                assert!(answer.header("retry-after").is_some());
                assert_eq!(dump(app).await, before, "{method} {path} {at} {mode:?}");
            }
            let last = call().send().await;
            // Done, or done before.
            assert!([200, 201, 404, 409].contains(&last.status()), "{method} {path}: {}", last.text());
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_whole() {
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
                "it happened, and its row with it"
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
                "a retry learns of it"
            );
        }
    })
    .await;
}
