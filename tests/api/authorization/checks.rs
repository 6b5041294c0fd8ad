//! Checks and explanations: one, many at once, and in the form of `AuthZEN`.

use serde_json::{Value, json};

use super::access::{DELETE, GET, POST, stock};
use crate::harness::case;

#[tokio::test]
async fn a_check_returns_the_decision_and_its_reason() {
    case(async |app| {
        let stock = stock(app).await;
        let no = stock.check(app, "write").await;
        assert_eq!(
            (&no["allowed"], &no["reason"], &no["via"]),
            (&json!(false), &json!("no_grant"), &Value::Null)
        );
        stock.employ(app).await;
        let yes = stock.check(app, "write").await;
        assert_eq!(
            (&yes["allowed"], &yes["reason"], &yes["via"]),
            (&json!(true), &json!("role"), &json!({"role": "Editor"}))
        );
        assert_eq!(yes["policy_version"], stock.version(app).await);
        let until = yes["cache_until"].as_i64().expect("seconds") - app.now().await;
        assert!((58..=60).contains(&until), "{until}");
        let strong = json!({
            "subject": stock.member.id,
            "service": stock.service,
            "permission": "write",
            "consistency": "strong",
        });
        let strong = app.ask(&stock.root, POST, "/check", strong).await.ok();
        assert!(strong["cache_until"].as_i64() <= Some(app.now().await));
        let share = app.create(&stock.root, "permissions", "share").await;
        let direct = json!({
            "person_id": stock.member.id,
            "service_id": "Stock",
            "permission_id": share,
        });
        app.grant(&stock.root, "/person-service-permissions", direct)
            .await;
        let by_grant = stock.check(app, "share").await;
        assert_eq!(
            (&by_grant["reason"], &by_grant["via"]),
            (&json!("direct_grant"), &json!({"direct": true}))
        );
        for (subject, service, permission, reason) in [
            (json!("nobody"), json!("Stock"), "write", "unknown_subject"),
            (
                json!(stock.member.id),
                json!("Nowhere"),
                "write",
                "unknown_service",
            ),
            (
                json!(stock.member.id),
                json!("Stock"),
                "Write",
                "unknown_permission",
            ),
        ] {
            let body = json!({"subject": subject, "service": service, "permission": permission});
            let answer = app.ask(&stock.root, POST, "/check", body).await.ok();
            assert_eq!(
                (&answer["allowed"], &answer["reason"]),
                (&json!(false), &json!(reason))
            );
        }
        // A person may check their own permissions, and needs a permission to check those of
        // others.
        let own = json!({"subject": stock.member.id, "service": "Stock", "permission": "write"});
        assert_eq!(
            app.ask(&stock.member, POST, "/check", own.clone())
                .await
                .ok()["allowed"],
            true
        );
        let other = json!({"subject": "root", "service": "Stock", "permission": "write"});
        assert_eq!(
            app.ask(&stock.member, POST, "/check", other.clone())
                .await
                .refused(403),
            "forbidden_person_lookup"
        );
        assert_eq!(
            app.ask(
                &stock.member,
                POST,
                "/check/batch",
                json!({"checks": [own, other]})
            )
            .await
            .refused(403),
            "forbidden_person_lookup"
        );
        for bad in [
            json!({}),
            json!({"subject": 1, "service": 1}),
            json!({
                "subject": 1,
                "service": 1,
                "permission": "x",
                "consistency": "weak",
            }),
        ] {
            assert_eq!(
                app.ask(&stock.root, POST, "/check", bad.clone())
                    .await
                    .refused(400),
                "invalid_request_body",
                "{bad}"
            );
        }
        let bad = json!({"subject": -1, "service": 1, "permission": "x"});
        assert_eq!(
            app.ask(&stock.root, POST, "/check", bad).await.refused(400),
            "invalid_person_id"
        );
    })
    .await;
}

#[tokio::test]
async fn many_checks_make_one_round_trip() {
    case(async |app| {
        let stock = stock(app).await;
        stock.employ(app).await;
        let checks: Vec<Value> = (0..100)
            .map(|n| {
                let subject = if n % 2 == 0 {
                    &stock.member.username
                } else {
                    "root"
                };
                json!({"subject": subject, "service": "Stock", "permission": "read"})
            })
            .collect();
        let call = app
            .request(POST, "/check/batch")
            .token(&stock.root.token)
            .json(&json!({"checks": checks}));
        let (answer, cost) = app.cost(call).await;
        let results = answer.ok()["results"].as_array().expect("results").clone();
        assert_eq!(cost.batches, 1);
        assert_eq!(results.len(), 100);
        for (n, result) in results.iter().enumerate() {
            assert_eq!(
                result["allowed"],
                n % 2 == 0,
                "the results keep the order of the checks"
            );
        }
        assert_eq!(
            app.ask(&stock.root, POST, "/check/batch", json!({"checks": []}))
                .await
                .ok()["results"],
            json!([])
        );
        let too_many = json!({"checks": vec![checks[0].clone(); 101]});
        assert_eq!(
            app.ask(&stock.root, POST, "/check/batch", too_many)
                .await
                .refused(400),
            "invalid_request_body"
        );
    })
    .await;
}

#[tokio::test]
async fn an_explanation_names_a_grant_that_would_allow_the_action() {
    case(async |app| {
        let stock = stock(app).await;
        let viewer = app.create(&stock.root, "roles", "Viewer").await;
        app.grant(
            &stock.root,
            "/service-roles",
            json!({"service_id": "Stock", "role_id": viewer}),
        )
        .await;
        app.grant(
            &stock.root,
            "/person-service-roles",
            json!({
                "person_id": stock.member.id,
                "service_id": "Stock",
                "role_id": viewer,
            }),
        )
        .await;
        let path = format!(
            "/explain?subject={}&service=Stock&permission=write",
            stock.member.username
        );
        let explained = app.ask(&stock.root, GET, &path, Value::Null).await.ok();
        assert_eq!(
            (
                &explained["allowed"],
                &explained["reason"],
                &explained["direct_grant"]
            ),
            (&json!(false), &json!("no_grant"), &json!(false))
        );
        let would: Vec<(&str, &Value)> = explained["would_allow"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|each| {
                (
                    each["grant"].as_str().expect("a word"),
                    &each["role"]["name"],
                )
            })
            .collect();
        assert_eq!(
            would,
            [
                ("person_service_role", &json!("Editor")),
                ("role_permission", &json!("Viewer")),
                ("person_service_permission", &Value::Null)
            ]
        );
        let remedies = [
            (
                "/person-service-roles",
                json!({
                    "person_id": stock.member.id,
                    "service_id": "Stock",
                    "role_id": stock.editor,
                }),
            ),
            (
                "/role-permissions",
                json!({"role_id": viewer, "permission_id": stock.write}),
            ),
            (
                "/person-service-permissions",
                json!({
                    "person_id": stock.member.id,
                    "service_id": "Stock",
                    "permission_id": stock.write,
                }),
            ),
        ];
        for (endpoint, body) in remedies {
            app.grant(&stock.root, endpoint, body.clone()).await;
            let explained = app.ask(&stock.root, GET, &path, Value::Null).await.ok();
            assert_eq!(
                (&explained["allowed"], &explained["would_allow"]),
                (&json!(true), &json!([])),
                "{endpoint}"
            );
            app.ask(&stock.root, DELETE, endpoint, body).await.ok();
            assert_eq!(
                stock.check(app, "write").await["allowed"],
                false,
                "{endpoint}"
            );
        }
        for bad in [
            "/explain",
            "/explain?subject=root&service=Stock",
            "/explain?subject=root&subject=root&service=Stock&permission=x",
        ] {
            assert_eq!(
                app.ask(&stock.root, GET, bad, Value::Null)
                    .await
                    .refused(400),
                "invalid_query",
                "{bad}"
            );
        }
        let others = "/explain?subject=root&service=Stock&permission=write";
        assert_eq!(
            app.ask(&stock.member, GET, others, Value::Null)
                .await
                .refused(403),
            "forbidden_person_lookup"
        );
    })
    .await;
}

#[tokio::test]
async fn authzen_requests_get_the_same_decisions() {
    case(async |app| {
        let stock = stock(app).await;
        stock.employ(app).await;
        let (subject, resource) = (
            json!({"type": "user", "id": stock.member.username}),
            json!({"type": "service", "id": "Stock"}),
        );
        let ask = |action: &str| {
            json!({
                "subject": subject,
                "action": {"name": action},
                "resource": resource,
                "context": {"time": "now"},
            })
        };
        let one = async |body: Value| {
            app.ask(&stock.root, POST, "/access/v1/evaluation", body)
                .await
        };
        let yes = one(ask("write")).await.ok();
        assert_eq!(
            (&yes["decision"], &yes["context"]["role"]),
            (&json!(true), &json!("Editor"))
        );
        for id in ["42", "req:1/2", "Root=1-67891233-abcdef012345678912345678"] {
            let call = app.post("/access/v1/evaluation", &ask("write"));
            let answer = call
                .token(&stock.root.token)
                .header("x-request-id", id)
                .send()
                .await;
            assert_eq!(answer.header("x-request-id"), Some(id));
        }
        assert_eq!(one(ask("destroy")).await.ok()["decision"], false);
        let mut other = ask("write");
        other["resource"]["type"] = json!("document");
        assert_eq!(
            one(other).await.ok(),
            json!({"decision": false, "context": {"reason": "unsupported"}})
        );
        assert_eq!(
            one(json!({"subject": subject})).await.refused(400),
            "invalid_request_body"
        );
        let many = async |semantic: &str| {
            let body = json!({
                "subject": subject,
                "resource": resource,
                "options": {"evaluations_semantic": semantic},
                "evaluations": [
                    {"action": {"name": "read"}},
                    {"action": {"name": "destroy"}},
                    {"action": {"name": "write"}},
                ],
            });
            let answer = app
                .ask(&stock.root, POST, "/access/v1/evaluations", body)
                .await
                .ok();
            answer["evaluations"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|each| each["decision"] == true)
                .collect::<Vec<_>>()
        };
        assert_eq!(many("execute_all").await, [true, false, true]);
        assert_eq!(many("deny_on_first_deny").await, [true, false]);
        assert_eq!(many("permit_on_first_permit").await, [true]);
        let single = app
            .ask(&stock.root, POST, "/access/v1/evaluations", ask("write"))
            .await
            .ok();
        assert_eq!(
            single["decision"], true,
            "a request without evaluations is one check"
        );
    })
    .await;
}
