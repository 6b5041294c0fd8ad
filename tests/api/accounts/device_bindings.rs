//! Which device a sign-in belongs to, from when on, and how many an account has.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::accounts::devices::{required, signed_in, with_mode};
use crate::harness::authenticator::Authenticator;
use crate::harness::devices::Device;
use crate::harness::{Pair, TestApp, somebody};

const ME: &str = "/api/users/me";
const LIVE: &str = "SELECT COUNT(*) FROM attest_keys WHERE user_id = ?1 AND revoked_at IS NULL";
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

/// Somebody who is signed in with the app on 20 devices, and on the web.
async fn crowded(app: &TestApp) -> (Value, Value, Vec<Pair>, String) {
    let ada = somebody();
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
async fn what_was_used_lately_makes_no_room() {
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
async fn a_key_makes_room_for_the_next_one() {
    required(async |app| {
        let (ada, user, pairs, session) = crowded(app).await;
        let live = async || app.count(LIVE, std::slice::from_ref(&user)).await;
        app.age(Duration::from_secs(3601)).await;
        // A key that no sign-in belongs to goes first.
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
        // Then the one that was not used for longest, with its sign-in.
        app.refresh(&pairs[0].refresh).await.ok();
        app.sign_in_on(&Device::new(), &ada).await.ok();
        let refused = app.refresh(&pairs[1].refresh).await.status() == 401
            || app.get(ME).bearer(&pairs[0].access).send().await.status() == 401;
        assert!(refused, "a sign-in ended with its key");
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
        // And by the first use of a key that was nobody's, and by one that is added.
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
        // The list has every live one, and first.
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
async fn keys_that_nobody_uses_keep_no_owner_out() {
    required(async |app| {
        let ada = somebody();
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
async fn a_key_in_use_is_not_swept() {
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
