//! Webhooks that fail: retries, their delays, and what a receiver that does not answer costs.

use std::time::Duration;

use super::webhooks::{SECOND, happen, waiting};
use crate::harness::receiver::Reaction::{Hang, HangUp, Status};
use crate::harness::receiver::receiver;
use crate::harness::{Fault, FaultMode, case_with};

const MINUTE: Duration = Duration::from_mins(1);
pub const HOUR: Duration = Duration::from_hours(1);

/// The shortest delay after each failed attempt.
const DELAYS: [Duration; 8] = [
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    HOUR,
    Duration::from_hours(6),
    Duration::from_hours(24),
    Duration::from_hours(24),
    Duration::from_hours(24),
];

#[tokio::test]
async fn a_failing_receiver_gets_retries_with_growing_delays() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        receiver().react(
            &person,
            &[500, 302, 404, 410, 429, 307, 100 + 403, 301].map(Status),
        );
        app.cron().await;
        for (tries, delay) in (1..).zip(DELAYS) {
            assert_eq!(receiver().about(&person).len(), tries);
            assert_eq!(
                app.count("SELECT tries FROM outbox", &[]).await,
                i64::try_from(tries).expect("fits")
            );
            app.age(delay.saturating_sub(5 * SECOND)).await;
            app.cron().await;
            assert_eq!(
                receiver().about(&person).len(),
                tries,
                "not before {delay:?}"
            );
            app.age(delay / 8 + 6 * SECOND).await;
            app.cron().await;
        }
        assert_eq!(waiting(app).await, 0, "delivered in the end");
        let told = receiver().about(&person);
        assert_eq!(told.len(), DELAYS.len() + 1);
        assert!(
            told.iter()
                .all(|message| message.header("webhook-id") == told[0].header("webhook-id")),
            "every attempt has the same id"
        );
        assert!(
            told.iter()
                .all(|message| message.json()["data"] == told[0].json()["data"]
                    && message.path == "/hook"),
            "the API follows no redirect"
        );
        let log = app.logs().await;
        assert!(
            log.contains("the webhook did not accept an entry")
                && log.contains("change WEBHOOK_URL"),
            "{log}"
        );
        assert!(
            log.contains(told[0].header("webhook-id"))
                && !log.contains("/hook")
                && !log.contains("Person "),
            "{log}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_hangs_gets_a_retry_and_delays_no_other_message() {
    case_with(&receiver().vars(), async |app| {
        let (slow, rude, fine) = (app.person().await, app.person().await, app.person().await);
        receiver().react(&slow, &[Hang]);
        receiver().react(&rude, &[HangUp]);
        app.cron().await;
        assert_eq!(receiver().about(&fine).len(), 1);
        assert_eq!(waiting(app).await, 2);
        app.age(MINUTE).await;
        app.cron().await;
        assert_eq!(waiting(app).await, 0);
        assert_eq!(
            (
                receiver().about(&slow).len(),
                receiver().about(&rude).len(),
                receiver().about(&fine).len()
            ),
            (2, 2, 1)
        );
        let log = app.logs().await;
        assert!(
            log.contains("no answer in time") && log.contains("no connection"),
            "{log}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_undelivered_message_is_given_up_after_five_days() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        receiver().react(&person, &[Status(500); 20]);
        for _ in 0..(5 * 24) {
            app.cron().await;
            assert_eq!(waiting(app).await, 1);
            app.age(HOUR).await;
        }
        app.age(MINUTE).await;
        app.cron().await;
        assert_eq!(waiting(app).await, 0);
        // The runs follow at once, three times after an hour each, then after two hours, after
        // seven and, because of jitter, after some 25.
        let tries = receiver().about(&person).len();
        assert!((9..=10).contains(&tries), "{tries}");
        assert!(app.logs().await.contains("webhooks given up"));
    })
    .await;
}

#[tokio::test]
async fn a_run_is_bounded_and_stops_at_a_dead_receiver() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        happen(app, &person, "something_new", 419).await;
        happen(app, &person, "tokens_refreshed", 10).await;
        assert_eq!(
            waiting(app).await,
            420,
            "an unknown kind is sent, and a refresh is not"
        );
        receiver().react(&person, &[Status(503); 5]);
        app.cron().await;
        assert_eq!(
            (receiver().about(&person).len(), waiting(app).await),
            (5, 420)
        );
        app.cron().await;
        assert_eq!(
            (receiver().about(&person).len(), waiting(app).await),
            (405, 20),
            "the failed messages wait"
        );
        app.age(MINUTE).await;
        app.cron().await;
        assert_eq!(
            (receiver().about(&person).len(), waiting(app).await),
            (425, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn a_database_fault_loses_no_message_and_a_retry_has_the_same_id() {
    case_with(&receiver().vars(), async |app| {
        // The last call of the run claims the due entries. The next statement removes the delivered
        // ones.
        app.cron().await;
        let before = app.batches().await;
        app.cron().await;
        let claim = app.batches().await - before - 1;
        let message = "D1_ERROR: Network connection lost.";
        for (at, mode, at_first, in_the_end) in [
            (claim, FaultMode::Before, 0, 1),
            (claim, FaultMode::Within(0), 0, 1),
            (claim, FaultMode::After, 0, 1),
            (claim + 1, FaultMode::Before, 1, 2),
            (claim + 1, FaultMode::Within(1), 1, 2),
            (claim + 1, FaultMode::After, 1, 1),
        ] {
            let person = app.person().await;
            app.fail(&[Fault { at, mode, message }]).await;
            app.cron().await;
            app.fail(&[]).await;
            assert_eq!(receiver().about(&person).len(), at_first, "{at} {mode:?}");
            app.age(MINUTE).await;
            app.cron().await;
            let told = receiver().about(&person);
            assert_eq!(
                (told.len(), waiting(app).await),
                (in_the_end, 0),
                "{at} {mode:?}"
            );
            assert_eq!(
                told[0].header("webhook-id"),
                told[in_the_end - 1].header("webhook-id")
            );
        }
        let logs = app.logs().await;
        let is_told = |line: &str| {
            line.contains("maintenance job failed") && line.contains("deliver webhooks")
        };
        assert!(
            logs.lines().any(is_told),
            "the log names the job that failed"
        );
    })
    .await;
}
