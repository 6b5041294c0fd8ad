//! Assertions: the requests that need one, its device, and its single use.

use futures::future::join_all;
use http::Method;
use serde_json::json;

use super::devices::{ME, required, signed_in, with_mode};
use crate::harness::devices::{BUNDLE, Device, settings};
use crate::harness::{Pair, claims, race_with};

#[tokio::test]
async fn an_ios_token_is_accepted_only_on_its_device() {
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
        // A device without an account, and a device of another account.
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
        // A stolen token does not add the attacker's own device to the account.
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
        // A service that validates the token learns that it is active. Requests of the app before
        // it has a key need no assertion.
        app.get("/api/auth/tokens/validate")
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        app.attestation_challenge(Some(&pair.access)).await;
        app.begin_passkey(&pair.access).await;
        // A session token of the app needs an assertion too, even as a cookie.
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
        // Web sessions need no assertion.
        let person = app.person().await;
        let session = app.session(&person).await;
        app.get(ME).cookie(&session).send().await.ok();
        app.get(ME).bearer(&session).send().await.ok();
        // Current versions of the app refresh without an assertion.
        app.refresh(&pair.refresh).await.ok();
    })
    .await;
}

#[tokio::test]
async fn an_assertion_covers_one_request_and_one_count() {
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
        refused.push(("the previous count", over(format!("{this}:{now}"), 1)));
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
        refused.push(("from the future", over(format!("{this}:{}", now + 60), 9)));
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
        refused.push(("a repeated header", twice));
        for (what, headers) in refused {
            assert_eq!(
                send(&headers).await.problem(403),
                "app_attest_failed",
                "{what}"
            );
        }
        // None of these requests increased the counter. An assertion with a part about the body is
        // accepted.
        send(&over(format!("{this}:a:1,b:2:{now}"), 2)).await.ok();
        assert_eq!(app.count("SELECT counter FROM attest_keys", &[]).await, 2);
        // No User-Agent disables the requirement.
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
            // A replayed refresh token is a replay with or without a device.
            app.age(std::time::Duration::from_secs(31)).await;
            assert_eq!(refresh(&[]).await.problem(401), "invalid_refresh_token");
            assert_eq!(
                app.asserted(&mut device, &second.access, ME).await.status(),
                401,
                "its session is revoked"
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
async fn a_count_is_accepted_once() {
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
