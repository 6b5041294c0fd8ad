//! What ends a socket or a subscription: removals, the end of sessions, and clients that misbehave.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::sockets::channel_of_two;
use crate::harness::relay::{RelayMember, b64};
use crate::harness::socket::Socket;
use crate::harness::{PASSWORD, TestApp, case};

/// How long a frame that must not come is waited for.
const MOMENT: Duration = Duration::from_millis(300);

async fn send(app: &TestApp, by: &RelayMember, channel: &str, number: u8) {
    let body = json!({"sender_token": b64([1; 8]), "encrypted_body": b64([number])});
    let path = format!("/api/v1/channels/{channel}/messages");
    app.post(&path, &body).bearer(&by.access).send().await.ok();
}

#[tokio::test]
async fn a_removed_member_gets_nothing_after_the_answer() {
    case(async |app| {
        let (owner, member, channel, server) = channel_of_two(app).await;
        let (mut here, mut there) = (app.socket(&owner).await, app.socket(&member).await);
        here.subscribe(&channel).await;
        there.subscribe(&channel).await;
        let path = format!("/api/v1/servers/{server}/members/{}", member.id);
        app.delete(&path).bearer(&owner.access).send().await.ok();
        send(app, &owner, &channel, 1).await;
        for socket in [&mut here, &mut there] {
            let removed = socket.expect("MemberRemoved").await;
            assert_eq!(
                removed,
                json!({"channel_id": channel, "user_id": member.id})
            );
        }
        assert_eq!(here.expect("NewMessage").await["seq"], 1);
        there.expect_silence(MOMENT).await;
        there
            .send("Subscribe", json!({"channel_id": channel}))
            .await;
        assert_eq!(there.expect("Error").await["code"], "channel_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_channel_ends_its_subscriptions() {
    case(async |app| {
        let (owner, member, channel, server) = channel_of_two(app).await;
        let mut there = app.socket(&member).await;
        there.subscribe(&channel).await;
        let path = format!("/api/v1/servers/{server}");
        app.delete(&path).bearer(&owner.access).send().await.ok();
        there.expect_nothing().await;
        there.say(&channel, 1).await;
        assert_eq!(there.expect("Error").await["code"], "channel_not_found");
    })
    .await;
}

async fn is_ended(mut socket: Socket, why: &str) {
    let (frames, code) = socket.until_closed().await;
    assert_eq!((frames.len(), code), (0, 1008), "{why}: {frames:?}");
}

#[tokio::test]
async fn the_end_of_a_session_closes_its_sockets_and_no_others() {
    case(async |app| {
        let member = app.relay_member().await;
        let login = json!({"username": member.username, "password": PASSWORD});
        let sign_in = async || {
            let signed_in = app.post("/api/v1/auth/login", &login).send().await.ok();
            RelayMember {
                access: signed_in["access_token"].as_str().expect("one").to_owned(),
                ..member.clone()
            }
        };
        let (first, second) = (sign_in().await, sign_in().await);
        let (one, other) = (app.socket(&first).await, app.socket(&second).await);
        let mut foreign = app.socket(&app.relay_member().await).await;
        // The relay's logout ends every session of the account.
        let logout = app.post("/api/v1/auth/logout", &json!({}));
        logout.bearer(&first.access).send().await.ok();
        is_ended(one, "logout").await;
        is_ended(other, "logout of another session").await;
        let bearer = format!("Bearer {}", first.access);
        let headers = [("authorization", bearer.as_str())];
        let again = app.handshake("/api/v1/ws", &headers).await;
        assert_eq!(again.err().expect("refused").status(), 401);
        let third = sign_in().await;
        let last = app.socket(&third).await;
        let body = json!({"password": PASSWORD});
        let path = "/api/v1/auth/delete-account";
        app.post(path, &body)
            .bearer(&third.access)
            .send()
            .await
            .ok();
        is_ended(last, "deletion").await;
        foreign.expect_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_closes_the_sockets_of_other_sessions() {
    case(async |app| {
        let member = app.relay_member().await;
        let login = json!({"username": member.username, "password": PASSWORD});
        let signed_in = app.post("/api/v1/auth/login", &login).send().await.ok();
        let here = RelayMember {
            access: signed_in["access_token"].as_str().expect("one").to_owned(),
            ..member.clone()
        };
        let (old, mut own) = (app.socket(&member).await, app.socket(&here).await);
        let new = "another sea shanty 77";
        app.secret(new);
        let body = json!({"current_password": PASSWORD, "new_password": new});
        let changed = app
            .request(http::Method::PUT, "/api/v1/auth/password")
            .json(&body);
        changed.bearer(&here.access).send().await.ok();
        is_ended(old, "password").await;
        own.expect_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn binary_and_large_frames_close_the_socket() {
    case(async |app| {
        let member = app.relay_member().await;
        let mut socket = app.socket(&member).await;
        socket.send_message(Message::binary(vec![1])).await;
        assert_eq!(socket.until_closed().await.1, 1003);
        let mut socket = app.socket(&member).await;
        socket.send_text(&"x".repeat(100_000)).await;
        assert_eq!(socket.until_closed().await.1, 1009);
    })
    .await;
}

#[tokio::test]
async fn a_direct_message_needs_no_subscription() {
    case(async |app| {
        let (one, other) = (app.relay_member().await, app.relay_member().await);
        let (mut here, mut there) = (app.socket(&one).await, app.socket(&other).await);
        let mut stranger = app.socket(&app.relay_member().await).await;
        let body = json!({"target_user_id": other.id, "encrypted_meta": b64([1])});
        let dm = app
            .post("/api/v1/dm", &body)
            .bearer(&one.access)
            .send()
            .await
            .ok();
        let dm = dm["id"].as_str().expect("an id").to_owned();
        here.say(&dm, 1).await;
        here.expect("MessageAck").await;
        for socket in [&mut here, &mut there] {
            assert_eq!(
                socket.expect("NewMessage").await["encrypted_body"],
                b64([1])
            );
        }
        send(app, &other, &dm, 2).await;
        for socket in [&mut here, &mut there] {
            assert_eq!(
                socket.expect("NewMessage").await["encrypted_body"],
                b64([2])
            );
            socket.expect_nothing().await;
        }
        stranger.expect_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn the_others_see_that_a_member_types_and_no_name() {
    case(async |app| {
        let (one, other, channel, _) = channel_of_two(app).await;
        let (mut here, mut there) = (app.socket(&one).await, app.socket(&other).await);
        here.subscribe(&channel).await;
        there.subscribe(&channel).await;
        for _ in 0..3 {
            here.send("Typing", json!({"channel_id": channel})).await;
        }
        let typing = there.expect("UserTyping").await;
        assert_eq!(typing["channel_id"], channel);
        let token = typing["ephemeral_token"].as_str().expect("a token");
        assert!(token.len() < 30 && !token.contains(&one.id), "{token}");
        there.expect_silence(MOMENT).await;
        here.expect_nothing().await;
        let mut stranger = app.socket(&app.relay_member().await).await;
        stranger
            .send("Typing", json!({"channel_id": channel}))
            .await;
        there.expect_silence(MOMENT).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_connection_goes_on_after_a_cut() {
    case(async |app| {
        let (one, other, channel, _) = channel_of_two(app).await;
        let mut there = app.socket(&other).await;
        there.subscribe(&channel).await;
        send(app, &one, &channel, 1).await;
        assert_eq!(there.expect("NewMessage").await["seq"], 1);
        let earlier = there.hello["session_id"].clone();
        there.cut();
        tokio::time::sleep(MOMENT).await;
        send(app, &one, &channel, 2).await;
        let mut again = app.socket(&other).await;
        again.send("Resume", json!({"session_id": earlier})).await;
        let mut seen = Vec::new();
        loop {
            let frame = again.next().await;
            if frame["type"] == "Resumed" {
                let count = frame["payload"]["replayed_count"].as_u64();
                assert_eq!(count, u64::try_from(seen.len()).ok());
                break;
            }
            assert_eq!(frame["type"], "NewMessage", "{frame}");
            seen.push(frame["payload"]["seq"].as_i64());
        }
        assert_eq!(seen.last(), Some(&Some(2)), "{seen:?}");
        again.send("Resume", json!({"session_id": "x"})).await;
        again.expect("InvalidSession").await;
        // An end by a handshake is the end.
        again.close().await;
        let mut fresh = app.socket(&other).await;
        fresh.expect_nothing().await;
    })
    .await;
}
