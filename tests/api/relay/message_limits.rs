//! Messages: expiry, limits and cost.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::messages::{base64, body, get, new_channel, path, post, talker, texts, with};
use crate::harness::{case, case_with, on_workerd};

/// Two programs could read different ones.
#[tokio::test]
async fn a_body_has_no_field_twice() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let twice = r#"{"sender_token": "AAAA", "encrypted_body": "AAAA", "sender_token": "AQEB"}"#;
        for text in [twice, "[]", "1"] {
            let call = app.request(Method::POST, &path(&channel));
            let call = call.header("content-type", "application/json");
            let call = call.body(text.as_bytes().to_vec()).bearer(&ada.session);
            let answer = call.send().await;
            assert_eq!(answer.problem(400), "invalid_request_body", "{text}");
        }
        assert_eq!(get(app, &ada, "").await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn a_reader_learns_that_a_message_expired() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let first = post(app, &ada, &body("one")).await.ok();
        let now = first["timestamp"].as_str().expect("a time");
        let now = chrono::DateTime::parse_from_rfc3339(now).expect("a time");
        let at = |seconds: i64| (now + chrono::Duration::seconds(seconds)).to_rfc3339();
        let short = with(
            "short",
            &json!({"expires_at": at(2), "client_id": base64([3; 16])}),
        );
        let sent = post(app, &ada, &short).await.ok();
        let written = sent["expires_at"].as_str().expect("a time");
        assert_eq!(written.len(), 27, "{written}");
        post(app, &ada, &with("long", &json!({"expires_at": at(3600)})))
            .await
            .ok();
        assert_eq!(texts(&get(app, &ada, "").await), ["long", "short", "one"]);

        if on_workerd() {
            tokio::time::sleep(Duration::from_millis(2200)).await;
        } else {
            app.age(Duration::from_secs(3)).await;
        }
        let gone = json!([{"from": 2, "to": 2, "reason": "expired"}]);
        for _ in 0..2 {
            assert_eq!(texts(&get(app, &ada, "").await), ["long", "one"]);
            let log = get(app, &ada, "?since=0").await;
            assert_eq!(texts(&log["messages"]), ["one", "long"]);
            assert_eq!((&log["gaps"], &log["head"]), (&gone, &json!(3)));
            // Natively this removes the row.
            app.cron().await;
        }
        let late = post(app, &ada, &with("late", &json!({"expires_at": at(1)}))).await;
        assert_eq!(late.problem(400), "invalid_request_body");
    })
    .await;
}

#[tokio::test]
async fn a_message_has_limits() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let sized = |bytes: usize| {
            json!({"sender_token": base64([7; 64]), "encrypted_body": base64(vec![1; bytes])})
        };
        let largest = post(app, &ada, &sized(64 * 1024)).await.ok();
        assert_eq!(largest["encrypted_body"], base64(vec![1; 64 * 1024]));
        let wrong = [
            sized(64 * 1024 + 1),
            sized(0),
            json!({"sender_token": base64([7; 65]), "encrypted_body": "AAAA"}),
            json!({"sender_token": "", "encrypted_body": "AAAA"}),
            json!({"encrypted_body": "AAAA"}),
            json!({"sender_token": "AAAA"}),
            json!({"sender_token": "AAAA", "encrypted_body": "not base64!"}),
            json!({"sender_token": 1, "encrypted_body": "AAAA"}),
            with("x", &json!({"client_id": base64([1; 15])})),
            with("x", &json!({"edit_key_hash": base64([1; 31])})),
            with("x", &json!({"expires_at": "tomorrow"})),
            with("x", &json!({"expires_at": "2001-01-01T00:00:00Z"})),
            with("x", &json!({"has_attachments": 1})),
        ];
        for body in wrong {
            let refused = post(app, &ada, &body).await;
            assert_eq!(refused.problem(400), "invalid_request_body", "{body:.200}");
        }
        for query in [
            "limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "before=x", "since=-1",
            "since=x", "since=9999999999999999999",
        ] {
            let path = format!("{}?{query}", path(&channel));
            let refused = app.get(&path).bearer(&ada.session).send().await;
            assert_eq!(refused.problem(400), "invalid_query", "{query}");
        }
        // Both alphabets, unpadded, null and unknown fields are accepted.
        let lenient = json!({"sender_token": "-_-_", "encrypted_body": "AA", "expires_at": null,
                             "client_id": null, "attachment_ids": [], "ref": 5});
        assert_eq!(post(app, &ada, &lenient).await.ok()["sender_token"], "+/+/");
        assert_eq!(get(app, &ada, "?limit=100&ignored=1").await.as_array().map(Vec::len), Some(2));
    })
    .await;
}

/// Sending and reading cost the round trip to the database that authenticates the caller and a call
/// to the object. No row is written in the database. The object writes a message as one row with an
/// entry in one index, or in two if the message expires. In memory an entry of an index does not
/// count.
#[tokio::test]
async fn a_message_costs_the_database_one_round_trip() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        post(app, &ada, &body("warm")).await.ok();
        let named = with("counted", &json!({"client_id": base64([4; 16])}));
        let late = with("expires", &json!({"expires_at": "2100-01-01T00:00:00Z"}));
        let indexes = usize::from(on_workerd());
        for (message, rows) in [
            (&body("counted"), 1 + indexes),
            (&named, 1 + indexes),
            // A repeated message.
            (&named, 0),
            (&late, 1 + 2 * indexes),
        ] {
            let attempt = app.post(&path(&channel), message);
            let (answer, spent) = app.cost(attempt.bearer(&ada.session)).await;
            answer.ok();
            assert_eq!((spent.batches, spent.written, spent.calls), (1, 0, 1));
            assert_eq!(spent.object_rows, rows, "{message}");
        }
        for query in ["", "?since=0"] {
            let read = app.get(&format!("{}{query}", path(&channel)));
            let (answer, spent) = app.cost(read.bearer(&ada.session)).await;
            answer.ok();
            assert_eq!((spent.batches, spent.written, spent.calls), (1, 0, 1));
            assert_eq!(spent.object_rows, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_setting_ends_the_life_of_messages() {
    let channel = new_channel();
    case_with(&[("RELAY_MESSAGE_TTL_SECONDS", "3600")], async |app| {
        let ada = talker(app, &channel).await;
        let named = with("one", &json!({"client_id": base64([4; 16])}));
        let sent = post(app, &ada, &named).await.ok();
        let time = |field: &str| {
            let text = sent[field].as_str().expect("a time");
            chrono::DateTime::parse_from_rfc3339(text).expect("a time")
        };
        let life = time("expires_at") - time("timestamp");
        assert!(
            (life.num_milliseconds() - 3_600_000).abs() < 2_000,
            "{life}"
        );
        // A repeated request gets the first answer.
        app.age(Duration::from_secs(5)).await;
        assert_eq!(post(app, &ada, &named).await.ok(), sent);
        let short = (time("timestamp") + chrono::Duration::seconds(60)).to_rfc3339();
        let short = with("two", &json!({"expires_at": short}));
        let sent = post(app, &ada, &short).await.ok();
        assert_ne!(sent["expires_at"], json!(null));
    })
    .await;
}

/// A page ends before its bodies are too large, and the next page goes on there. A page of history
/// has 1 MiB, because existing clients ask for one page of 50 and no further one.
#[tokio::test]
async fn a_page_of_history_has_1_mib_and_a_page_of_the_log_256_kib() {
    let channel = new_channel();
    case(async |app| {
        let ada = talker(app, &channel).await;
        let secret = json!({"edit_key_hash": base64(Sha256::digest([9; 32]))});
        let large = "x".repeat(64 * 1024);
        let mut sent = Vec::new();
        for _ in 0..18 {
            sent.push(post(app, &ada, &with(&large, &secret)).await.ok());
        }
        post(app, &ada, &body("small")).await.ok();
        let seqs = |messages: &serde_json::Value| -> Vec<i64> {
            let messages = messages.as_array().expect("a list").iter();
            messages
                .map(|it| it["seq"].as_i64().expect("a number"))
                .collect()
        };
        // The small message leaves room for 15 large ones.
        let mut history = Vec::new();
        let mut query = String::new();
        for expected in [4..20, 1..4, 0..0] {
            let page = get(app, &ada, &query).await;
            assert_eq!(seqs(&page), expected.rev().collect::<Vec<i64>>());
            if let Some(last) = page.as_array().and_then(|page| page.last()) {
                query = format!("?before={}", last["timestamp"].as_str().expect("a time"));
            }
            history.extend(seqs(&page));
        }
        assert_eq!(history, (1..=19).rev().collect::<Vec<i64>>());

        let log = get(app, &ada, "?since=0").await;
        assert_eq!(seqs(&log["messages"]), [1, 2, 3, 4]);
        assert_eq!((&log["upto"], &log["head"]), (&json!(4), &json!(19)));
        assert_eq!(log["gaps"], json!([]));
        let log = get(app, &ada, "?since=16").await;
        assert_eq!(seqs(&log["messages"]), [17, 18, 19]);
        assert_eq!(log["upto"], 19);

        // An edit has the body of its message too, and a removal has none.
        let path =
            |it: &serde_json::Value| format!("/api/v1/messages/{}", it["id"].as_str().expect("id"));
        let change =
            json!({"secret": base64([9; 32]), "encrypted_body": base64("y".repeat(64 * 1024))});
        for message in &sent[..5] {
            let edit = app.request(Method::PATCH, &path(message)).json(&change);
            edit.bearer(&ada.session).send().await.ok();
        }
        let removal = app
            .delete(&path(&sent[5]))
            .json(&json!({"secret": base64([9; 32])}));
        removal.bearer(&ada.session).send().await.ok();
        let log = get(app, &ada, "?since=19").await;
        assert_eq!(seqs(&log["edited"]), [20, 21, 22, 23]);
        assert_eq!((&log["upto"], &log["head"]), (&json!(23), &json!(25)));
        let log = get(app, &ada, "?since=23").await;
        assert_eq!(
            (seqs(&log["edited"]), seqs(&log["removed"])),
            (vec![24], vec![25])
        );
    })
    .await;
}
