//! Races: of concurrent callers one gets a prekey, a username, a version of a backup, a place.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use serde_json::json;

use super::calls;
use super::calls::{
    answered, delete, field, first_channel, get, invite, member_of, post, put, server,
};
use super::messages;
use super::messages::{body, new_channel, talker, texts, with};
use crate::harness::relay::{RelayMember, b64, prekeys, registration};
use crate::harness::{Answer, TestApp, race};

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
        for round in 0..ROUNDS {
            let calls = (0..CALLS).map(|number| {
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

async fn put_backup(app: &TestApp, by: &RelayMember, version: usize, number: usize) -> Answer {
    let body = json!({
        "encrypted_data": b64([u8::try_from(number).expect("a byte"); 8]),
        "nonce": b64([1; 24]),
        "salt": b64([2; 16]),
        "version": version,
    });
    put(app, by, "/keys/backup", &body).await
}

#[tokio::test]
async fn one_of_concurrent_backups_gets_a_version() {
    race(async |app| {
        let ada = app.relay_member().await;
        put_backup(app, &ada, 1, 0).await.ok();
        for version in 2..ROUNDS + 2 {
            let calls = (0..CALLS).map(|number| put_backup(app, &ada, version, number));
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

/// A day later, the name of a message still has the first place and the first answer.
#[tokio::test]
async fn concurrent_repetitions_of_a_message_get_one_place_and_one_answer() {
    race(async |app| {
        let channel = new_channel();
        let ada = talker(app, &channel).await;
        let bob = talker(app, &channel).await;
        let named = |round: usize| {
            let name = [u8::try_from(round).expect("a byte"); 16];
            with("text", &json!({"client_id": b64(name)}))
        };
        let mut first = Vec::new();
        for round in 0..ROUNDS {
            let body = named(round);
            let by = |number: usize| if number.is_multiple_of(2) { &ada } else { &bob };
            let calls = (0..CALLS).map(|number| messages::post(app, by(number), &body));
            let answers = join_all(calls).await;
            let different: HashSet<String> = answers
                .iter()
                .map(|answer| answer.ok().to_string())
                .collect();
            assert_eq!(different.len(), 1, "round {round}");
            let answer = answers[0].ok();
            assert_eq!(answer["seq"], round + 1);
            first.push(answer);
        }
        app.age(Duration::from_hours(24)).await;
        for (round, answer) in first.iter().enumerate() {
            let again = messages::post(app, &ada, &named(round)).await.ok();
            assert_eq!(&again, answer, "round {round}");
        }
        let log = messages::get(app, &ada, "?since=0").await;
        let stored = log["messages"].as_array().map(Vec::len);
        assert_eq!((stored, &log["gaps"]), (Some(ROUNDS), &json!([])));
    })
    .await;
}

/// The messages of a channel that many callers send at once have places without a gap, in one
/// order.
#[tokio::test]
async fn concurrent_messages_have_rising_places_and_times() {
    race(async |app| {
        let channel = new_channel();
        let ada = talker(app, &channel).await;
        let mut sent = Vec::new();
        for _ in 0..ROUNDS {
            let calls = (0..CALLS).map(async |number| {
                let text = format!("text {number}");
                messages::post(app, &ada, &body(&text)).await
            });
            let calls = join_all(calls).await;
            sent.extend(calls.iter().map(|answer| {
                let answer = answer.ok();
                let time = answer["timestamp"].as_str().expect("a time").to_owned();
                (answer["seq"].as_u64().expect("a number"), time)
            }));
        }
        sent.sort_unstable();
        let seqs: Vec<u64> = sent.iter().map(|(seq, _)| *seq).collect();
        let expected: Vec<u64> = (1..=1000).collect();
        assert_eq!(seqs, expected);
        assert!(sent.is_sorted_by(|one, other| one.1 < other.1));
    })
    .await;
}

/// A message that was accepted is in the channel, and a refused one is not. After the answer of the
/// removal, no message is accepted.
#[tokio::test]
async fn a_removal_refuses_every_later_message() {
    race(async |app| {
        let owner = app.relay_member().await;
        for round in 0..ROUNDS {
            let server = server(app, &owner).await;
            let member = member_of(app, &owner, &server).await;
            let path = format!(
                "/channels/{}/messages",
                first_channel(app, &owner, &server).await
            );
            let removed = AtomicBool::new(false);
            let kick = async {
                let path = format!("/servers/{server}/members/{}", member.id);
                delete(app, &owner, &path).await.ok();
                removed.store(true, Ordering::SeqCst);
            };
            let sends = (1..CALLS).map(async |number| {
                // Some begin after the answer.
                tokio::time::sleep(Duration::from_millis(number as u64 / 2)).await;
                let late = removed.load(Ordering::SeqCst);
                let text = format!("text {number}");
                let answer = post(app, &member, &path, &body(&text)).await;
                match answer.status() {
                    200 => assert!(!late, "round {round}"),
                    _ => assert_eq!(answer.problem(404), "channel_not_found"),
                }
                (answer.status() == 200).then_some(text)
            });
            let (answers, ()) = join(join_all(sends), kick).await;
            let late = post(app, &member, &path, &body("late")).await;
            assert_eq!(late.problem(404), "channel_not_found", "round {round}");
            let mut accepted: Vec<String> = answers.into_iter().flatten().collect();
            accepted.sort_unstable();
            let stored = get(app, &owner, &format!("{path}?limit=100")).await.ok();
            let mut stored = texts(&stored);
            stored.sort_unstable();
            assert_eq!(stored, accepted, "round {round}");
        }
    })
    .await;
}

/// A member who leaves and joins channels, and uses the invite again, does not outlive a kick.
#[tokio::test]
async fn a_kick_ends_a_member_who_leaves_and_joins_all_the_time() {
    race(async |app| {
        let owner = app.relay_member().await;
        for round in 0..ROUNDS {
            let server = server(app, &owner).await;
            let member = app.relay_member().await;
            let code = invite(app, &owner, &server, &json!({})).await;
            calls::join(app, &member, &code).await.ok();
            let channel = format!("/channels/{}", first_channel(app, &owner, &server).await);
            let ended = AtomicBool::new(false);
            let kick = async {
                let path = format!("/servers/{server}/members/{}", member.id);
                answered(async || delete(app, &owner, &path).await)
                    .await
                    .ok();
                ended.store(true, Ordering::SeqCst);
            };
            let resist = (0..4).map(async |_| {
                while !ended.load(Ordering::SeqCst) {
                    delete(app, &member, &format!("{channel}/leave")).await;
                    post(app, &member, &format!("{channel}/join"), &json!({})).await;
                    calls::join(app, &member, &code).await;
                }
            });
            join(join_all(resist), kick).await;
            let again = calls::join(app, &member, &code).await;
            assert_eq!(again.problem(404), "invite_not_found", "round {round}");
            let path = format!("{channel}/messages");
            let refused = get(app, &member, &path).await;
            assert_eq!(refused.problem(404), "channel_not_found", "round {round}");
            let refused = post(app, &member, &format!("{channel}/join"), &json!({})).await;
            assert_eq!(refused.problem(404), "channel_not_found", "round {round}");
            let members = get(app, &owner, &format!("/servers/{server}/members")).await;
            assert_eq!(
                field(&members.ok(), "user_id"),
                [owner.id.as_str()],
                "round {round}"
            );
        }
    })
    .await;
}
