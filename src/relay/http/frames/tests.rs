//! The frames of both sides against the wire, and the properties of every text.

mod properties;
mod reading;
mod writing;

use serde_json::{Value, json};

use crate::kernel::model::base64::encode_standard;
use crate::kernel::model::ids::UserId;
use crate::relay::model::ids::{ChannelId, ConnectionId};

const CHANNEL: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const OTHER: &str = "0d9c2f5a-7c35-4b1e-8f0a-3a5d6a2b1c4d";

fn channel() -> ChannelId {
    ChannelId::parse(CHANNEL).expect("an id")
}

fn connection() -> ConnectionId {
    ConnectionId::parse(OTHER).expect("an id")
}

fn account() -> UserId {
    UserId::parse(OTHER).expect("an id")
}

fn frame(kind: &str, payload: &Value) -> String {
    json!({ "type": kind, "payload": payload }).to_string()
}

/// A payload of `SendMessage` with every field.
fn full_message() -> Value {
    json!({
        "channel_id": CHANNEL,
        "sender_token": encode_standard([1]),
        "encrypted_body": encode_standard([2; 3]),
        "expires_at": "2026-12-01T12:00:00Z",
        "attachment_ids": [OTHER],
        "has_attachments": false,
        "client_id": encode_standard([3; 16]),
        "edit_key_hash": encode_standard([4; 32]),
        "ref": "r-1",
    })
}

/// Frames of the server are unknown types for `read`, so it ignores them.
#[test]
fn the_reference_has_an_example_of_each_frame() {
    let page = include_str!("../../../../docs/reference/relay-frames.md");
    let examples = page.lines().filter(|line| line.starts_with(r#"{"type""#));
    let outcomes = examples.map(|line| super::read::read(line).expect(line).is_some());
    let (sent, received): (Vec<bool>, Vec<bool>) = outcomes.partition(|is_sent| *is_sent);
    assert_eq!((sent.len(), received.len()), (7, 16));
}
