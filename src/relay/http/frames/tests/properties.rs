//! The properties of every text and of every frame.

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{frame, full_message};
use crate::kernel::model::base64::encode_standard;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::frames::{ClientFrame, SendLabel, ServerFrame};
use crate::relay::domain::messages::{MessageDraft, MessageName};
use crate::relay::http::frames::read::{DraftFrame, ReadFrame, read};
use crate::relay::http::frames::write::{write, write_refusal};
use crate::relay::model::channel::{ChannelEntry, ChannelMessage, Placed, SealedBytes};
use crate::relay::model::ids::{ChannelId, ConnectionId};
use crate::relay::model::micros::Micros;

const MOST_SEQ: i64 = 9_007_199_254_740_991;
const KINDS: [&str; 8] = [
    "SendMessage",
    "Subscribe",
    "Unsubscribe",
    "Typing",
    "Ack",
    "Resume",
    "Ping",
    "Other",
];

fn channels() -> impl Strategy<Value = ChannelId> {
    any::<[u8; 16]>().prop_map(ChannelId::from_random)
}

fn bytes(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length)
}

prop_compose! {
    fn drafts()(
        channel in channels(),
        client_id in of(bytes(16)),
        sender_token in bytes(1..=64),
        body in bytes(1..300),
        expires_at in of(0..=253_402_300_799_999_i64),
        has_attachments in any::<bool>(),
        edit_key_hash in of(bytes(32)),
        reference in of("[!-~]{1,128}"),
    ) -> ReadFrame {
        let text = client_id.as_ref().map(encode_standard);
        ReadFrame::Send(Box::new(DraftFrame {
            channel,
            draft: MessageDraft {
                name: client_id.map_or(MessageName::None, MessageName::ClientId),
                sender_token,
                body,
                expires_at,
                has_attachments,
                edit_key_hash,
            },
            label: SendLabel { client_id: text, reference },
        }))
    }
}

fn frames() -> impl Strategy<Value = ReadFrame> {
    let others = prop_oneof![
        (channels(), of(0..=MOST_SEQ))
            .prop_map(|(channel, since)| ClientFrame::Subscribe { channel, since }),
        channels().prop_map(|channel| ClientFrame::Unsubscribe { channel }),
        channels().prop_map(|channel| ClientFrame::Typing { channel }),
        (channels(), 0..=MOST_SEQ).prop_map(|(channel, seq)| ClientFrame::Ack { channel, seq }),
        any::<[u8; 16]>().prop_map(|bytes| ClientFrame::Resume {
            connection: Some(ConnectionId::from_random(bytes)),
        }),
        Just(ClientFrame::Ping),
    ];
    prop_oneof![drafts(), others.prop_map(ReadFrame::Ready)]
}

/// Writes a frame as a client does.
fn written(read: &ReadFrame) -> String {
    let (kind, payload) = match read {
        ReadFrame::Send(send) => {
            let draft = &send.draft;
            let time = draft.expires_at.map(Timestamp::from_millis);
            let payload = json!({
                "channel_id": send.channel,
                "sender_token": encode_standard(&draft.sender_token),
                "encrypted_body": encode_standard(&draft.body),
                "expires_at": time.map(|time| Micros::from(time).to_string()),
                "has_attachments": draft.has_attachments,
                "client_id": send.label.client_id,
                "edit_key_hash": draft.edit_key_hash.as_ref().map(encode_standard),
                "ref": send.label.reference,
            });
            ("SendMessage", payload)
        }
        ReadFrame::Ready(ClientFrame::Subscribe { channel, since }) => (
            "Subscribe",
            json!({ "channel_id": channel, "since": since }),
        ),
        ReadFrame::Ready(ClientFrame::Unsubscribe { channel }) => {
            ("Unsubscribe", json!({ "channel_id": channel }))
        }
        ReadFrame::Ready(ClientFrame::Typing { channel }) => {
            ("Typing", json!({ "channel_id": channel }))
        }
        ReadFrame::Ready(ClientFrame::Ack { channel, seq }) => {
            ("Ack", json!({ "channel_id": channel, "seq": seq }))
        }
        ReadFrame::Ready(ClientFrame::Resume { connection }) => {
            ("Resume", json!({ "session_id": connection }))
        }
        ReadFrame::Ready(ClientFrame::Ping) => ("Ping", Value::Null),
        ReadFrame::Ready(ClientFrame::Send(_)) => unreachable!("not made by frames()"),
    };
    frame(kind, &payload)
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Reads a text, and checks that a refusal can be written.
fn is_read_or_refused(text: &str) -> Result<(), TestCaseError> {
    if let Err(bad) = read(text) {
        let error: Value = serde_json::from_str(&write_refusal(&bad)).expect("JSON");
        prop_assert_eq!(&error["type"], "Error");
        prop_assert_eq!(&error["payload"]["code"], "invalid_frame");
        prop_assert_eq!(&error["payload"]["message"], bad.detail.as_str());
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_text_is_read_or_refused(text in any::<String>(), at in any::<prop::sample::Index>()) {
        is_read_or_refused(&text)?;
        // A frame with the text at any place in it.
        let mut frame = frame("SendMessage", &full_message());
        frame.insert_str(at.index(frame.len()), &text);
        is_read_or_refused(&frame)?;
    }

    #[test]
    fn every_json_is_read_or_refused(value in values(), kind in prop::sample::select(&KINDS[..])) {
        is_read_or_refused(&value.to_string())?;
        is_read_or_refused(&frame(kind, &value))?;
    }

    #[test]
    fn every_value_of_a_field_is_read_or_names_it(
        value in values(),
        field in prop::sample::select(&[
            "channel_id", "sender_token", "encrypted_body", "expires_at", "attachment_ids",
            "has_attachments", "client_id", "edit_key_hash", "ref",
        ][..]),
    ) {
        let mut payload = full_message();
        payload[field] = value;
        if let Err(bad) = read(&frame("SendMessage", &payload)) {
            prop_assert!(bad.detail.starts_with(field), "{}", bad.detail);
        }
    }

    #[test]
    fn a_frame_is_read_as_it_was_written(frame in frames()) {
        let text = written(&frame);
        prop_assert_eq!(read(&text), Ok(Some(frame)), "{}", text);
    }

    #[test]
    fn a_repeated_field_is_named(frame in frames(), at in any::<prop::sample::Index>()) {
        let text = written(&frame);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let Some(payload) = value["payload"].as_object() else { return Ok(()) };
        let name = at.get(&payload.keys().collect::<Vec<_>>()).as_str();
        let twice = text.replacen(r#""payload":{"#, &format!(r#""payload":{{"{name}":0,"#), 1);
        let bad = read(&twice).expect_err("a field twice");
        prop_assert_eq!(bad.detail, format!("{name} must not be there twice."));
    }

    #[test]
    fn texts_of_a_frame_are_escaped(
        id in any::<String>(),
        client_id in of(any::<String>()),
        reference in of(any::<String>()),
        body in bytes(0..100),
        channel in channels(),
        seq in any::<i64>(),
    ) {
        let ack = write(&ServerFrame::MessageAck {
            message_id: id.clone(),
            seq,
            label: SendLabel { client_id: client_id.clone(), reference: reference.clone() },
        });
        let ack: Value = serde_json::from_str(&ack).expect("JSON");
        prop_assert_eq!(&ack["payload"]["message_id"], id.as_str());
        prop_assert_eq!(ack["payload"]["client_id"].as_str(), client_id.as_deref());
        prop_assert_eq!(ack["payload"]["ref"].as_str(), reference.as_deref());
        prop_assert_eq!(&ack["payload"]["seq"], seq);

        let message = ChannelMessage {
            id,
            placed: Placed { seq, at: Micros(seq) },
            sender_token: SealedBytes(body.clone()),
            body: SealedBytes(body.clone()),
            expires_at: Some(seq),
            has_attachments: false,
            edited: true,
        };
        let entry = ChannelEntry::Edited { seq, message };
        let edited = write(&ServerFrame::Entry { channel, entry });
        let edited: Value = serde_json::from_str(&edited).expect("JSON");
        let (flat, nested) = (&edited["payload"], &edited["payload"]["message"]);
        prop_assert_eq!(&edited["type"], "MessageEdited");
        prop_assert_eq!(nested["encrypted_body"].as_str(), Some(&*encode_standard(&body)));
        prop_assert_eq!(&flat["message_id"], &nested["id"]);
        let same = ["encrypted_body", "sender_token", "timestamp", "expires_at", "channel_id"];
        for name in same {
            prop_assert!(flat[name].is_string());
            prop_assert_eq!(&flat[name], &nested[name]);
        }
    }
}
