//! Attacks on whole ceremonies: changed bytes, used challenges, foreign credentials, disclosure,
//! and additions that must be accepted.

use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};

use super::hostile::{SETTINGS, authenticator, cbor_value, check};
use crate::harness::authenticator::{Authenticator, Registration, UP_UV, base64url, cbor_map};
use crate::harness::case_with;

#[tokio::test]
async fn no_byte_of_an_assertion_can_be_changed() {
    case_with(&SETTINGS, async |app| {
        let mut authenticator = Authenticator {
            counter: 5,
            ..authenticator()
        };
        app.sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        authenticator.counter = 6;
        let begun = app.begin_sign_in(None).await;
        let good = authenticator.authenticate(&begun["options"]).json();
        for part in ["clientDataJSON", "authenticatorData", "signature"] {
            let length = decode(&good["response"][part]).len();
            for at in 0..length {
                let begun = app.begin_sign_in(None).await;
                let mut answer = authenticator.authenticate(&begun["options"]).json();
                let mut bytes = decode(&answer["response"][part]);
                let Some(byte) = bytes.get_mut(at) else {
                    continue;
                };
                *byte ^= 0x01;
                answer["response"][part] = json!(base64url(&bytes));
                let body = json!({"challenge_id": begun["challenge_id"], "response": answer});
                let sent = app
                    .post("/api/webauthn/authenticate/complete", &body)
                    .send()
                    .await;
                assert_eq!(
                    sent.problem(401),
                    "passkey_sign_in_failed",
                    "byte {at} of {part}"
                );
            }
        }
        app.passkey_sign_in(&authenticator).await.ok();
    })
    .await;
}

pub fn decode(text: &Value) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text.as_str().expect("a text"))
        .expect("base64url")
}

#[tokio::test]
async fn a_challenge_serves_one_ceremony_of_one_account_once() {
    case_with(&SETTINGS, async |app| {
        let mut refused = Vec::new();
        let reason = "the challenge is unknown, used, expired, or of another ceremony or account";
        let (ada, bob) = (app.person().await, app.person().await);
        let (ada_token, bob_token) = (app.session(&ada).await, app.session(&bob).await);

        let begun = app.begin_passkey(&ada_token).await;
        let answer = authenticator().register(&begun["options"]);
        refused.push((
            "another account's",
            reason,
            app.complete_registration(&begun, &answer)
                .bearer(&bob_token)
                .send()
                .await,
        ));
        refused.push((
            "nobody's",
            reason,
            app.complete_registration(&begun, &answer).send().await,
        ));
        app.complete_registration(&begun, &answer)
            .bearer(&ada_token)
            .send()
            .await
            .ok();
        refused.push((
            "a used one",
            reason,
            app.complete_registration(&begun, &answer)
                .bearer(&ada_token)
                .send()
                .await,
        ));

        let begun = app.begin_sign_in(None).await;
        let options = json!({
            "challenge": begun["options"]["challenge"],
            "rp": {"id": "hamrah.app"},
            "user": {"id": "AAAA"},
        });
        let answer = authenticator().register(&options);
        refused.push((
            "a sign-in's",
            reason,
            app.complete_registration(&begun, &answer)
                .bearer(&ada_token)
                .send()
                .await,
        ));

        // A failed attempt uses up the challenge too.
        let begun = app.begin_passkey(&ada_token).await;
        let good = authenticator().register(&begun["options"]);
        let bad = Registration {
            flags: good.flags & !0x04,
            ..good.clone()
        };
        refused.push((
            "UV missing",
            "the user was not verified",
            app.complete_registration(&begun, &bad)
                .bearer(&ada_token)
                .send()
                .await,
        ));
        refused.push((
            "after a failure",
            reason,
            app.complete_registration(&begun, &good)
                .bearer(&ada_token)
                .send()
                .await,
        ));

        let begun = app.begin_passkey(&ada_token).await;
        app.age(std::time::Duration::from_secs(301)).await;
        let answer = authenticator().register(&begun["options"]);
        refused.push((
            "an expired one",
            reason,
            app.complete_registration(&begun, &answer)
                .bearer(&ada_token)
                .send()
                .await,
        ));
        let made_up = json!({"challenge_id": "x"});
        refused.push((
            "an invented one",
            reason,
            app.complete_registration(&made_up, &answer)
                .bearer(&ada_token)
                .send()
                .await,
        ));
        check(app, &refused).await;

        let mut authenticator = authenticator();
        app.add_passkey(&mut authenticator, &ada_token).await.ok();
        let mut refused = Vec::new();
        let begun = app.begin_passkey(&ada_token).await;
        let options = json!({"challenge": begun["options"]["challenge"], "rpId": "hamrah.app"});
        refused.push((
            "a registration's",
            reason,
            app.complete_sign_in(&begun, &authenticator.authenticate(&options))
                .send()
                .await,
        ));
        let begun = app.begin_sign_in(None).await;
        let answer = authenticator.authenticate(&begun["options"]);
        app.complete_sign_in(&begun, &answer).send().await.ok();
        refused.push((
            "a replay",
            reason,
            app.complete_sign_in(&begun, &answer).send().await,
        ));
        let begun = app.begin_sign_in(None).await;
        app.age(std::time::Duration::from_secs(301)).await;
        refused.push((
            "an expired one",
            reason,
            app.complete_sign_in(&begun, &authenticator.authenticate(&begun["options"]))
                .send()
                .await,
        ));
        check(app, &refused).await;
    })
    .await;
}

#[tokio::test]
async fn a_credential_belongs_to_one_account() {
    case_with(&SETTINGS, async |app| {
        let mut authenticator = authenticator();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let token = made["session_token"].as_str().expect("a token").to_owned();
        let mut thief = authenticator.clone();
        assert_eq!(
            app.sign_up(&mut thief, "mallory@example.com")
                .await
                .problem(409),
            "passkey_exists"
        );
        let mallory = app.session(&app.person().await).await;
        assert_eq!(
            app.add_passkey(&mut thief, &mallory).await.problem(409),
            "passkey_exists"
        );
        assert_eq!(
            app.add_passkey(&mut thief, &token).await.problem(409),
            "passkey_exists"
        );
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM users WHERE email = 'mallory@example.com'",
                &[]
            )
            .await,
            0
        );
        assert_eq!(
            app.passkey_sign_in(&authenticator).await.ok()["user"]["id"],
            made["user"]["id"]
        );
        // Another key under the credential id of a user signs no user in.
        let forged = Authenticator {
            key: Authenticator::new().key,
            ..authenticator.clone()
        };
        assert_eq!(
            app.passkey_sign_in(&forged).await.problem(401),
            "passkey_sign_in_failed"
        );
    })
    .await;
}

#[tokio::test]
async fn a_known_credential_does_not_reveal_taken_addresses() {
    case_with(&SETTINGS, async |app| {
        // A registration with a known credential never creates an account. So its answer must not
        // reveal which addresses are taken.
        let mut used = authenticator();
        app.sign_up(&mut used, "ada@example.com").await.ok();
        for email in ["ada@example.com", "nobody@example.com"] {
            assert_eq!(
                app.sign_up(&mut used, email).await.problem(409),
                "passkey_exists",
                "{email}"
            );
        }
        // An invented credential for an unknown address gets the answer of a genuine one.
        let token = app.session(&app.person().await).await;
        let asked = app.begin_sign_in(Some("nobody@example.com")).await;
        for made_up in asked["options"]["allowCredentials"]
            .as_array()
            .expect("a list")
        {
            let mut decoy = Authenticator {
                id: decode(&made_up["id"]),
                ..authenticator()
            };
            assert_eq!(
                app.add_passkey(&mut decoy, &token).await.problem(409),
                "passkey_exists"
            );
            assert_eq!(
                app.sign_up(&mut decoy, "other@example.com")
                    .await
                    .problem(409),
                "passkey_exists"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn client_data_does_not_reach_the_log() {
    case_with(&SETTINGS, async |app| {
        // Extensions that were not requested are ignored (§7.1 step 4).
        for (format, status) in [("canary-in-the-log", 400), ("none", 200)] {
            let begun = app.begin_sign_up("ada@example.com").await;
            let mut answer = authenticator().register(&begun["options"]);
            answer.flags |= 0x80;
            answer.tail = cbor_map(&[(
                Cbor::Text("credProtect".into()),
                Cbor::Text("canary-in-the-log".into()),
            )]);
            answer.format = format.into();
            assert_eq!(
                app.complete_registration(&begun, &answer)
                    .send()
                    .await
                    .status(),
                status
            );
        }
        assert!(!app.logs().await.contains("canary"), "{}", app.logs().await);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_not_accepted_as_a_response() {
    case_with(&SETTINGS, async |app| {
        let begun = app.begin_sign_up("ada@example.com").await;
        let good = authenticator().register(&begun["options"]).json();
        let inner = &good["response"];
        let by_position = json!([good["id"], good["rawId"], "public-key", inner]);
        let mut inside = good.clone();
        inside["response"] = json!([inner["clientDataJSON"], inner["attestationObject"], []]);
        for response in [by_position, inside] {
            let body = json!({"challenge_id": begun["challenge_id"], "response": response});
            assert_eq!(
                app.post("/api/webauthn/register/complete", &body)
                    .send()
                    .await
                    .problem(422),
                "invalid_body"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn additions_that_browsers_may_make_are_accepted() {
    case_with(&SETTINGS, async |app| {
        // The additions are a byte order mark, future members, reserved flags, extensions, and an
        // attestation that was not requested.
        let begun = app.begin_sign_up("ada@example.com").await;
        let mut authenticator = Authenticator {
            flags: UP_UV | 0x02 | 0x20,
            ..authenticator()
        };
        let mut answer = authenticator.register(&begun["options"]);
        answer.client_data_prefix = "\u{FEFF}".into();
        answer.client_data["other_keys_can_be_added_here"] = json!({"a": [1, 2]});
        answer.flags |= 0x80;
        answer.tail = cbor_map(&[(Cbor::Text("credProtect".into()), Cbor::Integer(2))]);
        answer.format = "packed".into();
        answer.statement = cbor_value(&[
            ("alg", Cbor::Integer(-7)),
            ("sig", Cbor::Bytes(vec![0; 70])),
        ]);
        app.complete_registration(&begun, &answer).send().await.ok();
        let begun = app.begin_sign_in(None).await;
        let mut answer = authenticator.authenticate(&begun["options"]);
        answer.flags |= 0x80;
        answer.tail = cbor_map(&[(Cbor::Text("uvm".into()), Cbor::Integer(2))]);
        answer.client_data["origin"] = json!("https://api.hamrah.app");
        app.complete_sign_in(&begun, &answer).send().await.ok();
    })
    .await;
}
