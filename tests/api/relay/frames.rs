//! Messages of sockets get their ids and their expiry as those of requests do.

use std::collections::HashMap;

use hamrah_api::kernel::model::ids::UserId;
use hamrah_api::relay::domain::Ports;
use hamrah_api::relay::domain::live::frames::{ClientFrame, SendFrame};
use hamrah_api::relay::http::frames::read::read;
use hamrah_api::relay::model::ids::ChannelId;
use serde_json::{Value, json};

use crate::harness::Native;
use crate::harness::relay::b64;

/// The longest life of a message, in milliseconds.
const LONGEST: i64 = 3_600_000;

fn channel() -> ChannelId {
    ChannelId::from_random([5; 16])
}

/// Returns a message of a socket, as a hub gets it.
fn message(ports: &Ports, fields: &Value) -> SendFrame {
    let mut payload = json!({
        "channel_id": channel(),
        "sender_token": b64([1]),
        "encrypted_body": b64("sealed"),
    });
    for (name, value) in fields.as_object().expect("an object") {
        payload[name] = value.clone();
    }
    let text = json!({"type": "SendMessage", "payload": payload}).to_string();
    let read = read(&text).expect("a frame").expect("a known type");
    let account = UserId::from_random([6; 16]);
    match read.into_client_frame(ports, account).expect("entropy") {
        ClientFrame::Send(send) => send,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_of_a_socket_has_the_id_and_the_expiry_of_a_request() {
    let life = ("RELAY_MESSAGE_TTL_SECONDS".to_owned(), "3600".to_owned());
    let (native, _) = Native::start(HashMap::from([life]), false).await;
    let ports = &native.ports().relay;
    let longest = ports.clock.now().millis() + LONGEST;

    let named = message(ports, &json!({"client_id": b64([4; 16]), "ref": "r-1"}));
    assert_eq!(named.channel, channel());
    assert_eq!(named.message.id, channel().message(&[4; 16]).to_string());
    assert_eq!(named.message.expires_at, Some(longest));
    assert_eq!(named.message.body.0, b"sealed");
    assert_eq!(named.label.client_id, Some(b64([4; 16])));
    assert_eq!(named.label.reference.as_deref(), Some("r-1"));

    // Without a name, each message has an id of its own.
    let one = message(ports, &json!({}));
    let other = message(ports, &json!({}));
    assert_ne!(one.message.id, other.message.id);
    assert_eq!(one.label, other.label);

    // The earlier time counts.
    let early = message(ports, &json!({"expires_at": "2000-01-01T00:00:00Z"}));
    assert_eq!(early.message.expires_at, Some(946_684_800_000));
    let late = message(ports, &json!({"expires_at": "9999-01-01T00:00:00Z"}));
    assert_eq!(late.message.expires_at, Some(longest));
}

#[tokio::test]
async fn without_the_setting_a_message_of_a_socket_is_kept() {
    let (native, _) = Native::start(HashMap::new(), false).await;
    let kept = message(&native.ports().relay, &json!({}));
    assert_eq!(kept.message.expires_at, None);
}
