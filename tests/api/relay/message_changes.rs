//! Messages that are sent again, edited often, or read in large pages.

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::messages::{Talker, base64, body, get, new_channel, post, talker, texts, with};
use crate::harness::{Answer, TestApp, case};

const SECRET: [u8; 32] = [9; 32];

/// A message with a secret and a name for repeated requests.
fn named(text: &str) -> Value {
    let hash = base64(Sha256::digest(SECRET));
    let more = json!({"edit_key_hash": hash, "client_id": base64([2; 16])});
    with(text, &more)
}

async fn edit(app: &TestApp, by: &Talker, sent: &Value, text: &[u8]) -> Answer {
    let path = format!("/api/v1/messages/{}", sent["id"].as_str().expect("an id"));
    let change = json!({"secret": base64(SECRET), "encrypted_body": base64(text)});
    let call = app.request(Method::PATCH, &path).json(&change);
    call.bearer(&by.session).send().await
}

#[tokio::test]
async fn other_bytes_under_a_used_client_id_are_a_conflict() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let sent = post(app, &ada, &named("one")).await.ok();
        let other_secret = with(
            "one",
            &json!({"edit_key_hash": base64([1; 32]), "client_id": base64([2; 16])}),
        );
        let mut other_mark = named("one");
        other_mark["has_attachments"] = true.into();
        let mut other_token = named("one");
        other_token["sender_token"] = base64([8; 32]).into();
        let others = [named("two"), other_secret, other_mark, other_token];
        let refused = async |when: &str| {
            for other in &others {
                let answer = post(app, &ada, other).await;
                assert_eq!(answer.problem(409), "message_conflict", "{when} {other}");
            }
            assert_eq!(post(app, &ada, &named("one")).await.ok(), sent, "{when}");
        };
        refused("sent").await;
        edit(app, &ada, &sent, b"two").await.ok();
        refused("edited").await;
        let path = format!("/api/v1/messages/{}", sent["id"].as_str().expect("an id"));
        let call = app.delete(&path).json(&json!({"secret": base64(SECRET)}));
        call.bearer(&ada.session).send().await.ok();
        refused("removed").await;
        assert_eq!(get(app, &ada, "").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_replaced_edit_costs_a_reader_nothing() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let sent = post(app, &ada, &named("one")).await.ok();
        for number in 1..=50_u8 {
            edit(app, &ada, &sent, &vec![number; 60 * 1024]).await.ok();
        }
        // The last edit may be repeated. Another one is one too many.
        edit(app, &ada, &sent, &vec![50; 60 * 1024]).await.ok();
        let refused = edit(app, &ada, &sent, b"again").await;
        assert_eq!(refused.problem(409), "limit_reached");

        let log = get(app, &ada, "?since=1&limit=100").await;
        let edits = log["edited"].as_array().expect("edits");
        assert_eq!((edits.len(), &edits[0]["seq"]), (1, &json!(51)));
        assert_eq!(
            edits[0]["message"]["encrypted_body"],
            base64(vec![50; 60 * 1024])
        );
        let gap = json!([{"from": 2, "to": 50, "reason": "replaced"}]);
        assert_eq!((&log["gaps"], &log["upto"]), (&gap, &json!(51)));
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_log_ends_before_its_bodies_are_too_large() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        for number in 0..10_u8 {
            let large = base64(vec![number; 60 * 1024]);
            let message = json!({"sender_token": base64([7; 32]), "encrypted_body": large});
            post(app, &ada, &message).await.ok();
        }
        let (mut since, mut read) = (0, 0);
        while since < 10 {
            let log = get(app, &ada, &format!("?since={since}&limit=100")).await;
            let messages = log["messages"].as_array().expect("messages");
            assert!((1..=4).contains(&messages.len()), "{}", messages.len());
            assert_eq!(log["gaps"], json!([]));
            for message in messages {
                assert_eq!(message["seq"], json!(read + 1));
                read += 1;
            }
            since = log["upto"].as_i64().expect("a number");
            assert_eq!(since, read);
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_beyond_the_head_gets_the_head() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        post(app, &ada, &body("one")).await.ok();
        let log = get(app, &ada, &format!("?since={}", i64::MAX)).await;
        assert_eq!((&log["upto"], &log["head"]), (&json!(1), &json!(1)));
        assert_eq!(texts(&log["messages"]), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_secret_of_a_message_cannot_be_guessed() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let hash = base64(Sha256::digest([1; 15]));
        let sent = post(app, &ada, &with("one", &json!({"edit_key_hash": hash}))).await;
        let path = format!(
            "/api/v1/messages/{}",
            sent.ok()["id"].as_str().expect("an id")
        );
        let short = json!({"secret": base64([1; 15]), "encrypted_body": base64("x")});
        for method in [Method::PATCH, Method::DELETE] {
            let call = app.request(method, &path).json(&short);
            let refused = call.bearer(&ada.session).send().await;
            assert_eq!(refused.problem(400), "invalid_request_body");
        }
    })
    .await;
}
