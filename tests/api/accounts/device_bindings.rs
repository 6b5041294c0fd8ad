//! The device that a session is bound to, and the time at which it is bound.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::accounts::devices::{required, signed_in, with_mode};
use crate::harness::authenticator::Authenticator;
use crate::harness::devices::Device;
use crate::harness::{Pair, TestApp, other_person};

pub const ME: &str = "/api/users/me";
pub const LIVE: &str = "SELECT COUNT(*) FROM attest_keys WHERE user_id = ?1 AND revoked_at IS NULL";
const TEN_MINUTES: Duration = Duration::from_secs(601);

/// Creates an account with a passkey. Returns the authenticator and the id of the account.
async fn passkey_owner(app: &TestApp) -> (Authenticator, String) {
    let mut authenticator = Authenticator::new();
    let made = app
        .sign_up(&mut authenticator, "ada@example.com")
        .await
        .ok();
    (
        authenticator,
        made["user"]["id"].as_str().expect("an id").to_owned(),
    )
}

#[tokio::test]
async fn a_passkey_sign_in_on_a_device_binds_the_session_to_it() {
    for mode in ["require", "observe"] {
        with_mode(mode, &[], async |app| {
            let (authenticator, user) = passkey_owner(app).await;
            let (mut device, mut thief) = (Device::new(), Device::new());
            app.attest(&device, None).await.ok();
            app.attest(&thief, None).await.ok();
            let made = app
                .passkey_sign_in_on(&mut device, &authenticator)
                .await
                .ok();
            // The assertion proves that the client is the app, whatever its User-Agent says.
            assert_eq!(made["user"]["last_login_platform"], "ios");
            let token = Pair::read(&made).access;
            assert_eq!(
                app.count(
                    "SELECT COUNT(*) FROM sessions WHERE attest_key IS NOT NULL",
                    &[]
                )
                .await,
                1
            );
            assert_eq!(
                app.count(
                    "SELECT counter FROM attest_keys WHERE user_id = ?1",
                    &[json!(user)]
                )
                .await,
                1
            );
            assert!(
                app.events(&user)
                    .await
                    .contains(&"device_key_added".to_owned())
            );
            let stolen = app.asserted(&mut thief, &token, ME).await;
            if mode == "require" {
                assert_eq!(stolen.problem(403), "app_attest_failed");
                // The binding covers the session token too.
                let session = made["session_token"].as_str().expect("a token");
                assert_eq!(
                    app.get(ME).bearer(session).send().await.problem(403),
                    "app_attest_required"
                );
            }
            app.age(TEN_MINUTES).await;
            app.asserted(&mut device, &token, ME).await.ok();
        })
        .await;
    }
}

#[tokio::test]
async fn a_sign_up_on_a_device_binds_the_session_to_it() {
    required(async |app| {
        let mut device = Device::new();
        app.attest(&device, None).await.ok();
        let begun = app.begin_sign_up("ada@example.com").await;
        let headers = device.headers(
            &Method::POST,
            "/api/webauthn/register/complete",
            app.now().await,
        );
        let call =
            app.complete_registration(&begun, &Authenticator::new().register(&begun["options"]));
        let token = Pair::read(&call.headers(&headers).send().await.ok()).access;
        app.age(TEN_MINUTES).await;
        app.asserted(&mut device, &token, ME).await.ok();
        assert_eq!(
            app.get(ME).bearer(&token).send().await.problem(403),
            "app_attest_required"
        );
    })
    .await;
}

#[tokio::test]
async fn an_unusable_device_key_does_not_prevent_a_sign_in() {
    required(async |app| {
        let (authenticator, _) = passkey_owner(app).await;
        let mut others = Device::new();
        signed_in(app, &others).await;
        // Another account used the app on this device before.
        let token = Pair::read(
            &app.passkey_sign_in_on(&mut others, &authenticator)
                .await
                .ok(),
        )
        .access;
        assert_eq!(
            app.asserted(&mut others, &token, ME).await.problem(403),
            "app_attest_failed"
        );
        // Then the app attests a new key for this account.
        let mut fresh = Device::new();
        app.attest(&fresh, Some(&token)).await.ok();
        app.asserted(&mut fresh, &token, ME).await.ok();
        // The key is unknown to the API, and the assertion cannot be read.
        app.passkey_sign_in_on(&mut Device::new(), &authenticator)
            .await
            .ok();
        let begun = app.begin_sign_in(None).await;
        let call = app.complete_sign_in(&begun, &authenticator.authenticate(&begun["options"]));
        call.header("x-ios-app-attest-key", "x").send().await.ok();
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM sessions WHERE attest_key IS NOT NULL",
                &[]
            )
            .await,
            2
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_is_bound_to_a_device_within_ten_minutes_or_never() {
    required(async |app| {
        let person = app.person().await;
        let session = async || {
            let who = json!({"user_id": person.id, "platform": "ios"});
            app.internal("/api/internal/sessions", &who)
                .send()
                .await
                .ok()["session_token"]
                .as_str()
                .expect("a token")
                .to_owned()
        };
        let (mut used, mut attested) = (Device::new(), Device::new());
        app.attest(&used, None).await.ok();
        let (first, second, third) = (session().await, session().await, session().await);
        app.asserted(&mut used, &first, ME).await.ok();
        app.attest(&attested, Some(&second)).await.ok();
        app.age(TEN_MINUTES).await;
        app.asserted(&mut used, &first, ME).await.ok();
        app.asserted(&mut attested, &second, ME).await.ok();
        // The third session was not used in time, so its holder may be an attacker.
        let mut thief = Device::new();
        app.attest(&thief, None).await.ok();
        for device in [&mut thief, &mut used, &mut attested] {
            assert_eq!(
                app.asserted(device, &third, ME).await.problem(403),
                "app_attest_failed"
            );
        }
        assert_eq!(
            app.asserted(&mut attested, &first, ME).await.problem(403),
            "app_attest_failed"
        );
        // Another session of the account changes nothing.
        app.session(&person).await;
        for old in [&first, &third] {
            assert_eq!(
                app.attest(&Device::new(), Some(old)).await.problem(403),
                "other_device"
            );
        }
        assert_eq!(app.count(LIVE, &[json!(person.id)]).await, 2);
        for reason in ["belongs to another device", "too old to get one"] {
            assert!(app.logs().await.contains(reason), "{reason}");
        }
        // For such a session the internal validation answers 401 and does not extend it.
        let question = json!({"session_token": first});
        assert_eq!(
            app.internal("/api/internal/sessions/validate", &question)
                .send()
                .await
                .problem(401),
            "invalid_token"
        );
        let validate = ["/api/auth/sessions/validate", "/api/auth/tokens/validate"];
        for path in validate {
            assert_eq!(
                app.get(path).cookie(&first).send().await.problem(403),
                "app_attest_required",
                "{path}"
            );
        }
        assert_eq!(
            app.get(validate[0])
                .bearer(&first)
                .send()
                .await
                .problem(403),
            "app_attest_required"
        );
        app.asserted(&mut used, &first, validate[0]).await.ok();
        // Current versions of the app send this request without an assertion.
        app.age(Duration::from_hours(16 * 24)).await;
        let ends = "SELECT token_expires_at FROM sessions WHERE id = ?1";
        let id = app
            .sql(
                "SELECT id FROM sessions WHERE attest_key IS NULL AND platform = 'ios'",
                &[],
            )
            .await[0]["id"]
            .clone();
        let before = app.count(ends, std::slice::from_ref(&id)).await;
        app.get(validate[1]).bearer(&third).send().await.ok();
        assert_eq!(app.count(ends, std::slice::from_ref(&id)).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_on_a_device_makes_two_round_trips() {
    required(async |app| {
        let ada = other_person();
        app.sign_in_on(&Device::new(), &ada).await.ok();
        for path in ["/api/internal/tokens", "/api/internal/users"] {
            let mut body = ada.clone();
            body["platform"] = json!("ios");
            body["client_attestation"] = json!(app.client_attestation(&Device::new()).await);
            let (answer, cost) = app.cost(app.internal(path, &body)).await;
            answer.ok();
            assert_eq!(cost.batches, 2, "{path}");
        }
    })
    .await;
}
