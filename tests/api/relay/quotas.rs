//! The limits of an account and of a server: the answer, and what stays possible.

use serde_json::{Value, json};

use super::calls::{META, delete, first_channel, get, invite, join, member_of, post, server};
use super::direct_messages::open;
use crate::harness::{TestApp, case};

const OTHER: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Inserts `count` accounts and, with each, a row by `insert`, in which `n.id` is the account.
async fn crowd(app: &TestApp, count: i64, insert: &str, params: &[Value]) {
    let numbers = format!(
        "WITH RECURSIVE t (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < {count}),
              n (i, id) AS (
                  SELECT i, printf('%08x-10b1-426f-9247-bb680e5fe0c8', i) FROM t)"
    );
    let users = format!(
        "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at)
         {numbers} SELECT id, id || '@example.com', 0, 'api', 1, 1 FROM n WHERE true
         ON CONFLICT DO NOTHING"
    );
    app.sql(&users, &[]).await;
    app.sql(&insert.replace("{n}", &numbers), params).await;
}

#[tokio::test]
async fn a_server_has_5000_members_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let code = invite(app, &ada, &server, &json!({"max_uses": 9})).await;
        let insert = "INSERT INTO relay_members (server_id, user_id, role, version, joined_at)
                      {n} SELECT ?1, id, 'member', 1, 1 FROM n";
        crowd(app, 4998, insert, &[json!(server)]).await;
        let eve = app.relay_member().await;
        let full = join(app, &eve, &code).await;
        assert_eq!(full.problem(409), "limit_reached");
        assert!(full.text().contains("5,000"), "{}", full.text());
        // A member still joins again, the refusal took no use, and a place that is left is free.
        join(app, &bob, &code).await.ok();
        let invites = get(app, &ada, &format!("/servers/{server}/invites")).await;
        let invites = invites.ok();
        let used = invites.as_array().expect("a list").iter();
        let used = used.filter(|it| it["code"] == code.as_str());
        assert_eq!(
            used.map(|it| &it["use_count"]).collect::<Vec<_>>(),
            [&json!(0)]
        );
        delete(app, &bob, &format!("/servers/{server}/members/@me"))
            .await
            .ok();
        join(app, &eve, &code).await.ok();
    })
    .await;
}

#[tokio::test]
async fn an_account_blocks_1000_accounts_at_most() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let insert = "INSERT INTO relay_blocks (user_id, blocked_id, blocked_at)
                      {n} SELECT ?1, id, 1 FROM n";
        crowd(app, 1000, insert, &[json!(ada.id)]).await;
        let block = format!("/users/{}/block", bob.id);
        let full = post(app, &ada, &block, &json!({})).await;
        assert_eq!(full.problem(409), "limit_reached");
        assert!(full.text().contains("1,000"), "{}", full.text());
        // A block that exists may be repeated. Unblocking makes room.
        let first = format!("/users/00000001{}/block", &OTHER[8..]);
        post(app, &ada, &first, &json!({})).await.ok();
        delete(app, &ada, &first).await.ok();
        post(app, &ada, &block, &json!({})).await.ok();
        // The blocks of others do not count.
        post(app, &bob, &format!("/users/{}/block", ada.id), &json!({}))
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn an_account_opens_1000_direct_messages_at_most() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let first = open(app, &ada, &bob.id, META).await.ok();
        let channels = "INSERT INTO relay_channels
                            (id, pair, encrypted_meta, channel_type, position, created_at)
                        {n} SELECT id, id, '', 'dm', 0, 1 FROM n";
        crowd(app, 999, channels, &[]).await;
        let insert = "INSERT INTO relay_direct_members (user_id, channel_id, opener, opened_at)
                      {n} SELECT ?1, id, 1, 1 FROM n";
        crowd(app, 999, insert, &[json!(ada.id)]).await;
        let eve = app.relay_member().await;
        let full = open(app, &ada, &eve.id, META).await;
        assert_eq!(full.problem(409), "limit_reached");
        assert!(full.text().contains("1,000"), "{}", full.text());
        // Direct messages that exist, and those that others open, are not limited by it.
        assert_eq!(open(app, &ada, &bob.id, META).await.ok(), first);
        open(app, &eve, &ada.id, META).await.ok();
    })
    .await;
}

#[tokio::test]
async fn the_sender_keys_of_an_hour_are_limited() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let bob = member_of(app, &ada, &server).await;
        let channel = first_channel(app, &ada, &server).await;
        let path = format!("/channels/{channel}/sender-keys");
        let body = json!({"distributions": [{
            "to_user_id": bob.id, "distribution_id": OTHER, "encrypted_skdm": "AAAA",
        }]});
        post(app, &ada, &path, &body).await.ok();
        app.sql("UPDATE relay_counts SET count = 20000", &[]).await;
        let braked = post(app, &ada, &path, &body).await;
        assert_eq!(braked.problem(429), "too_many_attempts");
        let wait = braked.header("retry-after").expect("a time to wait");
        let wait: u64 = wait.parse().expect("seconds");
        assert!((1..=3600).contains(&wait), "{wait}");
    })
    .await;
}
