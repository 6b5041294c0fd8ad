//! A hub that follows a channel, and what is stored of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{ChannelPush, DirectReaders, Eviction, News};
use crate::relay::model::slots::{HubId, Slot};

/// A hub that follows a channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Follower {
    /// The life of the hub. Zero: it was called for a direct message, and never called
    /// itself.
    pub(super) life: u64,
    /// Changes if the channel forgot the hub in between, or if the hub started again.
    pub(super) generation: u64,
    /// The evictions that the hub has not confirmed. `None` is everyone.
    pub(super) evictions: BTreeMap<u64, Option<UserId>>,
    /// The last sequence number that the hub knows.
    pub(super) acked: i64,
    /// The number of the hub's last request.
    pub(super) touch: u64,
    /// Since when the hub has not answered and does not know everything.
    pub(super) silent_since: Option<Timestamp>,
    /// When the channel pushes again, if the hub does not know everything.
    pub(super) next_at: Option<Timestamp>,
    /// How often in a row the hub did not answer.
    pub(super) failures: u32,
    /// The number of its sockets that read the channel.
    pub(super) readers: u32,
    /// The readers of a direct message that the hub does not know of yet.
    pub(super) direct: Option<DirectReaders>,
}

impl Follower {
    /// Returns a hub that knows everything up to a sequence number.
    pub(super) const fn new(life: u64, generation: u64, acked: i64) -> Self {
        Self {
            life,
            generation,
            evictions: BTreeMap::new(),
            acked,
            touch: 0,
            silent_since: None,
            next_at: None,
            failures: 0,
            readers: 0,
            direct: None,
        }
    }

    pub(super) fn is_done(&self, head: i64) -> bool {
        self.acked >= head && self.evictions.is_empty() && self.direct.is_none()
    }

    pub(super) fn eviction(&self) -> Option<Eviction> {
        let (number, _) = self.evictions.last_key_value()?;
        Some(Eviction {
            number: *number,
            accounts: self.evictions.values().copied().flatten().collect(),
            everyone: self.evictions.values().any(Option::is_none),
        })
    }

    /// Returns the news that the hub does not have: evictions before the head.
    pub(super) fn missing(&self, head: i64) -> ChannelPush {
        let news = self.eviction().map_or(News::Head(head), News::Evict);
        self.push(news)
    }

    pub(super) fn push(&self, news: News) -> ChannelPush {
        let direct = self.direct.clone();
        ChannelPush {
            touch: self.touch,
            direct: direct.filter(|_| !matches!(news, News::Evict(_))),
            news,
        }
    }

    /// Adds readers of a direct message.
    pub(super) fn add_direct(&mut self, slots: Vec<Slot>, since: i64) {
        let earlier = self.direct.take().map(|direct| direct.since);
        let since = earlier.map_or(since, |earlier| earlier.min(since));
        self.direct = Some(DirectReaders { slots, since });
    }
}

/// What must survive a restart of a channel's object.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct FanoutRecord {
    /// The hubs that follow the channel.
    pub hubs: Vec<FollowerRecord>,
    /// The number of the last generation.
    pub generations: u64,
    /// The number of the last eviction.
    pub evictions: u64,
}

/// What must survive about a hub that follows a channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct FollowerRecord {
    /// The hub.
    pub hub: HubId,
    /// Its life.
    pub life: u64,
    /// The generation of its knowledge of members.
    pub generation: u64,
    /// The evictions that it has not confirmed, with their numbers. `None` is everyone.
    pub evictions: Vec<(u64, Option<UserId>)>,
}

impl FollowerRecord {
    pub(super) fn of(hub: HubId, follower: &Follower) -> Self {
        let evictions = follower.evictions.iter();
        Self {
            hub,
            life: follower.life,
            generation: follower.generation,
            evictions: evictions.map(|(number, who)| (*number, *who)).collect(),
        }
    }
}
