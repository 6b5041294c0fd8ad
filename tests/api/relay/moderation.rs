//! The deletion of messages by the owner and administrators of a server.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::calls::{META, call, delete, first_channel, get, id, member_of, post, put, server};
use super::messages::{base64, body, texts, with};
use crate::harness::relay::RelayMember;
use crate::harness::{Answer, TestApp, case, on_workerd};

const SECRET: [u8; 32] = [9; 32];

async fn send(app: &TestApp, by: &RelayMember, channel: &str, text: &str) -> Value {
    let hash = json!({"edit_key_hash": base64(Sha256::digest(SECRET))});
    let path = format!("/channels/{channel}/messages");
    post(app, by, &path, &with(text, &hash)).await.ok()
}

async fn history(app: &TestApp, by: &RelayMember, channel: &str) -> Vec<String> {
    texts(
        &get(app, by, &format!("/channels/{channel}/messages"))
            .await
            .ok(),
    )
}

async fn remove_with(app: &TestApp, by: &RelayMember, message: &Value, secret: &[u8]) -> Answer {
    let path = format!("/messages/{}", id(message));
    let call = call(app, by, Method::DELETE, &path);
    call.json(&json!({"secret": base64(secret)})).send().await
}

async fn remove(app: &TestApp, by: &RelayMember, message: &Value) -> Answer {
    delete(app, by, &format!("/messages/{}", id(message))).await
}

#[tokio::test]
async fn the_owner_and_administrators_of_a_server_remove_messages() {
    case(async |app| {
        let owner = app.relay_member().await;
        let server = server(app, &owner).await;
        let channel = first_channel(app, &owner, &server).await;
        let sender = member_of(app, &owner, &server).await;
        let admin = member_of(app, &owner, &server).await;
        let other = member_of(app, &owner, &server).await;
        let role = format!("/servers/{server}/members/{}", admin.id);
        put(app, &owner, &role, &json!({"role": "admin"}))
            .await
            .ok();
        let mut sent = Vec::new();
        for text in ["one", "two", "three", "four"] {
            sent.push(send(app, &sender, &channel, text).await);
        }

        // Without the secret, members have no right, not even the sender: the server does not know
        // who sent a message.
        for by in [&sender, &other] {
            let refused = remove(app, by, &sent[0]).await;
            assert_eq!(refused.problem(403), "wrong_message_secret");
            let refused = remove_with(app, by, &sent[0], &[8; 32]).await;
            assert_eq!(refused.problem(403), "wrong_message_secret");
        }
        // The right needs no secret, and a wrong one does not take it away.
        for _ in 0..2 {
            remove(app, &owner, &sent[0]).await.ok();
        }
        remove(app, &admin, &sent[1]).await.ok();
        remove_with(app, &admin, &sent[2], &[8; 32]).await.ok();
        assert_eq!(history(app, &other, &channel).await, ["four"]);
        let path = format!("/channels/{channel}/messages?since=4");
        let log = get(app, &other, &path).await.ok();
        let removed = [5, 6, 7].map(|seq| json!({"seq": seq, "message_id": sent[seq - 5]["id"]}));
        assert_eq!(log["removed"], json!(removed));

        // The right does not edit.
        let path = format!("/messages/{}", id(&sent[3]));
        let change = json!({"encrypted_body": base64("x"), "secret": base64([8; 32])});
        let edit = call(app, &owner, Method::PATCH, &path).json(&change);
        assert_eq!(edit.send().await.problem(403), "wrong_message_secret");

        // The right ends with the role.
        put(app, &owner, &role, &json!({"role": "member"}))
            .await
            .ok();
        let refused = remove(app, &admin, &sent[3]).await;
        assert_eq!(refused.problem(403), "wrong_message_secret");
        remove_with(app, &sender, &sent[3], &SECRET).await.ok();
        assert_eq!(history(app, &other, &channel).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn messages_of_other_servers_look_like_no_messages_to_an_owner() {
    case(async |app| {
        let (ada, eve) = (app.relay_member().await, app.relay_member().await);
        let ours = server(app, &ada).await;
        let channel = first_channel(app, &ada, &ours).await;
        let sent = send(app, &ada, &channel, "one").await;
        server(app, &eve).await;
        let unknown = json!({"id": format!("{}{}", &id(&sent)[..13], "-4d7e-9f20-b3c4d5e6f708")});
        for message in [&sent, &unknown, &json!({"id": "no-uuid"})] {
            for refused in [
                remove(app, &eve, message).await,
                remove_with(app, &eve, message, &SECRET).await,
            ] {
                assert_eq!(refused.problem(404), "message_not_found");
            }
        }
        assert_eq!(
            remove(app, &ada, &unknown).await.problem(404),
            "message_not_found"
        );

        // An owner who left the channel reads it no more, so it looks foreign.
        delete(app, &ada, &format!("/channels/{channel}/leave"))
            .await
            .ok();
        assert_eq!(
            remove(app, &ada, &sent).await.problem(404),
            "message_not_found"
        );
        post(app, &ada, &format!("/channels/{channel}/join"), &json!({}))
            .await
            .ok();
        remove(app, &ada, &sent).await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_direct_message_has_no_administrators() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let open = json!({"target_user_id": bob.id, "encrypted_meta": META});
        let channel = id(&post(app, &ada, "/dm", &open).await.ok());
        let sent = send(app, &bob, &channel, "one").await;
        // The roles of the two elsewhere change nothing.
        server(app, &ada).await;
        for by in [&ada, &bob] {
            let refused = remove(app, by, &sent).await;
            assert_eq!(refused.problem(403), "wrong_message_secret");
        }
        // A message without a secret stays.
        let path = format!("/channels/{channel}/messages");
        let plain = post(app, &bob, &path, &body("two")).await.ok();
        let refused = remove_with(app, &bob, &plain, &SECRET).await;
        assert_eq!(refused.problem(403), "wrong_message_secret");
        remove_with(app, &ada, &sent, &SECRET).await.ok();
        assert_eq!(history(app, &bob, &channel).await, ["two"]);
    })
    .await;
}

#[tokio::test]
async fn an_expired_message_is_unknown_to_an_owner() {
    case(async |app| {
        let ada = app.relay_member().await;
        let server = server(app, &ada).await;
        let channel = first_channel(app, &ada, &server).await;
        let first = send(app, &ada, &channel, "one").await;
        let now = first["timestamp"].as_str().expect("a time");
        let now = chrono::DateTime::parse_from_rfc3339(now).expect("a time");
        let soon = (now + chrono::Duration::seconds(2)).to_rfc3339();
        let path = format!("/channels/{channel}/messages");
        let short = with("two", &json!({"expires_at": soon}));
        let short = post(app, &ada, &path, &short).await.ok();
        if on_workerd() {
            tokio::time::sleep(Duration::from_millis(2200)).await;
        } else {
            app.age(Duration::from_secs(3)).await;
        }
        let refused = remove(app, &ada, &short).await;
        assert_eq!(refused.problem(404), "message_not_found");
        // The right costs the database one round trip more than the authentication of the caller.
        let path = format!("/messages/{}", id(&first));
        let attempt = call(app, &ada, Method::DELETE, &path);
        let (answer, spent) = app.cost(attempt).await;
        answer.ok();
        assert_eq!(spent.batches, 2);
    })
    .await;
}
