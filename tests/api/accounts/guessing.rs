//! Guesses at codes: each wrong guess lengthens the wait.

use std::time::Duration;

use serde_json::{Value, json};

use crate::accounts::factors::{begun, codes, enrolled, recover};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, Person, case, case_with};

#[tokio::test]
async fn each_wrong_guess_lengthens_the_wait_without_a_lockout() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let codes = codes(app, &session).await;
        let other = app.person().await;
        for email in [person.email.as_str(), "nobody@example.com"] {
            let guess = async || {
                let challenge = begun(app, email).await;
                app.post(
                    "/api/auth/recovery/complete",
                    &json!({"challenge_id": challenge, "code": "000000"}),
                )
                .send()
                .await
            };
            let mut tried = 0;
            // The attacker guesses for an hour, as fast as the throttle allows.
            let mut waited = 0;
            while waited < 3600 {
                let answer = guess().await;
                if answer.status() == 429 {
                    assert_eq!(answer.problem(429), "too_many_attempts");
                    let wait: u64 = answer.headers["retry-after"]
                        .to_str()
                        .expect("text")
                        .parse()
                        .expect("seconds");
                    app.age(Duration::from_secs(wait)).await;
                    waited += wait;
                } else {
                    assert_eq!(answer.problem(401), "recovery_failed");
                    tried += 1;
                }
            }
            assert!((8..20).contains(&tried), "{tried} guesses in an hour");
        }
        // Another account is not affected, and the owner signs in after the wait.
        assert_eq!(
            recover(app, &other, "000000").await.problem(401),
            "recovery_failed"
        );
        app.age(Duration::from_secs(3601)).await;
        recover(app, &person, &codes[0]).await.ok();
        recover(app, &person, "000000").await.problem(401);
    })
    .await;
}

/// The attacker guesses from a thousand IP addresses within one hour, each with its own challenge.
/// The rate limit is on, but each address sends only one guess.
#[tokio::test]
async fn most_guesses_from_a_thousand_addresses_are_not_checked() {
    case_with(&[("RATE_LIMITS", "on")], async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        codes(app, &session).await;
        let (mut tried, mut refused) = (0, 0);
        for number in 0..1000 {
            if number % 50 == 0 {
                app.age(Duration::from_mins(3)).await;
            }
            let address = format!("198.51.{}.{}", number / 250, number % 250);
            let begin = app
                .post("/api/auth/recovery/begin", &json!({"email": person.email}))
                .header("cf-connecting-ip", &address);
            let challenge = begin.send().await.ok()["challenge_id"].clone();
            let body = json!({"challenge_id": challenge, "code": format!("{number:06}")});
            let answer = app
                .post("/api/auth/recovery/complete", &body)
                .header("cf-connecting-ip", &address)
                .send()
                .await;
            match answer.status() {
                401 => tried += 1,
                429 => {
                    assert_eq!(answer.problem(429), "too_many_attempts");
                    refused += 1;
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
        println!("of 1000 guesses in an hour from 1000 addresses {tried} were checked");
        assert!(
            (8..=12).contains(&tried) && tried + refused == 1000,
            "{tried} were looked at"
        );
        // The owner can sign in by other means all the time.
        app.add_passkey(&mut Authenticator::new(), &session)
            .await
            .ok();
    })
    .await;
}

/// An attacker who guesses makes the owner wait for seconds at most, because backup codes cannot be
/// guessed.
#[tokio::test]
async fn an_attacker_cannot_block_the_owner_s_backup_codes() {
    case(async |app| {
        let person = app.person().await;
        let codes = codes(app, &app.session(&person).await).await;
        for guess in ["000000", "0000-0000-0000-0000"] {
            for _ in 0..64 {
                recover(app, &person, guess).await;
            }
        }
        assert_eq!(
            recover(app, &person, "000000").await.problem(429),
            "too_many_attempts"
        );
        let wait_of = |refused: &Answer| {
            refused
                .header("retry-after")
                .expect("Retry-After")
                .parse::<u64>()
                .expect("seconds")
        };
        // In workerd the clock runs. The wait must not end at the moment of the owner's attempt.
        loop {
            let guess = recover(app, &person, "0000-0000-0000-0000").await;
            match guess.status() {
                429 if wait_of(&guess) >= 3 => break,
                429 => app.age(Duration::from_secs(wait_of(&guess))).await,
                _ => {}
            }
        }
        let refused = recover(app, &person, &codes[0]).await;
        assert_eq!(refused.problem(429), "too_many_attempts");
        let wait = wait_of(&refused);
        assert!(wait <= 5, "{wait}");
        app.age(Duration::from_secs(wait)).await;
        recover(app, &person, &codes[0]).await.ok();
    })
    .await;
}

/// An attacker registers the victim's address first, with an account of their own.
#[tokio::test]
async fn a_shadow_account_neither_locks_the_owner_out_nor_guesses_without_limit() {
    case(async |app| {
        let mut shadow = Authenticator::new();
        let made = app.sign_up(&mut shadow, "victim@example.com").await.ok();
        let shadow_session = made["session_token"].as_str().expect("a token").to_owned();
        enrolled(app, &shadow_session).await;
        let shadow_codes = codes(app, &shadow_session).await;
        // The owner signs in with a provider that does not verify addresses.
        let who = json!({
            "email": "victim@example.com",
            "email_verified": false,
            "auth_method": "other",
            "provider": "other",
            "provider_id": "v",
            "platform": "web",
        });
        let user = app.internal("/api/internal/users", &who).send().await.ok()["user"].clone();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let victim = Person {
            id: text(&user["id"]),
            email: text(&user["email"]),
            provider_id: "v".to_owned(),
        };
        assert_ne!(victim.id, text(&made["user"]["id"]));
        let session = app.session(&victim).await;
        let (generator, victim_codes) = (enrolled(app, &session).await, codes(app, &session).await);
        // Each user recovers their own account with their own codes.
        assert_eq!(
            recover(app, &victim, &victim_codes[0]).await.ok()["user"]["id"],
            json!(victim.id)
        );
        assert_eq!(
            recover(app, &victim, &generator.code(app, 0).await)
                .await
                .ok()["user"]["id"],
            json!(victim.id)
        );
        assert_eq!(
            recover(app, &victim, &shadow_codes[0]).await.ok()["user"]["id"],
            made["user"]["id"]
        );
        // Successes of the shadow account allow it no further guesses.
        let mut looked_at = 0;
        for round in 0..8 {
            recover(app, &victim, &shadow_codes[1 + round]).await.ok();
            for _ in 0..4 {
                looked_at += usize::from(recover(app, &victim, "000000").await.status() == 401);
            }
        }
        assert!(looked_at <= 5, "{looked_at} guesses were looked at");
    })
    .await;
}

#[tokio::test]
async fn guesses_at_a_step_up_are_throttled() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let generator = enrolled(app, &session).await;
        let attempt = async |code: &str| {
            let opened = app
                .post("/api/auth/reauthenticate/begin", &json!({}))
                .bearer(&session)
                .send()
                .await
                .ok();
            let body = json!({"challenge_id": opened["challenge_id"], "code": code});
            app.post("/api/auth/reauthenticate/complete", &body)
                .bearer(&session)
                .send()
                .await
        };
        for _ in 0..5 {
            assert_eq!(
                attempt("000000").await.problem(401),
                "reauthentication_failed"
            );
        }
        assert_eq!(
            attempt(&generator.code(app, 0).await).await.problem(429),
            "too_many_attempts"
        );
        app.age(Duration::from_secs(31)).await;
        attempt(&generator.code(app, 1).await).await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
    })
    .await;
}
