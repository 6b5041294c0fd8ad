//! What is asked about people: effective permissions, checks, explanations; grants that end;
//! versions; and what it costs.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Member, TestApp, case};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Stock, whose Editors read and write; what is there, by id.
pub(super) struct Stock {
    pub(super) root: Member,
    pub(super) member: Member,
    service: i64,
    editor: i64,
    write: i64,
}

pub(super) async fn stock(app: &TestApp) -> Stock {
    let root = app.administrator().await;
    let member = app.member(&root).await;
    let service = app.thing(&root, "services", "Stock").await;
    let editor = app.thing(&root, "roles", "Editor").await;
    let (read, write) = (
        app.thing(&root, "permissions", "read").await,
        app.thing(&root, "permissions", "write").await,
    );
    app.relate(
        &root,
        "/service-roles",
        json!({"service_id": service, "role_id": editor}),
    )
    .await;
    for permission in [read, write] {
        app.relate(
            &root,
            "/role-permissions",
            json!({"role_id": editor, "permission_id": permission}),
        )
        .await;
    }
    Stock {
        root,
        member,
        service,
        editor,
        write,
    }
}

impl Stock {
    pub(super) async fn employ(&self, app: &TestApp) {
        let body = json!({
            "person_id": self.member.id,
            "service_id": self.service,
            "role_id": self.editor,
        });
        app.relate(&self.root, "/person-service-roles", body).await;
    }

    async fn check(&self, app: &TestApp, permission: &str) -> Value {
        let body =
            json!({"subject": self.member.username, "service": "Stock", "permission": permission});
        app.ask(&self.root, POST, "/check", body).await.ok()
    }

    async fn version(&self, app: &TestApp) -> i64 {
        app.ask(&self.root, GET, "/services/Stock", Value::Null)
            .await
            .ok()["policy_version"]
            .as_i64()
            .expect("a version")
    }
}

#[tokio::test]
async fn what_somebody_may_is_what_their_roles_and_direct_grants_have() {
    case(async |app| {
        let stock = stock(app).await;
        let path = format!("/people/{}/services/Stock", stock.member.id);
        let effective = async || app.ask(&stock.member, GET, &path, Value::Null).await.ok();
        let empty = effective().await;
        assert_eq!(
            (&empty["roles"], &empty["permissions"], &empty["service_id"]),
            (&json!([]), &json!([]), &json!(stock.service))
        );
        assert_eq!(empty["user"]["username"], stock.member.username);
        stock.employ(app).await;
        let share = app.thing(&stock.root, "permissions", "share").await;
        let direct = json!({
            "person_id": stock.member.username,
            "service_id": "Stock",
            "permission_id": share,
        });
        app.relate(&stock.root, "/person-service-permissions", direct)
            .await;
        let full = effective().await;
        assert_eq!(
            (&full["roles"], &full["permissions"]),
            (&json!(["Editor"]), &json!(["read", "write", "share"]))
        );
        assert_eq!(
            app.ask(&stock.member, GET, &format!("{path}/roles"), Value::Null)
                .await
                .ok(),
            json!([{"id": stock.editor, "name": "Editor"}])
        );
        let services = app
            .ask(
                &stock.member,
                GET,
                &format!("/people/{}/services", stock.member.username),
                Value::Null,
            )
            .await
            .ok();
        assert_eq!(
            services,
            json!([{"id": stock.service, "name": "Stock", "description": null}]),
            "each once"
        );
        let people = app
            .ask(
                &stock.root,
                GET,
                &format!("/services/Stock/roles/{}/people", stock.editor),
                Value::Null,
            )
            .await
            .ok();
        assert_eq!(people[0]["username"], stock.member.username);
        let holders = app
            .ask(&stock.root, GET, "/services/Stock/people", Value::Null)
            .await
            .ok();
        assert_eq!(
            (&holders[0]["roles"], &holders[0]["permissions"]),
            (
                &json!([{"id": stock.editor, "name": "Editor", "expires_at": null}]),
                &json!([{"id": share, "name": "share", "expires_at": null}])
            )
        );
        for (path, status, code) in [
            ("/people/nobody/services/Stock", 404, "person_not_found"),
            ("/people/999/services/Stock", 404, "person_not_found"),
            ("/people/-1/services/Stock", 400, "invalid_person_id"),
            ("/people/a%20b/services", 400, "invalid_person_id"),
            ("/people/root/services/Nowhere", 404, "service_not_found"),
            ("/people/root/services/0", 400, "invalid_service_id"),
            ("/services/0/roles", 400, "invalid_service_id"),
            ("/services/Stock/roles/x/people", 400, "invalid_role_id"),
            ("/services/Stock/roles/999/people", 404, "role_not_found"),
            (
                "/people/root/services/Stock?consistency=maybe",
                400,
                "invalid_query",
            ),
        ] {
            assert_eq!(
                app.ask(&stock.root, GET, path, Value::Null)
                    .await
                    .refused(status),
                code,
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_did_not_change_is_not_told_again() {
    case(async |app| {
        let stock = stock(app).await;
        stock.employ(app).await;
        let path = format!("/people/{}/services/Stock", stock.member.id);
        let first = app.ask(&stock.member, GET, &path, Value::Null).await;
        let tag = first.header("etag").expect("a tag").to_owned();
        let again = async |path: &str, tag: &str| {
            app.get(path)
                .token(&stock.member.token)
                .header("if-none-match", tag)
                .send()
                .await
        };
        let same = again(&path, &tag).await;
        assert_eq!(
            (same.status(), same.body.len(), same.header("etag")),
            (304, 0, Some(tag.as_str()))
        );
        assert_eq!(again(&path, &format!("\"x\", W/{tag}")).await.status(), 304);
        assert_eq!(again(&path, "\"x\"").await.status(), 200);
        assert_eq!(
            again(&format!("{path}?consistency=strong"), &tag)
                .await
                .status(),
            200
        );
        app.ask(
            &stock.root,
            PUT,
            &format!("/users/{}", stock.member.id),
            json!({"name": "Another"}),
        )
        .await
        .ok();
        assert_eq!(
            again(&path, &tag).await.status(),
            200,
            "the name is told, too"
        );
    })
    .await;
}

#[tokio::test]
async fn every_change_moves_the_version_on_and_nothing_else_does() {
    case(async |app| {
        let stock = stock(app).await;
        let grant = json!({
            "person_id": stock.member.id,
            "service_id": stock.service,
            "role_id": stock.editor,
        });
        let direct = json!({
            "person_id": stock.member.id,
            "service_id": stock.service,
            "permission_id": stock.write,
        });
        let pair = json!({"role_id": stock.editor, "permission_id": stock.write});
        let role = format!("/roles/{}", stock.editor);
        let mut version = stock.version(app).await;
        let changes = [
            (POST, "/person-service-roles", grant.clone()),
            (POST, "/person-service-permissions", direct.clone()),
            (DELETE, "/person-service-permissions", direct),
            (DELETE, "/role-permissions", pair.clone()),
            (POST, "/role-permissions", pair),
            (PUT, role.as_str(), json!({"name": "Scribe"})),
            (DELETE, "/person-service-roles", grant.clone()),
            (POST, "/person-service-roles", grant.clone()),
        ];
        for (method, path, body) in changes {
            let answer = app
                .ask(&stock.root, method.clone(), path, body.clone())
                .await;
            assert_eq!(answer.status(), 200, "{method} {path} {}", answer.text());
            let now = stock.version(app).await;
            assert!(now > version, "{method} {path}");
            version = now;
        }
        app.thing(&stock.root, "services", "Sales").await;
        app.thing(&stock.root, "roles", "Elsewhere").await;
        app.relate(&stock.root, "/person-service-roles", grant)
            .await;
        assert_eq!(stock.version(app).await, version);
        let (member, path) = (stock.member.id, format!("/users/{}", stock.member.id));
        app.ask(&stock.root, DELETE, &path, Value::Null).await.ok();
        assert!(
            stock.version(app).await > version,
            "who is deleted may nothing any more"
        );
        assert_eq!(
            app.ask(
                &stock.root,
                GET,
                &format!("/people/{member}/services"),
                Value::Null
            )
            .await
            .refused(404),
            "person_not_found"
        );
    })
    .await;
}

#[tokio::test]
async fn a_check_tells_whether_and_why() {
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
        let share = app.thing(&stock.root, "permissions", "share").await;
        let direct = json!({
            "person_id": stock.member.id,
            "service_id": "Stock",
            "permission_id": share,
        });
        app.relate(&stock.root, "/person-service-permissions", direct)
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
        // About oneself, and about nobody else without a permission.
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
async fn many_checks_are_one_question_to_the_database() {
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
            assert_eq!(result["allowed"], n % 2 == 0, "in their order");
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
async fn a_grant_ends_when_it_was_to_end() {
    case(async |app| {
        let stock = stock(app).await;
        let ends = app.now().await + 45;
        let grant = |ends: Value| {
            json!({
                "person_id": stock.member.id,
                "service_id": stock.service,
                "role_id": stock.editor,
                "expires_at": ends,
            })
        };
        for bad in [json!(ends - 100), json!(0), json!("soon"), json!(i64::MAX)] {
            assert_eq!(
                app.ask(
                    &stock.root,
                    POST,
                    "/person-service-roles",
                    grant(bad.clone())
                )
                .await
                .refused(400),
                "invalid_request_body",
                "{bad}"
            );
        }
        app.relate(&stock.root, "/person-service-roles", grant(json!(ends)))
            .await;
        let yes = stock.check(app, "write").await;
        assert_eq!(
            (&yes["allowed"], &yes["cache_until"]),
            (&json!(true), &json!(ends)),
            "nobody relies on it longer than it lasts"
        );
        let before = app
            .ask(
                &stock.member,
                GET,
                &format!("/people/{}/services/Stock", stock.member.id),
                Value::Null,
            )
            .await;
        app.age(Duration::from_secs(46)).await;
        assert_eq!(stock.check(app, "write").await["allowed"], false);
        let after = app
            .ask(
                &stock.member,
                GET,
                &format!("/people/{}/services/Stock", stock.member.id),
                Value::Null,
            )
            .await;
        assert_eq!(after.ok()["roles"], json!([]));
        assert_ne!(
            before.header("etag"),
            after.header("etag"),
            "although no version moved on"
        );
        let path = format!(
            "/explain?subject={}&service=Stock&permission=write",
            stock.member.id
        );
        let explained = app.ask(&stock.root, GET, &path, Value::Null).await.ok();
        assert_eq!(
            (
                &explained["roles"][0]["held"],
                &explained["roles"][0]["ended"]
            ),
            (&json!(false), &json!(true))
        );
        // It can be given anew, for good.
        stock.employ(app).await;
        assert_eq!(stock.check(app, "write").await["allowed"], true);
    })
    .await;
}

#[tokio::test]
async fn an_explanation_names_what_would_help_and_it_helps() {
    case(async |app| {
        let stock = stock(app).await;
        let viewer = app.thing(&stock.root, "roles", "Viewer").await;
        app.relate(
            &stock.root,
            "/service-roles",
            json!({"service_id": "Stock", "role_id": viewer}),
        )
        .await;
        app.relate(
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
            app.relate(&stock.root, endpoint, body.clone()).await;
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
async fn authzen_asks_the_same_in_its_words() {
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
        assert_eq!(single["decision"], true, "without evaluations it is one");
    })
    .await;
}
