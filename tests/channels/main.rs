//! The object of a channel over SQLite.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test binary has no API, and panics are how it fails"
)]
#![allow(
    clippy::too_many_lines,
    reason = "a model takes its steps in one function"
)]

mod checked;
mod machine;
mod model;
mod setup;
mod work;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hamrah_api::kernel::store::{Db, Statement};
use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{Appended, ChannelOperation, ChannelReply};

use crate::setup::{ALL, OWNER, Setup, message};

#[tokio::test]
async fn only_a_higher_version_brings_a_member_back() {
    let setup = Setup::new().await;
    assert!(!setup.is_member("first", "ada").await);
    setup.add("first", "ada", 1).await;
    assert!(setup.is_member("first", "ada").await);
    assert!(!setup.is_member("second", "ada").await);
    setup.remove_member("first", "ada", 2).await;
    for late in [1, 2] {
        setup.add("first", "ada", late).await;
        assert!(!setup.is_member("first", "ada").await, "{late}");
    }
    setup.add("first", "ada", 3).await;
    setup.remove_member("first", "ada", 2).await;
    assert!(setup.is_member("first", "ada").await, "a late removal");
    // A removal that arrives before its addition.
    setup.remove_member("first", "bob", 5).await;
    setup.add("first", "bob", 4).await;
    assert!(!setup.is_member("first", "bob").await);
}

#[tokio::test]
async fn a_destroyed_channel_never_comes_back() {
    let setup = Setup::new().await;
    setup.add("first", OWNER, 1).await;
    for number in 0..5 {
        setup
            .append("first", message(&format!("{number}"), 1, None))
            .await;
    }
    let channel = "first".to_owned();
    let destroyed = setup.call(ChannelOperation::Destroy { channel }).await;
    assert_eq!(destroyed, ChannelReply::Done);
    setup.add("first", OWNER, 9).await;
    assert!(!setup.is_member("first", OWNER).await);
    assert_eq!(setup.channels.remove_due().await.expect("sweeps"), 5);
    assert_eq!(setup.channels.remove_due().await.expect("sweeps"), 0);
}

/// A run is bounded by time, and not by the number of its slices of 500 entries.
#[tokio::test]
async fn one_run_removes_thousands_of_expired_entries() {
    let setup = Setup::new().await;
    setup.add("first", OWNER, 1).await;
    let end = setup.now() + 1_000;
    for group in 0..90 {
        let messages = (0..50).map(|number| message(&format!("{group}-{number}"), 1, Some(end)));
        let operation = ChannelOperation::Append {
            channel: "first".to_owned(),
            account: OWNER.to_owned(),
            messages: messages.collect(),
        };
        assert!(matches!(
            setup.call(operation).await,
            ChannelReply::Appended(_)
        ));
    }
    setup.clock.0.store(end, Ordering::Relaxed);
    assert_eq!(setup.channels.remove_due().await.expect("sweeps"), 4_500);
    let read = setup.read("first", ALL).await;
    assert_eq!((read.head, read.messages.len()), (4_500, 0));
}

#[tokio::test]
async fn a_hundred_senders_get_a_hundred_places() {
    let setup = Arc::new(Setup::new().await);
    setup.add("first", OWNER, 1).await;
    let senders = (0..100).map(|number| {
        let setup = Arc::clone(&setup);
        tokio::spawn(async move {
            // Each message is sent twice at the same time.
            let one = || message(&format!("{}", number / 2), 1, None);
            setup.append("first", one()).await
        })
    });
    let mut places: Vec<i64> = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        match sender.await.expect("no panic") {
            Appended::Stored { placed: one, .. } => places.push(one.seq),
            outcome => panic!("{outcome:?}"),
        }
    }
    places.sort_unstable();
    let twice: Vec<i64> = (1..=50).flat_map(|seq| [seq, seq]).collect();
    assert_eq!(places, twice);
    assert_eq!(setup.read("first", ALL).await.head, 50);
}

/// D1's and Durable Objects' prices count a row for the table and for each entry of an index.
#[tokio::test]
async fn a_message_writes_two_rows_and_a_third_if_it_expires() {
    let setup = Setup::new().await;
    setup.add("first", OWNER, 1).await;
    let total = async || {
        let query = sqlx::query_scalar("SELECT total_changes()");
        let total: i64 = query.fetch_one(setup.db.pool()).await.expect("a number");
        total
    };
    let before = total().await;
    setup.append("first", message("one", 1, None)).await;
    assert_eq!(total().await - before, 1, "one row of the table");
    let query = "SELECT name, partial FROM pragma_index_list('channel_entries')
                  WHERE origin = 'c' ORDER BY name";
    let indexes: Vec<(String, i64)> = sqlx::query_as(query)
        .fetch_all(setup.db.pool())
        .await
        .expect("rows");
    let names: Vec<&str> = indexes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["channel_entries_expires_at", "channel_entries_id"]);
    assert!(indexes.iter().all(|(_, partial)| *partial == 1));
    let sender = "SELECT COUNT(*) FROM channel_entries WHERE instr(id || hex(body), ?1) > 0";
    let with_sender: i64 = sqlx::query_scalar(sender)
        .bind(OWNER)
        .fetch_one(setup.db.pool())
        .await
        .expect("a number");
    assert_eq!(with_sender, 0);
}

/// A batch that fails has no effect at all, also in the database of channels.
#[tokio::test]
async fn a_failed_batch_leaves_nothing() {
    let setup = Setup::new().await;
    let statement = |sql| Statement {
        sql,
        params: Vec::new(),
    };
    let failed = setup
        .db
        .batch(vec![
            statement("INSERT INTO channel_schema (version) VALUES (9)"),
            statement("INSERT INTO channel_schema (version) VALUES (9)"),
        ])
        .await;
    assert!(failed.is_err());
    let versions: i64 = sqlx::query_scalar("SELECT MAX(version) FROM channel_schema")
        .fetch_one(setup.db.pool())
        .await
        .expect("a number");
    assert_eq!(versions, 1);
}
