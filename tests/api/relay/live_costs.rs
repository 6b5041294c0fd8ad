//! What a message over a socket costs, and races of removals against sending.

use serde_json::json;

use super::sockets::channel_of_two;
use crate::harness::relay::b64;
use crate::harness::{TestApp, case, on_workerd, race};

#[tokio::test]
async fn a_message_over_a_socket_costs_the_database_nothing() {
    case(async |app| {
        let (one, other, channel, _) = channel_of_two(app).await;
        let (mut here, mut there) = (app.socket(&one).await, app.socket(&other).await);
        here.subscribe(&channel).await;
        there.subscribe(&channel).await;
        let indexes = usize::from(on_workerd());
        for (number, expiry) in [(1, None), (2, None), (3, Some("2100-01-01T00:00:00Z"))] {
            let before = app.stats().await;
            let message = json!({
                "channel_id": channel,
                "sender_token": b64([1; 8]),
                "encrypted_body": b64([number]),
                "expires_at": expiry,
            });
            here.send("SendMessage", message).await;
            here.expect("MessageAck").await;
            here.expect("NewMessage").await;
            there.expect("NewMessage").await;
            let after = app.stats().await;
            assert_eq!(after.batches, before.batches, "round trips to the database");
            let expires = usize::from(expiry.is_some());
            let rows = after.object_rows - before.object_rows;
            assert_eq!(rows, 1 + (1 + expires) * indexes, "message {number}");
            if on_workerd() {
                assert_eq!(after.calls - before.calls, 1, "calls of the hub");
            }
        }
    })
    .await;
}

/// The owner removes a member while messages are under way.
async fn remove_while_sending(app: &TestApp) {
    let (owner, member, channel, server) = channel_of_two(app).await;
    let (mut here, mut there) = (app.socket(&owner).await, app.socket(&member).await);
    here.subscribe(&channel).await;
    there.subscribe(&channel).await;
    for number in 0..5 {
        here.say(&channel, number).await;
    }
    let path = format!("/api/v1/servers/{server}/members/{}", member.id);
    app.delete(&path).bearer(&owner.access).send().await.ok();
    // After the answer, the server owes the member nothing but the notice of the removal.
    for number in 100..105 {
        here.say(&channel, number).await;
    }
    there.send_text(r#"{"type":"Ping"}"#).await;
    loop {
        let frame = there.next().await;
        match frame["type"].as_str() {
            Some("Pong") => break,
            Some("MemberRemoved") => {}
            _ => {
                let seq = frame["payload"]["seq"].as_i64().expect("a number");
                assert!(seq <= 5, "{frame}");
            }
        }
    }
    let message = json!({
        "channel_id": channel,
        "sender_token": b64([1; 8]),
        "encrypted_body": b64([7]),
    });
    there.send("SendMessage", message).await;
    assert_eq!(there.expect("Error").await["code"], "channel_not_found");
}

#[tokio::test]
async fn no_frame_follows_a_removal_that_races_with_messages() {
    race(async |app| {
        for _ in 0..8 {
            remove_while_sending(app).await;
        }
    })
    .await;
}
