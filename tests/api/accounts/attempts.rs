//! The throttling of guesses, by the statements that use cases put into their batches, in both
//! engines.

use std::time::Duration;

use futures::future::join_all;
use hamrah_api::accounts::domain::throttle;
use hamrah_api::accounts::domain::throttle::ThrottledAction;
use hamrah_api::accounts::model::signing_keys::SigningKey;
use hamrah_api::accounts::model::throttle::{ThrottlePolicy, ThrottleSubject};
use hamrah_api::accounts::store::attempts;
use hamrah_api::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use hamrah_api::kernel::domain::failure::TooManyAttempts;
use hamrah_api::kernel::model::ids::{SessionId, UserId};
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::kernel::store::Statement;
use hamrah_api::platform::native::migrations;
use hamrah_api::platform::native::sqlite::Sqlite;
use serde_json::{Value, json};

use crate::harness::{Record, TestApp, case, on_workerd, race};

const CALLERS: usize = 64;
const FREE: usize = 5;

fn subject(number: u8) -> ThrottleSubject {
    throttle::user_subject(ThrottledAction::Totp, UserId::from_random([number; 16]))
}

const fn guess(subject: &ThrottleSubject) -> AttemptLimit<'_> {
    AttemptLimit {
        subject,
        policy: &ThrottlePolicy::GUESS,
    }
}

async fn run(app: &TestApp, statement: &Statement) -> Vec<Record> {
    let param = |value: &hamrah_api::kernel::store::Value| match value {
        hamrah_api::kernel::store::Value::Null => Value::Null,
        hamrah_api::kernel::store::Value::Integer(integer) => json!(integer),
        hamrah_api::kernel::store::Value::Text(text) => json!(text),
        hamrah_api::kernel::store::Value::Blob(_) => panic!("D1 gets no blobs"),
    };
    app.sql(
        statement.sql,
        &statement.params.iter().map(param).collect::<Vec<_>>(),
    )
    .await
}

/// Claims an attempt. Returns whether it is allowed, and when the next attempt is free.
async fn claim(app: &TestApp, subject: &ThrottleSubject, now: Timestamp) -> (bool, Timestamp) {
    let [count, free] = attempts::claim(guess(subject), now);
    let allowed = !run(app, &count).await.is_empty();
    let free_at = run(app, &free).await[0]["free_at"]
        .as_i64()
        .expect("a time");
    (allowed, Timestamp::from_millis(free_at))
}

/// Returns a time that the database has seen, because the clocks of the two targets are
/// independent.
async fn now(app: &TestApp) -> Timestamp {
    app.session(&app.person().await).await;
    Timestamp::from_millis(app.count("SELECT MAX(created_at) FROM sessions", &[]).await)
}

#[tokio::test]
async fn only_the_free_attempts_of_concurrent_guesses_are_checked() {
    race(async |app| {
        let start = now(app).await;
        for number in 0..if on_workerd() { 3 } else { 20 } {
            let (subject, mut at) = (subject(number), start);
            // First the free attempts are allowed. Then one attempt is allowed after each delay,
            // however many callers try.
            for (round, expected) in [FREE, 1, 1, 1].into_iter().enumerate() {
                let claims = join_all((0..CALLERS).map(|_| claim(app, &subject, at))).await;
                assert_eq!(
                    claims.iter().filter(|(allowed, _)| *allowed).count(),
                    expected,
                    "round {round}"
                );
                at = claims
                    .iter()
                    .map(|(_, free_at)| *free_at)
                    .max()
                    .expect("a claim");
            }
            let failures = "SELECT failures FROM attempts WHERE subject = ?1";
            assert_eq!(
                app.count(failures, &[json!(subject.as_str())]).await,
                8,
                "only the allowed attempts count"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn delays_grow_with_the_policy_and_always_end() {
    case(async |app| {
        let (subject, mut at) = (subject(1), now(app).await);
        for attempt in 1..=30 {
            let (allowed, free_at) = claim(app, &subject, at).await;
            assert!(allowed, "attempt {attempt}");
            assert_eq!(
                free_at,
                at.plus(ThrottlePolicy::GUESS.delay_after(attempt)),
                "attempt {attempt}"
            );
            if free_at > at {
                let early = free_at.minus(Duration::from_millis(1));
                assert_eq!(
                    claim(app, &subject, early).await,
                    (false, free_at),
                    "a refused attempt does not lengthen the wait"
                );
            }
            at = free_at;
        }
        // Until a day has passed the failures are kept. After it they are forgotten.
        let last = at.minus(ThrottlePolicy::GUESS.longest_delay);
        let day = Duration::from_hours(24);
        let almost = last.plus(day).minus(Duration::from_millis(1));
        assert_eq!(
            claim(app, &subject, almost).await,
            (true, almost.plus(ThrottlePolicy::GUESS.longest_delay))
        );
        let mut later = almost.plus(day);
        for attempt in 1..=6 {
            let (allowed, free_at) = claim(app, &subject, later).await;
            assert_eq!(
                (allowed, free_at),
                (true, later.plus(ThrottlePolicy::GUESS.delay_after(attempt))),
                "again, attempt {attempt}"
            );
            later = free_at;
        }
    })
    .await;
}

#[tokio::test]
async fn a_success_clears_the_failures_of_its_own_subject_only() {
    case(async |app| {
        let at = now(app).await;
        let user = UserId::from_random([9; 16]);
        let others = throttle::user_subject(ThrottledAction::Totp, UserId::from_random([8; 16]));
        let subjects = [
            throttle::user_subject(ThrottledAction::Totp, user),
            throttle::user_subject(ThrottledAction::Recovery, user),
            others,
        ];
        for subject in &subjects {
            for _ in 0..=FREE {
                claim(app, subject, at).await;
            }
            assert!(!claim(app, subject, at).await.0);
        }
        // A batch that created no session clears no failures.
        let session = app.sql("SELECT id FROM sessions", &[]).await[0]["id"]
            .as_str()
            .and_then(SessionId::parse)
            .expect("an id");
        for statement in attempts::forgive(&subjects[0], SessionId::from_random([1; 16]), at) {
            run(app, &statement).await;
        }
        assert!(!claim(app, &subjects[0], at).await.0);
        for statement in attempts::forgive(&subjects[0], session, at) {
            run(app, &statement).await;
        }
        assert!(claim(app, &subjects[0], at).await.0);
        for other in &subjects[1..] {
            assert!(!claim(app, other, at).await.0, "{other:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_cleanup_removes_subjects_without_recent_attempts() {
    case(async |app| {
        let at = now(app).await;
        claim(app, &subject(1), at).await;
        app.age(Duration::from_hours(23)).await;
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 1);
        app.age(Duration::from_hours(2)).await;
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM attempts", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_table_contains_no_email_address() {
    case(async |app| {
        let email = hamrah_api::accounts::model::email::Email::parse("hidden@example.com")
            .expect("an address");
        let subject = throttle::email_subject(
            &SigningKey::from_seed([7; 32]),
            ThrottledAction::Recovery,
            &email,
        )
        .expect("a subject");
        claim(app, &subject, now(app).await).await;
        let rows = app.sql("SELECT * FROM attempts", &[]).await;
        assert!(
            !serde_json::to_string(&rows)
                .expect("JSON")
                .contains("hidden"),
            "{rows:?}"
        );
    })
    .await;
}

/// Uses the port itself, on disk: counted attempts outlive the process.
#[tokio::test]
async fn a_restart_keeps_the_counted_attempts() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}/test.db", folder.path().display());
    let (subject, at) = (subject(1), Timestamp::from_millis(1_800_000_000_000));
    let free_at = at.plus(ThrottlePolicy::GUESS.first_delay);
    {
        let db = Sqlite::open(&url).await.expect("opens");
        migrations::apply(db.pool()).await.expect("applies");
        let claims =
            join_all((0..CALLERS).map(|_| attempts::try_claim(&db, guess(&subject), at))).await;
        let allowed = claims
            .into_iter()
            .map(|claim| claim.expect("claims"))
            .filter(|claim| *claim == AttemptClaim::Allowed)
            .count();
        assert_eq!(allowed, FREE);
        db.pool().close().await;
    }
    let db = Sqlite::open(&url).await.expect("opens");
    let claim = attempts::try_claim(&db, guess(&subject), at)
        .await
        .expect("claims");
    assert_eq!(claim, AttemptClaim::Refused { free_at });
    assert_eq!(
        throttle::require_allowed(claim, at),
        Err(TooManyAttempts {
            wait: Duration::from_secs(30)
        })
    );
    let claim = attempts::try_claim(&db, guess(&subject), free_at)
        .await
        .expect("claims");
    assert_eq!(throttle::require_allowed(claim, free_at), Ok(()));
}
