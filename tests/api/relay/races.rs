//! Races: of concurrent callers one gets a prekey, a username, a version of a backup.

use std::collections::{HashMap, HashSet};

use futures::future::join_all;
use http::Method;
use serde_json::json;

use crate::harness::race;
use crate::harness::relay::{b64, prekeys, registration};

/// The number of concurrent calls.
const CALLS: usize = 50;
/// The number of rounds.
const ROUNDS: usize = 20;

#[tokio::test]
async fn a_prekey_goes_to_one_caller() {
    race(async |app| {
        let bob = app.relay_member().await;
        for round in 0..ROUNDS {
            let ada = app.relay_member_with(30).await;
            let calls = (0..CALLS).map(|_| app.bundle(&bob, &ada.id));
            let mut seen = HashSet::new();
            let mut none = 0;
            for answer in join_all(calls).await {
                match answer.ok()["one_time_prekey"].as_str() {
                    Some(key) => assert!(seen.insert(key.to_owned()), "twice in round {round}"),
                    None => none += 1,
                }
            }
            assert_eq!((seen.len(), none), (30, CALLS - 30), "round {round}");
            app.sql("DELETE FROM relay_counts", &[]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_repetitions_of_a_request_get_one_prekey() {
    race(async |app| {
        let (ada, bob) = (app.relay_member_with(60).await, app.relay_member().await);
        for round in 0..ROUNDS {
            let path = format!("/api/v1/users/{}/keys", ada.id);
            let key = format!("round-{round}");
            let calls = (0..CALLS).map(|_| {
                app.get(&path)
                    .header("idempotency-key", &key)
                    .bearer(&bob.access)
                    .send()
            });
            let keys: HashSet<String> = join_all(calls)
                .await
                .iter()
                .map(|answer| answer.ok()["one_time_prekey"].to_string())
                .collect();
            assert_eq!(keys.len(), 1, "round {round}");
            app.sql("DELETE FROM relay_counts", &[]).await;
        }
        let left = app
            .get("/api/v1/keys/prekeys/count")
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        assert_eq!(left["count"], 60 - ROUNDS);
    })
    .await;
}

#[tokio::test]
async fn one_of_concurrent_registrations_gets_a_username() {
    race(async |app| {
        for round in 0..3 {
            let calls = (0..12).map(|number| {
                let spelling = if number % 2 == 0 { "ada" } else { "ADA" };
                let body = registration(&format!("{spelling}-{round}"), &prekeys(1));
                async move { app.post("/api/v1/auth/register", &body).send().await }
            });
            let mut statuses: HashMap<u16, usize> = HashMap::new();
            for answer in join_all(calls).await {
                *statuses.entry(answer.status()).or_default() += 1;
            }
            // A refused hash is answered with 429 and registers nothing.
            assert_eq!(statuses.get(&200), Some(&1), "{statuses:?}");
            let others = statuses
                .keys()
                .all(|status| [200, 409, 429].contains(status));
            assert!(others, "{statuses:?}");
            app.sql("DELETE FROM attempts", &[]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_of_concurrent_backups_gets_a_version() {
    race(async |app| {
        let ada = app.relay_member().await;
        for version in 1..=ROUNDS {
            if version == 1 {
                continue;
            }
            let calls = (0..CALLS).map(|number| {
                let body = json!({
                    "encrypted_data": b64([u8::try_from(number).expect("a byte"); 8]),
                    "nonce": b64([1; 24]),
                    "salt": b64([2; 16]),
                    "version": version,
                });
                let call = app.request(Method::PUT, "/api/v1/keys/backup").json(&body);
                call.bearer(&ada.access).send()
            });
            let stored = join_all(calls)
                .await
                .iter()
                .filter(|answer| answer.status() == 200)
                .count();
            assert_eq!(stored, 1, "version {version}");
        }
    })
    .await;
}
