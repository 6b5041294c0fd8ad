//! The number of accounts that one network can make by passkey sign-ups.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, TestApp, case_with, race_with};

/// The harness names the address of a client only with `RATE_LIMITS`.
const SIX: [(&str, &str); 2] = [("RATE_LIMITS", "off"), ("SIGN_UPS_PER_NETWORK", "6")];
const USERS: &str = "SELECT COUNT(*) FROM users";
const CHALLENGES: &str = "SELECT COUNT(*) FROM challenges";

/// Begins a sign-up from an address.
async fn begin(app: &TestApp, from: &str, email: &str) -> Answer {
    let body = json!({"email": email, "name": "Newcomer"});
    app.post("/api/webauthn/register/begin", &body)
        .header("cf-connecting-ip", from)
        .send()
        .await
}

/// Completes a sign-up from an address.
async fn complete(app: &TestApp, from: &str, begun: &Value) -> Answer {
    let mut authenticator = Authenticator::new();
    let answer = authenticator.register(&begun["options"]);
    app.complete_registration(begun, &answer)
        .header("origin", &authenticator.origin)
        .header("cf-connecting-ip", from)
        .send()
        .await
}

/// Signs up from an address.
async fn sign_up(app: &TestApp, from: &str, email: &str) -> Answer {
    let begun = begin(app, from, email).await;
    if begun.status() != 200 {
        return begun;
    }
    complete(app, from, &begun.ok()).await
}

fn wait(refused: &Answer) -> u64 {
    let seconds = refused.header("retry-after");
    seconds
        .and_then(|seconds| seconds.parse().ok())
        .expect("Retry-After")
}

#[tokio::test]
async fn a_network_makes_a_limited_number_of_accounts() {
    case_with(&SIX, async |app| {
        for number in 0..6 {
            let email = format!("{number}@example.com");
            // Addresses of one IPv6 network count together.
            sign_up(app, &format!("2001:db8:0:1::{number}"), &email)
                .await
                .ok();
        }
        let refused = sign_up(app, "2001:db8:0:1:2::", "late@example.com").await;
        assert_eq!(refused.problem(429), "too_many_attempts");
        assert!(
            (3500..=3600).contains(&wait(&refused)),
            "an hour for each of six"
        );
        assert_eq!(app.count(USERS, &[]).await, 6);
        assert_eq!(
            app.count(CHALLENGES, &[]).await,
            0,
            "a refusal stores no challenge"
        );
        // Another network is not limited, and neither is a client without a known address.
        sign_up(app, "2001:db8:0:2::", "other@example.com")
            .await
            .ok();
        sign_up(app, "", "unknown@example.com").await.ok();
        // The row does not name the network.
        let named = "SELECT COUNT(*) FROM attempts WHERE subject LIKE '%2001%'";
        assert_eq!(app.count(named, &[]).await, 0);
        // One more is allowed after each hour, and all six again after six.
        for (hours, allowed) in [(1, 1), (2, 2), (24, 6)] {
            app.age(Duration::from_hours(hours)).await;
            for number in 0..allowed {
                let email = format!("{hours}-{number}@example.com");
                sign_up(app, "2001:db8:0:1::", &email).await.ok();
            }
            let refused = sign_up(app, "2001:db8:0:1::", "late@example.com").await;
            assert_eq!(refused.problem(429), "too_many_attempts", "{hours}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_completion_that_is_not_verified_does_not_count() {
    case_with(&SIX, async |app| {
        let from = "198.51.100.5";
        for number in 0..8 {
            let begun = begin(app, from, &format!("{number}@example.com")).await;
            let mut begun = begun.ok();
            // The response is to another challenge.
            let other = begin(app, "", "other@example.com").await.ok();
            begun["options"] = other["options"].clone();
            let refused = complete(app, from, &begun).await;
            assert_eq!(refused.status(), 400, "{}", refused.text());
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
        sign_up(app, from, "ada@example.com").await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_refused_completion_writes_nothing_and_reveals_nothing_about_the_address() {
    case_with(&SIX, async |app| {
        let from = "198.51.100.6";
        let begun = begin(app, from, "late@example.com").await.ok();
        let taken = begin(app, from, "0@example.com").await.ok();
        for number in 0..6 {
            let email = format!("{number}@example.com");
            sign_up(app, from, &email).await.ok();
        }
        let counted = app.sql("SELECT * FROM attempts", &[]).await;
        for begun in [begun, taken] {
            let refused = complete(app, from, &begun).await;
            assert_eq!(refused.problem(429), "too_many_attempts");
        }
        assert_eq!(app.sql("SELECT * FROM attempts", &[]).await, counted);
        for table in ["users", "passkeys", "sessions"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(app.count(&count, &[]).await, 6, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_verified_sign_up_counts() {
    case_with(&SIX, async |app| {
        let from = "198.51.100.1";
        sign_up(app, from, "ada@example.com").await.ok();
        // Each of these is a verified ceremony, so an address cannot be looked up without limit
        // either.
        for _ in 0..5 {
            let taken = sign_up(app, "::ffff:198.51.100.1", "ada@example.com").await;
            assert_eq!(taken.problem(409), "email_taken");
        }
        let refused = sign_up(app, from, "ada@example.com").await;
        assert_eq!(refused.problem(429), "too_many_attempts");
    })
    .await;
}

#[tokio::test]
async fn a_registration_without_a_sign_up_does_not_count() {
    case_with(&SIX, async |app| {
        let from = "198.51.100.2";
        let session = app.session(&app.person().await).await;
        for _ in 0..8 {
            // An unknown challenge.
            let unknown = json!({"challenge_id": "67e55044-10b1-426f-9247-bb680e5fe0c8",
                "options": begin(app, "", "x@example.com").await.ok()["options"]});
            complete(app, from, &unknown).await.problem(400);
            // A further passkey of an account.
            let begun = app
                .post("/api/webauthn/register/begin", &json!({}))
                .header("cf-connecting-ip", from)
                .bearer(&session)
                .send()
                .await
                .ok();
            let answer = Authenticator::new().register(&begun["options"]);
            app.complete_registration(&begun, &answer)
                .header("cf-connecting-ip", from)
                .bearer(&session)
                .send()
                .await
                .ok();
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
        sign_up(app, from, "ada@example.com").await.ok();
    })
    .await;
}

#[tokio::test]
async fn concurrent_sign_ups_stay_within_the_limit_and_write_all_or_nothing() {
    race_with(&SIX, async |app| {
        let from = "198.51.100.3";
        let mut begun = Vec::new();
        for number in 0..10 {
            let email = format!("{number}@example.com");
            begun.push(begin(app, from, &email).await.ok());
        }
        let answers = begun.iter().map(|begun| complete(app, from, begun));
        let answers = futures::future::join_all(answers).await;
        let (made, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status() == 200);
        assert_eq!((made.len(), refused.len()), (6, 4));
        for refused in refused {
            assert_eq!(refused.problem(429), "too_many_attempts");
        }
        for table in ["users", "passkeys", "sessions", "refresh_tokens"] {
            let count = format!("SELECT COUNT(*) FROM {table}");
            assert_eq!(app.count(&count, &[]).await, 6, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_limited_sign_up_makes_no_further_round_trip() {
    case_with(&SIX, async |app| {
        let body = json!({"email": "ada@example.com", "name": "Ada"});
        let call = app.post("/api/webauthn/register/begin", &body);
        let (begun, cost) = app
            .cost(call.header("cf-connecting-ip", "198.51.100.4"))
            .await;
        assert_eq!(cost.batches, 1);
        let begun = begun.ok();
        let answer = Authenticator::new().register(&begun["options"]);
        let call = app.complete_registration(&begun, &answer);
        let (made, cost) = app
            .cost(call.header("cf-connecting-ip", "198.51.100.4"))
            .await;
        made.ok();
        assert_eq!(cost.batches, 2);
    })
    .await;
}
