//! The cleanup removes expired rows in bounded batches and keeps all others.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Fault, FaultMode, Pair, case};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn the_cleanup_removes_expired_rows_only() {
    case(async |app| {
        let person = app.person().await;
        app.session(&person).await;
        let old = app.pair(&person).await;
        app.refresh(&old.refresh).await.ok();
        let challenge = "INSERT INTO challenges (id, kind, state, created_at, expires_at) \
             VALUES (?1, 'test', '{}', ?2, ?3)";
        let now = app.count("SELECT MAX(created_at) FROM sessions", &[]).await;
        app.sql(challenge, &[json!("old"), json!(now), json!(now + 300_000)])
            .await;
        app.age(31 * DAY).await;
        let (session, pair) = (app.session(&person).await, app.pair(&person).await);
        let pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        let now = app.count("SELECT MAX(created_at) FROM sessions", &[]).await;
        app.sql(challenge, &[json!("new"), json!(now), json!(now + 300_000)])
            .await;
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM sessions", &[]).await, 2);
        assert_eq!(
            app.count("SELECT COUNT(*) FROM refresh_tokens", &[]).await,
            2,
            "a replaced token is kept, so that a replay is detected"
        );
        assert_eq!(
            app.count("SELECT COUNT(*) FROM challenges WHERE id = 'new'", &[])
                .await,
            1
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM challenges", &[]).await, 1);
        assert_eq!(
            (
                app.me(&session).await,
                app.me(&pair.access).await,
                app.refresh(&pair.refresh).await.status()
            ),
            (200, 200, 200)
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM users", &[]).await, 1);
        assert!(!app.events(&person.id).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn one_cleanup_removes_a_bounded_number_of_rows() {
    case(async |app| {
        let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
            INSERT INTO challenges (id, kind, state, created_at, expires_at) \
                SELECT 'c' || i, 'test', '{}', 1, i FROM n";
        app.sql(many, &[]).await;
        app.cron().await;
        let left = app.count("SELECT COUNT(*) FROM challenges", &[]).await;
        assert_eq!(left, 8000, "eight rounds of four thousand rows");
        assert_eq!(
            app.count("SELECT MIN(expires_at) FROM challenges", &[])
                .await,
            32001,
            "the oldest rows are removed first"
        );
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM challenges", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn the_cleanup_removes_only_refresh_events_after_ninety_days() {
    case(async |app| {
        let person = app.person().await;
        let mut pair = app.pair(&person).await;
        for _ in 0..4 {
            pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
            app.age(25 * DAY).await;
        }
        let refreshes = "SELECT COUNT(*) FROM events WHERE kind = 'tokens_refreshed'";
        assert_eq!(app.count(refreshes, &[]).await, 4);
        app.cron().await;
        assert_eq!(
            app.count(refreshes, &[]).await,
            3,
            "the event of a hundred days ago"
        );
        assert_eq!(
            app.events(&person.id).await[..2],
            ["user_created", "signed_in"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_job_that_fails_does_not_keep_the_others_from_running() {
    case(async |app| {
        let expired = "INSERT INTO challenges (id, kind, state, created_at, expires_at)
            VALUES ('old', 'test', '{}', 1, 2)";
        // The jobs of accounts make one batch each here, and the third removes challenges.
        for (failed, left) in [(0, 0), (1, 0), (2, 1), (3, 0)] {
            app.sql("DELETE FROM challenges", &[]).await;
            app.sql(expired, &[]).await;
            app.fail(&[Fault {
                at: failed,
                mode: FaultMode::Before,
                message: "no such table: the test",
            }])
            .await;
            app.cron().await;
            app.fail(&[]).await;
            let found = app.count("SELECT COUNT(*) FROM challenges", &[]).await;
            assert_eq!(found, left, "batch {failed} failed");
        }
        assert!(app.logs().await.contains("maintenance job failed"));
    })
    .await;
}
