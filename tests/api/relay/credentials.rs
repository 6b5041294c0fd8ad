//! TOTP and the password at the relay, and the deletion of an account.

use http::Method;
use serde_json::{Value, json};

use super::accounts::{LOGIN, login};
use crate::accounts::factors::{Generator, early_in_a_step};
use crate::harness::{PASSWORD, case, case_with};

#[tokio::test]
async fn totp_counts_after_its_first_code_and_verifying_again_keeps_it() {
    case(async |app| {
        let ada = app.relay_member().await;
        early_in_a_step(app).await;
        let setup = app
            .post("/api/v1/auth/totp/setup", &json!({}))
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let generator = Generator::of_secret(setup["secret"].as_str().expect("a secret"));
        // A secret that waits for its first code asks for nothing.
        login(app, &ada.username, PASSWORD).await.ok();
        let verify = async |code: &str| {
            app.post("/api/v1/auth/totp/verify", &json!({"code": code}))
                .bearer(&ada.access)
                .send()
                .await
        };
        assert_eq!(
            verify("not a code").await.problem(400),
            "invalid_request_body"
        );
        let code = generator.code(app, -1).await;
        verify(&code).await.ok();
        assert_eq!(verify(&code).await.problem(409), "totp_enabled");
        let asked = login(app, &ada.username, PASSWORD).await;
        assert_eq!(asked.problem(401), "totp_required");
        assert_eq!(asked.json()["error"], "TOTP code required");
        let with_code = async |code: &str| {
            let body = json!({"username": ada.username, "password": PASSWORD, "totp_code": code});
            app.post(LOGIN, &body).send().await
        };
        assert_eq!(
            with_code(&code).await.problem(401),
            "invalid_credentials",
            "a step counts once"
        );
        let now = generator.code(app, 0).await;
        let fresh = with_code(&now).await.ok();
        let fresh = fresh["access_token"].as_str().expect("a token").to_owned();
        app.delete("/api/v1/auth/totp")
            .bearer(&fresh)
            .send()
            .await
            .ok();
        login(app, &ada.username, PASSWORD).await.ok();
    })
    .await;
}

#[tokio::test]
async fn totp_ends_by_an_unused_code_where_the_sign_in_is_old() {
    case(async |app| {
        let ada = app.relay_member().await;
        early_in_a_step(app).await;
        let setup = app
            .post("/api/v1/auth/totp/setup", &json!({}))
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let generator = Generator::of_secret(setup["secret"].as_str().expect("a secret"));
        let used = generator.code(app, -1).await;
        app.post("/api/v1/auth/totp/verify", &json!({"code": used}))
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        app.sql(
            "UPDATE sessions SET authenticated_at = 1 WHERE user_id = ?1",
            &[json!(ada.id)],
        )
        .await;
        let disable = async |body: Value| {
            app.delete("/api/v1/auth/totp")
                .json(&body)
                .bearer(&ada.access)
                .send()
                .await
        };
        assert_eq!(
            disable(json!({})).await.problem(403),
            "reauthentication_required"
        );
        assert_eq!(
            disable(json!({"code": used})).await.problem(400),
            "invalid_request_body",
            "used before"
        );
        let code = generator.code(app, 0).await;
        disable(json!({"code": code})).await.ok();
        login(app, &ada.username, PASSWORD).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_setting_answers_a_missing_code_with_200() {
    case_with(&[("RELAY_TOTP_TWO_STEP", "on")], async |app| {
        let ada = app.relay_member().await;
        app.sql(
            "INSERT INTO totp (user_id, secret, created_at, confirmed_at, last_step)
             VALUES (?1, 'x', 1, 1, 0)",
            &[json!(ada.id)],
        )
        .await;
        let asked = login(app, &ada.username, PASSWORD).await.ok();
        assert_eq!(asked, json!({"totp_required": true}));
        login(app, &ada.username, "wrong password 1")
            .await
            .problem(401);
    })
    .await;
}

#[tokio::test]
async fn a_password_changes_by_the_current_one_and_ends_other_sessions() {
    case(async |app| {
        let ada = app.relay_member().await;
        let other = login(app, &ada.username, PASSWORD).await.ok();
        let change = async |current: &str, new: &str| {
            let body = json!({"current_password": current, "new_password": new});
            app.request(Method::PUT, "/api/v1/auth/password")
                .json(&body)
                .bearer(&ada.access)
                .send()
                .await
        };
        let wrong = change("wrong password 1", "yellow bicycle 9").await;
        assert_eq!(wrong.problem(401), "invalid_credentials");
        for unfit in ["short", &"x".repeat(129)] {
            let answer = change(PASSWORD, unfit).await;
            assert_eq!(answer.problem(400), "invalid_request_body");
            let text = answer.json()["error"].as_str().map(str::to_owned);
            let expected = "new_password must be 8 to 128 characters.";
            assert_eq!(text.as_deref(), Some(expected), "{unfit}");
        }
        change(PASSWORD, "yellow bicycle 9").await.ok();
        let other = other["access_token"].as_str().expect("a token");
        assert_eq!(app.me(other).await, 401);
        assert_eq!(app.me(&ada.access).await, 200);
        login(app, &ada.username, "yellow bicycle 9").await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_deletion_needs_the_password_and_leaves_no_keys() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(3).await, app.relay_member().await);
        let key = [("idempotency-key", "one")];
        app.get(&format!("/api/v1/users/{}/keys", ada.id))
            .header(key[0].0, key[0].1)
            .bearer(&bob.access)
            .send()
            .await
            .ok();
        let delete = async |password: &str| {
            app.post(
                "/api/v1/auth/delete-account",
                &json!({"password": password}),
            )
            .bearer(&ada.access)
            .send()
            .await
        };
        assert_eq!(
            delete("wrong password 1").await.problem(401),
            "invalid_credentials"
        );
        delete(PASSWORD).await.ok();
        assert_eq!(app.me(&ada.access).await, 401);
        for table in [
            "relay_keys",
            "relay_prekeys",
            "relay_pq_prekeys",
            "relay_prekey_history",
            "relay_prekey_claims",
        ] {
            let left = format!("SELECT COUNT(*) FROM {table} WHERE user_id = ?1");
            assert_eq!(app.count(&left, &[json!(ada.id)]).await, 0, "{table}");
        }
        assert_eq!(
            app.bundle(&bob, &ada.id).await.problem(404),
            "user_not_found"
        );
    })
    .await;
}
