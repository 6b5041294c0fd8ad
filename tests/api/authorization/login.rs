//! Logins: with a password, with a second factor, and by the bootstrap secret.

use http::Method;
use serde_json::json;

use crate::accounts::factors::{early_in_a_step, enrolled};
use crate::harness::{PASSWORD, case, race};

#[tokio::test]
async fn a_login_returns_a_token_that_identifies_the_person() {
    case(async |app| {
        let root = app.administrator().await;
        let answer = app.login("root", PASSWORD).await.ok();
        assert_eq!(
            answer["payload"],
            json!({"user_id": root.id, "username": "root", "name": "Root"})
        );
        let ends = answer["expires_at"].as_i64().expect("seconds");
        assert!((295..=300).contains(&(ends - app.now().await)), "{ends}");
        let token = answer["token"].as_str().expect("a token");
        let profile = app.get("/auth/profile").token(token).send().await.ok();
        assert_eq!(
            profile,
            json!({"payload": answer["payload"], "renewed": false, "expires_at": ends})
        );
        let checked = app
            .request(Method::POST, "/check-token")
            .token(token)
            .send()
            .await
            .ok();
        assert_eq!(
            checked,
            json!({
                "valid": true,
                "payload": answer["payload"],
                "renewed": false,
                "expires_at": ends,
            })
        );
        assert_eq!(
            app.sql(
                "SELECT * FROM person_tokens WHERE token_hash = ?1",
                &[json!(token)]
            )
            .await
            .len(),
            0,
            "only the hash of the token is stored"
        );
    })
    .await;
}

#[tokio::test]
async fn a_failed_login_does_not_reveal_the_reason() {
    case(async |app| {
        let root = app.administrator().await;
        for (username, password) in [
            ("root", "zebra crossing 78"),
            ("nobody", PASSWORD),
            ("ROOT", PASSWORD),
            ("root", ""),
            ("", ""),
        ] {
            assert_eq!(
                app.login(username, password).await.refused(401),
                "invalid_credentials",
                "{username}"
            );
        }
        for body in [
            json!({}),
            json!({"username": "root"}),
            json!({"username": 7, "password": PASSWORD}),
            json!([]),
        ] {
            assert_eq!(
                app.post("/auth/login", &body).send().await.refused(400),
                "invalid_request_body",
                "{body}"
            );
        }
        let malformed = app
            .request(Method::POST, "/auth/login")
            .header("content-type", "application/json")
            .body(b"{".to_vec());
        assert_eq!(malformed.send().await.refused(400), "invalid_request_body");
        for _ in 0..4 {
            app.login("root", "zebra crossing 78").await;
        }
        let braked = app.login("root", PASSWORD).await;
        assert_eq!(braked.refused(429), "too_many_attempts");
        assert!(braked.header("retry-after").is_some());
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .status(),
            200,
            "a signed-in person stays signed in"
        );
    })
    .await;
}

#[tokio::test]
async fn a_login_needs_a_totp_code_where_totp_is_enabled() {
    case(async |app| {
        let root = app.administrator().await;
        let signed_in = app
            .post(
                "/api/auth/password/sign-in",
                &json!({"username": "root", "password": PASSWORD}),
            )
            .send()
            .await
            .ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        let generator = enrolled(app, session).await;
        assert_eq!(
            app.login("root", PASSWORD).await.refused(401),
            "second_factor_required"
        );
        early_in_a_step(app).await;
        let code = generator.code(app, 0).await;
        let body = json!({"username": "root", "password": PASSWORD, "code": code});
        assert_eq!(
            app.post("/auth/login", &body).send().await.ok()["payload"]["user_id"],
            root.id
        );
        assert_eq!(
            app.post("/auth/login", &body).send().await.refused(401),
            "invalid_credentials",
            "a code is accepted once"
        );
    })
    .await;
}

#[tokio::test]
async fn the_bootstrap_secret_creates_the_first_administrator_once() {
    case(async |app| {
        let body = |secret: &str| {
            json!({
                "secret": secret,
                "username": "root",
                "name": "Root",
                "password": PASSWORD,
            })
        };
        assert_eq!(
            app.post("/auth/bootstrap", &body("wrong"))
                .send()
                .await
                .refused(401),
            "invalid_credentials"
        );
        app.administrator().await;
        let again = json!({
            "secret": app.settings["BOOTSTRAP_SECRET"],
            "username": "other",
            "name": "Other",
            "password": PASSWORD,
        });
        assert_eq!(
            app.post("/auth/bootstrap", &again)
                .send()
                .await
                .refused(403),
            "bootstrap_closed"
        );
        assert_eq!(app.actions().await, ["user_created", "administrator_made"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM people", &[]).await, 1);
    })
    .await;
    race(async |app| {
        let calls = (0..8).map(|n| {
            let body = json!({
                "secret": app.settings["BOOTSTRAP_SECRET"],
                "username": format!("root{n}"),
                "name": "Root",
                "password": PASSWORD,
            });
            app.post("/auth/bootstrap", &body).send()
        });
        let made = futures::future::join_all(calls)
            .await
            .iter()
            .filter(|answer| answer.status() == 201)
            .count();
        assert_eq!(made, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM people", &[]).await, 1);
    })
    .await;
}
