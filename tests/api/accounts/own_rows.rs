//! Rows read do not grow with the rows of the caller's own account.

use http::Method;
use serde_json::json;

use super::cost::seed;
use super::cost_calls::{World, calls, world};
use crate::harness::{PASSWORD, TestApp, case};

/// The number of rows of the caller's own in each table. No quota allows so many. The seed writes
/// them under other accounts and then moves them.
const OWN_ROWS: usize = 20_000;

/// The largest number of rows that a request reads for its caller. The quotas of `docs/LIMITS.md`
/// are smaller, and the largest answer is the export.
const MOST_READ: usize = 3_000;

/// Moves the seeded rows to the account of `world`, in every table in which an account can hold
/// many rows.
async fn own(app: &TestApp, world: &World, rows: usize) {
    let count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
    for insert in [
        "INSERT INTO challenges (id, kind, state, created_at, expires_at)
         SELECT 'seed-' || i, 'seed', '{}', i, 9000000000000 FROM n",
        "INSERT INTO attest_keys (id, public_key, app_id, environment, counter, receipt, created_at)
         SELECT printf('%042d', i) || 'A', '', '', 'production', 0, '', i FROM n",
    ] {
        app.sql(&format!("{count} {insert}"), &[json!(rows)]).await;
    }
    let id = json!(world.person.id);
    // Each kind of event keeps its newest events, so each of these is of a kind of its own. The
    // trigger of the outbox copies them.
    let events = "INSERT INTO events (id, at, kind, user_id, actor, request_id)
        SELECT 'seed-' || i, i, 'seed-' || i, ?2, 'owner', 'seed' FROM n";
    app.sql(&format!("{count} {events}"), &[json!(rows), id.clone()])
        .await;
    for update in [
        "UPDATE refresh_tokens SET replaced_by = 'next-' || token_hash, replaced_at = created_at,
                session_id = ?2
          WHERE token_hash LIKE 'seed-%' AND ?1 IS NOT NULL",
        "UPDATE sessions SET user_id = ?1, revoked_at = created_at
          WHERE id LIKE 'seed-%' AND ?2 IS NOT NULL",
        "UPDATE challenges SET user_id = ?1 WHERE id LIKE 'seed-%' AND ?2 IS NOT NULL",
        "UPDATE attest_keys SET user_id = ?1, revoked_at = created_at
          WHERE id LIKE '0000%' AND ?2 IS NOT NULL",
    ] {
        app.sql(update, &[id.clone(), json!(world.other.id)]).await;
    }
}

#[tokio::test]
async fn rows_read_are_bounded_with_20000_rows_of_the_callers_own_in_every_table() {
    case(async |app| {
        seed(app, OWN_ROWS).await;
        let world = world(app).await;
        own(app, &world, OWN_ROWS).await;
        let mut worst = Vec::new();
        for (name, round_trips, call) in calls(app, &world) {
            // The deletion of an account ends with all of its rows. It has cases of its own.
            if name == "delete the account" {
                continue;
            }
            let (answer, cost) = app.cost(call).await;
            assert_eq!(cost.batches, round_trips, "{name}: {}", answer.text());
            if cost.rows_read > MOST_READ {
                worst.push((name, cost.rows_read));
            }
        }
        for (name, call) in [
            ("list devices", app.get("/api/app-attestation/keys")),
            (
                "set a password",
                app.request(Method::PUT, "/api/auth/password")
                    .json(&json!({"password": PASSWORD})),
            ),
            (
                "revoke the other sessions",
                app.delete("/api/users/me/sessions"),
            ),
        ] {
            let (answer, cost) = app.cost(call.cookie(&world.session)).await;
            assert_eq!(answer.status(), 200, "{name}: {}", answer.text());
            if cost.rows_read > MOST_READ {
                worst.push((name, cost.rows_read));
            }
        }
        assert!(
            worst.is_empty(),
            "more than {MOST_READ} rows read: {worst:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_account_keeps_its_100_newest_live_sessions_and_100_revoked_ones() {
    case(async |app| {
        let person = app.person().await;
        let first = app.session(&person).await;
        // 250 further sessions, each with a session token.
        let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
            INSERT INTO sessions (id, user_id, platform, authenticated_at, created_at, \
                last_used_at, token_hash, token_expires_at, expires_at)
            SELECT 'seed-' || i, user_id, 'web', created_at, created_at, created_at, \
                'seed-' || i, token_expires_at, expires_at
              FROM n JOIN sessions AS s ON s.user_id = ?1 AND s.id NOT LIKE 'seed-%'";
        app.sql(insert, &[json!(person.id)]).await;
        let newest = app.session(&person).await;
        let live = "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NULL";
        let revoked = "SELECT COUNT(*) FROM sessions WHERE revoked_at IS NOT NULL";
        assert_eq!(app.count(live, &[]).await, 100);
        assert_eq!(app.count(revoked, &[]).await, 100);
        assert_eq!((app.me(&first).await, app.me(&newest).await), (401, 200));
        let others = app.person().await;
        let other = app.session(&others).await;
        assert_eq!(app.me(&other).await, 200, "the quota is of one account");
    })
    .await;
}
