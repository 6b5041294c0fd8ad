//! Direct messages: one for each pair of accounts.

use std::collections::HashSet;

use futures::future::join_all;
use serde_json::{Value, json};

use super::calls::{META, answered, delete, field, get, id, post, put, sorted};
use crate::harness::relay::RelayMember;
use crate::harness::{Answer, TestApp, case, race};

pub async fn open(app: &TestApp, by: &RelayMember, to: &str, meta: &str) -> Answer {
    post(
        app,
        by,
        "/dm",
        &json!({"target_user_id": to, "encrypted_meta": meta}),
    )
    .await
}

#[tokio::test]
async fn a_pair_has_one_direct_message() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let eve = app.relay_member().await;
        let made = open(app, &ada, &bob.id, META).await.ok();
        assert_eq!(made["server_id"], Value::Null);
        assert_eq!(made["channel_type"], "dm");
        // The first metadata stays, and both accounts get the same channel.
        assert_eq!(open(app, &ada, &bob.id, "bmV3").await.ok(), made);
        assert_eq!(open(app, &bob, &ada.id, "bmV3").await.ok(), made);
        for by in [&ada, &bob] {
            assert_eq!(get(app, by, "/dm").await.ok(), json!([made]));
        }
        assert_eq!(get(app, &eve, "/dm").await.ok(), json!([]));
        let channel = format!("/channels/{}", id(&made));
        let members = get(app, &bob, &format!("{channel}/members")).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&ada.id, &bob.id]));
        // No account joins it, and none of the two leaves or changes it.
        for by in [&ada, &eve] {
            let answer = post(app, by, &format!("{channel}/join"), &json!({})).await;
            assert_eq!(answer.problem(404), "channel_not_found");
        }
        assert_eq!(
            get(app, &eve, &format!("{channel}/members"))
                .await
                .problem(404),
            "channel_not_found"
        );
        let new = json!({"encrypted_meta": META});
        for answer in [
            delete(app, &bob, &format!("{channel}/leave")).await,
            delete(app, &bob, &channel).await,
            put(app, &bob, &channel, &new).await,
        ] {
            assert_eq!(answer.problem(409), "direct_message_stays");
        }
        assert_eq!(
            delete(app, &eve, &channel).await.problem(404),
            "channel_not_found"
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_direct_message_needs_another_account_with_keys() {
    case(async |app| {
        let ada = app.relay_member().await;
        let myself = open(app, &ada, &ada.id, META).await;
        assert!(myself.status() == 400 && myself.text().contains("target_user_id"));
        for target in [json!("x"), json!(1), Value::Null] {
            let body = json!({"target_user_id": target, "encrypted_meta": META});
            let answer = post(app, &ada, "/dm", &body).await;
            assert!(answer.status() == 400 && answer.text().contains("target_user_id"));
        }
        let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(
            open(app, &ada, unknown, META).await.problem(404),
            "user_not_found"
        );
        let keyless = app.person().await;
        assert_eq!(
            open(app, &ada, &keyless.id, META).await.problem(404),
            "user_not_found"
        );
    })
    .await;
}

#[tokio::test]
async fn direct_messages_come_in_pages_and_outlive_one_account() {
    case(async |app| {
        let ada = app.relay_member().await;
        let mut others = Vec::new();
        for _ in 0..5 {
            let other = app.relay_member().await;
            open(app, &ada, &other.id, META).await.ok();
            others.push(other);
        }
        let all = get(app, &ada, "/dm").await.ok();
        let (mut seen, mut next) = (Vec::new(), "/dm?limit=2".to_owned());
        loop {
            let page = get(app, &ada, &next).await.ok();
            let page = page.as_array().expect("a list").clone();
            let Some(last) = page.last() else { break };
            next = format!("/dm?limit=2&after={}", id(last));
            seen.extend(page);
        }
        assert_eq!(json!(seen), all);
        for wrong in ["limit=0", "limit=1001", "after=x"] {
            let answer = get(app, &ada, &format!("/dm?{wrong}")).await;
            assert_eq!(answer.problem(400), "invalid_query");
        }
        app.delete("/api/users/me")
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let left = get(app, &others[0], "/dm").await.ok();
        let members = format!("/channels/{}/members", id(&left[0]));
        let members = get(app, &others[0], &members).await.ok();
        assert_eq!(field(&members, "user_id"), sorted(&[&others[0].id]));
        for other in &others {
            app.delete("/api/users/me")
                .bearer(&other.access)
                .send()
                .await
                .ok();
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM relay_channels", &[]).await,
            0
        );
        app.cron().await;
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_outbox", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_direct_messages_has_1_mib_of_metadata_at_most() {
    case(async |app| {
        let ada = app.relay_member().await;
        for _ in 0..3 {
            let other = app.relay_member().await;
            open(app, &ada, &other.id, META).await.ok();
        }
        app.sql(
            "UPDATE relay_channels SET encrypted_meta = hex(zeroblob(300000))",
            &[],
        )
        .await;
        let page = get(app, &ada, "/dm").await.ok();
        assert_eq!(page.as_array().map(Vec::len), Some(2));
        let rest = get(app, &ada, &format!("/dm?after={}", id(&page[1]))).await;
        assert_eq!(rest.ok().as_array().map(Vec::len), Some(1));
    })
    .await;
}

#[tokio::test]
async fn concurrent_openings_make_one_direct_message() {
    race(async |app| {
        for _ in 0..20 {
            let (ada, bob) = (app.relay_member().await, app.relay_member().await);
            let answers = join_all((0..50).map(async |number| {
                let meta = if number % 3 == 0 { META } else { "bmV3" };
                let (by, to) = if number % 2 == 0 {
                    (&ada, &bob)
                } else {
                    (&bob, &ada)
                };
                answered(async || open(app, by, &to.id, meta).await).await
            }))
            .await;
            let different: HashSet<String> = answers
                .iter()
                .map(|answer| answer.ok().to_string())
                .collect();
            assert_eq!(different.len(), 1);
            for by in [&ada, &bob] {
                let list = get(app, by, "/dm").await.ok();
                assert_eq!(list.as_array().map(Vec::len), Some(1));
            }
        }
    })
    .await;
}
