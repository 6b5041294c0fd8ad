//! The requests of the model of a channel, and what its readers know.

use std::collections::{BTreeMap, BTreeSet};

use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelOperation, ChannelRefusal, ChannelReply, EntryPage,
};

use crate::machine::Step;
use crate::setup::{member, message};

pub const CHANNEL: &str = "first";
/// The messages: the sender, and when the message expires.
pub const MESSAGES: [(&str, Option<i64>); 3] = [("ada", None), ("ada", Some(1)), ("bob", None)];
pub const BOBS: usize = 2;
/// The number of entries in a page.
pub const PAGE: u32 = 2;

/// A page for a reader: the messages and the numbers without one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Page {
    pub since: i64,
    pub upto: i64,
    pub messages: Vec<(i64, usize)>,
    pub gaps: Vec<i64>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Reader {
    pub upto: i64,
    pub messages: BTreeMap<i64, usize>,
    pub gaps: BTreeSet<i64>,
}

/// A request of a client, or the removal of expired entries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Work {
    Append(usize),
    Join,
    Remove,
    Since(i64),
    Sweep,
}

/// The reply of the object, as the model needs it.
#[derive(Clone, Debug)]
pub enum Reply {
    Done,
    Placed(i64),
    /// The message is not stored.
    No,
    Page(Page),
    /// The page has not each number once.
    Torn,
}

pub fn id(index: usize) -> String {
    format!("message {index}")
}

pub fn join(accounts: &[&str]) -> ChannelOperation {
    let members = accounts.iter().map(|account| member(account, 1));
    ChannelOperation::AddMembers {
        channel: CHANNEL.to_owned(),
        members: members.collect(),
        direct: false,
    }
}

impl Step<Reply> for Work {
    fn request(&self) -> Option<ChannelOperation> {
        let channel = CHANNEL.to_owned();
        Some(match self {
            Self::Append(index) => {
                let (sender, expires_at) = MESSAGES[*index];
                ChannelOperation::Append {
                    channel,
                    account: sender.to_owned(),
                    messages: vec![message(&id(*index), 1, expires_at)],
                }
            }
            Self::Join => join(&["bob"]),
            Self::Remove => ChannelOperation::RemoveMember {
                channel,
                member: member("bob", 2),
            },
            Self::Since(since) => ChannelOperation::Since {
                channel,
                account: "ada".to_owned(),
                since: *since,
                limit: PAGE,
            },
            Self::Sweep => return None,
        })
    }

    fn read(&self, reply: Option<ChannelReply>) -> Reply {
        match (self, reply) {
            (Self::Append(index), Some(ChannelReply::Appended(outcomes))) => match outcomes[..] {
                [Appended::Stored { placed, .. }] => Reply::Placed(placed.seq),
                [Appended::Expired] if MESSAGES[*index].1.is_some() => Reply::No,
                _ => panic!("{outcomes:?}"),
            },
            (Self::Append(BOBS), Some(ChannelReply::Refused(ChannelRefusal::Unknown))) => Reply::No,
            (Self::Join | Self::Remove, Some(ChannelReply::Done)) | (Self::Sweep, None) => {
                Reply::Done
            }
            (Self::Since(since), Some(ChannelReply::Entries(found))) => {
                page(*since, found).map_or(Reply::Torn, Reply::Page)
            }
            (_, reply) => panic!("{self:?}: {reply:?}"),
        }
    }
}

/// Returns the page for a reader, or `None` if a number is missing in it or twice in it.
pub fn page(from: i64, found: EntryPage) -> Option<Page> {
    let mut page = Page {
        since: from,
        upto: found.upto,
        messages: Vec::new(),
        gaps: Vec::new(),
    };
    for entry in found.entries {
        let ChannelEntry::Message(message) = entry else {
            return None;
        };
        let index = (0..MESSAGES.len()).find(|index| id(*index) == message.id)?;
        page.messages.push((message.placed.seq, index));
    }
    for gap in found.gaps {
        page.gaps.extend(gap.from..=gap.to);
    }
    let numbers = page.messages.iter().map(|(seq, _)| *seq);
    let mut numbers: Vec<i64> = numbers.chain(page.gaps.iter().copied()).collect();
    numbers.sort_unstable();
    numbers
        .iter()
        .copied()
        .eq(from + 1..=found.upto)
        .then_some(page)
}

impl Reader {
    pub fn take(&mut self, page: &Page) {
        // An old page again: the reader has its numbers.
        if page.since != self.upto {
            return;
        }
        self.upto = page.upto;
        self.messages.extend(page.messages.iter().copied());
        self.gaps.extend(page.gaps.iter().copied());
    }

    pub fn knows(&self, seq: i64, index: usize) -> bool {
        seq > self.upto || self.gaps.contains(&seq) || self.messages.get(&seq) == Some(&index)
    }
}
