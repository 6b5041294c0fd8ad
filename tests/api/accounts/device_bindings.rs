//! Which device a sign-in belongs to, from when on, and how many an account has.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::accounts::devices::{required, signed_in, with_mode};
use crate::harness::authenticator::Authenticator;
use crate::harness::devices::Device;
use crate::harness::{Pair, TestApp, somebody};

pub const ME: &str = "/api/users/me";
pub const LIVE: &str = "SELECT COUNT(*) FROM attest_keys WHERE user_id = ?1 AND revoked_at IS NULL";
const TEN_MINUTES: Duration = Duration::from_secs(601);

/// Somebody with a passkey.
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
async fn a_passkey_sign_in_on_a_device_is_that_device_s_from_the_start() {
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
            // It proved to be the app, whatever it calls itself.
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
                // The whole sign-in, also by its session token.
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
async fn an_account_is_made_on_a_device_too() {
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
async fn a_device_that_is_not_good_keeps_nobody_from_signing_in() {
    required(async |app| {
        let (authenticator, _) = passkey_owner(app).await;
        let mut others = Device::new();
        signed_in(app, &others).await;
        // Somebody else used the app on this device before.
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
        // Then the app attests a key of its own for them.
        let mut fresh = Device::new();
        app.attest(&fresh, Some(&token)).await.ok();
        app.asserted(&mut fresh, &token, ME).await.ok();
        // A key that is not known here, and an assertion that cannot be read.
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
async fn a_sign_in_gets_its_device_within_ten_minutes_or_never() {
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
        // The third was not used: whoever has it now may be anybody.
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
        // Another sign-in of the same account makes no difference.
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
        // The web app's server is not told that such a session is good, nor does asking for it
        // extend it.
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
        // The app of today asks this without.
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
async fn a_sign_in_on_a_device_is_two_round_trips() {
    required(async |app| {
        let ada = somebody();
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
