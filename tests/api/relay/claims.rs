//! Claims of one-time prekeys: who may claim, how often, and what a repeated request gets.

use http::Method;
use serde_json::Value;

use super::keys::count;
use crate::harness::case;
use crate::harness::relay::RelayMember;

#[tokio::test]
async fn a_repeated_request_gets_the_same_prekey_for_a_day() {
    case(async |app| {
        let (ada, bob, eve) = (
            app.relay_member_with(5).await,
            app.relay_member().await,
            app.relay_member().await,
        );
        let claim = async |by: &RelayMember, key: &str| {
            let answer = app
                .get(&format!("/api/v1/users/{}/keys", ada.id))
                .header("idempotency-key", key)
                .bearer(&by.access)
                .send()
                .await;
            answer.ok()["one_time_prekey"]
                .as_str()
                .expect("a key")
                .to_owned()
        };
        let first = claim(&bob, "one").await;
        assert_eq!(claim(&bob, "one").await, first);
        assert_ne!(claim(&bob, "two").await, first);
        assert_ne!(claim(&eve, "one").await, first, "another caller");
        assert_eq!(count(app, &ada).await["count"], 2);
        app.sql("UPDATE relay_prekey_claims SET created_at = 1", &[])
            .await;
        app.cron().await;
        assert_eq!(
            app.count("SELECT COUNT(*) FROM relay_prekey_claims", &[])
                .await,
            0
        );
        for bad in ["", &"x".repeat(129), "a b", "a\tb"] {
            let answer = app
                .get(&format!("/api/v1/users/{}/keys", ada.id))
                .header("idempotency-key", bad)
                .bearer(&bob.access)
                .send()
                .await;
            assert_eq!(answer.problem(400), "bad_request", "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_bundle_needs_a_token_in_authorization() {
    case(async |app| {
        let ada = app.relay_member_with(1).await;
        let path = format!("/api/v1/users/{}/keys", ada.id);
        let session = app.session(&app.person().await).await;
        let answer = app.get(&path).cookie(&session).send().await;
        assert_eq!(answer.problem(401), "authentication_required");
        let answer = app.request(Method::HEAD, &path).bearer(&session);
        assert_eq!(answer.send().await.status(), 405);
        assert_eq!(count(app, &ada).await["count"], 1);
        let answer = app.get(&path).bearer(&session).send().await.ok();
        assert!(answer["one_time_prekey"].is_string());
    })
    .await;
}

#[tokio::test]
async fn a_repeated_request_counts_as_one_claim() {
    case(async |app| {
        let ada = app.relay_member_with(60).await;
        let bob = app.relay_member().await;
        let path = format!("/api/v1/users/{}/keys", ada.id);
        let claim = async |key: &str| {
            let call = app.get(&path).header("idempotency-key", key);
            call.bearer(&bob.access).send().await.ok()["one_time_prekey"].clone()
        };
        let first = claim("first").await;
        for _ in 0..60 {
            assert_eq!(claim("first").await, first);
        }
        // 49 further keys are left to the pair.
        for number in 0..49 {
            assert!(
                claim(&format!("key-{number}")).await.is_string(),
                "{number}"
            );
        }
        assert_eq!(claim("above").await, Value::Null);
        assert_eq!(claim("first").await, first, "also above the limit");
    })
    .await;
}

#[tokio::test]
async fn draining_is_limited_without_an_error() {
    case(async |app| {
        let ada = app.relay_member_with(100).await;
        let (bob, eve) = (app.relay_member().await, app.relay_member().await);
        let claim = async |by: &RelayMember| app.bundle(by, &ada.id).await.ok();
        for _ in 0..50 {
            assert!(claim(&bob).await["one_time_prekey"].is_string());
        }
        let above = claim(&bob).await;
        assert_eq!(above["one_time_prekey"], Value::Null);
        assert!(above["signed_prekey"].is_string());
        assert!(
            claim(&eve).await["one_time_prekey"].is_string(),
            "the limit is of the pair"
        );
        assert_eq!(count(app, &ada).await["count"], 49);
        // Above the limit of a target no caller gets a one-time prekey until the next hour.
        app.sql("UPDATE relay_counts SET count = 1000 WHERE count > 50", &[])
            .await;
        let grace = app.relay_member().await;
        assert_eq!(claim(&grace).await["one_time_prekey"], Value::Null);
        app.sql("UPDATE relay_counts SET hour = hour - 1", &[])
            .await;
        assert!(claim(&bob).await["one_time_prekey"].is_string());
    })
    .await;
}

#[tokio::test]
async fn the_database_does_not_tell_who_asked_for_a_bundle() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(2).await, app.relay_member().await);
        app.get(&format!("/api/v1/users/{}/keys", ada.id))
            .header("idempotency-key", "one")
            .bearer(&bob.access)
            .send()
            .await
            .ok();
        for row in app.dump().await {
            let (table, row) = row.split_once(' ').expect("a table and a row");
            if table.starts_with("relay_count") || table == "relay_prekey_claims" {
                assert!(!row.contains(&bob.id), "{table} {row}");
            }
        }
    })
    .await;
}
