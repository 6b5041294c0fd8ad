//! The frames of a client, row by row.

use serde_json::{Value, json};

use super::{CHANNEL, OTHER, channel, connection, frame, full_message};
use crate::kernel::model::base64::encode_standard;
use crate::relay::domain::live::frames::{ClientFrame, SendLabel};
use crate::relay::domain::messages::{MessageDraft, MessageName};
use crate::relay::http::frames::read::{BadFrame, DraftFrame, MOST_FRAME_BYTES, ReadFrame, read};

#[track_caller]
fn is_read(text: &str, frame: ClientFrame) {
    assert_eq!(read(text), Ok(Some(ReadFrame::Ready(frame))), "{text:.200}");
}

fn bad(text: &str) -> BadFrame {
    read(text).expect_err(text)
}

fn sent(payload: &Value) -> DraftFrame {
    let text = frame("SendMessage", payload);
    let read = read(&text);
    let Ok(Some(ReadFrame::Send(sent))) = read else {
        panic!("{text}: {read:?}");
    };
    *sent
}

#[test]
fn every_frame_of_a_client_is_read() {
    let in_channel = json!({ "channel_id": CHANNEL });
    let channel = channel();
    for (kind, payload, expected) in [
        ("Ping", Value::Null, ClientFrame::Ping),
        (
            "Subscribe",
            in_channel.clone(),
            ClientFrame::Subscribe {
                channel,
                since: None,
            },
        ),
        (
            "Subscribe",
            json!({ "channel_id": CHANNEL, "since": 0 }),
            ClientFrame::Subscribe {
                channel,
                since: Some(0),
            },
        ),
        (
            "Subscribe",
            json!({ "channel_id": CHANNEL.to_uppercase(), "since": 9_007_199_254_740_991_i64 }),
            ClientFrame::Subscribe {
                channel,
                since: Some(9_007_199_254_740_991),
            },
        ),
        (
            "Unsubscribe",
            in_channel.clone(),
            ClientFrame::Unsubscribe { channel },
        ),
        ("Typing", in_channel, ClientFrame::Typing { channel }),
        (
            "Ack",
            json!({ "channel_id": CHANNEL, "seq": 7, "unknown": {} }),
            ClientFrame::Ack { channel, seq: 7 },
        ),
        (
            "Resume",
            json!({ "session_id": OTHER }),
            ClientFrame::Resume {
                connection: Some(connection()),
            },
        ),
        (
            "Resume",
            json!({ "session_id": "no id" }),
            ClientFrame::Resume { connection: None },
        ),
    ] {
        is_read(&frame(kind, &payload), expected);
    }
    is_read(r#"{"type":"Ping"}"#, ClientFrame::Ping);
    // The order of members does not count.
    let turned = format!(r#"{{"payload":{{"channel_id":"{CHANNEL}"}},"type":"Typing"}}"#);
    is_read(&turned, ClientFrame::Typing { channel });
}

#[test]
fn a_message_is_read() {
    let expected = DraftFrame {
        channel: channel(),
        draft: MessageDraft {
            name: MessageName::ClientId(vec![3; 16]),
            sender_token: vec![1],
            body: vec![2; 3],
            expires_at: Some(1_796_126_400_000),
            has_attachments: true,
            edit_key_hash: Some(vec![4; 32]),
        },
        label: SendLabel {
            client_id: Some(encode_standard([3; 16])),
            reference: Some("r-1".to_owned()),
        },
    };
    assert_eq!(sent(&full_message()), expected);

    let least = json!({ "channel_id": CHANNEL, "sender_token": "AQ==", "encrypted_body": "AgIC" });
    let expected = DraftFrame {
        draft: MessageDraft {
            name: MessageName::None,
            expires_at: None,
            has_attachments: false,
            edit_key_hash: None,
            ..expected.draft
        },
        label: SendLabel::default(),
        ..expected
    };
    assert_eq!(sent(&least), expected);
}

#[test]
fn a_message_has_attachments_by_either_field() {
    for (ids, flag, expected) in [
        (json!([]), json!(false), false),
        (json!([OTHER]), json!(false), true),
        (json!([]), json!(true), true),
        (Value::Null, Value::Null, false),
    ] {
        let mut payload = full_message();
        payload["attachment_ids"] = ids;
        payload["has_attachments"] = flag;
        assert_eq!(sent(&payload).draft.has_attachments, expected, "{payload}");
    }
}

/// The client may write base64url without padding. The answer repeats its own spelling.
#[test]
fn a_client_id_is_repeated_as_it_was_written() {
    let mut payload = full_message();
    payload["client_id"] = json!("AwMDAwMDAwMDAwMDAwMDAw");
    let sent = sent(&payload);
    assert_eq!(
        sent.label.client_id.as_deref(),
        Some("AwMDAwMDAwMDAwMDAwMDAw")
    );
    assert_eq!(sent.draft.name, MessageName::ClientId(vec![3; 16]));
}

#[test]
fn unknown_types_are_ignored() {
    for text in [
        r#"{"type":"Dance"}"#,
        r#"{"type":"","payload":7}"#,
        r#"{"type":"ping","payload":{"a":1,"a":2}}"#,
    ] {
        assert_eq!(read(text), Ok(None), "{text}");
    }
}

#[test]
fn what_is_no_frame_is_refused() {
    let deep = "[".repeat(40_000);
    for (text, begins) in [
        ("", "The frame must be valid JSON."),
        ("{", "The frame must be valid JSON."),
        (r#"{"type":"Ping"} {}"#, "The frame must be valid JSON."),
        (deep.as_str(), "The frame must be"),
        ("null", "The frame must be a JSON object."),
        (r#"["Ping",{}]"#, "The frame must be a JSON object."),
        ("{}", "type is missing."),
        (r#"{"type":null}"#, "type is missing."),
        (r#"{"type":["Ping"]}"#, "type must be a text."),
        (r#"{"type":{"a":1}}"#, "type must be a text."),
        (
            r#"{"type":"Ping","type":"Ping"}"#,
            "type must not be there twice.",
        ),
        (
            r#"{"type":"Ack","payload":[]}"#,
            "payload must be an object.",
        ),
        (
            r#"{"type":"Ack","payload":"{}"}"#,
            "payload must be an object.",
        ),
        (
            r#"{"type":"Ack","payload":{},"payload":{}}"#,
            "payload must not be there twice.",
        ),
        (
            r#"{"type":"Ack","payload":{"seq":1,"seq":1}}"#,
            "seq must not be there twice.",
        ),
        (r#"{"type":"Ack"}"#, "channel_id is missing."),
        (r#"{"type":"Ack","payload":null}"#, "channel_id is missing."),
    ] {
        let BadFrame { detail, reference } = bad(text);
        assert!(detail.starts_with(begins), "{text:.60}: {detail}");
        assert_eq!(reference, None);
    }
    let name = "n".repeat(9_000);
    let long = bad(&format!(r#"{{"{name}":1,"{name}":2}}"#));
    assert!(long.detail.len() < 100, "{}", long.detail);
}

#[test]
fn a_frame_has_a_largest_size() {
    let padded = |bytes: usize| {
        let frame = r#"{"type":"Ping"}"#;
        format!("{frame}{}", " ".repeat(bytes - frame.len()))
    };
    is_read(&padded(MOST_FRAME_BYTES), ClientFrame::Ping);
    assert!(
        bad(&padded(MOST_FRAME_BYTES + 1))
            .detail
            .contains("91477 bytes")
    );
    let mut largest = full_message();
    largest["sender_token"] = json!(encode_standard([0; 64]));
    largest["encrypted_body"] = json!(encode_standard(vec![0; 64 * 1024]));
    largest["ref"] = json!("r".repeat(128));
    assert_eq!(sent(&largest).draft.body.len(), 64 * 1024);
}

/// Each wrong value of each field. The error begins with the name of the field.
#[test]
fn a_broken_field_is_named() {
    let number = || {
        vec![
            json!(-1),
            json!(1.5),
            json!("1"),
            json!(9_007_199_254_740_992_i64),
        ]
    };
    let id = || {
        vec![
            json!("no id"),
            json!(7),
            json!([]),
            json!(CHANNEL.replace('-', "")),
        ]
    };
    let message = full_message();
    let in_channel = json!({ "channel_id": CHANNEL, "since": 1, "seq": 1 });
    let resume = json!({ "session_id": OTHER });
    let bytes = |most: usize| {
        let long = encode_standard(vec![0; most + 1]);
        vec![json!(""), json!("*"), json!(7), json!(long)]
    };
    let visible = vec![
        json!(""),
        json!("a b"),
        json!("é"),
        json!("r".repeat(129)),
        json!(1),
    ];
    let times = vec![json!("tomorrow"), json!(1), json!("1969-12-31T23:59:59Z")];
    let lists = vec![json!("a"), json!([1]), json!({}), json!([null])];
    for (kind, payload, field, wrong) in [
        ("SendMessage", &message, "channel_id", id()),
        ("SendMessage", &message, "sender_token", bytes(64)),
        ("SendMessage", &message, "encrypted_body", bytes(64 * 1024)),
        ("SendMessage", &message, "client_id", bytes(16)),
        ("SendMessage", &message, "edit_key_hash", bytes(32)),
        ("SendMessage", &message, "expires_at", times),
        ("SendMessage", &message, "attachment_ids", lists),
        (
            "SendMessage",
            &message,
            "has_attachments",
            vec![json!("true"), json!(1)],
        ),
        ("SendMessage", &message, "ref", visible),
        ("Subscribe", &in_channel, "channel_id", id()),
        ("Subscribe", &in_channel, "since", number()),
        ("Unsubscribe", &in_channel, "channel_id", id()),
        ("Typing", &in_channel, "channel_id", id()),
        ("Ack", &in_channel, "channel_id", id()),
        ("Ack", &in_channel, "seq", number()),
        ("Resume", &resume, "session_id", vec![json!(7), json!({})]),
    ] {
        for value in wrong {
            let mut broken = payload.clone();
            broken[field] = value;
            let BadFrame { detail, reference } = bad(&frame(kind, &broken));
            assert!(
                detail.starts_with(&format!("{field} must be ")),
                "{kind}: {detail}"
            );
            let known = (kind == "SendMessage" && field != "ref").then(|| "r-1".to_owned());
            assert_eq!(reference, known, "{kind}: {detail}");
        }
    }
}

#[test]
fn a_missing_field_is_named() {
    for (kind, payload, required) in [
        (
            "SendMessage",
            full_message(),
            vec!["channel_id", "sender_token", "encrypted_body"],
        ),
        (
            "Subscribe",
            json!({ "channel_id": CHANNEL }),
            vec!["channel_id"],
        ),
        (
            "Unsubscribe",
            json!({ "channel_id": CHANNEL }),
            vec!["channel_id"],
        ),
        (
            "Typing",
            json!({ "channel_id": CHANNEL }),
            vec!["channel_id"],
        ),
        (
            "Ack",
            json!({ "channel_id": CHANNEL, "seq": 1 }),
            vec!["channel_id", "seq"],
        ),
        ("Resume", json!({ "session_id": OTHER }), vec!["session_id"]),
    ] {
        for field in required {
            let mut broken = payload.clone();
            broken[field] = Value::Null;
            let nulled = bad(&frame(kind, &broken));
            broken.as_object_mut().expect("an object").remove(field);
            let missing = bad(&frame(kind, &broken));
            assert_eq!(missing.detail, format!("{field} is missing."), "{kind}");
            assert_eq!(missing, nulled, "null is the same as a missing field");
        }
    }
}
