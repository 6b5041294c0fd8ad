//! The frames of the server, row by row.

use serde_json::{Value, json};

use super::{CHANNEL, OTHER, account, channel, connection};
use crate::kernel::model::base64::encode_standard;
use crate::relay::domain::live::frames::{FrameError, Notice, SendLabel, ServerFrame};
use crate::relay::http::frames::read::BadFrame;
use crate::relay::http::frames::write::{write, write_refusal};
use crate::relay::model::channel::{
    ChannelEntry, ChannelMessage, Gap, GapReason, Placed, SealedBytes,
};
use crate::relay::model::micros::Micros;

const MESSAGE: &str = "67e55044-10b1-4d22-8f00-000000000001";

fn message(edited: bool) -> ChannelMessage {
    ChannelMessage {
        id: MESSAGE.to_owned(),
        placed: Placed {
            seq: 4,
            at: Micros(1_796_126_400_000_001),
        },
        sender_token: SealedBytes(vec![255]),
        body: SealedBytes(vec![0, 1, 2, 3]),
        expires_at: edited.then_some(1_796_126_500_000),
        has_attachments: edited,
        edited,
    }
}

fn entry(entry: ChannelEntry) -> ServerFrame {
    let channel = channel();
    ServerFrame::Entry { channel, entry }
}

fn error(code: FrameError, reference: Option<&str>) -> ServerFrame {
    let reference = reference.map(str::to_owned);
    ServerFrame::Error { code, reference }
}

#[track_caller]
fn is_written(frame: &ServerFrame, kind: &str, payload: &Value) {
    let text = write(frame);
    let read: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(read, json!({ "type": kind, "payload": payload }), "{text}");
    assert!(
        text.starts_with(&format!(r#"{{"type":"{kind}","#)),
        "{text}"
    );
}

#[test]
fn frames_about_the_socket_are_written() {
    is_written(
        &ServerFrame::Hello {
            connection: connection(),
            prekeys_left: 20,
        },
        "Hello",
        &json!({ "session_id": OTHER, "heartbeat_interval_ms": 30_000, "prekeys_left": 20 }),
    );
    let resumed = ServerFrame::Resumed { replayed: 3 };
    is_written(&resumed, "Resumed", &json!({ "replayed_count": 3 }));
    is_written(&ServerFrame::InvalidSession, "InvalidSession", &json!({}));
    assert_eq!(write(&ServerFrame::Pong), r#"{"type":"Pong"}"#);
}

#[test]
fn an_answer_has_only_the_names_that_the_client_gave() {
    let ack = |client_id: Option<&str>, reference: Option<&str>| ServerFrame::MessageAck {
        message_id: MESSAGE.to_owned(),
        seq: 4,
        label: SendLabel {
            client_id: client_id.map(str::to_owned),
            reference: reference.map(str::to_owned),
        },
    };
    for (frame, payload) in [
        (ack(None, None), json!({ "message_id": MESSAGE, "seq": 4 })),
        (
            ack(Some("AwMD"), None),
            json!({ "message_id": MESSAGE, "client_id": "AwMD", "seq": 4 }),
        ),
        (
            ack(Some("AwMD"), Some("r\"\\1")),
            json!({ "message_id": MESSAGE, "client_id": "AwMD", "seq": 4, "ref": "r\"\\1" }),
        ),
    ] {
        is_written(&frame, "MessageAck", &payload);
    }
}

#[test]
fn entries_are_written() {
    let sealed = |edited: bool| {
        json!({
            "id": MESSAGE,
            "channel_id": CHANNEL,
            "sender_token": encode_standard([255]),
            "encrypted_body": "AAECAw==",
            "timestamp": "2026-12-01T12:00:00.000001Z",
            "expires_at": edited.then_some("2026-12-01T12:01:40.000000Z"),
            "has_attachments": edited,
            "seq": 4,
            "edited": edited,
        })
    };
    let new = entry(ChannelEntry::Message(message(false)));
    is_written(&new, "NewMessage", &sealed(false));

    let edited = entry(ChannelEntry::Edited {
        seq: 9,
        message: message(true),
    });
    let payload = json!({
        "seq": 9,
        "message_id": MESSAGE,
        "channel_id": CHANNEL,
        "encrypted_body": "AAECAw==",
        "timestamp": "2026-12-01T12:00:00.000001Z",
        "sender_token": "/w==",
        "expires_at": "2026-12-01T12:01:40.000000Z",
        "has_attachments": true,
        "message": sealed(true),
    });
    is_written(&edited, "MessageEdited", &payload);

    let removed = entry(ChannelEntry::Removed {
        seq: 10,
        message_id: MESSAGE.to_owned(),
    });
    let payload = json!({ "seq": 10, "message_id": MESSAGE, "channel_id": CHANNEL });
    is_written(&removed, "MessageDeleted", &payload);
}

#[test]
fn frames_about_a_channel_are_written() {
    let channel = channel();
    for (reason, name) in [
        (GapReason::Expired, "expired"),
        (GapReason::Removed, "removed"),
        (GapReason::Replaced, "replaced"),
    ] {
        let gap = Gap {
            from: 2,
            to: 3,
            reason,
        };
        let payload = json!({ "channel_id": CHANNEL, "from": 2, "to": 3, "reason": name });
        is_written(&ServerFrame::Gap { channel, gap }, "Gap", &payload);
    }
    for (frame, kind, payload) in [
        (
            ServerFrame::Subscribed { channel, head: 4 },
            "Subscribed",
            json!({ "channel_id": CHANNEL, "head": 4 }),
        ),
        (
            ServerFrame::Typing {
                channel,
                token: "t".to_owned(),
            },
            "UserTyping",
            json!({ "channel_id": CHANNEL, "ephemeral_token": "t" }),
        ),
        (
            ServerFrame::MemberRemoved {
                channel,
                account: account(),
            },
            "MemberRemoved",
            json!({ "channel_id": CHANNEL, "user_id": OTHER }),
        ),
    ] {
        is_written(&frame, kind, &payload);
    }
}

#[test]
fn news_about_an_account_is_written() {
    let low = Notice::PrekeysLow {
        left: 0,
        used_last_resort: true,
    };
    let changed = Notice::IdentityChanged { account: account() };
    let keys = Notice::SenderKeysUpdated { channel: channel() };
    for (notice, kind, payload) in [
        (
            low,
            "PrekeysLow",
            json!({ "left": 0, "used_last_resort": true }),
        ),
        (changed, "IdentityChanged", json!({ "user_id": OTHER })),
        (keys, "SenderKeysUpdated", json!({ "channel_id": CHANNEL })),
    ] {
        is_written(&ServerFrame::Notice(notice), kind, &payload);
    }
}

#[test]
fn errors_have_a_code_and_a_sentence() {
    for (code, name, begins) in [
        (
            FrameError::Unknown,
            "channel_not_found",
            "The channel does not exist",
        ),
        (
            FrameError::Conflict,
            "message_conflict",
            "Another message has this client_id.",
        ),
        (
            FrameError::Expired,
            "invalid_request_body",
            "expires_at must be in the future.",
        ),
        (
            FrameError::Unavailable,
            "unavailable",
            "The message may be stored.",
        ),
        (
            FrameError::Busy,
            "busy",
            "Too many messages wait for the channel.",
        ),
        (
            FrameError::TooManyFrames,
            "too_many_attempts",
            "Too many attempts.",
        ),
    ] {
        for reference in [None, Some("r-1")] {
            let text = write(&error(code, reference));
            let mut read: Value = serde_json::from_str(&text).expect("JSON");
            let payload = read["payload"].as_object_mut().expect("a payload");
            let sentence = payload.remove("message").expect("a sentence");
            let sentence = sentence.as_str().expect("a text");
            assert!(sentence.starts_with(begins), "{sentence}");
            let mut expected = json!({ "code": name });
            if let Some(reference) = reference {
                expected["ref"] = json!(reference);
            }
            assert_eq!(read, json!({ "type": "Error", "payload": expected }));
        }
    }
}

#[test]
fn a_refusal_is_an_error() {
    let bad = |reference: Option<&str>| BadFrame {
        detail: "a\"b is missing.".to_owned(),
        reference: reference.map(str::to_owned),
    };
    assert_eq!(
        write_refusal(&bad(None)),
        r#"{"type":"Error","payload":{"message":"a\"b is missing.","code":"invalid_frame"}}"#
    );
    let named: Value = serde_json::from_str(&write_refusal(&bad(Some("r-1")))).expect("JSON");
    assert_eq!(named["payload"]["ref"], "r-1");
}
