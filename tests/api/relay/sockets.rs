//! Connecting, subscribing and sending over a WebSocket.

use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::relay::{RelayMember, b64};
use crate::harness::{TestApp, case, case_with};

async fn channel(app: &TestApp) -> (RelayMember, RelayMember, String) {
    let (one, other, channel, _) = channel_of_two(app).await;
    (one, other, channel)
}

/// Makes a server with a channel and two members. Returns the channel and the server.
pub async fn channel_of_two(app: &TestApp) -> (RelayMember, RelayMember, String, String) {
    let (one, other) = (app.relay_member().await, app.relay_member().await);
    let body = json!({"encrypted_meta": b64([1])});
    let server = app
        .post("/api/v1/servers", &body)
        .bearer(&one.access)
        .send()
        .await
        .ok();
    let server = server["id"].as_str().expect("an id").to_owned();
    let channels = app
        .get(&format!("/api/v1/servers/{server}/channels"))
        .bearer(&one.access)
        .send()
        .await
        .ok();
    let channel = channels[0]["id"].as_str().expect("a channel").to_owned();
    let invite = app
        .post(&format!("/api/v1/servers/{server}/invites"), &json!({}))
        .bearer(&one.access)
        .send()
        .await
        .ok();
    let code = invite["code"].as_str().expect("a code");
    app.post(&format!("/api/v1/invites/{code}/join"), &json!({}))
        .bearer(&other.access)
        .send()
        .await
        .ok();
    (one, other, channel, server)
}

#[tokio::test]
async fn hello_is_the_first_frame() {
    case(async |app| {
        let member = app.relay_member_with(3).await;
        let mut socket = app.socket(&member).await;
        assert_eq!(socket.hello["prekeys_left"], 3);
        assert_eq!(socket.hello["heartbeat_interval_ms"], 30_000);
        assert_eq!(socket.hello["session_id"].as_str().map(str::len), Some(36));
        socket.expect_nothing().await;
        socket.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_message_is_acknowledged_before_its_echo_and_reaches_the_other() {
    case(async |app| {
        let (one, other, channel) = channel(app).await;
        let (mut here, mut there) = (app.socket(&one).await, app.socket(&other).await);
        assert_eq!(here.subscribe(&channel).await, 0);
        assert_eq!(there.subscribe(&channel).await, 0);
        for number in 1..=3_u8 {
            here.say(&channel, number).await;
        }
        let mut heard = Vec::new();
        for _ in 0..6 {
            let frame = here.next().await;
            let (kind, payload) = (frame["type"].as_str(), &frame["payload"]);
            if kind == Some("MessageAck") {
                assert_eq!(payload["ref"], payload["seq"].to_string());
            } else {
                assert_eq!(kind, Some("NewMessage"));
            }
            heard.push((payload["seq"].as_i64(), kind == Some("NewMessage")));
        }
        for is_message in [false, true] {
            let of_kind = heard.iter().filter(|(_, kind)| *kind == is_message);
            let numbers: Vec<_> = of_kind.map(|(seq, _)| *seq).collect();
            assert_eq!(numbers, [Some(1), Some(2), Some(3)], "{heard:?}");
        }
        for number in 1..=3 {
            let place = |entry| heard.iter().position(|one| *one == entry);
            assert!(
                place((Some(number), false)) < place((Some(number), true)),
                "{heard:?}"
            );
        }
        for number in 1..=3_u8 {
            let message = there.expect("NewMessage").await;
            assert_eq!(message["seq"], number);
            assert_eq!(message["channel_id"], channel);
            assert_eq!(message["encrypted_body"], b64([number]));
        }
        for socket in [&mut here, &mut there] {
            socket.expect_nothing().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_missed_comes_before_subscribed() {
    case(async |app| {
        let (one, other, channel) = channel(app).await;
        let mut here = app.socket(&one).await;
        here.subscribe(&channel).await;
        for number in 1..=3_u8 {
            here.say(&channel, number).await;
            here.expect("MessageAck").await;
            here.expect("NewMessage").await;
        }
        let mut there = app.socket(&other).await;
        there
            .send("Subscribe", json!({"channel_id": channel, "since": 1}))
            .await;
        for number in 2..=3 {
            assert_eq!(there.expect("NewMessage").await["seq"], number);
        }
        assert_eq!(there.expect("Subscribed").await["head"], 3);
        there.expect_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn messages_by_request_and_by_socket_have_one_order() {
    case(async |app| {
        let (one, other, channel) = channel(app).await;
        let mut there = app.socket(&other).await;
        there.subscribe(&channel).await;
        let secret = [9_u8; 32];
        let hash = <sha2::Sha256 as sha2::Digest>::digest(secret);
        let path = format!("/api/v1/channels/{channel}/messages");
        let body = json!({
            "sender_token": b64([1; 8]),
            "encrypted_body": b64([1]),
            "edit_key_hash": b64(hash),
        });
        let sent = app.post(&path, &body).bearer(&one.access).send().await.ok();
        let id = sent["id"].as_str().expect("an id");
        let message = there.expect("NewMessage").await;
        assert_eq!(message, sent);
        let edit = json!({"encrypted_body": b64([2]), "secret": b64(secret)});
        let path = format!("/api/v1/messages/{id}");
        let edited = app
            .request(http::Method::PATCH, &path)
            .json(&edit)
            .bearer(&one.access);
        edited.send().await.ok();
        let edited = there.expect("MessageEdited").await;
        assert_eq!(
            (&edited["message_id"], &edited["seq"]),
            (&json!(id), &json!(2))
        );
        assert_eq!(edited["encrypted_body"], b64([2]));
        let body = json!({"secret": b64(secret)});
        app.delete(&path)
            .json(&body)
            .bearer(&one.access)
            .send()
            .await
            .ok();
        let deleted = there.expect("MessageDeleted").await;
        assert_eq!(
            deleted,
            json!({"message_id": id, "channel_id": channel, "seq": 3})
        );
        there.expect_nothing().await;
    })
    .await;
}

#[tokio::test]
async fn every_proof_opens_a_socket_and_every_other_is_refused_before_the_upgrade() {
    case(async |app| {
        let member = app.relay_member().await;
        let ticket = app
            .post("/api/v1/ws/ticket", &json!({}))
            .bearer(&member.access);
        let ticket = ticket.send().await.ok();
        assert_eq!(ticket["expires_in"], 30);
        let ticket = format!(
            "/api/v1/ws?ticket={}",
            ticket["ticket"].as_str().expect("one")
        );
        let query = format!("/api/v1/ws?token={}", member.access);
        let bearer = format!("Bearer {}", member.access);
        let protocol = format!("haven, bearer.{}", member.access);
        let plain = "/api/v1/ws";
        let good: [(&str, &[(&str, &str)]); 4] = [
            (&ticket, &[]),
            (plain, &[("authorization", &bearer)]),
            (plain, &[("sec-websocket-protocol", &protocol)]),
            (&query, &[]),
        ];
        for (path, headers) in good {
            let opened = app.handshake(path, headers).await.expect("opened");
            let protocol = opened.headers.get("sec-websocket-protocol");
            let offered = headers
                .iter()
                .any(|(name, _)| *name == "sec-websocket-protocol");
            assert_eq!(protocol.is_some_and(|value| value == "haven"), offered);
            opened.close().await;
        }
        let bad: [(&str, &[(&str, &str)]); 7] = [
            (plain, &[]),
            (&ticket, &[]),
            ("/api/v1/ws?ticket=", &[]),
            ("/api/v1/ws?token=x.y.z", &[]),
            (plain, &[("authorization", "Bearer x.y.z")]),
            (plain, &[("sec-websocket-protocol", "haven, bearer.x")]),
            (plain, &[("sec-websocket-protocol", "haven")]),
        ];
        for (path, headers) in bad {
            let refused = app.handshake(path, headers).await;
            let answer = refused
                .err()
                .unwrap_or_else(|| panic!("{path} {headers:?}"));
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{path} {headers:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_without_a_handshake_gets_426() {
    case(async |app| {
        let member = app.relay_member().await;
        let answer = app.get("/api/v1/ws").bearer(&member.access).send().await;
        assert_eq!(answer.problem(426), "upgrade_required");
    })
    .await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused() {
    let vars = [("ALLOWED_ORIGINS", "https://app.hamrah.app")];
    case_with(&vars, async |app| {
        let member = app.relay_member().await;
        let path = format!("/api/v1/ws?token={}", member.access);
        for (origin, is_listed) in [
            ("https://app.hamrah.app", true),
            ("https://evil.example", false),
            ("null", false),
        ] {
            let opened = app.handshake(&path, &[("origin", origin)]).await;
            assert_eq!(opened.is_ok(), is_listed, "{origin}");
            if let Err(answer) = opened {
                assert_eq!(answer.status, StatusCode::FORBIDDEN);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_account_has_at_most_so_many_sockets() {
    case_with(&[("RELAY_MAX_SOCKETS", "2")], async |app| {
        let (member, other) = (app.relay_member().await, app.relay_member().await);
        let first = app.socket(&member).await;
        let _second = app.socket(&member).await;
        let bearer = format!("Bearer {}", member.access);
        let headers = [("authorization", bearer.as_str())];
        let refused = app
            .handshake("/api/v1/ws", &headers)
            .await
            .err()
            .expect("refused");
        assert_eq!(refused.status(), 429);
        let form = refused.header("content-type");
        assert_eq!(form, Some("application/problem+json"));
        let _other = app.socket(&other).await;
        first.close().await;
        let _third = app.socket(&member).await;
    })
    .await;
}

#[tokio::test]
async fn a_stranger_gets_an_error_and_the_socket_stays_open() {
    case(async |app| {
        let (_, _, channel) = channel(app).await;
        let mut stranger = app.socket(&app.relay_member().await).await;
        for id in [channel.as_str(), "67e55044-10b1-426f-9247-bb680e5fe0c8"] {
            stranger.send("Subscribe", json!({"channel_id": id})).await;
            let error = stranger.expect("Error").await;
            assert_eq!(error["code"], "channel_not_found");
            stranger.say(id, 1).await;
            let error = stranger.expect("Error").await;
            assert_eq!(error["code"], "channel_not_found");
            assert_eq!(error["ref"], "1");
        }
        stranger.send("Nonsense", json!({})).await;
        stranger.send_text("{").await;
        let error: Value = stranger.expect("Error").await;
        assert_eq!(error["code"], "invalid_frame");
        stranger.expect_nothing().await;
    })
    .await;
}
