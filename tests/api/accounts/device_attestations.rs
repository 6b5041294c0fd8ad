//! Attestations: their challenges, and the requests of the internal API that need one.

use http::Method;
use serde_json::{Value, json};

use super::devices::{required, with_mode};
use crate::harness::devices::{BUNDLE, Device, standard};
use crate::harness::{case, other_person};

#[tokio::test]
async fn development_without_settings_has_an_app_that_can_attest() {
    case(async |app| {
        let body = json!({"platform": "ios", "bundle_id": BUNDLE});
        let challenge = app
            .request(Method::POST, "/api/app-attestation/challenge")
            .json(&body);
        assert_eq!(challenge.send().await.ok()["success"], true);
    })
    .await;
}

#[tokio::test]
async fn ios_tokens_need_an_attestation_where_it_is_required() {
    required(async |app| {
        let device = Device::new();
        let mut body = other_person();
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
            "no account was created"
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
        // The device may sign in to its account again. For another account its key is taken, and no
        // tokens are created.
        body["client_attestation"] = json!(app.client_attestation(&device).await);
        let again = app
            .internal("/api/internal/tokens", &body)
            .send()
            .await
            .ok();
        assert_eq!(again["user"]["id"], user);
        let known = app.person().await;
        for other in [other_person(), json!({"user_id": known.id})] {
            assert_eq!(
                app.sign_in_on(&device, &other).await.problem(409),
                "attest_key_taken"
            );
        }
        let mut other = other_person();
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
            "no account was created"
        );
        let nobody = json!({"user_id": "00000000-0000-4000-8000-000000000000"});
        assert_eq!(
            app.sign_in_on(&Device::new(), &nobody).await.problem(404),
            "user_not_found"
        );
        // A web client needs no attestation.
        app.internal("/api/internal/tokens", &other_person())
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn an_attestation_uses_a_challenge_of_the_api_once() {
    with_mode("observe", &[], async |app| {
        let device = Device::new();
        let (ada, bob) = (app.person().await, app.person().await);
        let (ada_pair, bob_pair) = (app.pair(&ada).await, app.pair(&bob).await);
        let refused =
            |answer: crate::harness::Answer| assert_eq!(answer.problem(400), "attestation_failed");
        // The challenge is of another account, expired, for another purpose, invented, or of
        // another ceremony.
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
        // A failed attempt uses up the challenge, and the object of another device is refused.
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
        // A key belongs to one account. Its owner may register it again. A key without an account
        // belongs to none until it is used.
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
