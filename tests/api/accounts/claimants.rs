//! Several accounts that claim one address: none of them keeps another from signing in by password.

use http::Method;
use serde_json::json;

use crate::harness::authenticator::Authenticator;
use crate::harness::{TestApp, case};

const SIGN_IN: &str = "/api/auth/password/sign-in";
const EMAIL: &str = "gia@example.com";

/// Signs in by address and returns the id of the account.
async fn signed_in(app: &TestApp, password: &str) -> String {
    let body = json!({"email": EMAIL, "password": password});
    let answer = app.post(SIGN_IN, &body).send().await.ok();
    answer["user"]["id"].as_str().expect("an id").to_owned()
}

async fn set_password(app: &TestApp, session: &str, password: &str) {
    app.secret(password);
    app.request(Method::PUT, "/api/auth/password")
        .bearer(session)
        .json(&json!({"password": password}))
        .send()
        .await
        .ok();
}

#[tokio::test]
async fn a_verified_address_of_another_account_does_not_switch_the_password_off() {
    case(async |app| {
        let made = app.sign_up(&mut Authenticator::new(), EMAIL).await.ok();
        let session = made["session_token"].as_str().expect("a token");
        set_password(app, session, "zebra of gia 77").await;
        let own = signed_in(app, "zebra of gia 77").await;
        assert_eq!(json!(own), made["user"]["id"]);
        let google = json!({
            "email": EMAIL,
            "auth_method": "google",
            "provider": "google",
            "provider_id": "g-of-gia",
            "platform": "ios",
        });
        let tokens = app
            .internal("/api/internal/tokens", &google)
            .send()
            .await
            .ok();
        assert_ne!(tokens["user"]["id"], made["user"]["id"]);
        assert_eq!(signed_in(app, "zebra of gia 77").await, own);
        // The other account gets a password of its own, and both sign in.
        let access = tokens["access_token"].as_str().expect("a token");
        set_password(app, access, "zebra of google 78").await;
        assert_eq!(
            json!(signed_in(app, "zebra of google 78").await),
            tokens["user"]["id"]
        );
        assert_eq!(signed_in(app, "zebra of gia 77").await, own);
    })
    .await;
}

#[tokio::test]
async fn the_first_three_accounts_of_an_address_sign_in_by_password() {
    case(async |app| {
        let root = app.administrator().await;
        // Accounts without a password take no place.
        app.sign_up(&mut Authenticator::new(), EMAIL).await.ok();
        let mut ids = Vec::new();
        for number in 0..4 {
            let password = format!("zebra number {number}");
            app.secret(&password);
            let body = json!({
                "username": format!("gia{number}"),
                "name": "Gia",
                "email": EMAIL,
                "password": password,
            });
            app.ask(&root, Method::POST, "/users", body).await.created();
            app.age(std::time::Duration::from_secs(1)).await;
            if number < 3 {
                ids.push(signed_in(app, &password).await);
            }
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        let fourth = json!({"email": EMAIL, "password": "zebra number 3"});
        let refused = app.post(SIGN_IN, &fourth).send().await;
        assert_eq!(refused.problem(401), "invalid_credentials");
        let by_name = json!({"username": "gia3", "password": "zebra number 3"});
        app.post(SIGN_IN, &by_name).send().await.ok();
    })
    .await;
}
