//! TOTP, backup codes, and everything about an account.

use std::time::Duration;

use hamrah_api::accounts::model::secrets_key::SecretsKeys;
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, Fault, FaultMode, Person, TestApp, case, case_with, race};

const FACTORS: &str = "/api/auth/factors";

/// An authenticator app.
pub struct Generator(Vec<u8>);

impl Generator {
    pub fn of(enrolled: &Value) -> Self {
        let secret = enrolled["secret"].as_str().expect("a secret");
        assert!(
            enrolled["otpauth_uri"]
                .as_str()
                .expect("a URI")
                .contains(secret)
        );
        assert!(
            enrolled["qr_svg"]
                .as_str()
                .expect("an image")
                .contains("<svg")
        );
        Self(
            Secret::try_from_base32(secret)
                .expect("base32")
                .as_bytes()
                .to_vec(),
        )
    }

    /// The code of the step that lies so many steps from now.
    pub async fn code(&self, app: &TestApp, steps: i64) -> String {
        let at = u64::try_from(app.now().await + 30 * steps).expect("after 1970");
        Builder::new()
            .with_secret(Secret::from(self.0.clone().into_boxed_slice()))
            .build()
            .expect("a generator")
            .generate(at)
            .to_string()
    }
}

/// Waits until a step has just begun, natively not at all: so that a neighbour is one while the
/// test runs.
pub async fn early_in_a_step(app: &TestApp) {
    while app.now().await % 30 > 20 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if !crate::harness::on_workerd() {
            app.age(Duration::from_secs(1)).await;
        }
    }
}

pub async fn enrolled(app: &TestApp, session: &str) -> Generator {
    early_in_a_step(app).await;
    let generator = Generator::of(
        &app.post("/api/auth/totp/enroll", &json!({}))
            .bearer(session)
            .send()
            .await
            .ok(),
    );
    let code = generator.code(app, -1).await;
    app.post("/api/auth/totp/confirm", &json!({"code": code}))
        .bearer(session)
        .send()
        .await
        .ok();
    generator
}

pub async fn codes(app: &TestApp, session: &str) -> Vec<String> {
    let made = app
        .post("/api/auth/backup-codes", &json!({}))
        .bearer(session)
        .send()
        .await
        .ok();
    made["codes"]
        .as_array()
        .expect("codes")
        .iter()
        .map(|code| code.as_str().expect("a code").to_owned())
        .collect()
}

pub async fn begun(app: &TestApp, email: &str) -> Value {
    app.post("/api/auth/recovery/begin", &json!({"email": email}))
        .send()
        .await
        .ok()["challenge_id"]
        .clone()
}

pub async fn recover(app: &TestApp, person: &Person, code: &str) -> Answer {
    let challenge = begun(app, &person.email).await;
    app.post(
        "/api/auth/recovery/complete",
        &json!({"challenge_id": challenge, "code": code}),
    )
    .send()
    .await
}

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
        // One that was not confirmed is replaced, and good for nothing.
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
async fn a_secret_that_is_not_confirmed_is_guessed_at_slowly_and_not_for_long() {
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
        // Nobody remembers it after an hour; and it can be taken away, which is no event.
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
async fn of_many_who_confirm_at_once_one_does_and_the_others_learn_it() {
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

/// The same secret, as it was sealed while another key was the first.
#[tokio::test]
async fn secrets_move_to_the_current_key_by_themselves() {
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
            // A fault loses nothing, and the next run does it.
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
async fn without_a_key_of_secrets_there_is_no_totp() {
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

#[tokio::test]
async fn an_export_has_everything_but_secrets() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        enrolled(app, &session).await;
        codes(app, &session).await;
        let (export, cost) = app
            .cost(app.get("/api/users/me/export").bearer(&session))
            .await;
        assert_eq!(cost.batches, 3);
        let export = export.ok();
        assert_eq!(export["account"]["email"], "ada@example.com");
        for (part, count) in [
            ("passkeys", 1),
            ("sessions", 1),
            ("backup_codes", 10),
            ("identities", 0),
            ("devices", 0),
        ] {
            assert_eq!(
                export[part].as_array().expect("a list").len(),
                count,
                "{part}"
            );
        }
        // It is dear, so there are a few in a row, and then one now and then; nobody else waits for
        // it.
        let exports = async || {
            app.get("/api/users/me/export")
                .bearer(&session)
                .send()
                .await
        };
        for _ in 0..4 {
            exports().await.ok();
        }
        assert_eq!(exports().await.problem(429), "too_many_attempts");
        let others = app.session(&app.person().await).await;
        app.get("/api/users/me/export")
            .bearer(&others)
            .send()
            .await
            .ok();
        app.age(Duration::from_secs(61)).await;
        exports().await.ok();
        assert!(
            export["totp"]["confirmed_at"].is_i64()
                && export["events"].as_array().expect("a list").len() >= 4
        );
        let text = export.to_string();
        for secret in ["token_hash", "code_hash", "secret", "receipt"] {
            assert!(!text.contains(&format!("\"{secret}\"")), "{secret}");
        }
    })
    .await;
}
