//! Keys: bundles, one-time prekeys and the identity.

use http::Method;
use serde_json::{Value, json};

use super::key_backups::{BACKUP, backup};
use crate::harness::relay::{RelayMember, identity, prekeys};
use crate::harness::{Answer, TestApp, case};

const PREKEYS: &str = "/api/v1/keys/prekeys";

async fn upload(app: &TestApp, by: &RelayMember, keys: &[String]) -> Answer {
    app.post(PREKEYS, &json!({"prekeys": keys}))
        .bearer(&by.access)
        .send()
        .await
}

pub async fn count(app: &TestApp, by: &RelayMember) -> Value {
    app.get("/api/v1/keys/prekeys/count")
        .bearer(&by.access)
        .send()
        .await
        .ok()
}

async fn set_identity(app: &TestApp, token: &str, body: &Value) -> Answer {
    app.request(Method::PUT, "/api/v1/keys/identity")
        .json(body)
        .bearer(token)
        .send()
        .await
}

#[tokio::test]
async fn a_bundle_has_the_keys_in_the_form_that_clients_read() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let keys = prekeys(2);
        upload(app, &ada, &keys).await.ok();
        let expected = identity(7, 9);
        let first = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(
            first,
            json!({
                "identity_key": expected["identity_key"],
                "signed_prekey": expected["signed_prekey"],
                "signed_prekey_sig": expected["signed_prekey_signature"],
                "one_time_prekey": keys[0],
                "signed_prekey_age_days": 0,
            })
        );
        assert_eq!(
            app.bundle(&bob, &ada.id).await.ok()["one_time_prekey"],
            keys[1]
        );
        let third = app.bundle(&bob, &ada.id).await.ok();
        assert_eq!(third["one_time_prekey"], Value::Null);
        assert_eq!(count(app, &ada).await["count"], 0);
        let unknown = ["67e55044-10b1-426f-9247-bb680e5fe0c8", "x", "@me"];
        for id in unknown {
            assert_eq!(app.bundle(&bob, id).await.problem(404), "user_not_found");
        }
        let person = app.person().await;
        assert_eq!(
            app.bundle(&bob, &person.id).await.problem(404),
            "user_not_found",
            "an account without keys"
        );
    })
    .await;
}

/// A foreign page that opens a link sends the cookie, and would use prekeys up.
#[tokio::test]
async fn a_prekey_is_uploaded_once_also_after_it_was_issued_or_removed() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(0).await, app.relay_member().await);
        let keys = prekeys(3);
        assert_eq!(upload(app, &ada, &keys).await.ok()["total_available"], 3);
        app.bundle(&bob, &ada.id).await.ok();
        let mut fresh = prekeys(1);
        for known in &keys {
            fresh.push(known.clone());
            assert_eq!(
                upload(app, &ada, &fresh).await.problem(409),
                "prekey_reused"
            );
            fresh.pop();
        }
        let removed = app.delete(PREKEYS).bearer(&ada.access).send().await.ok();
        assert_eq!(removed["deleted"], 2);
        assert_eq!(
            upload(app, &ada, &keys[2..]).await.problem(409),
            "prekey_reused"
        );
        assert_eq!(upload(app, &ada, &fresh).await.ok()["total_available"], 1);
        // The keys of another account are its own matter.
        assert_eq!(upload(app, &bob, &keys).await.ok()["total_available"], 3);
        for bad in [
            json!({}),
            json!({"prekeys": []}),
            json!({"prekeys": prekeys(101)}),
            json!({"prekeys": [keys[0], keys[0]]}),
            json!({"prekeys": ["AAAA"]}),
            json!({"prekeys": "x"}),
        ] {
            let answer = app.post(PREKEYS, &bad).bearer(&ada.access).send().await;
            assert_eq!(answer.problem(400), "invalid_request_body", "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_stock_has_500_prekeys_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        for round in 1..=5 {
            let answer = upload(app, &ada, &prekeys(100)).await.ok();
            assert_eq!(answer["total_available"], round * 100);
        }
        assert_eq!(
            upload(app, &ada, &prekeys(1)).await.problem(409),
            "too_many_prekeys"
        );
        let (answer, spent) = app
            .cost(app.get("/api/v1/keys/prekeys/count").bearer(&ada.access))
            .await;
        assert_eq!(
            answer.ok(),
            json!({"count": 500, "needs_replenishment": false})
        );
        assert_eq!(spent.batches, 2);
    })
    .await;
}

/// The figures of an upload of 100 prekeys and of a bundle.
#[tokio::test]
async fn an_upload_writes_two_rows_and_a_bundle_takes_two_round_trips() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(1).await, app.relay_member().await);
        let call = app
            .post(PREKEYS, &json!({"prekeys": prekeys(100)}))
            .bearer(&ada.access);
        let (answer, spent) = app.cost(call).await;
        answer.ok();
        // The caller, the history, and the upload.
        assert_eq!((spent.batches, spent.written), (3, 2));
        let call = app
            .get(&format!("/api/v1/users/{}/keys", ada.id))
            .bearer(&bob.access);
        let (answer, spent) = app.cost(call).await;
        assert!(answer.ok()["one_time_prekey"].is_string());
        // Three counts and the stock. In workerd the hours of new counts are entries of an index.
        assert_eq!(spent.batches, 2);
        assert!((4..=7).contains(&spent.written), "{spent:?}");
    })
    .await;
}

/// Rows tell no one who asked for whose keys.
#[tokio::test]
async fn a_changed_identity_drops_the_prekeys_and_writes_an_event() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(4).await, app.relay_member().await);
        let claimed = app
            .get(&format!("/api/v1/users/{}/keys", ada.id))
            .header("idempotency-key", "one")
            .bearer(&bob.access)
            .send()
            .await
            .ok();
        assert!(claimed["one_time_prekey"].is_string());
        // A new signed prekey under the same identity keeps them.
        set_identity(app, &ada.access, &identity(7, 10)).await.ok();
        assert_eq!(count(app, &ada).await["count"], 3);
        assert!(
            !app.events(&ada.id)
                .await
                .contains(&"identity_key_changed".to_owned())
        );
        let mut forged = identity(8, 10);
        forged["signed_prekey_signature"] = identity(7, 10)["signed_prekey_signature"].clone();
        let refused = set_identity(app, &ada.access, &forged).await;
        assert_eq!(refused.problem(400), "invalid_request_body");
        assert_eq!(count(app, &ada).await["count"], 3);
        set_identity(app, &ada.access, &identity(8, 10)).await.ok();
        assert_eq!(count(app, &ada).await["count"], 0);
        let bundle = app
            .get(&format!("/api/v1/users/{}/keys", ada.id))
            .header("idempotency-key", "one")
            .bearer(&bob.access)
            .send()
            .await
            .ok();
        assert_eq!(bundle["identity_key"], identity(8, 10)["identity_key"]);
        assert_eq!(
            bundle["one_time_prekey"],
            Value::Null,
            "no prekey of the old identity"
        );
        assert_eq!(
            app.events(&ada.id).await.last().map(String::as_str),
            Some("identity_key_changed")
        );
    })
    .await;
}

#[tokio::test]
async fn an_account_made_elsewhere_joins_with_an_identity() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let bob = app.relay_member().await;
        let early = app
            .post(PREKEYS, &json!({"prekeys": prekeys(1)}))
            .bearer(&session)
            .send()
            .await;
        assert_eq!(early.problem(409), "identity_key_missing");
        let mine = async || {
            let call = app.get("/api/v1/keys/identity").bearer(&session);
            call.send().await.ok()
        };
        let none = json!({"identity_key": null, "signed_prekey_age_days": null});
        assert_eq!(mine().await, none);
        set_identity(app, &session, &identity(3, 4)).await.ok();
        let key = &identity(3, 4)["identity_key"];
        assert_eq!(
            mine().await,
            json!({"identity_key": key, "signed_prekey_age_days": 0})
        );
        app.post(PREKEYS, &json!({"prekeys": prekeys(1)}))
            .bearer(&session)
            .send()
            .await
            .ok();
        assert!(app.bundle(&bob, &person.id).await.ok()["one_time_prekey"].is_string());
    })
    .await;
}

#[tokio::test]
async fn an_export_has_the_keys_of_its_account() {
    case(async |app| {
        let ada = app.relay_member_with(2).await;
        let body = backup(b"a", None);
        app.request(Method::PUT, BACKUP)
            .json(&body)
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let export = app
            .get("/api/users/me/export")
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let keys = &export["message_keys"][0];
        assert_eq!(keys["one_time_prekeys"].as_str().map(str::len), Some(86));
        assert!(keys["identity_key"].is_string());
        assert_eq!(export["message_key_backup"][0]["version"], 1);
    })
    .await;
}
