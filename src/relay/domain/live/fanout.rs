//! The side of a channel that pushes to hubs.
//!
//! It knows which hubs follow the channel, how far each of them is, and which evictions each of
//! them has to confirm. A hub with an unconfirmed eviction gets no entries, neither by a push nor
//! by an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{
    ChannelAnswer, ChannelPush, Eviction, HubRequest, News, PushAnswer,
};
use crate::relay::model::channel::ChannelEntry;
use crate::relay::model::slots::HubId;

/// How long the channel waits for the answer to a push before it pushes again. It doubles with each
/// failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two pushes to a hub that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a hub may be silent before the channel forgets it. It is longer than a hub trusts its
/// knowledge of members, and longer than a call or a push may be on its way.
const MOST_SILENCE: Duration = Duration::from_mins(2);

/// An effect of a channel's side.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum FanoutEffect {
    /// Calls a hub. Its answer goes into [`Fanout::take_answer`]. There may be none.
    Push {
        /// The hub.
        hub: HubId,
        /// The push.
        push: ChannelPush,
    },
    /// Every hub has carried out the eviction with this number, so the removal may end.
    Evicted(u64),
    /// Asks for [`Fanout::alarm`] at a time.
    Wake(Timestamp),
}

/// A hub that follows a channel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Follower {
    /// The life of the hub.
    life: u64,
    /// Changes if the channel forgot the hub in between, or if the hub started again.
    generation: u64,
    /// The evictions that the hub has not confirmed.
    evictions: BTreeMap<u64, UserId>,
    /// The last sequence number that the hub knows.
    acked: i64,
    /// The number of the hub's last request.
    touch: u64,
    /// Since when the hub has not answered and does not know everything.
    silent_since: Option<Timestamp>,
    /// When the channel pushes again, if the hub does not know everything.
    next_at: Option<Timestamp>,
    /// How often in a row the hub did not answer.
    failures: u32,
}

impl Follower {
    fn is_done(&self, head: i64) -> bool {
        self.acked >= head && self.evictions.is_empty()
    }

    fn eviction(&self) -> Option<Eviction> {
        let (number, _) = self.evictions.last_key_value()?;
        Some(Eviction {
            number: *number,
            accounts: self.evictions.values().copied().collect(),
            everyone: false,
        })
    }

    /// Returns the news that the hub does not have: evictions before the head.
    fn missing(&self, head: i64) -> ChannelPush {
        let news = self.eviction().map_or(News::Head(head), News::Evict);
        self.push(news)
    }

    const fn push(&self, news: News) -> ChannelPush {
        ChannelPush {
            touch: self.touch,
            direct: None,
            news,
        }
    }
}

/// The hubs of a channel.
///
/// The hubs with their lives, generations and evictions, and the two counters, must survive a
/// restart of the object ([`Fanout::after_restart`]). Everything else may be lost.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fanout {
    head: i64,
    followers: BTreeMap<HubId, Follower>,
    generations: u64,
    evictions: u64,
    touches: u64,
}

impl Fanout {
    /// Returns the state after a restart of the object. Each hub is asked again how far it is.
    #[must_use]
    pub fn after_restart(mut self, head: i64) -> Self {
        self.head = head;
        for follower in self.followers.values_mut() {
            follower.acked = 0;
        }
        self
    }

    /// Returns the time at which the channel needs its alarm.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        let followers = self.followers.values();
        followers.filter_map(|follower| follower.next_at).min()
    }

    /// Looks at a request of a hub before the channel does anything for it. Returns the generation
    /// for the answer, or the answer that says why the channel does nothing.
    ///
    /// # Errors
    /// The answer, if the request is from an earlier life, rests on members that no longer count,
    /// or comes before the confirmation of an eviction.
    pub fn admit(
        &mut self,
        request: &HubRequest,
        now: Timestamp,
        effects: &mut Vec<FanoutEffect>,
    ) -> Result<Option<u64>, ChannelAnswer> {
        let hub = request.hub;
        let head = self.head;
        if let Some(follower) = self.followers.get_mut(&hub) {
            if request.life < follower.life {
                return Err(ChannelAnswer::Forgotten);
            }
            if request.life > follower.life {
                self.generations += 1;
                follower.life = request.life;
                follower.generation = self.generations;
                follower.acked = head;
            }
            follower.silent_since = None;
            follower.acked = follower.acked.max(request.head.min(head));
            self.confirm(hub, request.evicted_upto, now, effects);
        } else if (request.readers > 0) && request.generation.is_none() {
            self.generations += 1;
            let follower = Follower {
                life: request.life,
                generation: self.generations,
                evictions: BTreeMap::new(),
                acked: head,
                touch: 0,
                silent_since: None,
                next_at: None,
                failures: 0,
            };
            self.followers.insert(hub, follower);
        }
        let Some(follower) = self.followers.get_mut(&hub) else {
            return match request.generation {
                Some(_) => Err(ChannelAnswer::Forgotten),
                None => Ok(None),
            };
        };
        if let Some(eviction) = follower.eviction() {
            return Err(ChannelAnswer::EvictFirst(eviction));
        }
        let generation = follower.generation;
        if request.generation.is_some_and(|known| known != generation) {
            return Err(ChannelAnswer::Forgotten);
        }
        if request.readers > 0 {
            self.touches += 1;
            follower.touch = self.touches;
        }
        Ok(Some(generation))
    }

    /// Takes entries that are stored now. They were appended by the request `from`, and its answer
    /// has them.
    pub fn publish(
        &mut self,
        entries: &[ChannelEntry],
        from: Option<&HubRequest>,
        _direct: &[(HubId, crate::relay::model::slots::Slot)],
        now: Timestamp,
    ) -> Vec<FanoutEffect> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Vec::new();
        };
        self.head = last.seq();
        let mut effects = Vec::new();
        for (hub, follower) in &mut self.followers {
            let is_source = from.is_some_and(|from| from.hub == *hub && from.life == follower.life);
            if is_source {
                // This life of the hub gets the answer, or pulls because it got none.
                if follower.acked == first.seq() - 1 {
                    follower.acked = last.seq();
                }
            } else if follower.evictions.is_empty() {
                let push = follower.push(News::Entries(entries.to_vec()));
                effects.push(FanoutEffect::Push { hub: *hub, push });
            }
        }
        self.schedule(now, &mut effects);
        effects
    }

    /// Evicts an account that was removed from the members. Returns the number of the eviction.
    pub fn evict(&mut self, who: Evicted, now: Timestamp, effects: &mut Vec<FanoutEffect>) -> u64 {
        let Evicted::One(account) = who else { return 0 };
        self.evictions += 1;
        let number = self.evictions;
        for (hub, follower) in &mut self.followers {
            follower.evictions.insert(number, account);
            let push = follower.missing(self.head);
            effects.push(FanoutEffect::Push { hub: *hub, push });
        }
        if self.followers.is_empty() {
            effects.push(FanoutEffect::Evicted(number));
        }
        self.schedule(now, effects);
        number
    }

    /// Takes the answer of a hub to a push.
    pub fn take_answer(
        &mut self,
        hub: HubId,
        answer: PushAnswer,
        now: Timestamp,
    ) -> Vec<FanoutEffect> {
        let mut effects = Vec::new();
        let head = self.head;
        let Some(follower) = self.followers.get_mut(&hub) else {
            return effects;
        };
        follower.silent_since = None;
        follower.failures = 0;
        follower.acked = follower.acked.max(answer.head.min(head));
        let is_last = answer.touch == follower.touch;
        self.confirm(hub, answer.evicted_upto, now, &mut effects);
        let followers = &mut self.followers;
        let is_over = |follower: &Follower| follower.evictions.is_empty() && is_last;
        if answer.readers == 0 && followers.get(&hub).is_some_and(is_over) {
            followers.remove(&hub);
        }
        self.schedule(now, &mut effects);
        effects
    }

    /// Pushes again to the hubs that do not know everything, and forgets hubs that are silent.
    pub fn alarm(&mut self, now: Timestamp) -> Vec<FanoutEffect> {
        let mut effects = Vec::new();
        let head = self.head;
        self.followers.retain(|_, follower| {
            let since = follower.silent_since;
            let is_silent = since.is_some_and(|since| since.plus(MOST_SILENCE) <= now);
            !is_silent || follower.is_done(head) || !follower.evictions.is_empty()
        });
        for (hub, follower) in &mut self.followers {
            if follower.next_at.is_none_or(|at| at > now) || follower.is_done(head) {
                continue;
            }
            follower.failures = follower.failures.saturating_add(1);
            let pause = FIRST_PAUSE.saturating_mul(1_u32 << follower.failures.min(6));
            follower.next_at = Some(now.plus(pause.min(LONGEST_PAUSE)));
            let push = follower.missing(head);
            effects.push(FanoutEffect::Push { hub: *hub, push });
        }
        self.schedule(now, &mut effects);
        effects
    }

    /// Notes that a hub has carried out its evictions up to a number.
    fn confirm(&mut self, hub: HubId, upto: u64, now: Timestamp, effects: &mut Vec<FanoutEffect>) {
        let head = self.head;
        let Some(follower) = self.followers.get_mut(&hub) else {
            return;
        };
        let left = follower.evictions.split_off(&upto.saturating_add(1));
        let confirmed = std::mem::replace(&mut follower.evictions, left);
        if confirmed.is_empty() {
            return;
        }
        if follower.evictions.is_empty() && follower.acked < head {
            // Entries were withheld from the hub.
            follower.next_at = Some(now.plus(FIRST_PAUSE));
            let push = follower.push(News::Head(head));
            effects.push(FanoutEffect::Push { hub, push });
        }
        for number in confirmed.into_keys() {
            let mut followers = self.followers.values();
            if !followers.any(|one| one.evictions.contains_key(&number)) {
                effects.push(FanoutEffect::Evicted(number));
            }
        }
    }

    /// Sets when the channel pushes again to each hub that does not know everything.
    fn schedule(&mut self, now: Timestamp, effects: &mut Vec<FanoutEffect>) {
        let head = self.head;
        for follower in self.followers.values_mut() {
            if follower.is_done(head) {
                follower.next_at = None;
                follower.silent_since = None;
                follower.failures = 0;
            } else {
                follower.silent_since.get_or_insert(now);
                follower.next_at.get_or_insert(now.plus(FIRST_PAUSE));
            }
        }
        effects.extend(self.wake().map(FanoutEffect::Wake));
    }
}

// STUB until the machine comes.
/// Whom to evict.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Evicted {
    /// a
    One(UserId),
    /// b
    Everyone,
}
/// Record.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct FanoutRecord {}
impl FanoutRecord {
    /// x
    pub fn is_empty(&self) -> bool {
        true
    }
}
impl Fanout {
    /// x
    pub fn at(head: i64) -> Self {
        Self {
            head,
            ..Self::default()
        }
    }
    /// x
    pub fn from_record(_: FanoutRecord, head: i64) -> Self {
        Self::at(head)
    }
    /// x
    pub fn record(&self) -> FanoutRecord {
        FanoutRecord {}
    }
    /// x
    pub const fn revision(&self) -> u64 {
        0
    }
    /// x
    pub fn is_idle(&self) -> bool {
        self.followers.is_empty()
    }
    /// x
    pub fn typing(&self, _: &str, _: HubId) -> Vec<FanoutEffect> {
        Vec::new()
    }
}
