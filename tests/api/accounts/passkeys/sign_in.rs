//! Signing in with a passkey: with and without an address, every algorithm, flags and counters.

use std::time::Duration;

use serde_cbor_2::Value as Cbor;
use serde_json::json;

use crate::harness::authenticator::{Authenticator, BE, BS, UP_UV};
use crate::harness::{Pair, case};

#[tokio::test]
async fn a_user_signs_in_with_any_of_their_passkeys() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let user = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok()["user"]["id"]
            .clone();
        let begun = app.begin_sign_in(None).await;
        let options = &begun["options"];
        assert_eq!(
            (&options["rpId"], &options["rp_id"]),
            (&json!("localhost"), &json!("localhost"))
        );
        assert_eq!(
            (&options["allowCredentials"], &options["allow_credentials"]),
            (&json!([]), &json!([]))
        );
        assert_eq!(
            (&options["userVerification"], &options["user_verification"]),
            (&json!("required"), &json!("required"))
        );
        assert_eq!(
            (&options["timeout"], &options["challengeId"]),
            (&json!(300_000), &begun["challenge_id"])
        );
        authenticator.counter = 5;
        let call = app.complete_sign_in(&begun, &authenticator.authenticate(options));
        let answer = call
            .header("user-agent", "hamrahIOS/1.0 CFNetwork/1")
            .send()
            .await;
        let signed_in = answer.ok();
        assert_eq!(
            (&signed_in["verified"], &signed_in["user"]["id"]),
            (&json!(true), &user)
        );
        assert_eq!(signed_in["credential_id"], signed_in["credentialId"]);
        assert!(answer.cookies().is_empty(), "no browser, no cookie");
        assert_eq!(signed_in["user"]["last_login_platform"], "ios");
        let session = signed_in["session_token"]
            .as_str()
            .expect("a session token");
        assert_eq!(app.me(session).await, 200);
        app.get("/api/auth/sessions/validate")
            .bearer(session)
            .send()
            .await
            .ok();
        app.refresh(&Pair::read(&signed_in).refresh).await.ok();
        let listed = &app.passkeys(session).await[0];
        assert_eq!(listed["counter"], 5);
        assert!(listed["last_used"].is_i64());
        // A sign-in writes one event.
        let events = app.events(user.as_str().expect("an id")).await;
        assert_eq!(
            events.iter().filter(|kind| *kind == "signed_in").count(),
            2,
            "{events:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_named_user_is_offered_only_their_own_passkeys() {
    case(async |app| {
        let (mut ada, mut bob) = (Authenticator::new(), Authenticator::new());
        app.sign_up(&mut ada, "ada@example.com").await.ok();
        app.sign_up(&mut bob, "bob@example.com").await.ok();
        let begun = app.begin_sign_in(Some("ADA@example.com")).await;
        let allowed = begun["options"]["allowCredentials"]
            .as_array()
            .expect("a list");
        let id = crate::harness::authenticator::base64url(&ada.id);
        assert_eq!(
            allowed,
            &[json!({"id": id, "type": "public-key", "transports": ["internal", "hybrid"]})]
        );
        // An authenticator of a named user may omit the user handle.
        ada.user_handle = None;
        app.complete_sign_in(&begun, &ada.authenticate(&begun["options"]))
            .send()
            .await
            .ok();
        let begun = app.begin_sign_in(Some("ada@example.com")).await;
        let answer = app
            .complete_sign_in(&begun, &bob.authenticate(&begun["options"]))
            .send()
            .await;
        assert_eq!(answer.problem(401), "passkey_sign_in_failed");
    })
    .await;
}

#[tokio::test]
async fn beginning_a_sign_in_does_not_reveal_who_has_an_account() {
    case(async |app| {
        app.sign_up(&mut Authenticator::new(), "known@example.com")
            .await
            .ok();
        // An account without a passkey gets the answer of an unknown address.
        let person = app.person().await;
        let ask = async |email: &str| {
            app.begin_sign_in(Some(email)).await["options"]["allowCredentials"].clone()
        };
        for email in ["nobody@example.com", "nobody2@example.com", &person.email] {
            let (first, again) = (ask(email).await, ask(email).await);
            assert_eq!(first, again, "stable");
            let made_up = first.as_array().expect("a list");
            assert!((1..=5).contains(&made_up.len()));
            for credential in made_up {
                assert_eq!(credential["type"], "public-key");
                assert!(
                    credential["id"].as_str().is_some_and(|id| id.len() >= 20),
                    "{credential}"
                );
                assert!(credential["transports"].is_array());
            }
        }
        assert_ne!(
            ask("nobody@example.com").await,
            ask("nobody2@example.com").await
        );
        let shape = |value: &serde_json::Value| {
            value
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        let (known, unknown) = (
            app.begin_sign_in(Some("known@example.com")).await,
            app.begin_sign_in(Some("x@example.com")).await,
        );
        assert_eq!(
            (shape(&known), shape(&known["options"])),
            (shape(&unknown), shape(&unknown["options"]))
        );
    })
    .await;
}

#[tokio::test]
async fn all_three_algorithms_sign_in() {
    case(async |app| {
        for (index, mut authenticator) in [
            Authenticator::new(),
            Authenticator::ed25519(),
            Authenticator::rsa(),
        ]
        .into_iter()
        .enumerate()
        {
            app.sign_up(&mut authenticator, &format!("a{index}@example.com"))
                .await
                .ok();
            app.passkey_sign_in(&authenticator).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn an_rsa_key_of_3072_bits_and_optional_members_of_a_key_are_accepted() {
    case(async |app| {
        let mut large = Authenticator::rsa_of(3072);
        app.sign_up(&mut large, "large@example.com").await.ok();
        app.passkey_sign_in(&large).await.ok();

        let more = [
            (2, Cbor::Bytes(b"kid".to_vec())),
            (4, Cbor::Array(vec![Cbor::Integer(1), Cbor::Integer(2)])),
        ];
        for (index, mut authenticator) in [
            Authenticator::new(),
            Authenticator::ed25519(),
            Authenticator::rsa(),
        ]
        .into_iter()
        .enumerate()
        {
            let begun = app.begin_sign_up(&format!("a{index}@example.com")).await;
            let mut made = authenticator.register(&begun["options"]);
            let Ok(Cbor::Map(mut members)) = serde_cbor_2::from_slice(&made.public_key) else {
                panic!("a map")
            };
            members.extend(
                more.clone()
                    .map(|(name, value)| (Cbor::Integer(name), value)),
            );
            made.public_key = serde_cbor_2::to_vec(&Cbor::Map(members)).expect("CBOR");
            app.complete_registration(&begun, &made).send().await.ok();
            app.passkey_sign_in(&authenticator).await.ok();
        }
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_updates_the_backup_state_of_the_passkey() {
    case(async |app| {
        let mut authenticator = Authenticator {
            flags: UP_UV | BE,
            ..Authenticator::new()
        };
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let token = made["session_token"].as_str().expect("a session token");
        let state = async || {
            let passkey = app.passkeys(token).await.remove(0);
            (
                passkey["credential_device_type"].clone(),
                passkey["credential_backed_up"].clone(),
            )
        };
        assert_eq!(state().await, (json!("multiDevice"), json!(false)));
        for (flags, backed_up) in [(UP_UV | BE | BS, true), (UP_UV | BE, false)] {
            authenticator.flags = flags;
            app.passkey_sign_in(&authenticator).await.ok();
            assert_eq!(state().await, (json!("multiDevice"), json!(backed_up)));
        }
        // The backup eligibility of a passkey never changes.
        authenticator.flags = UP_UV;
        assert_eq!(
            app.passkey_sign_in(&authenticator).await.problem(401),
            "passkey_sign_in_failed"
        );
    })
    .await;
}

#[tokio::test]
async fn a_counter_that_decreases_is_refused_and_reported() {
    case(async |app| {
        let mut authenticator = Authenticator {
            counter: 7,
            ..Authenticator::new()
        };
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        for counter in [7, 6, 0] {
            authenticator.counter = counter;
            let refused = app.passkey_sign_in(&authenticator).await;
            assert_eq!(
                refused.problem(401),
                "passkey_counter_went_back",
                "{counter}"
            );
            assert!(
                refused
                    .text()
                    .contains("delete the passkey, and add it again")
            );
        }
        authenticator.counter = 8;
        let token = app.passkey_sign_in(&authenticator).await.ok()["session_token"]
            .as_str()
            .expect("a session token")
            .to_owned();
        let events = app
            .get("/api/users/me/events")
            .bearer(&token)
            .send()
            .await
            .ok();
        let suspected: Vec<_> = events["events"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|event| event["kind"] == "passkey_clone_suspected")
            .collect();
        assert_eq!(suspected.len(), 3, "{events}");
        assert_eq!(suspected[0]["subject"], made["credential_id"]);
        assert_eq!(app.passkeys(&token).await[0]["counter"], 8);
        assert!(app.logs().await.contains("the counter went back"));
    })
    .await;
}

/// A passkey that was copied, or moved to a software authenticator, is refused at a step-up as at a
/// sign-in, and the owner learns of it.
#[tokio::test]
async fn a_counter_that_does_not_rise_is_refused_at_a_step_up() {
    case(async |app| {
        let mut authenticator = Authenticator {
            counter: 7,
            ..Authenticator::new()
        };
        let made = app.sign_up(&mut authenticator, "ada@example.com").await;
        let made = made.ok();
        let session = made["session_token"].as_str().expect("a token");
        app.age(Duration::from_mins(11)).await;
        let prove = async |authenticator: &Authenticator| {
            let begun = app.post("/api/auth/reauthenticate/begin", &json!({}));
            let begun = begun.bearer(session).send().await.ok();
            let body = json!({
                "challenge_id": begun["challenge_id"],
                "response": authenticator.authenticate(&begun["options"]).json(),
            });
            let complete = app.post("/api/auth/reauthenticate/complete", &body);
            complete.bearer(session).send().await
        };
        for counter in [7, 6, 0] {
            authenticator.counter = counter;
            let refused = prove(&authenticator).await;
            let code = refused.problem(401);
            assert_eq!(code, "reauthentication_failed", "{counter}");
            let way_out = "delete the passkey, and add it again";
            assert!(refused.text().contains(way_out), "{}", refused.text());
            // The session is as old as before.
            let sensitive = app.post("/api/auth/backup-codes", &json!({}));
            let sensitive = sensitive.bearer(session).send().await;
            assert_eq!(sensitive.problem(403), "reauthentication_required");
        }
        let events = app
            .events(made["user"]["id"].as_str().expect("an id"))
            .await;
        let suspected = events
            .iter()
            .filter(|kind| *kind == "passkey_clone_suspected");
        assert_eq!(suspected.count(), 3, "{events:?}");
        authenticator.counter = 8;
        prove(&authenticator).await.ok();
    })
    .await;
}
