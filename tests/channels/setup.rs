//! A channel's object over SQLite in memory, with a clock that a test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use hamrah_api::kernel::domain::{Clock, Entropy, NoEntropy};
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::platform::native::channels::LocalChannels;
use hamrah_api::platform::native::sqlite::Sqlite;
use hamrah_api::relay::domain::Channels;
use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelMember, ChannelMessage, ChannelOperation, ChannelReply,
    ChannelRequest, GapReason, NewMessage, SealedBytes,
};
use hamrah_api::relay::model::micros::Micros;
use sha2::{Digest, Sha256};

pub const OBJECT: &str = "object";
/// More than any sequence number of a test.
pub const ALL: u32 = 1_000;
pub const OWNER: &str = "owner";

pub struct Standing(pub AtomicI64);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub struct Counting(AtomicU8);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        buffer.fill(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

pub struct Setup {
    pub channels: LocalChannels,
    pub db: Arc<Sqlite>,
    pub clock: Arc<Standing>,
}

impl Setup {
    pub async fn new() -> Self {
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

    pub fn now(&self) -> i64 {
        self.clock.now().millis()
    }

    pub async fn call(&self, operation: ChannelOperation) -> ChannelReply {
        let request = ChannelRequest::new(operation);
        self.channels.call(OBJECT, request).await.expect("a reply")
    }

    pub async fn add(&self, channel: &str, account: &str, version: i64) {
        let members = vec![member(account, version)];
        let channel = channel.to_owned();
        let operation = ChannelOperation::AddMembers {
            channel,
            members,
            direct: false,
        };
        assert_eq!(self.call(operation).await, ChannelReply::Done);
    }

    pub async fn remove_member(&self, channel: &str, account: &str, version: i64) {
        let operation = ChannelOperation::RemoveMember {
            channel: channel.to_owned(),
            member: member(account, version),
        };
        assert_eq!(self.call(operation).await, ChannelReply::Done);
    }

    pub async fn is_member(&self, channel: &str, account: &str) -> bool {
        let (channel, account) = (channel.to_owned(), account.to_owned());
        let operation = ChannelOperation::IsMember { channel, account };
        match self.call(operation).await {
            ChannelReply::Member(is_member) => is_member,
            reply => panic!("{reply:?}"),
        }
    }

    pub async fn append(&self, channel: &str, message: NewMessage) -> Appended {
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

    pub async fn newest(&self, channel: &str, before: Option<Micros>) -> Vec<ChannelMessage> {
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
    /// numbers once, and returns the messages by number, the gaps by number and the head.
    pub async fn read(&self, channel: &str, limit: u32) -> ReadBack {
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
                read.numbers.extend(gap.from..=gap.to);
            }
            for entry in page.entries {
                read.numbers.push(match &entry {
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
        read.numbers.sort_unstable();
        assert_eq!(read.numbers, (1..=read.head).collect::<Vec<i64>>());
        read
    }
}

#[derive(Default)]
pub struct ReadBack {
    pub messages: BTreeMap<i64, ChannelMessage>,
    pub gaps: BTreeMap<i64, GapReason>,
    pub numbers: Vec<i64>,
    pub head: i64,
}

pub fn member(account: &str, version: i64) -> ChannelMember {
    ChannelMember {
        account: account.to_owned(),
        version,
    }
}

pub fn message(id: &str, body: u8, expires_at: Option<i64>) -> NewMessage {
    NewMessage {
        id: id.to_owned(),
        sender_token: SealedBytes(vec![body; 32]),
        body: SealedBytes(vec![body; 100]),
        expires_at,
        has_attachments: false,
        edit_key_hash: Some(SealedBytes(Sha256::digest(id.as_bytes()).to_vec())),
    }
}
