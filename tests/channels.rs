//! The object of a channel over SQLite, against a model: random operations on two channels that
//! share an object.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use hamrah_api::kernel::domain::{Clock, Entropy, NoEntropy};
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::kernel::store::{Db, Statement};
use hamrah_api::platform::native::channels::LocalChannels;
use hamrah_api::platform::native::sqlite::Sqlite;
use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelMember, ChannelMessage, ChannelOperation, ChannelRefusal,
    ChannelReply, ChannelRequest, GapReason, NewMessage, Placed, SealedBytes,
};
use hamrah_api::relay::model::micros::Micros;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const OBJECT: &str = "object";
/// More than any sequence number of a test.
const ALL: u32 = 1_000;
const OWNER: &str = "owner";

struct Standing(AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

struct Setup {
    channels: LocalChannels,
    db: Arc<Sqlite>,
    clock: Arc<Standing>,
}

impl Setup {
    async fn new() -> Self {
        let db = Arc::new(Sqlite::open("sqlite::memory:").await.expect("opens"));
        let clock = Arc::new(Standing(AtomicI64::new(1_000_000)));
        let entropy = Arc::new(Counting(AtomicU8::new(1)));
        let channels = LocalChannels::over(db.clone(), clock.clone(), entropy).await;
        Self {
            channels: channels.expect("migrates"),
            db,
            clock,
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    async fn call(&self, operation: ChannelOperation) -> ChannelReply {
        let request = ChannelRequest::new(operation);
        self.channels.call(OBJECT, request).await.expect("a reply")
    }

    async fn add(&self, channel: &str, account: &str, version: i64) {
        let members = vec![member(account, version)];
        let channel = channel.to_owned();
        let operation = ChannelOperation::AddMembers { channel, members };
        assert_eq!(self.call(operation).await, ChannelReply::Done);
    }

    async fn remove_member(&self, channel: &str, account: &str, version: i64) {
        let operation = ChannelOperation::RemoveMember {
            channel: channel.to_owned(),
            member: member(account, version),
        };
        assert_eq!(self.call(operation).await, ChannelReply::Done);
    }

    async fn is_member(&self, channel: &str, account: &str) -> bool {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        let operation = ChannelOperation::IsMember { channel, account };
        match self.call(operation).await {
            ChannelReply::Member(is_member) => is_member,
            reply => panic!("{reply:?}"),
        }
    }

    async fn append(&self, channel: &str, message: NewMessage) -> Appended {
        let operation = ChannelOperation::Append {
            channel: channel.to_owned(),
            account: OWNER.to_owned(),
            messages: vec![message],
        };
        match self.call(operation).await {
            ChannelReply::Appended(outcomes) => outcomes[0],
            reply => panic!("{reply:?}"),
        }
    }

    async fn newest(&self, channel: &str, before: Option<Micros>) -> Vec<ChannelMessage> {
        let operation = ChannelOperation::Before {
            channel: channel.to_owned(),
            account: OWNER.to_owned(),
            before,
            limit: 2,
        };
        match self.call(operation).await {
            ChannelReply::Messages(messages) => messages,
            reply => panic!("{reply:?}"),
        }
    }

    /// Reads a channel from its beginning in pages of `limit`. Checks that every sequence number is
    /// told once, and returns the messages by number, the gaps by number and the head.
    async fn read(&self, channel: &str, limit: u32) -> ReadBack {
        let mut read = ReadBack::default();
        let mut since = 0;
        loop {
            let operation = ChannelOperation::Since {
                channel: channel.to_owned(),
                account: OWNER.to_owned(),
                since,
                limit,
            };
            let ChannelReply::Entries(page) = self.call(operation).await else {
                panic!("no page");
            };
            read.head = page.head;
            for gap in &page.gaps {
                read.gaps
                    .extend((gap.from..=gap.to).map(|seq| (seq, gap.reason)));
                read.told.extend(gap.from..=gap.to);
            }
            for entry in page.entries {
                read.told.push(match &entry {
                    ChannelEntry::Message(message) => message.placed.seq,
                    ChannelEntry::Edited { seq, .. } | ChannelEntry::Removed { seq, .. } => *seq,
                });
                if let ChannelEntry::Message(message) = entry {
                    read.messages.insert(message.placed.seq, message);
                }
            }
            if page.upto >= page.head {
                break;
            }
            assert!(page.upto > since, "a page must go on");
            since = page.upto;
        }
        read.told.sort_unstable();
        assert_eq!(read.told, (1..=read.head).collect::<Vec<i64>>());
        read
    }
}

#[derive(Default)]
struct ReadBack {
    messages: BTreeMap<i64, ChannelMessage>,
    gaps: BTreeMap<i64, GapReason>,
    told: Vec<i64>,
    head: i64,
}

fn member(account: &str, version: i64) -> ChannelMember {
    ChannelMember {
        account: account.to_owned(),
        version,
    }
}

fn message(id: &str, body: u8, expires_at: Option<i64>) -> NewMessage {
    NewMessage {
        id: id.to_owned(),
        sender_token: SealedBytes(vec![body; 32]),
        body: SealedBytes(vec![body; 100]),
        expires_at,
        has_attachments: false,
        edit_key_hash: Some(SealedBytes(Sha256::digest(id.as_bytes()).to_vec())),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Append {
        channel: usize,
        id: u8,
        body: u8,
        lives: Option<i64>,
    },
    Edit {
        channel: usize,
        id: u8,
        body: u8,
    },
    Remove {
        channel: usize,
        id: u8,
    },
    Pass(i64),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    let (channel, id, body) = (0_usize..2, 0_u8..8, 0_u8..2);
    prop_oneof![
        4 => (channel.clone(), id.clone(), body.clone(), proptest::option::of(1_i64..4)).prop_map(
            |(channel, id, body, lives)| Step::Append { channel, id, body, lives }),
        1 => (channel.clone(), id.clone(), body).prop_map(
            |(channel, id, body)| Step::Edit { channel, id, body }),
        1 => (channel, id).prop_map(|(channel, id)| Step::Remove { channel, id }),
        1 => (-1_i64..3).prop_map(Step::Pass),
        1 => Just(Step::Sweep),
    ]
}

/// A message of the model.
#[derive(Clone, Debug)]
struct Known {
    placed: Placed,
    sent: u8,
    body: u8,
    edited: bool,
    removed: bool,
    expires_at: Option<i64>,
}

const CHANNELS: [&str; 2] = ["first", "second"];

async fn run(steps: Vec<Step>) {
    let setup = Setup::new().await;
    let mut known: [BTreeMap<String, Known>; 2] = Default::default();
    let mut last = [Placed {
        seq: 0,
        at: Micros(0),
    }; 2];
    for channel in CHANNELS {
        setup.add(channel, OWNER, 1).await;
    }
    for step in steps {
        let now = setup.now();
        match step {
            Step::Append {
                channel,
                id,
                body,
                lives,
            } => {
                let name = format!("{channel}/{id}");
                let expires_at = lives.map(|lives| now + lives);
                let sent = message(&name, body, expires_at);
                let outcome = setup.append(CHANNELS[channel], sent).await;
                match known[channel].get(&name) {
                    Some(one) if one.removed || one.sent == body => {
                        assert_eq!(outcome, Appended::Stored(one.placed));
                    }
                    Some(_) => assert_eq!(outcome, Appended::Conflict),
                    None => {
                        let Appended::Stored(placed) = outcome else {
                            panic!("{outcome:?}");
                        };
                        assert_eq!(placed.seq, last[channel].seq + 1);
                        assert!(placed.at > last[channel].at);
                        last[channel] = placed;
                        let one = Known {
                            placed,
                            sent: body,
                            body,
                            edited: false,
                            removed: false,
                            expires_at,
                        };
                        known[channel].insert(name, one);
                    }
                }
            }
            Step::Edit { channel, id, body } => {
                let name = format!("{channel}/{id}");
                let reply = setup
                    .call(ChannelOperation::Edit {
                        message: name.clone(),
                        account: OWNER.to_owned(),
                        secret: SealedBytes(name.clone().into_bytes()),
                        body: SealedBytes(vec![body; 100]),
                    })
                    .await;
                match known[channel].get_mut(&name) {
                    Some(one) if is_readable(one, now) => {
                        assert!(matches!(reply, ChannelReply::Edited { .. }), "{reply:?}");
                        if !(one.edited && one.body == body) {
                            last[channel].seq += 1;
                        }
                        (one.edited, one.body) = (true, body);
                    }
                    _ => assert_eq!(reply, ChannelReply::Refused(ChannelRefusal::Unknown)),
                }
            }
            Step::Remove { channel, id } => {
                let name = format!("{channel}/{id}");
                let reply = setup
                    .call(ChannelOperation::Remove {
                        message: name.clone(),
                        account: OWNER.to_owned(),
                        secret: SealedBytes(name.clone().into_bytes()),
                    })
                    .await;
                match known[channel].get_mut(&name) {
                    Some(one) if one.removed || is_readable(one, now) => {
                        assert_eq!(reply, ChannelReply::Done);
                        if !one.removed {
                            last[channel].seq += 1;
                        }
                        one.removed = true;
                    }
                    _ => assert_eq!(reply, ChannelReply::Refused(ChannelRefusal::Unknown)),
                }
            }
            Step::Pass(millis) => {
                setup.clock.0.fetch_add(millis, Ordering::Relaxed);
            }
            Step::Sweep => {
                setup.channels.remove_due().await.expect("sweeps");
                for known in &mut known {
                    known.retain(|_, one| one.expires_at.is_none_or(|at| at > now));
                }
            }
        }
        let now = setup.now();
        for (index, channel) in CHANNELS.into_iter().enumerate() {
            let read = setup.read(channel, 3).await;
            assert_eq!(read.head, last[index].seq, "the head never falls");
            let readable: BTreeMap<i64, &Known> = known[index]
                .values()
                .filter(|one| is_readable(one, now))
                .map(|one| (one.placed.seq, one))
                .collect();
            assert_eq!(
                read.messages.keys().collect::<Vec<_>>(),
                readable.keys().collect::<Vec<_>>()
            );
            for (seq, one) in &readable {
                assert_eq!(read.messages[seq].body.0[0], one.body);
                assert_eq!(read.messages[seq].edited, one.edited);
                assert_eq!(read.messages[seq].placed, one.placed);
            }
            // The same messages by time, the newest first.
            let (mut before, mut found) = (None, Vec::new());
            loop {
                let page = setup.newest(channel, before).await;
                let Some(oldest) = page.last() else { break };
                before = Some(oldest.placed.at);
                found.extend(page.iter().map(|message| message.placed.seq));
            }
            found.reverse();
            assert_eq!(found, readable.keys().copied().collect::<Vec<_>>());
        }
    }
}

fn is_readable(one: &Known, now: i64) -> bool {
    !one.removed && one.expires_at.is_none_or(|at| at > now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_channel_behaves_as_its_model(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(run(steps));
    }
}

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
            Appended::Stored(placed) => places.push(placed.seq),
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
    let named: i64 = sqlx::query_scalar(sender)
        .bind(OWNER)
        .fetch_one(setup.db.pool())
        .await
        .expect("a number");
    assert_eq!(named, 0);
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
