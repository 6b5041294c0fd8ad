//! Faults of the calls to the objects of channels by the routes of messages: an answer that is lost
//! is no success, and a retry changes nothing twice.

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::calls::{self, delete, first_channel, server};
use super::messages::{Talker, base64, body, get, new_channel, path, post, talker, texts, with};
use crate::harness::{Answer, ObjectFault, ObjectFaultMode, TestApp, case};

const MODES: [ObjectFaultMode; 3] = [
    ObjectFaultMode::Before,
    ObjectFaultMode::After,
    ObjectFaultMode::Unreachable,
];

/// Sends a call whose object fails, which must be answered with 503. Then sends it again.
async fn twice(app: &TestApp, mode: ObjectFaultMode, call: impl AsyncFn() -> Answer) -> Value {
    app.fail_objects(&[ObjectFault { at: 0, mode }]).await;
    let answer = call().await;
    assert_eq!(answer.problem(503), "service_unavailable", "{mode:?}");
    app.fail_objects(&[]).await;
    call().await.ok()
}

/// Returns the sequence numbers in a part of the log.
fn seqs(log: &Value, part: &str) -> Vec<i64> {
    let entries = log[part].as_array().expect("a list").iter();
    entries
        .map(|entry| entry["seq"].as_i64().expect("a number"))
        .collect()
}

#[tokio::test]
async fn a_repeated_send_after_a_fault_of_the_object_has_one_place() {
    case(async |app| {
        for mode in MODES {
            let channel = new_channel();
            let (ada, bob) = (talker(app, &channel).await, talker(app, &channel).await);
            let named = |number: u8| json!({"client_id": base64([number; 16])});
            let one = with("one", &named(1));
            let sent = twice(app, mode, async || post(app, &ada, &one).await).await;
            assert_eq!(sent["seq"], 1, "{mode:?}");
            // Other messages come between the lost answer and the retry.
            app.fail_objects(&[ObjectFault { at: 0, mode }]).await;
            let two = with("two", &named(2));
            assert_eq!(post(app, &ada, &two).await.status(), 503);
            app.fail_objects(&[]).await;
            let other = post(app, &bob, &body("other")).await.ok();
            let place = i64::from(mode == ObjectFaultMode::After);
            assert_eq!(other["seq"], 2 + place, "{mode:?}");
            assert_eq!(
                post(app, &ada, &two).await.ok()["seq"],
                3 - place,
                "{mode:?}"
            );
            let keyed = async || {
                app.post(&path(&channel), &body("three"))
                    .header("idempotency-key", "three")
                    .bearer(&bob.session)
                    .send()
                    .await
            };
            assert_eq!(twice(app, mode, keyed).await["seq"], 4, "{mode:?}");
            let log = get(app, &bob, "?since=0").await;
            assert_eq!(seqs(&log, "messages"), [1, 2, 3, 4], "{mode:?}");
            assert_eq!((&log["head"], &log["gaps"]), (&json!(4), &json!([])));
        }
    })
    .await;
}

/// Sends a message that its secret edits and removes. Returns its id.
async fn sealed(app: &TestApp, by: &Talker, secret: &[u8]) -> String {
    let hash = base64(Sha256::digest(secret));
    let sent = post(app, by, &with("first", &json!({"edit_key_hash": hash}))).await;
    sent.ok()["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_repeated_edit_or_removal_after_a_fault_of_the_object_has_one_entry() {
    case(async |app| {
        for mode in MODES {
            let channel = new_channel();
            let ada = talker(app, &channel).await;
            let id = sealed(app, &ada, b"a secret, longer").await;
            let path = format!("/api/v1/messages/{id}");
            let call = async |method: Method, body: &Value| {
                let call = app.request(method, &path).json(body);
                call.bearer(&ada.session).send().await
            };
            let new =
                json!({"encrypted_body": base64("second"), "secret": base64("a secret, longer")});
            let edited = twice(app, mode, async || call(Method::PATCH, &new).await).await;
            assert_eq!(
                (&edited["seq"], &edited["edited"]),
                (&json!(1), &json!(true))
            );
            let log = get(app, &ada, "?since=0").await;
            assert_eq!(seqs(&log, "edited"), [2], "{mode:?}");
            assert_eq!(texts(&get(app, &ada, "").await), ["second"], "{mode:?}");

            let proof = json!({"secret": base64("a secret, longer")});
            twice(app, mode, async || call(Method::DELETE, &proof).await).await;
            let log = get(app, &ada, "?since=0").await;
            assert_eq!(seqs(&log, "removed"), [3], "{mode:?}");
            assert_eq!(log["head"], 3, "{mode:?}");
            assert_eq!(texts(&get(app, &ada, "").await), [""; 0], "{mode:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_object_that_does_not_answer_is_no_empty_history() {
    case(async |app| {
        for mode in MODES {
            let channel = new_channel();
            let ada = talker(app, &channel).await;
            post(app, &ada, &body("one")).await.ok();
            for query in ["", "?since=0", "?before=2100-01-01T00:00:00Z"] {
                let path = format!("{}{query}", path(&channel));
                let call = async || app.get(&path).bearer(&ada.session).send().await;
                let found = twice(app, mode, call).await;
                assert!(found.to_string().contains(&base64("one")), "{found}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_repeated_removal_by_an_administrator_has_one_entry() {
    case(async |app| {
        let owner = app.relay_member().await;
        let server = server(app, &owner).await;
        let path = format!(
            "/channels/{}/messages",
            first_channel(app, &owner, &server).await
        );
        let mut removed = 0;
        // The route finds the channel of the message, and then removes the message.
        for at in 0..2 {
            for mode in MODES {
                let sent = calls::post(app, &owner, &path, &body("one")).await.ok();
                let message = format!("/messages/{}", calls::id(&sent));
                app.fail_objects(&[ObjectFault { at, mode }]).await;
                let answer = delete(app, &owner, &message).await;
                assert_eq!(answer.problem(503), "service_unavailable", "{at} {mode:?}");
                app.fail_objects(&[]).await;
                let again = delete(app, &owner, &message).await.status();
                assert!(matches!(again, 200 | 404), "{at} {mode:?}: {again}");
                removed += 1;
                let log = calls::get(app, &owner, &format!("{path}?since=0"))
                    .await
                    .ok();
                assert_eq!(seqs(&log, "removed").len(), removed, "{at} {mode:?}");
                assert_eq!(seqs(&log, "messages").len(), 0, "{at} {mode:?}");
            }
        }
    })
    .await;
}
