//! Messages: order, repetition, history, edits and removals.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, TestApp, case};

const UNKNOWN: &str = "1e4b5f68-a2c3-4d7e-9f20-b3c4d5e6f708";

/// An account that calls a channel.
pub struct Talker {
    pub id: String,
    pub channel: String,
    pub session: String,
}

/// Returns a new channel id. A destroyed channel never comes back, so each case has its own.
pub fn new_channel() -> String {
    uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .to_string()
}

/// Returns a new account that is a member of the channel.
pub async fn talker(app: &TestApp, channel: &str) -> Talker {
    let talker = stranger(app, channel).await;
    set_member(app, "add_members", &talker, 1).await;
    talker
}

/// Returns a new account that is not a member of the channel.
async fn stranger(app: &TestApp, channel: &str) -> Talker {
    let person = app.person().await;
    Talker {
        session: app.session(&person).await,
        id: person.id,
        channel: channel.to_owned(),
    }
}

async fn set_member(app: &TestApp, operation: &str, who: &Talker, version: i64) {
    let member = json!({"account": who.id, "version": version});
    let fields = if operation == "add_members" {
        json!({"channel": who.channel, "members": [member]})
    } else {
        json!({"channel": who.channel, "member": member})
    };
    let reply = app.channel(&who.channel, &json!({operation: fields})).await;
    assert_eq!(reply, "done");
}

pub fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

pub fn path(channel: &str) -> String {
    format!("/api/v1/channels/{channel}/messages")
}

/// The body of a message with a text.
pub fn body(text: &str) -> Value {
    json!({"sender_token": base64([7; 32]), "encrypted_body": base64(text)})
}

/// The same with more fields.
pub fn with(text: &str, more: &Value) -> Value {
    let mut body = body(text);
    let fields = body.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    body
}

pub async fn post(app: &TestApp, by: &Talker, body: &Value) -> Answer {
    let call = app.post(&path(&by.channel), body).bearer(&by.session);
    call.send().await
}

pub async fn get(app: &TestApp, by: &Talker, query: &str) -> Value {
    let path = format!("{}{query}", path(&by.channel));
    app.get(&path).bearer(&by.session).send().await.ok()
}

pub fn texts(messages: &Value) -> Vec<String> {
    let messages = messages.as_array().expect("a list").iter();
    let text = |message: &Value| {
        let body = message["encrypted_body"].as_str().expect("a body");
        String::from_utf8(STANDARD.decode(body).expect("base64")).expect("UTF-8")
    };
    messages.map(text).collect()
}

#[tokio::test]
async fn members_read_messages_in_the_order_of_the_channel() {
    let channel = new_channel();
    case(async |app| {
        let (ada, bob) = (talker(app, &channel).await, talker(app, &channel).await);
        let mut sent = Vec::new();
        for (by, text) in [(&ada, "one"), (&bob, "two"), (&ada, "three")] {
            sent.push(post(app, by, &body(text)).await.ok());
        }
        let first = &sent[0];
        let mut fields: Vec<&str> = first
            .as_object()
            .expect("a message")
            .keys()
            .map(String::as_str)
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "channel_id",
                "edited",
                "encrypted_body",
                "expires_at",
                "has_attachments",
                "id",
                "sender_token",
                "seq",
                "timestamp"
            ]
        );
        assert_eq!(first["channel_id"], channel.as_str());
        assert_eq!(first["sender_token"], base64([7; 32]));
        assert_eq!(first["encrypted_body"], base64("one"));
        assert_eq!(first["expires_at"], Value::Null);
        assert_eq!(first["edited"], false);
        let seqs: Vec<&Value> = sent.iter().map(|message| &message["seq"]).collect();
        assert_eq!(seqs, [1, 2, 3]);
        let times: Vec<&str> = sent
            .iter()
            .map(|message| message["timestamp"].as_str().expect("a time"))
            .collect();
        assert!(times.is_sorted() && times[0] != times[1] && times[1] != times[2]);
        assert!(
            times
                .iter()
                .all(|time| time.len() == 27 && time.ends_with('Z'))
        );
        let id = first["id"].as_str().expect("an id");
        let parsed = uuid::Uuid::parse_str(id).expect("a UUID");
        assert_eq!((parsed.get_version_num(), id), (4, &*id.to_lowercase()));

        // History: the newest first, `before` exclusive.
        let history = get(app, &bob, "").await;
        assert_eq!(texts(&history), ["three", "two", "one"]);
        assert_eq!(history[2], sent[0]);
        assert_eq!(texts(&get(app, &bob, "?limit=2").await), ["three", "two"]);
        let before = format!("?before={}&limit=1", times[2]);
        assert_eq!(texts(&get(app, &bob, &before).await), ["two"]);
        let before = format!("?before={}", times[0]);
        assert_eq!(get(app, &bob, &before).await, json!([]));

        // The log: the oldest first.
        let log = get(app, &ada, "?since=1&limit=1").await;
        assert_eq!(texts(&log["messages"]), ["two"]);
        assert_eq!((&log["upto"], &log["head"]), (&json!(2), &json!(3)));
        let log = get(app, &ada, "?since=3").await;
        assert_eq!(log["messages"], json!([]));
        assert_eq!((&log["upto"], &log["gaps"]), (&json!(3), &json!([])));
    })
    .await;
}

#[tokio::test]
async fn a_repeated_message_is_stored_once() {
    let channel = new_channel();
    case(async |app| {
        let (ada, bob) = (talker(app, &channel).await, talker(app, &channel).await);
        let named = with("one", &json!({"client_id": base64([1; 16])}));
        let sent = post(app, &ada, &named).await.ok();
        assert_eq!(post(app, &ada, &named).await.ok(), sent);
        let other = with("other", &json!({"client_id": base64([1; 16])}));
        for by in [&ada, &bob] {
            let refused = post(app, by, &other).await;
            assert_eq!(refused.problem(409), "message_conflict");
        }

        // An Idempotency-Key belongs to one account.
        let keyed = async |by: &Talker, text: &str| {
            let call = app
                .post(&path(&by.channel), &body(text))
                .bearer(&by.session);
            call.header("idempotency-key", "1").send().await
        };
        let first = keyed(&ada, "two").await.ok();
        assert_eq!(keyed(&ada, "two").await.ok(), first);
        assert_eq!(keyed(&ada, "other").await.problem(409), "message_conflict");
        assert_ne!(keyed(&bob, "two").await.ok()["id"], first["id"]);

        // Without a name, the same body is another message. The token is no name.
        let ids = [
            post(app, &ada, &body("same")).await.ok()["id"].clone(),
            post(app, &ada, &body("same")).await.ok()["id"].clone(),
        ];
        assert_ne!(ids[0], ids[1]);
        let history = get(app, &ada, "").await;
        assert_eq!(texts(&history), ["same", "same", "two", "two", "one"]);
    })
    .await;
}

#[tokio::test]
async fn a_channel_of_others_looks_like_no_channel() {
    let channel = new_channel();
    case(async |app| {
        let (ada, eve) = (talker(app, &channel).await, stranger(app, &channel).await);
        let secret = [9_u8; 32];
        let hash = base64(Sha256::digest(secret));
        let sent = post(app, &ada, &with("one", &json!({"edit_key_hash": hash}))).await;
        let id = sent.ok()["id"].as_str().expect("an id").to_owned();
        for channel in [channel.as_str(), UNKNOWN, "no-uuid"] {
            let read = app.get(&path(channel)).bearer(&eve.session).send().await;
            assert_eq!(read.problem(404), "channel_not_found");
            let log = format!("{}?since=0", path(channel));
            let log = app.get(&log).bearer(&eve.session).send().await;
            assert_eq!(log.problem(404), "channel_not_found");
            let attempt = app.post(&path(channel), &body("x")).bearer(&eve.session);
            assert_eq!(attempt.send().await.problem(404), "channel_not_found");
        }
        let change = json!({"secret": base64(secret), "encrypted_body": base64("x")});
        let unknown = format!("{}{}", &UNKNOWN[..13], &id[13..]);
        for id in [&id, UNKNOWN, &unknown, "no-uuid"] {
            for method in [Method::PATCH, Method::DELETE] {
                let path = format!("/api/v1/messages/{id}");
                let call = app
                    .request(method, &path)
                    .json(&change)
                    .bearer(&eve.session);
                assert_eq!(call.send().await.problem(404), "message_not_found");
            }
        }

        // A removed member reads and sends no more, and a late addition does not bring it back.
        set_member(app, "remove_member", &ada, 2).await;
        set_member(app, "add_members", &ada, 2).await;
        let read = app.get(&path(&channel)).bearer(&ada.session).send().await;
        assert_eq!(read.problem(404), "channel_not_found");
        let attempt = post(app, &ada, &body("late")).await;
        assert_eq!(attempt.problem(404), "channel_not_found");
        set_member(app, "add_members", &ada, 3).await;
        assert_eq!(texts(&get(app, &ada, "").await), ["one"]);
    })
    .await;
}

#[tokio::test]
async fn the_secret_of_a_message_edits_and_removes_it() {
    let channel = new_channel();
    case(async |app| {
        let (ada, bob) = (talker(app, &channel).await, talker(app, &channel).await);
        let secret = [9_u8; 32];
        let hash = base64(Sha256::digest(secret));
        let named = json!({"edit_key_hash": hash, "client_id": base64([2; 16])});
        let sent = post(app, &ada, &with("one", &named)).await.ok();
        let plain = post(app, &ada, &body("two")).await.ok();
        let message =
            |sent: &Value| format!("/api/v1/messages/{}", sent["id"].as_str().expect("id"));
        let change =
            |secret: &[u8]| json!({"secret": base64(secret), "encrypted_body": base64("new")});
        let patch = async |sent: &Value, secret: &[u8]| {
            let call = app
                .request(Method::PATCH, &message(sent))
                .json(&change(secret));
            call.bearer(&bob.session).send().await
        };
        let delete = async |sent: &Value, secret: &[u8]| {
            let call = app.delete(&message(sent)).json(&change(secret));
            call.bearer(&bob.session).send().await
        };

        // Also a member that is not the sender needs the secret. A message without one has none.
        assert_eq!(
            patch(&sent, &[8; 32]).await.problem(403),
            "wrong_message_secret"
        );
        assert_eq!(
            delete(&sent, &[8; 32]).await.problem(403),
            "wrong_message_secret"
        );
        assert_eq!(
            patch(&plain, &secret).await.problem(403),
            "wrong_message_secret"
        );
        assert_eq!(texts(&get(app, &ada, "").await), ["two", "one"]);

        let edited = patch(&sent, &secret).await.ok();
        assert_eq!(edited["encrypted_body"], base64("new"));
        assert_eq!(edited["edited"], true);
        for field in ["id", "seq", "timestamp", "channel_id", "sender_token"] {
            assert_eq!(edited[field], sent[field], "{field}");
        }
        assert_eq!(patch(&sent, &secret).await.ok(), edited);
        assert_eq!(texts(&get(app, &ada, "").await), ["two", "new"]);
        let log = get(app, &ada, "?since=2").await;
        assert_eq!(log["edited"], json!([{"seq": 3, "message": edited}]));

        for _ in 0..2 {
            delete(&sent, &secret).await.ok();
        }
        assert_eq!(texts(&get(app, &ada, "").await), ["two"]);
        let log = get(app, &ada, "?since=0").await;
        assert_eq!(texts(&log["messages"]), ["two"]);
        assert_eq!(
            log["removed"],
            json!([{"seq": 4, "message_id": sent["id"]}])
        );
        let gap = |seq: i64| json!({"from": seq, "to": seq, "reason": "removed"});
        assert_eq!(log["gaps"], json!([gap(1), gap(3)]));

        // A repeated request does not bring the message back.
        let again = post(app, &ada, &with("one", &named)).await.ok();
        assert_eq!((&again["id"], &again["seq"]), (&sent["id"], &sent["seq"]));
        assert_eq!(texts(&get(app, &ada, "").await), ["two"]);
        assert_eq!(
            patch(&sent, &secret).await.problem(404),
            "message_not_found"
        );
    })
    .await;
}
