//! App Attest: keys are listed and revoked, and the modes of the requirement.

use serde_json::json;

use crate::harness::devices::{Device, settings};
use crate::harness::{Pair, TestApp, case_with, other_person};

pub const ME: &str = "/api/users/me";

pub async fn required(test: impl AsyncFnOnce(&TestApp)) {
    with_mode("require", &[], test).await;
}

pub async fn with_mode(
    mode: &'static str,
    besides: &[(&str, &str)],
    test: impl AsyncFnOnce(&TestApp),
) {
    let settings = settings(mode);
    let mut vars: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    vars.extend_from_slice(besides);
    case_with(&vars, test).await;
}

/// Signs a new person in with the app. Returns the token pair and the id of the account.
pub async fn signed_in(app: &TestApp, device: &Device) -> (Pair, String) {
    let made = app.sign_in_on(device, &other_person()).await.ok();
    (
        Pair::read(&made),
        made["user"]["id"].as_str().expect("an id").to_owned(),
    )
}

#[tokio::test]
async fn observe_mode_refuses_no_request() {
    with_mode("observe", &[], async |app| {
        let mut device = Device::new();
        let person = app.person().await;
        let pair = app.pair(&person).await;
        app.get(ME).bearer(&pair.access).send().await.ok();
        app.attest(&device, Some(&pair.access)).await.ok();
        app.asserted(&mut device, &pair.access, ME).await.ok();
        assert_eq!(
            app.count("SELECT counter FROM attest_keys", &[]).await,
            1,
            "noted"
        );
        device.counter = 0;
        app.asserted(&mut device, &pair.access, ME).await.ok();
        // The key of another account is accepted too.
        app.sign_in_on(&device, &other_person()).await.ok();
        let logs = app.logs().await;
        for line in [
            "an assertion is missing",
            "an assertion would be refused",
            "a client attestation would be refused",
        ] {
            assert!(logs.contains(line), "{line}");
        }
    })
    .await;
    with_mode("off", &[], async |app| {
        let pair = app.pair(&app.person().await).await;
        app.get(ME)
            .bearer(&pair.access)
            .header("x-ios-app-attest-key", "x")
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn an_account_owner_lists_and_revokes_devices() {
    required(async |app| {
        let mut device = Device::new();
        let (pair, user) = signed_in(app, &device).await;
        let session = app
            .internal(
                "/api/internal/sessions",
                &json!({"user_id": user, "platform": "web"}),
            )
            .send()
            .await
            .ok();
        let session = session["session_token"].as_str().expect("a token");
        app.asserted(&mut device, &pair.access, ME).await.ok();
        let list = app
            .get("/api/app-attestation/keys")
            .bearer(session)
            .send()
            .await
            .ok();
        assert_eq!(
            (
                &list["count"],
                &list["keys"][0]["counter"],
                &list["keys"][0]["revoked"]
            ),
            (&json!(1), &json!(1), &json!(false))
        );
        let valid = async || {
            app.post(
                "/api/app-attestation/verify-key",
                &json!({"key_id": device.key_id()}),
            )
            .send()
            .await
            .ok()["valid"]
                .clone()
        };
        assert_eq!(valid().await, true);
        let path = format!(
            "/api/app-attestation/keys/{}",
            list["keys"][0]["key_id"].as_str().expect("an id")
        );
        let other = app.session(&app.person().await).await;
        assert_eq!(
            app.delete(&path).bearer(&other).send().await.problem(404),
            "attest_key_not_found"
        );
        app.delete(&path).bearer(session).send().await.ok();
        assert_eq!(valid().await, false);
        assert_eq!(
            app.refresh(&pair.refresh).await.status(),
            401,
            "its sessions are revoked"
        );
        // The revocation is final: the owner cannot register the key again.
        assert_eq!(
            app.attest(&device, Some(session)).await.problem(409),
            "attest_key_taken"
        );
        app.delete(&path).bearer(session).send().await.ok();
        let events = app.events(&user).await;
        assert_eq!(
            events
                .iter()
                .filter(|kind| kind.starts_with("device_key"))
                .count(),
            2,
            "{events:?}"
        );
        app.delete(ME).bearer(session).send().await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM attest_keys", &[]).await, 0);
    })
    .await;
}
