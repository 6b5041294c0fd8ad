//! The number of rows that an account can make. `docs/LIMITS.md` lists the quotas.

use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::harness::authenticator::Authenticator;
use crate::harness::{Pair, TestApp, case};

const NUMBERS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";

#[tokio::test]
async fn an_account_keeps_the_100_newest_events_of_a_kind() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        for number in 0..130 {
            app.request(Method::PUT, "/api/users/me")
                .json(&json!({"name": format!("Name {number}")}))
                .bearer(&session)
                .send()
                .await
                .ok();
        }
        let events = app.events(&person.id).await;
        let of = |kind: &str| events.iter().filter(|each| *each == kind).count();
        assert_eq!(of("user_updated"), 100);
        assert_eq!((of("user_created"), of("signed_in")), (1, 1));
        let entries = "SELECT COUNT(*) FROM outbox WHERE kind = 'user_updated'";
        assert_eq!(app.count(entries, &[]).await, 50);
        // The newest event stays.
        let stays = "SELECT MAX(at) = (SELECT MAX(updated_at) FROM users) FROM events";
        assert_eq!(app.count(stays, &[]).await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_account_has_at_most_50_challenges() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let begin = async || app.begin_passkey(&session).await;
        for _ in 0..55 {
            begin().await;
        }
        let count = "SELECT COUNT(*) FROM challenges WHERE user_id = ?1";
        assert_eq!(app.count(count, &[json!(person.id)]).await, 50);
        // Challenges without an account are limited by the rate limit and by their expiry.
        for _ in 0..25 {
            app.begin_sign_in(None).await;
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM challenges", &[]).await, 75);
    })
    .await;
}

#[tokio::test]
async fn a_person_has_at_most_100_tokens_of_a_kind() {
    case(async |app| {
        app.administrator().await;
        let insert = format!(
            "{NUMBERS} 130) INSERT INTO person_tokens \
                (token_hash, person_id, kind, created_at, expires_at)
            SELECT ?1 || i, id, ?1, 9000000000000 + i, 9100000000000 FROM n JOIN people"
        );
        for kind in ["user", "service"] {
            app.sql(&insert, &[json!(kind)]).await;
            let count = "SELECT COUNT(*) FROM person_tokens WHERE kind = ?1";
            assert_eq!(app.count(count, &[json!(kind)]).await, 100);
            let oldest = "SELECT MIN(created_at) FROM person_tokens WHERE kind = ?1";
            assert_eq!(app.count(oldest, &[json!(kind)]).await, 9_000_000_000_031);
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_keeps_the_100_device_keys_that_were_revoked_last() {
    case(async |app| {
        let person = app.person().await;
        let insert = format!(
            "{NUMBERS} 130) INSERT INTO attest_keys \
                (id, user_id, public_key, app_id, environment, counter, receipt, created_at)
            SELECT 'key-' || i, ?1, '', '', 'production', 0, '', i FROM n"
        );
        app.sql(&insert, &[json!(person.id)]).await;
        app.sql("UPDATE attest_keys SET revoked_at = created_at", &[])
            .await;
        let kept = "SELECT MIN(created_at) * 1000 + COUNT(*) FROM attest_keys";
        assert_eq!(app.count(kept, &[]).await, 31_100);
    })
    .await;
}

#[tokio::test]
async fn a_session_can_be_refreshed_200_times_a_day() {
    case(async |app| {
        let person = app.person().await;
        let (pair, other) = (app.pair(&person).await, app.pair(&person).await);
        let pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        let counted = "SELECT refreshes FROM sessions WHERE id = ?1";
        assert_eq!(app.count(counted, &[json!(pair.id)]).await, 1);
        let refreshes = "UPDATE sessions SET refreshes = refreshes + 198 WHERE id = ?1";
        app.sql(refreshes, &[json!(pair.id)]).await;
        let pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        let refused = app.refresh(&pair.refresh).await;
        assert_eq!(refused.problem(429), "too_many_attempts");
        assert_eq!(app.me(&pair.access).await, 200, "the session stays live");
        app.refresh(&other.refresh).await.ok();
        let refreshes = app.events(&person.id).await;
        let refreshes = refreshes.iter().filter(|kind| *kind == "tokens_refreshed");
        assert_eq!(refreshes.count(), 3, "a refused refresh has no event");
        app.age(Duration::from_hours(25)).await;
        app.refresh(&pair.refresh).await.ok();
        assert_eq!(app.count(counted, &[json!(pair.id)]).await, 1, "a new day");
    })
    .await;
}

#[tokio::test]
async fn a_session_keeps_two_refresh_tokens_and_detects_the_reuse_of_every_older_one() {
    case(async |app| {
        let person = app.person().await;
        for old in 0..4 {
            let first = app.pair(&person).await;
            let mut chain = vec![first.refresh.clone()];
            for _ in 0..4 {
                let newest = chain.last().expect("a token");
                chain.push(Pair::read(&app.refresh(newest).await.ok()).refresh);
                app.age(Duration::from_secs(31)).await;
            }
            let rows = "SELECT COUNT(*) FROM refresh_tokens WHERE session_id = ?1";
            assert_eq!(app.count(rows, &[json!(first.id)]).await, 2);
            let reuse = app.refresh(&chain[old]).await;
            assert_eq!(reuse.problem(401), "invalid_refresh_token", "{old}");
            let events = app.events(&person.id).await;
            let reuses = events.iter().filter(|kind| *kind == "refresh_token_reused");
            assert_eq!(reuses.count(), old + 1);
            app.refresh(&chain[4]).await.problem(401);
            // The reuse is reported once.
            app.refresh(&chain[old]).await.problem(401);
            assert_eq!(app.events(&person.id).await.len(), events.len());
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_of_no_session_revokes_none() {
    case(async |app| {
        let pair = app.pair(&app.person().await).await;
        // The family is another one, so only the rest is that of a token.
        let unknown = format!("hmr_{}{}", "A".repeat(16), &pair.refresh[20..]);
        app.refresh(&unknown).await.problem(401);
        app.refresh(&pair.refresh).await.ok();
        // A caller that knows the family has seen a token of the session.
        let forged = format!("{}{}", &pair.refresh[..20], "A".repeat(27));
        app.refresh(&forged).await.problem(401);
        app.refresh(&pair.refresh).await.problem(401);
    })
    .await;
}

#[tokio::test]
async fn revoking_an_old_refresh_token_revokes_its_session() {
    case(async |app| {
        let pair = app.pair(&app.person().await).await;
        let second = Pair::read(&app.refresh(&pair.refresh).await.ok());
        let third = Pair::read(&app.refresh(&second.refresh).await.ok());
        app.request(Method::POST, "/oauth/revoke")
            .header("x-internal-service", "hamrah-app")
            .header("x-internal-key", &app.settings["INTERNAL_API_KEY"])
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("token={}", pair.refresh).into_bytes())
            .send()
            .await
            .ok();
        assert_eq!(app.me(&third.access).await, 401);
        app.refresh(&third.refresh).await.problem(401);
    })
    .await;
}

#[tokio::test]
async fn a_text_that_a_client_chooses_is_stored_up_to_its_256th_character() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        app.request(Method::PUT, "/api/users/me")
            .json(&json!({"name": "New"}))
            .header("user-agent", &"Agent/1 ".repeat(100))
            .header("x-request-id", &"r".repeat(64))
            .bearer(&session)
            .send()
            .await
            .ok();
        let longest = "SELECT MAX(LENGTH(user_agent)) FROM events";
        assert!((200..=256).contains(&app.count(longest, &[]).await));
        let longest = "SELECT MAX(LENGTH(request_id)) FROM events";
        assert!(app.count(longest, &[]).await <= 256);
        let body = json!({"user_id": person.id, "platform": "web",
                          "user_agent": "Browser/1 ".repeat(50)});
        app.internal("/api/internal/sessions", &body)
            .send()
            .await
            .ok();
        let longest = "SELECT MAX(LENGTH(user_agent)) FROM sessions";
        assert!((200..=256).contains(&app.count(longest, &[]).await));
    })
    .await;
}

#[tokio::test]
async fn the_event_of_a_deletion_stays_400_days() {
    case(async |app| {
        let session = app.session(&app.person().await).await;
        let delete = app.delete("/api/users/me").cookie(&session);
        delete.send().await.ok();
        let count = "SELECT COUNT(*) FROM events WHERE kind = 'user_deleted'";
        for (days, kept) in [(399, 1), (2, 0)] {
            app.age(Duration::from_hours(days * 24)).await;
            app.cron().await;
            assert_eq!(app.count(count, &[]).await, kept);
        }
    })
    .await;
}

/// Sets the clock back by an hour. Every time in `table` is now in the future.
async fn set_clock_back(app: &TestApp, table: &str, column: &str) {
    let later = format!("UPDATE {table} SET {column} = {column} + 3600000");
    app.sql(&later, &[]).await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_new_row_the_oldest() {
    case(async |app| {
        let person = app.person().await;
        let first = app.pair(&person).await;
        let second = Pair::read(&app.refresh(&first.refresh).await.ok());
        set_clock_back(app, "refresh_tokens", "created_at").await;
        let third = Pair::read(&app.refresh(&second.refresh).await.ok());
        let fourth = Pair::read(&app.refresh(&third.refresh).await.ok());
        assert_eq!(app.me(&fourth.access).await, 200);

        for _ in 0..100 {
            app.session(&person).await;
        }
        set_clock_back(app, "sessions", "created_at").await;
        let newest = app.session(&person).await;
        assert_eq!(app.me(&newest).await, 200, "the session is not revoked");

        for _ in 0..50 {
            app.begin_passkey(&newest).await;
        }
        set_clock_back(app, "challenges", "created_at").await;
        let mut authenticator = Authenticator::new();
        app.add_passkey(&mut authenticator, &newest).await.ok();

        let events = format!(
            "{NUMBERS} 100) INSERT INTO events (id, at, kind, user_id, actor, request_id) \
             SELECT 'e' || i, 9000000000000, 'user_updated', ?1, '', '' FROM n"
        );
        app.sql(&events, &[json!(person.id)]).await;
        app.request(Method::PUT, "/api/users/me")
            .json(&json!({"name": "New"}))
            .bearer(&newest)
            .send()
            .await
            .ok();
        let kept = "SELECT COUNT(*) FROM events WHERE kind = 'user_updated' AND at < 9000000000000";
        assert_eq!(app.count(kept, &[]).await, 1);

        let identities = format!(
            "{NUMBERS} 200) INSERT INTO identities (id, user_id, provider, provider_id, \
             created_at) SELECT 'i' || i, ?1, 'google', 'g' || i, 9000000000000 + i FROM n"
        );
        app.sql(&identities, &[json!(person.id)]).await;
        app.sql(
            "INSERT INTO identities (id, user_id, provider, provider_id, created_at) \
             VALUES ('new', ?1, 'google', 'new', 1)",
            &[json!(person.id)],
        )
        .await;
        let kept = "SELECT COUNT(*) FROM identities WHERE id = 'new'";
        assert_eq!(app.count(kept, &[]).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_new_token_of_a_person_stays_after_the_clock_was_set_back() {
    case(async |app| {
        let root = app.administrator().await;
        let insert = format!(
            "{NUMBERS} 100) INSERT INTO person_tokens \
                (token_hash, person_id, kind, created_at, expires_at)
             SELECT 't' || i, ?1, 'user', 9000000000000 + i, 9100000000000 FROM n"
        );
        app.sql(&insert, &[json!(root.id)]).await;
        let root = app.again(&root).await;
        let profile = app.get("/auth/profile").token(&root.token).send().await;
        assert_eq!(profile.status(), 200);
    })
    .await;
}
