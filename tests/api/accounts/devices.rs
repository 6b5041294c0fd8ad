//! App Attest: keys registered, bound, listed and revoked; tokens that are good only on their
//! device.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::harness::devices::{BUNDLE, Device, settings, standard};
use crate::harness::{Pair, TestApp, case_with, claims, race_with, somebody};

const ME: &str = "/api/users/me";

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

/// Somebody who signs in with the app: their pair.
pub async fn signed_in(app: &TestApp, device: &Device) -> (Pair, String) {
    let made = app.sign_in_on(device, &somebody()).await.ok();
    (
        Pair::read(&made),
        made["user"]["id"].as_str().expect("an id").to_owned(),
    )
}

#[tokio::test]
async fn a_token_of_ios_is_good_only_on_its_device() {
    required(async |app| {
        let (mut device, mut other) = (Device::new(), Device::new());
        let (pair, _) = signed_in(app, &device).await;
        assert_eq!(
            app.get(ME).bearer(&pair.access).send().await.problem(403),
            "app_attest_required"
        );
        app.asserted(&mut device, &pair.access, ME).await.ok();
        app.asserted(&mut device, &pair.access, "/api/users/me/events?before=")
            .await
            .problem(400);
        // Another device of nobody's, and one of somebody else's.
        app.attest(&other, None).await.ok();
        assert_eq!(
            app.asserted(&mut other, &pair.access, ME)
                .await
                .problem(403),
            "app_attest_failed"
        );
        let (others, _) = signed_in(app, &other).await;
        app.asserted(&mut other, &others.access, ME).await.ok();
        assert_eq!(
            app.asserted(&mut other, &pair.access, ME)
                .await
                .problem(403),
            "app_attest_failed"
        );
        // Nor does a stolen token add the thief's own device to the account.
        let thief = Device::new();
        assert_eq!(
            app.attest(&thief, Some(&pair.access)).await.problem(403),
            "other_device"
        );
        assert_eq!(
            app.count("SELECT COUNT(*) FROM attest_keys WHERE counter = 0", &[])
                .await,
            0
        );
        // What a service is told is that the token is live; what the app does before it has a key
        // needs none.
        app.get("/api/auth/tokens/validate")
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        app.attestation_challenge(Some(&pair.access)).await;
        app.begin_passkey(&pair.access).await;
        // A session token of the app is no way around, not even as a cookie.
        let who = json!({"user_id": claims(&pair.access)["sub"], "platform": "ios"});
        let session = app
            .internal("/api/internal/sessions", &who)
            .send()
            .await
            .ok()["session_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        assert_eq!(
            app.get(ME).bearer(&session).send().await.problem(403),
            "app_attest_required"
        );
        assert_eq!(
            app.get(ME).cookie(&session).send().await.problem(403),
            "app_attest_required"
        );
        // Web sessions are not touched.
        let person = app.person().await;
        let session = app.session(&person).await;
        app.get(ME).cookie(&session).send().await.ok();
        app.get(ME).bearer(&session).send().await.ok();
        // The app of today refreshes without.
        app.refresh(&pair.refresh).await.ok();
    })
    .await;
}

#[tokio::test]
async fn an_assertion_is_of_one_request_and_of_one_count() {
    required(async |app| {
        let mut device = Device::new();
        let (pair, _) = signed_in(app, &device).await;
        let now = app.now().await;
        let send = async |headers: &[(&'static str, String)]| {
            app.get(ME)
                .bearer(&pair.access)
                .headers(headers)
                .send()
                .await
        };
        let good = device.headers(&Method::GET, ME, now);
        send(&good).await.ok();
        let mut refused = vec![("a replay", good.to_vec())];
        let over = |text: String, counter: u32| device.headers_over(&text, counter).to_vec();
        let this = format!("GET:http://localhost{ME}");
        refused.push(("the count from before", over(format!("{this}:{now}"), 1)));
        refused.push(("a lower count", over(format!("{this}:{now}"), 0)));
        refused.push((
            "another method",
            over(format!("DELETE:http://localhost{ME}:{now}"), 9),
        ));
        refused.push((
            "another path",
            over(format!("GET:http://localhost/api/users/me/tokens:{now}"), 9),
        ));
        refused.push((
            "another host",
            over(format!("GET:http://evil.example{ME}:{now}"), 9),
        ));
        refused.push(("a longer path", over(format!("{this}x:{now}"), 9)));
        refused.push(("too old", over(format!("{this}:{}", now - 130), 9)));
        refused.push(("of the future", over(format!("{this}:{}", now + 60), 9)));
        refused.push(("no time", over(this.clone(), 9)));
        let other = Device::new();
        let mut by_another = other.headers_over(&format!("{this}:{now}"), 9).to_vec();
        by_another[0].1 = device.key_id();
        refused.push(("another key", by_another));
        for (missing, _) in &good {
            let mut headers = over(format!("{this}:{now}"), 9);
            headers.retain(|(name, _)| name != missing);
            refused.push((missing, headers));
        }
        let mut changed = over(format!("{this}:{now}"), 9);
        changed[2].1 = format!("{BUNDLE}.beta");
        refused.push(("another app", changed.clone()));
        changed[2].1 = "app.evil".to_owned();
        refused.push(("an app that is not configured", changed));
        let mut twice = over(format!("{this}:{now}"), 9);
        twice.push(twice[0].clone());
        refused.push(("a header twice", twice));
        for (what, headers) in refused {
            assert_eq!(
                send(&headers).await.problem(403),
                "app_attest_failed",
                "{what}"
            );
        }
        // Nothing of that moved the counter; with a part about the body it is good too.
        send(&over(format!("{this}:a:1,b:2:{now}"), 2)).await.ok();
        assert_eq!(app.count("SELECT counter FROM attest_keys", &[]).await, 2);
        // No User-Agent switches it off.
        for agent in ["hamrahIOS/1 (iPhone Simulator; x86_64)", "Mozilla/5.0"] {
            let answer = app
                .get(ME)
                .bearer(&pair.access)
                .header("user-agent", agent)
                .send()
                .await;
            assert_eq!(answer.problem(403), "app_attest_required");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stolen_refresh_token_is_useless_without_the_device() {
    with_mode(
        "require",
        &[("APP_ATTEST_ON_REFRESH", "require")],
        async |app| {
            let (mut device, mut thief) = (Device::new(), Device::new());
            let (pair, _) = signed_in(app, &device).await;
            let (thiefs, _) = signed_in(app, &thief).await;
            app.asserted(&mut thief, &thiefs.access, ME).await.ok();
            let path = "/api/auth/tokens/refresh";
            let now = app.now().await;
            let refresh = async |headers: &[(&'static str, String)]| {
                app.post(path, &json!({"refresh_token": pair.refresh}))
                    .headers(headers)
                    .send()
                    .await
            };
            assert_eq!(refresh(&[]).await.problem(403), "app_attest_required");
            assert_eq!(
                refresh(&thief.headers(&Method::POST, path, now))
                    .await
                    .problem(403),
                "app_attest_failed"
            );
            let fresh = Device::new();
            app.attest(&fresh, None).await.ok();
            assert_eq!(
                refresh(&fresh.headers_over(&format!("POST:http://localhost{path}:{now}"), 1))
                    .await
                    .problem(403),
                "app_attest_failed"
            );
            let second = Pair::read(
                &refresh(&device.headers(&Method::POST, path, now))
                    .await
                    .ok(),
            );
            let send = async |token: &str, headers: &[(&'static str, String)]| {
                app.post(path, &json!({"refresh_token": token}))
                    .headers(headers)
                    .send()
                    .await
            };
            send(&second.refresh, &device.headers(&Method::POST, path, now))
                .await
                .ok();
            // A replay is one, with or without a device.
            app.age(std::time::Duration::from_secs(31)).await;
            assert_eq!(refresh(&[]).await.problem(401), "invalid_refresh_token");
            assert_eq!(
                app.asserted(&mut device, &second.access, ME).await.status(),
                401,
                "its sign-in is revoked"
            );
            assert_eq!(
                app.refresh("hmr_unknown").await.problem(401),
                "invalid_refresh_token"
            );
        },
    )
    .await;
}

#[tokio::test]
async fn tokens_for_ios_need_an_attestation_where_that_is_required() {
    required(async |app| {
        let device = Device::new();
        let mut body = somebody();
        body["platform"] = json!("ios");
        for path in ["/api/internal/tokens", "/api/internal/users"] {
            assert_eq!(
                app.internal(path, &body).send().await.problem(403),
                "app_attest_required",
                "{path}"
            );
            for bad in [
                "x".to_owned(),
                standard(b"{}"),
                standard(br#"{"attestation_object":"AAAA","challenge":"AAAA","key_id":"AAAA"}"#),
            ] {
                body["client_attestation"] = json!(bad);
                assert_eq!(
                    app.internal(path, &body).send().await.problem(400),
                    "attestation_failed",
                    "{path}"
                );
            }
            body["client_attestation"] = Value::Null;
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM users", &[]).await,
            0,
            "nobody was made"
        );
        let attestation = app.client_attestation(&device).await;
        body["client_attestation"] = json!(attestation);
        let user =
            app.internal("/api/internal/users", &body).send().await.ok()["user"]["id"].clone();
        assert_eq!(
            app.internal("/api/internal/tokens", &body)
                .send()
                .await
                .problem(400),
            "attestation_failed",
            "a replay"
        );
        // The same device again is the same account's; for another account it is taken, and no
        // tokens are made.
        body["client_attestation"] = json!(app.client_attestation(&device).await);
        let again = app
            .internal("/api/internal/tokens", &body)
            .send()
            .await
            .ok();
        assert_eq!(again["user"]["id"], user);
        let known = app.person().await;
        for other in [somebody(), json!({"user_id": known.id})] {
            assert_eq!(
                app.sign_in_on(&device, &other).await.problem(409),
                "attest_key_taken"
            );
        }
        let mut other = somebody();
        other["platform"] = json!("ios");
        other["client_attestation"] = json!(app.client_attestation(&device).await);
        assert_eq!(
            app.internal("/api/internal/users", &other)
                .send()
                .await
                .problem(409),
            "attest_key_taken"
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM sessions", &[]).await, 1);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM users", &[]).await,
            2,
            "nor was an account"
        );
        let nobody = json!({"user_id": "00000000-0000-4000-8000-000000000000"});
        assert_eq!(
            app.sign_in_on(&Device::new(), &nobody).await.problem(404),
            "user_not_found"
        );
        // The web is not asked.
        app.internal("/api/internal/tokens", &somebody())
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn observing_refuses_nobody() {
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
        // A key that is somebody else's, too.
        app.sign_in_on(&device, &somebody()).await.ok();
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
async fn an_attestation_is_over_a_challenge_of_ours_once() {
    with_mode("observe", &[], async |app| {
        let device = Device::new();
        let (ada, bob) = (app.person().await, app.person().await);
        let (ada_pair, bob_pair) = (app.pair(&ada).await, app.pair(&bob).await);
        let refused =
            |answer: crate::harness::Answer| assert_eq!(answer.problem(400), "attestation_failed");
        // Another account's, an expired one, one for something else, a made-up one, one of another
        // ceremony.
        let challenge = app.attestation_challenge(Some(&ada_pair.access)).await;
        let object = app.attestation(&device, &challenge).await;
        refused(
            app.send_attestation(&device, &challenge, &object, Some(&bob_pair.access))
                .await,
        );
        refused(
            app.send_attestation(&device, &challenge, &object, None)
                .await,
        );
        app.send_attestation(&device, &challenge, &object, Some(&ada_pair.access))
            .await
            .ok();
        refused(
            app.send_attestation(&device, &challenge, &object, Some(&ada_pair.access))
                .await,
        );
        let other = Device::new();
        let challenge = app.attestation_challenge(None).await;
        let object = app.attestation(&other, &challenge).await;
        app.age(std::time::Duration::from_secs(601)).await;
        refused(
            app.send_attestation(&other, &challenge, &object, None)
                .await,
        );
        let body = json!({"platform": "ios", "bundle_id": BUNDLE, "purpose": "assertion"});
        let challenge = app
            .post("/api/app-attestation/challenge", &body)
            .send()
            .await
            .ok();
        let object = app.attestation(&other, &challenge).await;
        refused(
            app.send_attestation(&other, &challenge, &object, None)
                .await,
        );
        let begun = app.begin_sign_in(None).await;
        refused(app.send_attestation(&other, &begun, &object, None).await);
        // What fails is used up, and the object of another device is refused.
        let challenge = app.attestation_challenge(None).await;
        let object = app.attestation(&device, &challenge).await;
        refused(
            app.send_attestation(&other, &challenge, &object, None)
                .await,
        );
        let object = app.attestation(&other, &challenge).await;
        refused(
            app.send_attestation(&other, &challenge, &object, None)
                .await,
        );
        // One key, one account; again for its owner, and nobody's until it is used.
        assert_eq!(
            app.attest(&device, Some(&bob_pair.access))
                .await
                .problem(409),
            "attest_key_taken"
        );
        assert_eq!(
            app.attest(&device, None).await.problem(409),
            "attest_key_taken"
        );
        app.attest(&device, Some(&app.pair(&ada).await.access))
            .await
            .ok();
        app.attest(&other, None).await.ok();
        app.attest(&other, None).await.ok();
        app.attest(&other, Some(&bob_pair.access)).await.ok();
        for (body, code) in [
            (
                json!({"platform": "web", "bundle_id": BUNDLE}),
                "invalid_platform",
            ),
            (
                json!({"platform": "ios", "bundle_id": "app.evil"}),
                "invalid_bundle_id",
            ),
            (
                json!({"platform": "ios", "bundle_id": BUNDLE, "purpose": "a b"}),
                "invalid_purpose",
            ),
        ] {
            assert_eq!(
                app.post("/api/app-attestation/challenge", &body)
                    .send()
                    .await
                    .problem(422),
                code
            );
        }
    })
    .await;
}

#[tokio::test]
async fn devices_are_listed_and_revoked_by_their_owner() {
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
            "its sign-ins have ended"
        );
        // For good: not even its owner registers it again.
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

#[tokio::test]
async fn a_count_is_good_once() {
    let settings = settings("require");
    let vars: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    race_with(&vars, async |app| {
        let mut device = Device::new();
        let (pair, _) = signed_in(app, &device).await;
        for _ in 0..5 {
            let headers = device.headers(&Method::GET, ME, app.now().await);
            let calls = (0..20).map(|_| app.get(ME).bearer(&pair.access).headers(&headers).send());
            let statuses: Vec<u16> = join_all(calls)
                .await
                .iter()
                .map(crate::harness::Answer::status)
                .collect();
            assert_eq!(
                statuses.iter().filter(|status| **status == 200).count(),
                1,
                "{statuses:?}"
            );
        }
    })
    .await;
}
