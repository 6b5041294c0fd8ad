//! Effective permissions of people: their sources, versions, validators and expiry.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Member, TestApp, case};

pub const GET: Method = Method::GET;
pub const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
pub const DELETE: Method = Method::DELETE;

/// The service Stock with the role Editor, which may read and write, by their ids.
pub(super) struct Stock {
    pub(super) root: Member,
    pub(super) member: Member,
    pub service: i64,
    pub editor: i64,
    pub write: i64,
}

pub(super) async fn stock(app: &TestApp) -> Stock {
    let root = app.administrator().await;
    let member = app.member(&root).await;
    let service = app.create(&root, "services", "Stock").await;
    let editor = app.create(&root, "roles", "Editor").await;
    let (read, write) = (
        app.create(&root, "permissions", "read").await,
        app.create(&root, "permissions", "write").await,
    );
    app.grant(
        &root,
        "/service-roles",
        json!({"service_id": service, "role_id": editor}),
    )
    .await;
    for permission in [read, write] {
        app.grant(
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
        app.grant(&self.root, "/person-service-roles", body).await;
    }

    pub async fn check(&self, app: &TestApp, permission: &str) -> Value {
        let body =
            json!({"subject": self.member.username, "service": "Stock", "permission": permission});
        app.ask(&self.root, POST, "/check", body).await.ok()
    }

    pub async fn version(&self, app: &TestApp) -> i64 {
        app.ask(&self.root, GET, "/services/Stock", Value::Null)
            .await
            .ok()["policy_version"]
            .as_i64()
            .expect("a version")
    }
}

#[tokio::test]
async fn effective_permissions_come_from_roles_and_direct_grants() {
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
        let share = app.create(&stock.root, "permissions", "share").await;
        let direct = json!({
            "person_id": stock.member.username,
            "service_id": "Stock",
            "permission_id": share,
        });
        app.grant(&stock.root, "/person-service-permissions", direct)
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
            "each permission is listed once"
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
async fn unchanged_permissions_are_answered_with_304() {
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
            "the answer has the name too"
        );
    })
    .await;
}

#[tokio::test]
async fn only_a_change_increases_the_version() {
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
        app.create(&stock.root, "services", "Sales").await;
        app.create(&stock.root, "roles", "Elsewhere").await;
        app.grant(&stock.root, "/person-service-roles", grant).await;
        assert_eq!(stock.version(app).await, version);
        let (member, path) = (stock.member.id, format!("/users/{}", stock.member.id));
        app.ask(&stock.root, DELETE, &path, Value::Null).await.ok();
        assert!(
            stock.version(app).await > version,
            "a deleted person has no permissions"
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
async fn a_grant_expires_at_its_time() {
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
        app.grant(&stock.root, "/person-service-roles", grant(json!(ends)))
            .await;
        let yes = stock.check(app, "write").await;
        assert_eq!(
            (&yes["allowed"], &yes["cache_until"]),
            (&json!(true), &json!(ends)),
            "the answer is cached no longer than the grant lasts"
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
            "although no version increased"
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
        // An administrator can grant the role again, without an expiry.
        stock.employ(app).await;
        assert_eq!(stock.check(app, "write").await["allowed"], true);
    })
    .await;
}
