//! The deletion of an account with many rows: marked at once, and removed in slices.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{TestApp, case};

/// The number of sessions, of refresh tokens and of events of the deleted account.
const ROWS: usize = 20_000;

/// The largest number of rows that a batch writes, with the entries of indexes in workerd.
const MOST_WRITTEN: usize = 8_000;

/// Gives the account `user` many sessions that ended, refresh tokens and events. The rows move to
/// it from accounts of their own, because a quota bounds the rows that are inserted for it.
async fn fill(app: &TestApp, user: &str) {
    for insert in [
        "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at)
         SELECT 'seed-' || i, 'seed' || i || '@example.com', 0, 'passkey', i, i FROM n",
        "INSERT INTO sessions (id, user_id, platform, authenticated_at, created_at, last_used_at,
                               refresh_expires_at, expires_at)
         SELECT 'seed-' || i, 'seed-' || i, 'ios', i, i, i, 9000000000000, 9000000000000 FROM n",
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
         SELECT 'seed-' || i, 'seed-' || i, i, 9000000000000 FROM n",
    ] {
        let numbers =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
        app.sql(&format!("{numbers} {insert}"), &[json!(ROWS)])
            .await;
    }
    let events = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
        INSERT INTO events (id, at, kind, user_id, actor, request_id)
        SELECT 'seed-' || i, i, 'seed-' || i, ?2, 'owner', 'seed' FROM n";
    app.sql(events, &[json!(ROWS), json!(user)]).await;
    let own = "UPDATE sessions SET user_id = ?1, revoked_at = created_at WHERE id LIKE 'seed-%'";
    app.sql(own, &[json!(user)]).await;
    app.sql("DELETE FROM outbox WHERE kind LIKE 'seed-%'", &[])
        .await;
    app.sql("DELETE FROM users WHERE id LIKE 'seed-%'", &[])
        .await;
}

/// Checks that the account `user` is deleted and that rows of it are left, and runs the
/// maintenance until none is.
async fn rest_is_removed(app: &TestApp, user: &str) {
    let accounts = "SELECT COUNT(*) FROM users WHERE id = ?1";
    assert_eq!(app.count(accounts, &[json!(user)]).await, 0);
    let rows = "SELECT (SELECT COUNT(*) FROM sessions WHERE user_id = ?1)
                     + (SELECT COUNT(*) FROM refresh_tokens WHERE session_id LIKE 'seed-%')
                     + (SELECT COUNT(*) FROM events WHERE user_id = ?1 AND kind <> 'user_deleted')";
    let mut left = app.count(rows, &[json!(user)]).await;
    assert!(left > 40_000, "{left} rows were removed at once");
    while left > 0 {
        app.cron().await;
        let now = app.count(rows, &[json!(user)]).await;
        assert!(now < left, "{now} rows are left");
        left = now;
    }
    let marks = "SELECT COUNT(*) FROM deleted_users";
    assert_eq!(app.count(marks, &[]).await, 0);
    assert_eq!(app.events(user).await, ["user_deleted"]);
    let most = app.most_written().await;
    assert!(
        (500..MOST_WRITTEN).contains(&most),
        "a batch wrote {most} rows"
    );
}

#[tokio::test]
async fn an_account_with_many_sessions_is_deleted_at_once_and_removed_in_slices() {
    case(async |app| {
        let person = app.person().await;
        let (token, pair) = (app.session(&person).await, app.pair(&person).await);
        let other = app.person().await;
        let others = app.session(&other).await;
        fill(app, &person.id).await;
        let delete = app.delete("/api/users/me").bearer(&token);
        delete.send().await.ok();

        for credential in [&token, &pair.access] {
            assert_eq!(app.me(credential).await, 401);
        }
        assert_eq!(app.refresh(&pair.refresh).await.status(), 401);
        assert_eq!(app.me(&others).await, 200);
        let lookup = json!({"email": person.email});
        let lookup = app.internal("/api/internal/users/by-email", &lookup);
        assert_eq!(lookup.send().await.ok()["user"], Value::Null);
        rest_is_removed(app, &person.id).await;
        assert_eq!(app.me(&others).await, 200);
    })
    .await;
}

#[tokio::test]
async fn a_person_with_many_sessions_is_deleted_in_slices_by_an_administrator() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let select = "SELECT user_id FROM people WHERE id = ?1";
        let rows = app.sql(select, &[json!(member.id)]).await;
        let user = rows[0]["user_id"].as_str().expect("an id").to_owned();
        fill(app, &user).await;
        let path = format!("/users/{}", member.id);
        let deleted = app.ask(&root, Method::DELETE, &path, Value::Null).await;
        assert_eq!(deleted.ok()["status"], "user_deleted");
        let again = app.ask(&root, Method::GET, &path, Value::Null).await;
        assert_eq!(again.status(), 404);
        rest_is_removed(app, &user).await;
    })
    .await;
}
