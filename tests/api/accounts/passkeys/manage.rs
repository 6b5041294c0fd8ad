//! Passkeys of an account: the account owner lists, names, renames and removes them.

use http::Method;
use serde_json::{Value, json};

use crate::harness::authenticator::Authenticator;
use crate::harness::{TestApp, case};

/// Creates an account with one passkey and no other way to sign in. Returns its session token, its
/// id and the authenticator.
async fn newcomer(app: &TestApp, email: &str) -> (String, String, Authenticator) {
    let mut authenticator = Authenticator::new();
    let made = app.sign_up(&mut authenticator, email).await.ok();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (
        text(&made["session_token"]),
        text(&made["user"]["id"]),
        authenticator,
    )
}

#[tokio::test]
async fn a_listed_passkey_has_the_fields_of_the_contract() {
    case(async |app| {
        let mut authenticator = Authenticator {
            aaguid: *b"\xfb\xfc\x30\x07\x15\x4e\x4e\xcc\x8c\x0b\x6e\x02\x05\x57\xd7\xbd",
            ..Authenticator::new()
        };
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let listed = &app
            .passkeys(made["session_token"].as_str().expect("a token"))
            .await[0];
        assert_eq!(
            (&listed["id"], &listed["name"], &listed["aaguid"]),
            (
                &made["credential_id"],
                &json!("Apple Passwords"),
                &json!("fbfc3007-154e-4ecc-8c0b-6e020557d7bd")
            )
        );
        assert_eq!(
            (
                &listed["credential_type"],
                &listed["credential_device_type"]
            ),
            (&json!("public-key"), &json!("singleDevice"))
        );
        assert_eq!(
            (&listed["user_verified"], &listed["credential_backed_up"]),
            (&json!(true), &json!(false))
        );
        assert_eq!(
            (&listed["transports"], &listed["counter"]),
            (&json!(["internal", "hybrid"]), &json!(0))
        );
        assert!(
            listed["created_at"]
                .as_i64()
                .is_some_and(|at| at > 1_700_000_000_000)
        );
        assert_eq!(listed["last_used"], listed["created_at"]);
    })
    .await;
}

#[tokio::test]
async fn a_new_passkey_is_named_after_its_label_maker_or_device() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        let mut names = Vec::new();
        for (begin, complete, agent) in [
            (Some("At first"), None, ""),
            (Some("At first"), Some("At last"), ""),
            (None, None, "Mozilla/5.0 (iPhone; x)"),
        ] {
            let begun = app
                .post("/api/webauthn/register/begin", &json!({"label": begin}))
                .bearer(&token)
                .send()
                .await
                .ok();
            let answer = Authenticator::new().register(&begun["options"]).json();
            let body = json!({
                "challengeId": begun["challenge_id"],
                "response": answer,
                "label": complete,
            });
            let call = app
                .post("/api/webauthn/register/verify", &body)
                .bearer(&token);
            let added = (if agent.is_empty() {
                call
            } else {
                call.header("user-agent", agent)
            })
            .send()
            .await
            .ok();
            let listed = app.passkeys(&token).await;
            names.push(
                listed
                    .iter()
                    .find(|passkey| passkey["id"] == added["credential_id"])
                    .expect("the passkey is listed")["name"]
                    .clone(),
            );
        }
        assert_eq!(names, ["At first", "At last", "iPhone"]);
    })
    .await;
}

#[tokio::test]
async fn renaming_returns_the_details_that_authenticators_need() {
    case(async |app| {
        let (token, user, authenticator) = newcomer(app, "ada@example.com").await;
        let id = crate::harness::authenticator::base64url(&authenticator.id);
        for path in [
            format!("/api/webauthn/credentials/{id}"),
            format!("/api/webauthn/credentials/{id}/name"),
        ] {
            let answer = app
                .request(Method::PATCH, &path)
                .json(&json!({"name": "  Ada's phone "}))
                .bearer(&token)
                .send()
                .await
                .ok();
            assert_eq!(answer["credential"]["name"], "Ada's phone");
            let handle = crate::harness::authenticator::base64url(&user);
            let accepted = json!({
                "rpId": "localhost",
                "userId": handle,
                "allAcceptedCredentialIds": [id],
            });
            let details = json!({
                "rpId": "localhost",
                "userId": handle,
                "name": "ada@example.com",
                "displayName": "Newcomer",
            });
            assert_eq!(
                answer["signals"],
                json!({
                    "all_accepted_credentials": accepted,
                    "current_user_details": details,
                })
            );
        }
        assert_eq!(app.passkeys(&token).await[0]["name"], "Ada's phone");
        assert_eq!(
            app.events(&user)
                .await
                .iter()
                .filter(|kind| *kind == "passkey_renamed")
                .count(),
            1,
            "the second request changed nothing"
        );
        for bad in ["", "  ", &"x".repeat(65), "a\u{202E}b", "a\0"] {
            let path = format!("/api/webauthn/credentials/{id}");
            let answer = app
                .request(Method::PATCH, &path)
                .json(&json!({"name": bad}))
                .bearer(&token)
                .send()
                .await;
            assert_eq!(answer.problem(422), "invalid_passkey_name", "{bad:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_way_to_sign_in_cannot_be_removed() {
    case(async |app| {
        let (token, user, first) = newcomer(app, "ada@example.com").await;
        let path = |authenticator: &Authenticator| {
            format!(
                "/api/webauthn/credentials/{}",
                crate::harness::authenticator::base64url(&authenticator.id)
            )
        };
        assert_eq!(
            app.delete(&path(&first))
                .bearer(&token)
                .send()
                .await
                .problem(409),
            "last_sign_in_method"
        );
        let mut second = Authenticator::new();
        app.add_passkey(&mut second, &token).await.ok();
        let by_first = app.passkey_sign_in(&first).await.ok()["session_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        let removed = app.delete(&path(&first)).bearer(&token).send().await.ok();
        let left = &removed["signals"]["all_accepted_credentials"]["allAcceptedCredentialIds"];
        assert_eq!(
            *left,
            json!([crate::harness::authenticator::base64url(&second.id)])
        );
        assert_eq!(
            app.passkey_sign_in(&first).await.problem(401),
            "passkey_sign_in_failed"
        );
        app.passkey_sign_in(&second).await.ok();
        // The sessions of a removed passkey are revoked. The session that removed it stays.
        assert_eq!((app.me(&by_first).await, app.me(&token).await), (401, 200));
        assert_eq!(
            app.delete(&path(&first))
                .bearer(&token)
                .send()
                .await
                .problem(404),
            "passkey_not_found"
        );
        assert!(
            app.events(&user)
                .await
                .contains(&"passkey_removed".to_owned())
        );
        // A user with a provider needs no passkey.
        let person = app.person().await;
        let (id, session) = (app.passkey(&person).await, app.session(&person).await);
        app.delete(&format!("/api/webauthn/credentials/{id}"))
            .bearer(&session)
            .send()
            .await
            .ok();
        assert!(app.passkeys(&session).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn ids_are_accepted_in_every_spelling() {
    case(async |app| {
        use base64::Engine;
        let token = app.session(&app.person().await).await;
        // The id has every character that differs between the alphabets, and padding.
        let mut authenticator = Authenticator {
            id: vec![0xFB, 0xFF, 0xBF, 0xFE, 0x3F, 0xFF, 0xEF],
            ..Authenticator::new()
        };
        app.add_passkey(&mut authenticator, &token).await.ok();
        let standard = base64::engine::general_purpose::STANDARD.encode(&authenticator.id);
        assert!(standard.contains(['+', '/']) && standard.ends_with('='));
        let escaped = standard
            .replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D");
        let path = format!("/api/webauthn/credentials/{escaped}");
        app.request(Method::PATCH, &path)
            .json(&json!({"name": "Renamed"}))
            .bearer(&token)
            .send()
            .await
            .ok();
        assert_eq!(app.passkeys(&token).await[0]["name"], "Renamed");
        for bad in ["%20", "a", "%00", "..", "{}"] {
            let answer = app
                .request(Method::PATCH, &format!("/api/webauthn/credentials/{bad}"))
                .json(&json!({"name": "x"}))
                .bearer(&token);
            assert_eq!(answer.send().await.status(), 404, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_has_at_most_twenty_passkeys() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        for _ in 0..19 {
            app.add_passkey(&mut Authenticator::new(), &token)
                .await
                .ok();
        }
        let (one, other) = (
            app.begin_passkey(&token).await,
            app.begin_passkey(&token).await,
        );
        let answer = Authenticator::new().register(&one["options"]);
        app.complete_registration(&one, &answer)
            .bearer(&token)
            .send()
            .await
            .ok();
        let answer = Authenticator::new().register(&other["options"]);
        assert_eq!(
            app.complete_registration(&other, &answer)
                .bearer(&token)
                .send()
                .await
                .problem(409),
            "too_many_passkeys"
        );
        let begin = app
            .post("/api/webauthn/register/begin", &json!({}))
            .bearer(&token)
            .send()
            .await;
        assert_eq!(begin.problem(409), "too_many_passkeys");
        assert_eq!(app.passkeys(&token).await.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn deleting_the_account_deletes_its_passkeys() {
    case(async |app| {
        let (token, _, authenticator) = newcomer(app, "ada@example.com").await;
        app.begin_passkey(&token).await;
        app.delete("/api/users/me").bearer(&token).send().await.ok();
        assert_eq!(
            app.passkey_sign_in(&authenticator).await.problem(401),
            "passkey_sign_in_failed"
        );
        for table in ["passkeys", "challenges WHERE user_id IS NOT NULL"] {
            assert_eq!(
                app.count(&format!("SELECT COUNT(*) FROM {table}"), &[])
                    .await,
                0,
                "{table}"
            );
        }
        // The address is free again, and so is the credential.
        app.sign_up(&mut authenticator.clone(), "ada@example.com")
            .await
            .ok();
    })
    .await;
}
