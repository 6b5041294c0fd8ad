//! Revocation: sessions and person tokens are revoked together, and privileges do not outlast their
//! expiry.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::access::stock;
use crate::accounts::factors::{codes, enrolled};
use crate::harness::{Member, PASSWORD, TestApp, case, race};

const GOOD: u16 = 200;

pub async fn profile(app: &TestApp, token: &str) -> u16 {
    app.get("/auth/profile").token(token).send().await.status()
}

/// Signs a member in with their password. Returns the session token.
pub async fn session(app: &TestApp, member: &Member) -> String {
    let body = json!({"username": member.username, "password": PASSWORD});
    let signed_in = app
        .post("/api/auth/password/sign-in", &body)
        .send()
        .await
        .ok();
    signed_in["session_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn revoking_all_other_sessions_revokes_person_tokens() {
    case(async |app| {
        let root = app.administrator().await;
        for ends in ["others", "pairs", "password", "recovery"] {
            let member = app.member(&root).await;
            let session = session(app, &member).await;
            let generator = if ends == "recovery" {
                Some(codes(app, &session).await)
            } else {
                None
            };
            assert_eq!(profile(app, &member.token).await, GOOD);
            let me = app.get("/api/users/me").bearer(&session).send().await.ok();
            let done = match ends {
                "others" => {
                    app.delete("/api/users/me/sessions")
                        .bearer(&session)
                        .send()
                        .await
                }
                "pairs" => {
                    let id = me["id"].as_str().expect("an id");
                    app.delete(&format!("/api/auth/users/{id}/tokens/revoke"))
                        .bearer(&session)
                        .send()
                        .await
                }
                "password" => {
                    let body = json!({"password": "another zebra 78"});
                    app.request(Method::PUT, "/api/auth/password")
                        .bearer(&session)
                        .json(&body)
                        .send()
                        .await
                }
                _ => {
                    let begun = app
                        .post(
                            "/api/auth/recovery/begin",
                            &json!({"username": member.username}),
                        )
                        .send()
                        .await
                        .ok();
                    let code = generator
                        .as_ref()
                        .and_then(|codes| codes.first())
                        .expect("a code");
                    let body = json!({
                        "challenge_id": begun["challenge_id"],
                        "code": code,
                        "revoke_others": true,
                    });
                    app.post("/api/auth/recovery/complete", &body).send().await
                }
            };
            assert_eq!(done.status(), GOOD, "{ends}: {}", done.text());
            assert_eq!(profile(app, &member.token).await, 401, "{ends}");
            assert_eq!(
                profile(app, &root.token).await,
                GOOD,
                "{ends}: another person's token is still valid"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn revoking_the_tokens_of_a_person_revokes_their_sessions() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let session = session(app, &member).await;
        enrolled(app, &session).await;
        let gone = app
            .ask(
                &root,
                Method::DELETE,
                &format!("/users/{}/tokens", member.id),
                Value::Null,
            )
            .await
            .ok();
        assert_eq!(
            gone,
            json!({"status": "tokens_revoked", "user_id": member.id, "revoked_tokens": 1})
        );
        assert_eq!(
            (profile(app, &member.token).await, app.me(&session).await),
            (401, 401)
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_password_clears_failed_attempts() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        for _ in 0..6 {
            app.login(&member.username, "wrong password").await;
        }
        assert_eq!(
            app.login(&member.username, PASSWORD).await.refused(429),
            "too_many_attempts"
        );
        let body = json!({"password": "another zebra 78"});
        app.ask(&root, Method::PUT, &format!("/users/{}", member.id), body)
            .await
            .ok();
        assert_eq!(
            app.login(&member.username, "another zebra 78")
                .await
                .status(),
            GOOD
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_is_renewed_for_at_most_ninety_days() {
    case(async |app| {
        let root = app.administrator().await;
        let old = 90 * 86_400_000_i64 - 60_000;
        app.sql(
            "UPDATE person_tokens SET created_at = created_at - ?1, expires_at = expires_at - \
             280000",
            &[json!(old)],
        )
        .await;
        let renewed = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok();
        let left = renewed["expires_at"].as_i64().expect("seconds") - app.now().await;
        assert!(
            renewed["renewed"] == true && left <= 61,
            "the token expires after ninety days: {left}"
        );
        app.age(Duration::from_secs(45)).await;
        let last = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok();
        assert_eq!(last["renewed"], false);
    })
    .await;
}

#[tokio::test]
async fn renaming_a_person_increases_the_policy_version() {
    case(async |app| {
        let stock = stock(app).await;
        stock.employ(app).await;
        let version = async || {
            app.ask(&stock.root, Method::GET, "/services/Stock", Value::Null)
                .await
                .ok()["policy_version"]
                .as_i64()
        };
        let before = version().await;
        let body = json!({"username": "renamed"});
        app.ask(
            &stock.root,
            Method::PUT,
            &format!("/users/{}", stock.member.id),
            body,
        )
        .await
        .ok();
        assert!(version().await > before);
    })
    .await;
}

#[tokio::test]
async fn one_of_concurrent_requests_restores_a_service() {
    race(async |app| {
        let root = app.administrator().await;
        let id = app.create(&root, "services", "Stock").await;
        for round in 0..6 {
            app.ask(
                &root,
                Method::DELETE,
                &format!("/services/{id}"),
                Value::Null,
            )
            .await
            .ok();
            let calls = (0..8).map(|_| {
                app.request(Method::POST, "/services")
                    .token(&root.token)
                    .json(&json!({"name": "Stock"}))
                    .send()
            });
            let answers = futures::future::join_all(calls).await;
            let made: Vec<_> = answers
                .iter()
                .filter(|answer| answer.status() == 201)
                .collect();
            assert_eq!((made.len(), &made[0].json()["id"]), (1, &json!(id)));
            assert!(
                answers
                    .iter()
                    .filter(|answer| answer.status() != 201)
                    .all(|answer| answer.refused(409) == "service_exists")
            );
            let told = app
                .actions()
                .await
                .iter()
                .filter(|action| *action == "service_restored")
                .count();
            assert_eq!(
                told,
                round + 1,
                "each change writes one row and no other row appears"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_person_sees_their_own_grants_and_no_other_holders() {
    case(async |app| {
        let stock = stock(app).await;
        let path = format!(
            "/explain?subject={}&service=Stock&permission=write",
            stock.member.id
        );
        let own = app
            .ask(&stock.member, Method::GET, &path, Value::Null)
            .await
            .ok();
        assert_eq!(
            (&own["roles"], &own["would_allow"]),
            (&json!([]), &json!([]))
        );
        let of_auth = format!(
            "/explain?subject={}&service=auth&permission=auth.administer",
            stock.member.id
        );
        assert_eq!(
            app.ask(&stock.member, Method::GET, &of_auth, Value::Null)
                .await
                .ok()["roles"],
            json!([])
        );
        stock.employ(app).await;
        let own = app
            .ask(&stock.member, Method::GET, &path, Value::Null)
            .await
            .ok();
        assert_eq!(
            (&own["allowed"], &own["roles"][0]["role"]["name"]),
            (&json!(true), &json!("Editor"))
        );
        // A caller who may delete but not read does not learn who uses the object.
        let writer = app.member(&stock.root).await;
        app.grant_permission(&stock.root, &writer, "auth.policy.write")
            .await;
        let writer = app.again(&writer).await;
        let refused = app
            .ask(&writer, Method::DELETE, "/services/1", Value::Null)
            .await;
        assert_eq!(
            (refused.refused(409), &refused.json()["used_by"]),
            ("service_in_use".to_owned(), &json!({}))
        );
    })
    .await;
}

#[tokio::test]
async fn the_cleanup_removes_long_expired_grants() {
    case(async |app| {
        let stock = stock(app).await;
        let ends = app.now().await + 100;
        let role = json!({
            "person_id": stock.member.id,
            "service_id": "Stock",
            "role_id": 1,
            "expires_at": ends,
        });
        let permission = json!({
            "person_id": stock.member.id,
            "service_id": "Stock",
            "permission_id": 1,
            "expires_at": ends,
        });
        app.grant(&stock.root, "/person-service-roles", role).await;
        app.grant(&stock.root, "/person-service-permissions", permission)
            .await;
        let left = async || {
            app.cron().await;
            let roles = app
                .count(
                    "SELECT COUNT(*) FROM person_roles WHERE expires_at IS NOT NULL",
                    &[],
                )
                .await;
            roles
                + app
                    .count("SELECT COUNT(*) FROM person_permissions", &[])
                    .await
        };
        app.age(Duration::from_secs(200)).await;
        assert_eq!(left().await, 2, "the expired grants are still stored");
        app.age(Duration::from_hours(31 * 24)).await;
        assert_eq!(left().await, 0);
    })
    .await;
}
