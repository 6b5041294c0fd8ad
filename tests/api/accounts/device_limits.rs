//! The number of device keys of an account, and the key that makes room for a new one.

use std::time::Duration;

use serde_json::{Value, json};

use super::device_bindings::{LIVE, ME};
use crate::accounts::devices::{required, with_mode};
use crate::harness::devices::Device;
use crate::harness::{Pair, TestApp, other_person};

/// Creates an account with sessions of the app on 20 devices and one session on the web.
async fn crowded(app: &TestApp) -> (Value, Value, Vec<Pair>, String) {
    let ada = other_person();
    let mut pairs = Vec::new();
    for _ in 0..20 {
        pairs.push(Pair::read(&app.sign_in_on(&Device::new(), &ada).await.ok()));
    }
    let user = app.sql("SELECT id FROM users", &[]).await[0]["id"].clone();
    let made = app
        .internal(
            "/api/internal/sessions",
            &json!({"user_id": user, "platform": "web"}),
        )
        .send()
        .await
        .ok();
    (
        ada,
        user,
        pairs,
        made["session_token"].as_str().expect("a token").to_owned(),
    )
}

#[tokio::test]
async fn recently_used_keys_are_not_replaced() {
    required(async |app| {
        let (ada, user, ..) = crowded(app).await;
        let session = app
            .internal(
                "/api/internal/sessions",
                &json!({"user_id": user, "platform": "web"}),
            )
            .send()
            .await
            .ok();
        let session = session["session_token"].as_str().expect("a token");
        let mut again = ada.clone();
        again["name"] = json!("Ada again");
        assert_eq!(
            app.sign_in_on(&Device::new(), &again).await.problem(409),
            "too_many_attest_keys"
        );
        assert_eq!(
            app.attest(&Device::new(), Some(session)).await.problem(409),
            "too_many_attest_keys"
        );
        let mut other = Device::new();
        app.attest(&other, None).await.ok();
        let ios = app
            .internal(
                "/api/internal/sessions",
                &json!({"user_id": user, "platform": "ios"}),
            )
            .send()
            .await
            .ok();
        let unbound = ios["session_token"].as_str().expect("a token");
        assert_eq!(
            app.asserted(&mut other, unbound, ME).await.problem(409),
            "too_many_attest_keys"
        );
        assert_eq!(app.count(LIVE, &[user]).await, 20);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM users WHERE name = 'Ada again'", &[])
                .await,
            0
        );
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM attest_keys WHERE revoked_at IS NOT NULL",
                &[]
            )
            .await,
            0
        );
    })
    .await;
}

#[tokio::test]
async fn the_key_unused_for_longest_makes_room_for_a_new_key() {
    required(async |app| {
        let (ada, user, pairs, session) = crowded(app).await;
        let live = async || app.count(LIVE, std::slice::from_ref(&user)).await;
        app.age(Duration::from_secs(3601)).await;
        // A key without a session is revoked first.
        app.delete(&format!("/api/auth/tokens/{}/revoke", pairs[3].id))
            .bearer(&session)
            .send()
            .await
            .ok();
        let mut device = Device::new();
        let pair = Pair::read(&app.sign_in_on(&device, &ada).await.ok());
        app.asserted(&mut device, &pair.access, ME).await.ok();
        assert_eq!(
            (
                live().await,
                app.count(
                    "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL",
                    &[]
                )
                .await
            ),
            (20, 21)
        );
        // Then the key that has been unused for longest is revoked, with its session.
        app.refresh(&pairs[0].refresh).await.ok();
        app.sign_in_on(&Device::new(), &ada).await.ok();
        let refused = app.refresh(&pairs[1].refresh).await.status() == 401
            || app.get(ME).bearer(&pairs[0].access).send().await.status() == 401;
        assert!(refused, "a session was revoked with its key");
        assert_eq!(
            (
                live().await,
                app.count(
                    "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL",
                    &[]
                )
                .await
            ),
            (20, 21)
        );
        // The first use of a key without an account also makes room, and so does an added key.
        let mut other = Device::new();
        app.attest(&other, None).await.ok();
        let ios = app
            .internal(
                "/api/internal/sessions",
                &json!({"user_id": user, "platform": "ios"}),
            )
            .send()
            .await
            .ok();
        app.asserted(
            &mut other,
            ios["session_token"].as_str().expect("a token"),
            ME,
        )
        .await
        .ok();
        let added = Device::new();
        app.attest(&added, Some(&session)).await.ok();
        assert_eq!(live().await, 20);
        let events = app.events(user.as_str().expect("an id")).await;
        let count = |kind: &str| events.iter().filter(|event| *event == kind).count();
        assert_eq!(
            (count("device_key_added"), count("device_key_revoked")),
            (24, 4)
        );
        // The list has every active key, before the revoked ones.
        let list = app
            .get("/api/app-attestation/keys")
            .bearer(&session)
            .send()
            .await
            .ok();
        let revoked: Vec<bool> = list["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .map(|key| key["revoked"] == true)
            .collect();
        assert_eq!(revoked, [vec![false; 20], vec![true; 4]].concat());
    })
    .await;
}

#[tokio::test]
async fn unused_keys_do_not_lock_the_account_owner_out() {
    required(async |app| {
        let ada = other_person();
        let made = app.internal("/api/internal/tokens", &ada).send().await.ok();
        let stolen = made["access_token"].as_str().expect("a token");
        for _ in 0..20 {
            app.attest(&Device::new(), Some(stolen)).await.ok();
        }
        assert_eq!(
            app.attest(&Device::new(), Some(stolen)).await.problem(409),
            "too_many_attest_keys"
        );
        let mut device = Device::new();
        let pair = Pair::read(&app.sign_in_on(&device, &ada).await.ok());
        app.asserted(&mut device, &pair.access, ME).await.ok();
        assert_eq!(app.count(LIVE, &[made["user"]["id"].clone()]).await, 20);
    })
    .await;
}

#[tokio::test]
async fn the_cleanup_keeps_keys_in_use() {
    with_mode("observe", &[], async |app| {
        let (mut used, unused) = (Device::new(), Device::new());
        app.attest(&used, None).await.ok();
        app.attest(&unused, None).await.ok();
        app.age(Duration::from_hours(31 * 24)).await;
        app.asserted(&mut used, &app.pair(&app.person().await).await.access, ME)
            .await
            .ok();
        app.cron().await;
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM attest_keys WHERE user_id IS NULL",
                &[]
            )
            .await,
            1
        );
    })
    .await;
}
