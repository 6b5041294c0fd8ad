//! Concurrent callers: each challenge, counter value and address has one winner, and every rule
//! holds.

use futures::future::join_all;
use serde_json::json;

use crate::harness::authenticator::Authenticator;
use crate::harness::{on_workerd, race};

const CALLERS: usize = 50;

fn rounds() -> usize {
    if on_workerd() { 5 } else { 100 }
}

#[tokio::test]
async fn a_challenge_signs_in_once() {
    race(async |app| {
        let mut authenticator = Authenticator::new();
        app.sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        for _ in 0..rounds() {
            let begun = app.begin_sign_in(None).await;
            let answer = authenticator.authenticate(&begun["options"]);
            let calls = (0..CALLERS).map(|_| app.complete_sign_in(&begun, &answer).send());
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
            assert!(
                statuses.iter().all(|status| matches!(status, 200 | 401)),
                "{statuses:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_challenge_registers_once() {
    race(async |app| {
        for round in 0..rounds() {
            let begun = app.begin_sign_up(&format!("a{round}@example.com")).await;
            let answer = Authenticator::new().register(&begun["options"]);
            let calls = (0..CALLERS).map(|_| app.complete_registration(&begun, &answer).send());
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
            assert!(
                statuses.iter().all(|status| matches!(status, 200 | 400)),
                "{statuses:?}"
            );
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM passkeys", &[]).await,
            i64::try_from(rounds()).expect("fits")
        );
    })
    .await;
}

#[tokio::test]
async fn a_counter_value_signs_in_once() {
    race(async |app| {
        let mut authenticator = Authenticator::new();
        app.sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        for round in 0..rounds() {
            // A device and its clone have equal counters, each with its own challenge.
            authenticator.counter = u32::try_from(round + 1).expect("fits");
            let begun = join_all((0..10).map(|_| app.begin_sign_in(None))).await;
            let calls = begun.iter().map(|begun| {
                app.complete_sign_in(begun, &authenticator.authenticate(&begun["options"]))
                    .send()
            });
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
            // The log keeps 100 events of a kind, so each round counts its own.
            let reported = app
                .sql(
                    "DELETE FROM events WHERE kind = 'passkey_clone_suspected' RETURNING id",
                    &[],
                )
                .await;
            app.sql(
                "DELETE FROM outbox WHERE kind = 'passkey_clone_suspected'",
                &[],
            )
            .await;
            assert_eq!(reported.len(), 9, "each refused attempt is reported");
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_gets_one_account_and_a_credential_one_owner() {
    race(async |app| {
        for round in 0..rounds().min(20) {
            let email = format!("a{round}@example.com");
            let begun = join_all((0..10).map(|_| app.begin_sign_up(&email))).await;
            let calls = begun.iter().map(|begun| {
                app.complete_registration(begun, &Authenticator::new().register(&begun["options"]))
                    .send()
            });
            let answers = join_all(calls).await;
            assert_eq!(
                answers
                    .iter()
                    .filter(|answer| answer.status() == 200)
                    .count(),
                1
            );
            assert!(
                answers
                    .iter()
                    .all(|answer| matches!(answer.status(), 200 | 409))
            );
            assert_eq!(
                app.count(
                    "SELECT COUNT(*) FROM users WHERE email = ?1",
                    &[json!(email)]
                )
                .await,
                1
            );

            let mut same = Authenticator::new();
            let emails: Vec<_> = (0..10)
                .map(|other| format!("a{round}-{other}@example.com"))
                .collect();
            let begun = join_all(emails.iter().map(|email| app.begin_sign_up(email))).await;
            let calls: Vec<_> = begun
                .iter()
                .map(|begun| {
                    app.complete_registration(begun, &same.register(&begun["options"]))
                        .send()
                })
                .collect();
            assert_eq!(
                join_all(calls)
                    .await
                    .iter()
                    .filter(|answer| answer.status() == 200)
                    .count(),
                1
            );
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_two_passkeys_are_not_both_removed() {
    race(async |app| {
        for round in 0..rounds().min(30) {
            let (mut first, mut second) = (Authenticator::new(), Authenticator::new());
            let made = app
                .sign_up(&mut first, &format!("a{round}@example.com"))
                .await
                .ok();
            let token = made["session_token"].as_str().expect("a token");
            app.add_passkey(&mut second, token).await.ok();
            let calls = [&first, &second].map(|authenticator| {
                let id = crate::harness::authenticator::base64url(&authenticator.id);
                app.delete(&format!("/api/webauthn/credentials/{id}"))
                    .bearer(token)
                    .send()
            });
            let mut statuses: Vec<u16> = join_all(calls)
                .await
                .iter()
                .map(crate::harness::Answer::status)
                .collect();
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409]);
            assert_eq!(app.passkeys(token).await.len(), 1);
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_registrations_do_not_exceed_twenty_passkeys() {
    race(async |app| {
        let token = app.session(&app.person().await).await;
        let mut begun = Vec::new();
        for _ in 0..30 {
            begun.push(app.begin_passkey(&token).await);
        }
        let calls = begun.iter().map(|begun| {
            app.complete_registration(begun, &Authenticator::new().register(&begun["options"]))
                .bearer(&token)
                .send()
        });
        let answers = join_all(calls).await;
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer.status() == 200)
                .count(),
            20
        );
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer.status() == 409)
                .count(),
            10
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_revoked_during_a_registration_adds_no_passkey() {
    race(async |app| {
        let person = app.person().await;
        let (token, other) = (app.session(&person).await, app.session(&person).await);
        let begun = app.begin_passkey(&token).await;
        let answer = Authenticator::new().register(&begun["options"]);
        let call = app.complete_registration(&begun, &answer).bearer(&token);
        let answered = app
            .interleave(call, 2, async {
                drop(
                    app.post("/api/auth/sessions/logout", &json!({}))
                        .bearer(&token)
                        .send()
                        .await,
                );
            })
            .await;
        assert_eq!(answered.problem(401), "invalid_token");
        assert!(app.passkeys(&other).await.is_empty());
    })
    .await;
}
