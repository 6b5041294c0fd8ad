//! Recovered sessions: what they may do, and how a passkey completes a recovery.

use http::Method;
use serde_json::{Value, json};

use super::recovery::{FACTORS, ME, REGISTER};
use crate::accounts::factors::{begun, codes, enrolled, recover};
use crate::harness::authenticator::Authenticator;
use crate::harness::{case, claims};

#[tokio::test]
async fn a_recovered_session_must_add_a_passkey_first() {
    case(async |app| {
        let person = app.person().await;
        let (session, other) = (app.session(&person).await, app.pair(&person).await);
        let codes = codes(app, &session).await;
        assert_eq!(codes.len(), 10);
        let challenge = begun(app, &person.email).await;
        let body = json!({
            "challenge_id": challenge,
            "code": codes[0].to_lowercase().replace('-', " "),
            "revoke_others": true,
        });
        let made = app
            .post("/api/auth/recovery/complete", &body)
            .send()
            .await
            .ok();
        assert_eq!(made["user"]["id"], json!(person.id));
        let recovered = made["session_token"].as_str().expect("a token").to_owned();
        // The other sessions are revoked.
        assert_eq!(
            (app.me(&session).await, app.me(&other.access).await),
            (401, 401)
        );
        // The recovered session may add a passkey and do little else.
        for token in [
            &recovered,
            &made["access_token"].as_str().expect("a token").to_owned(),
        ] {
            app.get(ME).bearer(token).send().await.ok();
            for (method, path) in [
                (Method::PUT, ME),
                (Method::DELETE, ME),
                (Method::GET, "/api/users/me/export"),
                (Method::GET, "/api/users/me/sessions"),
                (Method::DELETE, "/api/users/me/sessions"),
                (Method::POST, "/api/auth/totp/enroll"),
                (Method::POST, "/api/auth/backup-codes"),
                (Method::POST, "/api/auth/reauthenticate/begin"),
            ] {
                let answer = app
                    .request(method, path)
                    .json(&json!({"name": "x"}))
                    .bearer(token)
                    .send()
                    .await;
                assert_eq!(answer.problem(403), "recovery_incomplete", "{path}");
            }
        }
        app.add_passkey(&mut Authenticator::new(), &recovered)
            .await
            .ok();
        app.get("/api/users/me/sessions")
            .bearer(&recovered)
            .send()
            .await
            .ok();
        // A sensitive action needs a step-up with the passkey.
        assert_eq!(
            app.delete(ME).bearer(&recovered).send().await.problem(403),
            "reauthentication_required"
        );
        // A code works once.
        assert_eq!(
            recover(app, &person, &codes[0]).await.problem(401),
            "recovery_failed"
        );
        assert_eq!(
            app.get(FACTORS).bearer(&recovered).send().await.ok()["backup_codes"]["left"],
            9
        );
        recover(app, &person, &codes[1]).await.ok();
        let events = app.events(&person.id).await;
        assert_eq!(
            events.iter().filter(|kind| *kind == "recovered").count(),
            2,
            "{events:?}"
        );
        assert_eq!(
            events
                .iter()
                .filter(|kind| *kind == "sign_in_revoked")
                .count(),
            1,
            "one event for all revoked sessions: {events:?}"
        );
    })
    .await;
}

/// The account owner lost every passkey, and the account has as many as it may have.
#[tokio::test]
async fn a_recovery_is_completed_even_with_twenty_passkeys() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let codes = codes(app, &session).await;
        for _ in 0..20 {
            app.add_passkey(&mut Authenticator::new(), &session)
                .await
                .ok();
        }
        assert_eq!(
            app.post(REGISTER, &json!({}))
                .bearer(&session)
                .send()
                .await
                .problem(409),
            "too_many_passkeys"
        );
        let made = recover(app, &person, &codes[0]).await.ok();
        let recovered = made["session_token"].as_str().expect("a token").to_owned();
        let opened = [
            app.begin_passkey(&recovered).await,
            app.begin_passkey(&recovered).await,
        ];
        let add = async |begun: &Value| {
            let answer = Authenticator::new().register(&begun["options"]);
            app.complete_registration(begun, &answer)
                .bearer(&recovered)
                .send()
                .await
        };
        add(&opened[0]).await.ok();
        // The session may add one passkey above the limit. Then it is an ordinary session.
        assert_eq!(add(&opened[1]).await.problem(409), "too_many_passkeys");
        assert_eq!(app.passkeys(&recovered).await.len(), 21);
    })
    .await;
}

#[tokio::test]
async fn a_recovered_session_reports_that_it_is_recovering() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let codes = codes(app, &session).await;
        let made = recover(app, &person, &codes[0]).await.ok();
        assert_eq!(
            (&made["amr"], &made["recovering"]),
            (&json!(["backup_code", "recovery"]), &json!(true))
        );
        let recovered = made["session_token"].as_str().expect("a token").to_owned();
        let access = made["access_token"].as_str().expect("a token").to_owned();
        assert_eq!(claims(&access)["amr"], json!(["backup_code", "recovery"]));
        let validate = async |path: &str, token: &str| {
            let told = app.get(path).bearer(token).send().await.ok();
            (told["amr"].clone(), told["recovering"].clone())
        };
        for (path, token) in [
            ("/api/auth/sessions/validate", &recovered),
            ("/api/auth/tokens/validate", &access),
        ] {
            assert_eq!(
                validate(path, token).await,
                (json!(["backup_code", "recovery"]), json!(true)),
                "{path}"
            );
            assert_eq!(
                validate(path, &session).await,
                (json!(["fed"]), json!(false)),
                "{path}"
            );
        }
        // The internal validation refuses it, because a service would treat it as an ordinary
        // session.
        let ask = async |token: &str| {
            app.internal(
                "/api/internal/sessions/validate",
                &json!({"session_token": token}),
            )
            .send()
            .await
        };
        assert_eq!(ask(&recovered).await.problem(401), "invalid_token");
        app.add_passkey(&mut Authenticator::new(), &recovered)
            .await
            .ok();
        assert_eq!(
            ask(&recovered).await.ok()["amr"],
            json!(["backup_code", "recovery"])
        );
        assert_eq!(
            validate("/api/auth/sessions/validate", &recovered).await.1,
            json!(false)
        );
    })
    .await;
}

/// Every way to sign in, with every set of enrolled factors, and the actions that it allows.
#[tokio::test]
async fn each_way_to_sign_in_allows_only_the_actions_it_proves() {
    case(async |app| {
        for enrolled_factors in 0..8_u8 {
            let [has_passkey, has_totp, has_codes] =
                [1, 2, 4].map(|bit| enrolled_factors & bit != 0);
            let person = app.person().await;
            let session = app.session(&person).await;
            let mut authenticator = Authenticator::new();
            if has_passkey {
                app.add_passkey(&mut authenticator, &session).await.ok();
            }
            let generator = if has_totp {
                Some(enrolled(app, &session).await)
            } else {
                None
            };
            let codes = if has_codes {
                codes(app, &session).await
            } else {
                Vec::new()
            };
            let totp = match &generator {
                Some(generator) => generator.code(app, 0).await,
                None => "123456".to_owned(),
            };
            let backup = codes.first().map_or("0000-0000-0000-0000", String::as_str);
            let token = |made: &Value| made["session_token"].as_str().expect("a token").to_owned();
            // Whether the session may create backup codes: at once with recent authentication, not
            // before a recovered session has added a passkey, or only after a step-up.
            let may = async |session: &str| {
                let answer = app
                    .post("/api/auth/backup-codes", &json!({}))
                    .bearer(session)
                    .send()
                    .await;
                if answer.status() == 200 {
                    "everything".to_owned()
                } else {
                    answer.problem(403)
                }
            };
            for (code, there) in [(totp.as_str(), has_totp), (backup, has_codes)] {
                let answer = recover(app, &person, code).await;
                if there {
                    let recovered = token(&answer.ok());
                    assert_eq!(may(&recovered).await, "recovery_incomplete");
                    app.add_passkey(&mut Authenticator::new(), &recovered)
                        .await
                        .ok();
                    assert_eq!(may(&recovered).await, "reauthentication_required");
                } else {
                    assert_eq!(answer.problem(401), "recovery_failed", "{enrolled_factors}");
                }
            }
            if has_passkey {
                assert_eq!(
                    may(&token(&app.passkey_sign_in(&authenticator).await.ok())).await,
                    "everything"
                );
            }
            assert_eq!(may(&app.session(&person).await).await, "everything");
        }
    })
    .await;
}
