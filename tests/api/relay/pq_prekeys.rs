//! Post-quantum prekeys: uploads, bundles, the last-resort prekey and their end.

use ed25519_dalek::{Signer, SigningKey};
use http::Method;
use serde_json::{Value, json};

use super::calls::{call, delete, get, post, put};
use crate::harness::relay::{RelayMember, b64, identity, prekeys};
use crate::harness::{TestApp, case};

const PATH: &str = "/keys/pq-prekeys";
/// The public keys of ML-KEM-768 and ML-KEM-1024.
const SIZES: [usize; 2] = [1184, 1568];

/// Returns a prekey of a size that the identity key of a seed signed.
fn pq_by(seed: u8, size: usize) -> Value {
    let mut key = vec![0; size];
    key[..16].copy_from_slice(&rand::random::<[u8; 16]>());
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(&key);
    json!({"public_key": b64(&key), "signature": b64(signature.to_bytes())})
}

/// Returns prekeys of ML-KEM-1024 for the identity of [`TestApp::relay_member`].
fn pq(count: usize) -> Vec<Value> {
    (0..count).map(|_| pq_by(7, SIZES[1])).collect()
}

async fn state(app: &TestApp, by: &RelayMember) -> Value {
    get(app, by, "/keys/pq-prekeys/count").await.ok()
}

/// Returns a prekey as a bundle shows it.
fn shown(prekey: &Value, kind: &str) -> Value {
    let mut shown = prekey.clone();
    shown["kind"] = json!(kind);
    shown
}

#[tokio::test]
async fn a_bundle_has_one_pq_prekey_and_then_the_last_resort() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(1).await, app.relay_member().await);
        let plain = app.bundle(&bob, &ada.id).await.ok();
        assert!(plain.get("pq_prekey").is_none(), "{plain}");
        let keys = [pq_by(7, SIZES[1]), pq_by(7, SIZES[0])];
        let last = pq_by(7, SIZES[0]);
        for (keys, total) in [(&keys[..1], 1), (&keys[1..], 2)] {
            let stored = post(app, &ada, PATH, &json!({"pq_prekeys": keys}))
                .await
                .ok();
            assert_eq!(stored["total_available"], total);
        }
        let bundle = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(bundle["pq_prekey"], shown(&keys[0], "one_time"));
        assert_eq!(bundle["one_time_prekey"], Value::Null);
        post(app, &ada, PATH, &json!({"pq_last_resort_prekey": last}))
            .await
            .ok();
        let counted = json!({"count": 1, "needs_replenishment": true, "has_last_resort": true});
        assert_eq!(state(app, &ada).await, counted);
        let bundle = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(bundle["pq_prekey"], shown(&keys[1], "one_time"));
        for _ in 0..2 {
            let bundle = app.bundle(&bob, &ada.id).await.ok();
            assert_eq!(bundle["pq_prekey"], shown(&last, "last_resort"));
        }

        // Another last-resort prekey replaces it, and old clients still upload as before.
        let next = pq_by(7, SIZES[1]);
        let both = json!({"pq_prekeys": pq(1), "pq_last_resort_prekey": next});
        assert_eq!(
            post(app, &ada, PATH, &both).await.ok()["total_available"],
            1
        );
        let old = json!({"prekeys": prekeys(1)});
        post(app, &ada, "/keys/prekeys", &old).await.ok();
        let bundle = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(bundle["pq_prekey"]["kind"], "one_time");
        assert_eq!(bundle["one_time_prekey"], old["prekeys"][0]);
        let bundle = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(bundle["pq_prekey"], shown(&next, "last_resort"));

        post(app, &ada, PATH, &json!({"pq_prekeys": pq(3)}))
            .await
            .ok();
        assert_eq!(delete(app, &ada, PATH).await.ok()["deleted"], 3);
        let none = json!({"count": 0, "needs_replenishment": true, "has_last_resort": false});
        assert_eq!(state(app, &ada).await, none);
        let bundle = app.bundle(&bob, &ada.id).await.ok();
        assert!(bundle.get("pq_prekey").is_none(), "{bundle}");
    })
    .await;
}

#[tokio::test]
async fn a_pq_prekey_is_signed_and_uploaded_once() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let keys = pq(12);
        let upload = json!({"pq_prekeys": keys});
        assert_eq!(
            post(app, &ada, PATH, &upload).await.ok()["total_available"],
            12
        );
        for _ in 0..11 {
            app.bundle(&bob, &ada.id).await.ok();
        }
        for known in [&keys[0], &keys[11]] {
            let again = json!({"pq_prekeys": [pq_by(7, SIZES[1]), known]});
            let refused = post(app, &ada, PATH, &again).await;
            assert_eq!(refused.problem(409), "prekey_reused");
        }
        let mut swapped = pq_by(7, SIZES[0]);
        swapped["signature"] = keys[0]["signature"].clone();
        let mut short = pq_by(7, SIZES[0]);
        short["signature"] = json!("AAAA");
        let same = pq_by(7, SIZES[0]);
        let wrong = [
            json!({}),
            json!({"pq_prekeys": []}),
            json!({"pq_prekeys": "x"}),
            json!({"pq_prekeys": pq(101)}),
            json!({"pq_prekeys": [same, same]}),
            json!({"pq_prekeys": [same], "pq_last_resort_prekey": same}),
            json!({"pq_prekeys": [pq_by(7, SIZES[0]), pq_by(7, SIZES[1])]}),
            json!({"pq_prekeys": [pq_by(7, 800)]}),
            json!({"pq_prekeys": [pq_by(7, SIZES[0] + 1)]}),
            json!({"pq_prekeys": [short]}),
            json!({"pq_prekeys": [pq_by(7, SIZES[0]), swapped]}),
            json!({"pq_last_resort_prekey": swapped}),
            json!({"pq_last_resort_prekey": pq_by(8, SIZES[0])}),
            json!({"pq_last_resort_prekey": "AAAA"}),
        ];
        for body in wrong {
            let refused = post(app, &ada, PATH, &body).await;
            let text = refused.text();
            assert_eq!(refused.problem(400), "invalid_request_body", "{text}");
            assert!(text.contains("pq_"), "{text}");
        }
        assert_eq!(state(app, &ada).await["count"], 1);

        let full = json!({"pq_prekeys": pq(100)});
        let refused = post(app, &ada, PATH, &full).await;
        assert_eq!(refused.problem(409), "too_many_prekeys");
        // A refused list leaves the last-resort prekey of the request out too.
        let both = json!({"pq_prekeys": [keys[0]], "pq_last_resort_prekey": pq_by(7, SIZES[0])});
        let refused = post(app, &ada, PATH, &both).await;
        assert_eq!(refused.problem(409), "prekey_reused");
        assert_eq!(state(app, &ada).await["has_last_resort"], false);

        let person = app.person().await;
        let session = app.session(&person).await;
        let early = app.post(&format!("/api/v1{PATH}"), &json!({"pq_prekeys": pq(1)}));
        let refused = early.bearer(&session).send().await;
        assert_eq!(refused.problem(409), "identity_key_missing");
    })
    .await;
}

#[tokio::test]
async fn a_repeated_bundle_gets_the_same_pq_prekey_until_the_identity_changes() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let upload = json!({"pq_prekeys": pq(4), "pq_last_resort_prekey": pq_by(7, SIZES[0])});
        post(app, &ada, PATH, &upload).await.ok();
        let bundle = async |key: &str| {
            let path = format!("/users/{}/keys", ada.id);
            let call = call(app, &bob, Method::GET, &path).header("idempotency-key", key);
            call.send().await.ok()
        };
        let first = bundle("one").await;
        assert_eq!(first["pq_prekey"]["kind"], "one_time");
        assert_eq!(bundle("one").await, first);
        assert_ne!(bundle("two").await["pq_prekey"], first["pq_prekey"]);
        assert_eq!(state(app, &ada).await["count"], 2);

        // A new signed prekey under the same identity keeps them, a new identity does not.
        put(app, &ada, "/keys/identity", &identity(7, 10))
            .await
            .ok();
        assert_eq!(state(app, &ada).await["count"], 2);
        put(app, &ada, "/keys/identity", &identity(8, 10))
            .await
            .ok();
        let none = json!({"count": 0, "needs_replenishment": true, "has_last_resort": false});
        assert_eq!(state(app, &ada).await, none);
        for key in ["one", "three"] {
            assert!(bundle(key).await.get("pq_prekey").is_none());
        }
        let refused = post(app, &ada, PATH, &json!({"pq_prekeys": pq(1)})).await;
        assert_eq!(refused.problem(400), "invalid_request_body");
        let new = json!({"pq_prekeys": [pq_by(8, SIZES[0])]});
        post(app, &ada, PATH, &new).await.ok();
        assert_eq!(bundle("three").await["pq_prekey"]["kind"], "one_time");
    })
    .await;
}

/// Above a limit of claims, a bundle shows the last-resort prekey, as with an empty stock.
#[tokio::test]
async fn draining_leaves_pq_prekeys_in_stock() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let upload = json!({"pq_prekeys": pq(60), "pq_last_resort_prekey": pq_by(7, SIZES[0])});
        post(app, &ada, PATH, &upload).await.ok();
        for number in 0..51 {
            let bundle = app.bundle(&bob, &ada.id).await.ok();
            let kind = if number < 50 {
                "one_time"
            } else {
                "last_resort"
            };
            assert_eq!(bundle["pq_prekey"]["kind"], kind, "{number}");
        }
        assert_eq!(state(app, &ada).await["count"], 10);
        let blocked = format!("/users/{}/block", bob.id);
        post(app, &ada, &blocked, &json!({})).await.ok();
        assert_eq!(
            app.bundle(&bob, &ada.id).await.problem(404),
            "user_not_found"
        );
    })
    .await;
}

/// The figures of an upload of 100 prekeys, of a bundle, and the export.
#[tokio::test]
async fn pq_prekeys_are_stored_in_pages_of_ten() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(1).await, app.relay_member().await);
        let upload = json!({"pq_prekeys": pq(100)});
        let (answer, spent) = app
            .cost(call(app, &ada, Method::POST, PATH).json(&upload))
            .await;
        assert_eq!(answer.ok()["total_available"], 100);
        // The identity and the keys. Ten pages, and the hashes.
        assert_eq!((spent.batches, spent.written), (4, 11));
        let path = format!("/users/{}/keys", ada.id);
        let (answer, spent) = app.cost(call(app, &bob, Method::GET, &path)).await;
        assert_eq!(answer.ok()["pq_prekey"]["kind"], "one_time");
        assert_eq!(spent.batches, 2);
        assert!((5..=8).contains(&spent.written), "{spent:?}");
        let export = app.get("/api/users/me/export").bearer(&ada.access).send();
        let export = export.await.ok();
        let pages = export["message_pq_prekeys"].as_array().expect("a list");
        assert_eq!(pages.len(), 10);
        assert_eq!(pages[0]["prekeys"].as_str().map(str::len), Some(9 * 2176));
    })
    .await;
}
