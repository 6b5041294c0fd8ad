//! Recovery: the codes that it accepts, how often, and what an attacker learns from it.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::accounts::factors::{begun, codes, enrolled, recover};
use crate::harness::{Answer, case, race};

pub const ME: &str = "/api/users/me";
pub const FACTORS: &str = "/api/auth/factors";
pub const REGISTER: &str = "/api/webauthn/register/begin";

#[tokio::test]
async fn each_totp_step_recovers_once() {
    case(async |app| {
        let person = app.person().await;
        let generator = enrolled(app, &app.session(&person).await).await;
        // The step of the confirming code is used.
        assert_eq!(
            recover(app, &person, &generator.code(app, -1).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        recover(app, &person, &generator.code(app, 0).await)
            .await
            .ok();
        assert_eq!(
            recover(app, &person, &generator.code(app, 0).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        assert_eq!(
            recover(app, &person, &generator.code(app, 2).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        recover(app, &person, &generator.code(app, 1).await)
            .await
            .ok();
        // A code recovers its own account only, with a challenge of its own, once.
        let bob = app.person().await;
        let others = enrolled(app, &app.session(&bob).await).await;
        assert_eq!(
            recover(app, &person, &others.code(app, 0).await)
                .await
                .problem(401),
            "recovery_failed"
        );
        let challenge = begun(app, &bob.email).await;
        let complete = async |code: &str| {
            app.post(
                "/api/auth/recovery/complete",
                &json!({"challenge_id": challenge, "code": code}),
            )
            .send()
            .await
        };
        complete("000000").await.problem(401);
        assert_eq!(
            complete(&others.code(app, 0).await).await.problem(401),
            "recovery_failed"
        );
        let challenge = begun(app, &bob.email).await;
        app.age(Duration::from_secs(301)).await;
        let body = json!({"challenge_id": challenge, "code": others.code(app, 0).await});
        assert_eq!(
            app.post("/api/auth/recovery/complete", &body)
                .send()
                .await
                .problem(401),
            "recovery_failed"
        );
    })
    .await;
}

#[tokio::test]
async fn recovery_does_not_reveal_who_has_an_account() {
    case(async |app| {
        let person = app.person().await;
        let bare = app.person().await;
        codes(app, &app.session(&person).await).await;
        let mut seen = Vec::new();
        for email in [
            person.email.as_str(),
            bare.email.as_str(),
            "nobody@example.com",
        ] {
            let first = app
                .post("/api/auth/recovery/begin", &json!({"email": email}))
                .send()
                .await;
            let mut told = first.ok();
            let body = json!({"challenge_id": told["challenge_id"], "code": "0000-0000-0000-0000"});
            for field in ["challenge_id", "challengeId"] {
                assert_eq!(told[field].as_str().expect("an id").len(), 36);
                told[field] = Value::Null;
            }
            let second = app.post("/api/auth/recovery/complete", &body).send().await;
            assert_eq!(second.problem(401), "recovery_failed");
            let mut refused: Value = serde_json::from_slice(&second.body).expect("JSON");
            refused["request_id"] = Value::Null;
            seen.push((told, refused));
        }
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    })
    .await;
}

#[tokio::test]
async fn one_of_many_concurrent_uses_of_a_code_succeeds() {
    race(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let codes = codes(app, &session).await;
        let generator = enrolled(app, &session).await;
        for code in [
            codes[0].clone(),
            codes[1].clone(),
            generator.code(app, 0).await,
        ] {
            // Throttling has a case of its own.
            app.sql("DELETE FROM attempts", &[]).await;
            let challenges = join_all((0..64).map(|_| begun(app, &person.email))).await;
            let calls = challenges.iter().map(|challenge| {
                app.post(
                    "/api/auth/recovery/complete",
                    &json!({"challenge_id": challenge, "code": code}),
                )
                .send()
            });
            let statuses: Vec<u16> = join_all(calls).await.iter().map(Answer::status).collect();
            assert_eq!(
                statuses.iter().filter(|status| **status == 200).count(),
                1,
                "{statuses:?}"
            );
            assert!(
                statuses
                    .iter()
                    .all(|status| matches!(status, 200 | 401 | 429)),
                "{statuses:?}"
            );
        }
    })
    .await;
}

/// A step that was verified against one secret is not recorded for a secret that replaced it.
#[tokio::test]
async fn a_totp_step_is_recorded_only_for_its_own_secret() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let generator = enrolled(app, &session).await;
        let challenge = begun(app, &person.email).await;
        let body = json!({"challenge_id": challenge, "code": generator.code(app, 0).await});
        let replaced = async {
            app.sql(
                "UPDATE totp SET created_at = created_at + 1, last_step = 0",
                &[],
            )
            .await;
        };
        let answer = app
            .interleave(app.post("/api/auth/recovery/complete", &body), 2, replaced)
            .await;
        assert_eq!(answer.problem(401), "recovery_failed");
        let opened = app
            .post("/api/auth/reauthenticate/begin", &json!({}))
            .bearer(&session)
            .send()
            .await
            .ok();
        let body =
            json!({"challenge_id": opened["challenge_id"], "code": generator.code(app, 1).await});
        let replaced = async {
            app.sql(
                "UPDATE totp SET created_at = created_at + 1, last_step = 0",
                &[],
            )
            .await;
        };
        let answer = app
            .interleave(
                app.post("/api/auth/reauthenticate/complete", &body)
                    .bearer(&session),
                2,
                replaced,
            )
            .await;
        assert_eq!(answer.problem(401), "reauthentication_failed");
    })
    .await;
}
