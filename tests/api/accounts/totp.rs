//! TOTP: enrolling, confirming, guessing, and the key that seals the secrets.

use std::time::Duration;

use hamrah_api::accounts::model::secrets_key::SecretsKeys;
use serde_json::json;

use super::factors::{FACTORS, Generator, begun, codes, early_in_a_step, enrolled, recover};
use crate::harness::{Fault, FaultMode, Person, case, case_with, race};

#[tokio::test]
async fn totp_is_enrolled_confirmed_and_disabled() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let state = async || app.get(FACTORS).bearer(&session).send().await.ok();
        assert_eq!(state().await["totp"]["enabled"], false);
        early_in_a_step(app).await;
        let first = Generator::of(
            &app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .ok(),
        );
        // An unconfirmed secret is replaced and confirms nothing.
        let second = Generator::of(
            &app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .ok(),
        );
        let confirm = async |code: &str| {
            app.post("/api/auth/totp/confirm", &json!({"code": code}))
                .bearer(&session)
                .send()
                .await
        };
        for wrong in [
            first.code(app, 0).await,
            second.code(app, 2).await,
            second.code(app, -2).await,
            "1234567".to_owned(),
        ] {
            assert_eq!(
                confirm(&wrong).await.problem(422),
                "invalid_code",
                "{wrong}"
            );
        }
        assert_eq!(
            recover(app, &person, &second.code(app, 0).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        let spaced = second.code(app, 0).await;
        confirm(&format!(" {} {}", &spaced[..3], &spaced[3..]))
            .await
            .ok();
        assert_eq!(state().await["totp"]["enabled"], true);
        assert_eq!(confirm(&spaced).await.problem(409), "totp_enabled");
        assert_eq!(
            app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .problem(409),
            "totp_enabled"
        );
        app.delete("/api/auth/totp")
            .bearer(&session)
            .send()
            .await
            .ok();
        assert_eq!(
            app.delete("/api/auth/totp")
                .bearer(&session)
                .send()
                .await
                .problem(409),
            "totp_not_enrolled"
        );
        assert_eq!(
            recover(app, &person, &second.code(app, 1).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        assert_eq!(
            app.events(&person.id).await[2..],
            ["totp_enabled", "totp_disabled"]
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM totp", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_unconfirmed_secret_expires_and_guesses_at_it_are_throttled() {
    case(async |app| {
        let session = app.session(&app.person().await).await;
        let enrol = async || {
            Generator::of(
                &app.post("/api/auth/totp/enroll", &json!({}))
                    .bearer(&session)
                    .send()
                    .await
                    .ok(),
            )
        };
        let confirm = async |code: &str| {
            app.post("/api/auth/totp/confirm", &json!({"code": code}))
                .bearer(&session)
                .send()
                .await
        };
        let generator = enrol().await;
        for _ in 0..5 {
            assert_eq!(confirm("000000").await.problem(422), "invalid_code");
        }
        assert_eq!(
            confirm(&generator.code(app, 0).await).await.problem(429),
            "too_many_attempts"
        );
        app.age(Duration::from_secs(31)).await;
        confirm(&generator.code(app, 0).await).await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
        app.delete("/api/auth/totp")
            .bearer(&session)
            .send()
            .await
            .ok();
        // An unconfirmed secret expires after an hour. The user can also remove it, which writes no
        // event.
        let generator = enrol().await;
        app.age(Duration::from_secs(3601)).await;
        assert_eq!(
            confirm(&generator.code(app, 0).await).await.problem(409),
            "totp_not_enrolled"
        );
        let session = app.session(&app.person().await).await;
        app.post("/api/auth/totp/enroll", &json!({}))
            .bearer(&session)
            .send()
            .await
            .ok();
        app.delete("/api/auth/totp")
            .bearer(&session)
            .send()
            .await
            .ok();
        assert_eq!(
            app.delete("/api/auth/totp")
                .bearer(&session)
                .send()
                .await
                .problem(409),
            "totp_not_enrolled"
        );
        assert_eq!(
            app.count(
                "SELECT COUNT(*) FROM events WHERE kind = 'totp_disabled'",
                &[]
            )
            .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn one_of_many_concurrent_confirmations_succeeds() {
    race(async |app| {
        let session = app.session(&app.person().await).await;
        early_in_a_step(app).await;
        let generator = Generator::of(
            &app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .ok(),
        );
        let code = generator.code(app, 0).await;
        let calls = (0..16).map(|_| {
            app.post("/api/auth/totp/confirm", &json!({"code": code}))
                .bearer(&session)
                .send()
        });
        let mut ended: Vec<String> = futures::future::join_all(calls)
            .await
            .iter()
            .map(|answer| {
                if answer.status() == 200 {
                    String::new()
                } else {
                    answer.problem(answer.status())
                }
            })
            .collect();
        ended.sort();
        assert_eq!(
            ended.iter().filter(|code| code.is_empty()).count(),
            1,
            "{ended:?}"
        );
        assert!(
            ended[1..]
                .iter()
                .all(|code| matches!(code.as_str(), "totp_enabled" | "too_many_attempts")),
            "{ended:?}"
        );
    })
    .await;
}

/// A secret is sealed with the retired key. Maintenance seals it again with the current key.
#[tokio::test]
async fn maintenance_seals_old_secrets_with_the_current_key() {
    const CURRENT: &str = "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE";
    const RETIRED: &str = "Zp4rW7aTq9LmX2cVb8NfHk3sJd6yGu1oEiRwQzTxYv0";
    case_with(
        &[("SECRETS_KEY", &format!("{CURRENT},{RETIRED}"))],
        async |app| {
            let person = app.person().await;
            let generator = enrolled(app, &app.session(&person).await).await;
            let bystander = app.person().await;
            enrolled(app, &app.session(&bystander).await).await;
            let about = |person: &Person| format!("totp:{}", person.id);
            let sealed = async |person: &Person| {
                app.sql(
                    "SELECT secret FROM totp WHERE user_id = ?1",
                    &[json!(person.id)],
                )
                .await[0]["secret"]
                    .as_str()
                    .expect("text")
                    .to_owned()
            };
            let [current, retired] =
                [CURRENT, RETIRED].map(|key| SecretsKeys::parse(key, true).expect("a key"));
            let old = retired
                .seal(&about(&person), &generator.0, [7; 12])
                .expect("sealed");
            app.sql(
                "UPDATE totp SET secret = ?2 WHERE user_id = ?1",
                &[json!(person.id), json!(old)],
            )
            .await;
            let untouched = sealed(&bystander).await;
            // A fault loses no secret, and the next run seals it.
            for at in 0..2 {
                app.fail(&[Fault {
                    at,
                    mode: FaultMode::Before,
                    message: "D1_ERROR: Network connection lost.",
                }])
                .await;
                app.cron().await;
                app.fail(&[]).await;
            }
            app.cron().await;
            let anew = sealed(&person).await;
            assert_ne!(anew, old);
            assert!(
                retired.open(&about(&person), &anew).is_none()
                    && current.open(&about(&person), &anew).is_some()
            );
            assert_eq!(sealed(&bystander).await, untouched);
            recover(app, &person, &generator.code(app, 0).await)
                .await
                .ok();
            app.cron().await;
            assert_eq!(sealed(&person).await, anew);
        },
    )
    .await;
}

#[tokio::test]
async fn totp_is_unavailable_without_a_secrets_key() {
    case_with(&[("SECRETS_KEY", "")], async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        assert_eq!(
            app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .problem(501),
            "totp_unavailable"
        );
        let codes = codes(app, &session).await;
        recover(app, &person, &codes[9]).await.ok();
    })
    .await;
}

/// A text that cannot be a code is refused without the database, so it counts no guess and uses up
/// no challenge.
#[tokio::test]
async fn codes_are_read_as_people_type_them_and_other_texts_are_no_guesses() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        early_in_a_step(app).await;
        let generator = Generator::of(
            &app.post("/api/auth/totp/enroll", &json!({}))
                .bearer(&session)
                .send()
                .await
                .ok(),
        );
        let confirm = async |code: &str| {
            app.post("/api/auth/totp/confirm", &json!({"code": code}))
                .bearer(&session)
                .send()
                .await
        };
        for text in [
            "",
            "12345",
            "1234567",
            "abcdef",
            "12345\u{4e94}",
            "\u{bd}12345",
        ] {
            for _ in 0..20 {
                assert_eq!(confirm(text).await.problem(422), "invalid_code", "{text}");
            }
        }
        let persian: String = generator
            .code(app, 0)
            .await
            .bytes()
            .filter_map(|digit| char::from_u32(0x06F0 + u32::from(digit - b'0')))
            .collect();
        confirm(&format!("\u{200f}{}\u{a0}{}", &persian[..6], &persian[6..]))
            .await
            .ok();

        let codes = codes(app, &session).await;
        let challenge = begun(app, &person.email).await;
        let complete = async |code: &str| {
            let body = json!({"challenge_id": challenge, "code": code});
            app.post("/api/auth/recovery/complete", &body).send().await
        };
        for _ in 0..20 {
            assert_eq!(complete("not a code").await.problem(401), "recovery_failed");
        }
        complete(&codes[0].replace('-', "\u{2013}\u{200b}"))
            .await
            .ok();
    })
    .await;
}
