//! Security events are told to a webhook: each at least once, signed, later and later while nobody
//! takes it, and never for long.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::accounts::factors::{codes, recover};
use crate::harness::authenticator::Authenticator;
use crate::harness::receiver::Reaction::{Hang, HangUp, Status};
use crate::harness::receiver::receiver;
use crate::harness::{Fault, FaultMode, Pair, Person, TestApp, case, case_with, race_with};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// What follows each failed try at the earliest.
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

async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM outbox", &[]).await
}

/// Writes events as some use case of the future might.
async fn happen(app: &TestApp, person: &Person, kind: &str, times: usize) {
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
        INSERT INTO events (id, at, kind, user_id, actor, request_id)
        SELECT printf('00000000-0000-4000-8000-%06d', i) || ?3, (SELECT MAX(at) \
            FROM events), ?2, ?1, 'user', 'r' FROM n";
    let unique = format!("{:06x}", (times * 31 + kind.len()) % 0xFF_FFFF);
    app.sql(
        insert,
        &[json!(person.id), json!(kind), json!(unique), json!(times)],
    )
    .await;
}

#[tokio::test]
async fn what_happens_is_told_once_and_signed_with_every_secret() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let pair = app.pair(&person).await;
        let pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        app.delete(&format!("/api/users/me/sessions/{}", pair.id))
            .cookie(&session)
            .send()
            .await
            .ok();
        assert!(
            receiver().about(&person).is_empty(),
            "nothing before its time"
        );
        app.cron().await;
        let told = receiver().about(&person);
        let mut happened = app.events(&person.id).await;
        happened.retain(|kind| kind != "tokens_refreshed");
        happened.sort();
        assert_eq!(receiver().kinds(&person), happened);
        assert_eq!(
            happened,
            ["sign_in_revoked", "signed_in", "signed_in", "user_created"]
        );
        let revoked = told
            .iter()
            .find(|message| message.kind() == "sign_in_revoked")
            .expect("told")
            .json();
        let event = &app
            .sql(
                "SELECT id, at FROM events WHERE kind = 'sign_in_revoked'",
                &[],
            )
            .await[0];
        assert_eq!(revoked["data"]["event_id"], event["id"]);
        assert_eq!(revoked["data"]["kind"], "sign_in_revoked");
        assert_eq!(revoked["data"]["session_id"], json!(pair.id));
        let user = json!({
            "id": person.id,
            "email": person.email,
            "email_verified": true,
            "name": revoked["data"]["user"]["name"],
        });
        assert_eq!(revoked["data"]["user"], user);
        assert!(
            revoked["data"]["user"]["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("Person"))
        );
        let timestamp = revoked["timestamp"].as_str().expect("a time");
        assert!(
            timestamp.len() == 20 && timestamp.ends_with('Z'),
            "{timestamp}"
        );
        let seconds: i64 = told[0]
            .header("webhook-timestamp")
            .parse()
            .expect("seconds");
        assert!(
            (seconds - event["at"].as_i64().expect("a time") / 1000).abs() < 120,
            "the time of the try"
        );
        assert_eq!(waiting(app).await, 0);
        app.age(HOUR).await;
        app.cron().await;
        assert_eq!(receiver().about(&person).len(), happened.len(), "once");
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_fails_is_asked_later_and_later_until_it_takes_it() {
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
        assert_eq!(waiting(app).await, 0, "taken at last");
        let told = receiver().about(&person);
        assert_eq!(told.len(), DELAYS.len() + 1);
        assert!(
            told.iter()
                .all(|message| message.header("webhook-id") == told[0].header("webhook-id")),
            "one id"
        );
        assert!(
            told.iter()
                .all(|message| message.json()["data"] == told[0].json()["data"]
                    && message.path == "/hook"),
            "no redirect is followed"
        );
        let log = app.logs().await;
        assert!(
            log.contains("the webhook did not take a notice")
                && log.contains("WEBHOOK_URL should change"),
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
async fn who_hangs_or_hangs_up_gets_it_again_and_keeps_nobody_else_waiting() {
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
async fn what_nobody_takes_is_given_up_after_five_days() {
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
        // At once, three times after an hour each, then after two, seven and, as chance has it,
        // some 25 hours.
        let tries = receiver().about(&person).len();
        assert!((9..=10).contains(&tries), "{tries}");
        assert!(app.logs().await.contains("webhooks given up"));
    })
    .await;
}

#[tokio::test]
async fn without_a_webhook_nothing_piles_up() {
    case(async |app| {
        let person = app.person().await;
        app.session(&person).await;
        happen(app, &person, "signed_in", 4000).await;
        assert!(waiting(app).await > 4000);
        app.cron().await;
        assert_eq!(waiting(app).await, 0);
        assert!(
            app.events(&person.id).await.len() > 4000,
            "the log keeps them"
        );
    })
    .await;
}

#[tokio::test]
async fn a_run_is_bounded_and_a_dead_receiver_is_left_alone() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        happen(app, &person, "something_new", 419).await;
        happen(app, &person, "tokens_refreshed", 10).await;
        assert_eq!(
            waiting(app).await,
            420,
            "new kinds are told without further ado, refreshes are not"
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
            "those that failed wait"
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

/// Whoever makes thousands of events keeps nobody from learning that their account was recovered.
#[tokio::test]
async fn what_is_urgent_is_told_before_what_somebody_piles_up() {
    case_with(&receiver().vars(), async |app| {
        let (flood, urgent_flood, victim) =
            (app.person().await, app.person().await, app.person().await);
        app.cron().await;
        happen(app, &flood, "user_updated", 1500).await;
        happen(app, &urgent_flood, "passkey_removed", 500).await;
        let codes = codes(app, &app.session(&victim).await).await;
        recover(app, &victim, &codes[0]).await.ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            20 + 2,
            "an account's first ones only"
        );
        app.cron().await;
        let told = receiver().kinds(&victim);
        assert!(
            told.contains(&"recovered".to_owned())
                && told.contains(&"backup_codes_made".to_owned()),
            "{told:?}"
        );
        assert!(waiting(app).await > 1000);
        // What was never tried is not given up, however old.
        app.age(6 * 24 * HOUR).await;
        app.cron().await;
        assert!(waiting(app).await > 1000);
        app.sql("DELETE FROM outbox", &[]).await;
        // A new account is no news of this kind; a further passkey is.
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "new@example.com")
            .await
            .ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            0
        );
        app.add_passkey(
            &mut Authenticator::new(),
            made["session_token"].as_str().expect("a token"),
        )
        .await
        .ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_runs_tell_everything_once() {
    race_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        happen(app, &person, "signed_in", 79).await;
        join_all((0..6).map(|_| app.cron())).await;
        let mut ids: Vec<_> = receiver()
            .about(&person)
            .iter()
            .map(|message| message.header("webhook-id").to_owned())
            .collect();
        assert_eq!((ids.len(), waiting(app).await), (80, 0));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 80);
    })
    .await;
}

#[tokio::test]
async fn a_fault_of_the_database_loses_nothing_and_a_repeat_has_the_same_id() {
    case_with(&receiver().vars(), async |app| {
        // Its last call claims what is due; what follows it removes what was delivered.
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

#[tokio::test]
async fn whose_account_is_deleted_is_told_so_and_what_came_before() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        app.delete("/api/users/me")
            .cookie(&session)
            .send()
            .await
            .ok();
        assert_eq!(
            app.events(&person.id).await,
            ["user_deleted"],
            "the log has forgotten them"
        );
        app.cron().await;
        assert_eq!(
            receiver().kinds(&person),
            ["signed_in", "user_created", "user_deleted"]
        );
        for message in receiver().about(&person) {
            let data = message.json()["data"].clone();
            assert_eq!(
                data["user"]["email"],
                json!(person.email),
                "{}",
                message.kind()
            );
            let bare = data["address"].is_null() && data["user_agent"].is_null();
            assert!(
                message.kind() != "user_deleted" || bare,
                "a tombstone's notice knows no more than the tombstone"
            );
        }
        assert_eq!(waiting(app).await, 0, "and now nobody knows them any more");
    })
    .await;
}
