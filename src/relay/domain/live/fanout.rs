//! The side of a channel that pushes to hubs.
//!
//! It knows which hubs follow the channel, how far each of them is, and which evictions each of
//! them has to confirm. A hub with an unconfirmed eviction gets no entries, neither by a push nor
//! by an answer.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{ChannelAnswer, ChannelPush, HubRequest, News, PushAnswer};
use crate::relay::domain::live::followers::{FanoutRecord, Follower, FollowerRecord};
use crate::relay::model::channel::ChannelEntry;
use crate::relay::model::slots::{HubId, Slot};

/// How long the channel waits for the answer to a push before it pushes again. It doubles with each
/// failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest time between two pushes to a hub that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a hub may be silent before the channel forgets it. It is longer than a hub trusts its
/// knowledge of members, and longer than a call or a push may be on its way.
const MOST_SILENCE: Duration = Duration::from_mins(2);

/// Above this number of readers, typing is not shown.
const MOST_TYPING_READERS: u32 = 200;

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

/// The hubs of a channel.
///
/// Its record must survive a restart of the object ([`Fanout::from_record`]), and has to be stored
/// before the effects happen. Everything else may be lost.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fanout {
    head: i64,
    followers: BTreeMap<HubId, Follower>,
    generations: u64,
    evictions: u64,
    touches: u64,
    /// Whether the record differs from the stored one.
    changed: bool,
}

impl Fanout {
    /// Returns the state after a restart of the object. Each hub is asked again how far it is.
    #[must_use]
    pub fn from_record(record: FanoutRecord, head: i64, now: Timestamp) -> Self {
        let hubs = record.hubs.into_iter().map(|stored| {
            let mut follower = Follower::new(stored.life, stored.generation, 0);
            follower.evictions = stored.evictions.into_iter().collect();
            follower.next_at = Some(now.plus(FIRST_PAUSE));
            (stored.hub, follower)
        });
        Self {
            head,
            followers: hubs.collect(),
            generations: record.generations,
            evictions: record.evictions,
            touches: 0,
            changed: false,
        }
    }

    /// Returns the state of a channel without hubs. The counters begin with the time, so they are
    /// above those of an earlier state that was forgotten.
    #[must_use]
    pub fn begin(head: i64, now: Timestamp) -> Self {
        let first = u64::try_from(now.millis()).unwrap_or_default();
        Self {
            head,
            generations: first,
            evictions: first,
            ..Self::default()
        }
    }

    /// Returns true if no hub follows the channel, so that the state may be forgotten.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.followers.is_empty()
    }

    /// Returns what must survive a restart of the object.
    #[must_use]
    pub fn record(&self) -> FanoutRecord {
        let hubs = self.followers.iter().filter(|(_, one)| one.life > 0);
        FanoutRecord {
            hubs: hubs
                .map(|(hub, one)| FollowerRecord::of(*hub, one))
                .collect(),
            generations: self.generations,
            evictions: self.evictions,
        }
    }

    /// Returns true if the record may differ from the last one that was stored.
    #[must_use]
    pub const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Notes that the record is stored.
    pub const fn note_stored(&mut self) {
        self.changed = false;
    }

    /// Returns the number of sockets that read the channel, as far as their hubs said.
    #[must_use]
    pub fn readers(&self) -> u32 {
        let readers = self.followers.values().map(|follower| follower.readers);
        readers.fold(0, u32::saturating_add)
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
                self.changed = true;
            }
            follower.readers = request.readers;
            follower.silent_since = None;
            follower.acked = follower.acked.max(request.head.min(head));
            self.confirm(hub, request.evicted_upto, now, effects);
        } else if (request.readers > 0) && request.generation.is_none() {
            self.generations += 1;
            let mut follower = Follower::new(request.life, self.generations, head);
            follower.readers = request.readers;
            self.changed = true;
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
    ///
    /// In a direct message, `direct` has the slots of its members with their hubs. Sockets there
    /// read it without a subscription.
    pub fn publish(
        &mut self,
        entries: &[ChannelEntry],
        from: Option<&HubRequest>,
        direct: &[(HubId, Slot)],
        now: Timestamp,
    ) -> Vec<FanoutEffect> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Vec::new();
        };
        self.head = last.seq();
        let mut effects = Vec::new();
        let before = first.seq() - 1;
        for (hub, _) in direct {
            let slots = direct.iter().filter(|(one, _)| one == hub);
            let slots = slots.map(|(_, slot)| *slot).collect();
            let follower = self.followers.entry(*hub);
            let follower = follower.or_insert_with(|| Follower::new(0, 0, before));
            let is_source = from.is_some_and(|from| from.hub == *hub && from.life == follower.life);
            if !is_source || follower.direct.is_some() || follower.acked < before {
                follower.add_direct(slots, before);
            }
        }
        for (hub, follower) in &mut self.followers {
            let is_source = from.is_some_and(|from| from.hub == *hub && from.life == follower.life);
            if is_source {
                // This life of the hub gets the answer, or pulls because it got none.
                if follower.acked == before {
                    follower.acked = last.seq();
                }
            } else if follower.life == 0 {
                // The hub asks who is a member before it gets an entry.
                let push = follower.missing(self.head);
                effects.push(FanoutEffect::Push { hub: *hub, push });
            } else if follower.evictions.is_empty() {
                let push = follower.push(News::Entries(entries.to_vec()));
                effects.push(FanoutEffect::Push { hub: *hub, push });
            }
        }
        self.schedule(now, &mut effects);
        effects
    }

    /// Evicts an account that was removed from the members, or everyone (`None`) from a channel
    /// that was destroyed. Returns the number of the eviction.
    pub fn evict(
        &mut self,
        who: Option<UserId>,
        now: Timestamp,
        effects: &mut Vec<FanoutEffect>,
    ) -> u64 {
        self.evictions += 1;
        let number = self.evictions;
        self.changed = true;
        let mut is_over = true;
        // A hub that has never called knows no members.
        for (hub, follower) in self.followers.iter_mut().filter(|(_, one)| one.life > 0) {
            is_over = false;
            follower.evictions.insert(number, who);
            let push = follower.missing(self.head);
            effects.push(FanoutEffect::Push { hub: *hub, push });
        }
        if is_over {
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
        if answer.head >= head {
            follower.direct = None;
        }
        let is_last = answer.touch == follower.touch;
        if is_last {
            follower.readers = answer.readers;
        }
        self.confirm(hub, answer.evicted_upto, now, &mut effects);
        let followers = &mut self.followers;
        let is_over = |follower: &Follower| follower.evictions.is_empty() && is_last;
        if answer.readers == 0 && followers.get(&hub).is_some_and(is_over) {
            followers.remove(&hub);
            self.changed = true;
        }
        self.schedule(now, &mut effects);
        effects
    }

    /// Pushes again to the hubs that do not know everything, and forgets hubs that are silent.
    pub fn alarm(&mut self, now: Timestamp) -> Vec<FanoutEffect> {
        let mut effects = Vec::new();
        let head = self.head;
        let before = self.followers.len();
        self.followers.retain(|_, follower| {
            let since = follower.silent_since;
            let is_silent = since.is_some_and(|since| since.plus(MOST_SILENCE) <= now);
            !is_silent || follower.is_done(head) || !follower.evictions.is_empty()
        });
        self.changed |= self.followers.len() != before;
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

    /// Pushes to the other hubs that a member types, if the channel has few readers. Nothing is
    /// repeated.
    #[must_use]
    pub fn typing(&self, token: &str, from: HubId) -> Vec<FanoutEffect> {
        let mut effects = Vec::new();
        if self.readers() > MOST_TYPING_READERS {
            return effects;
        }
        for (hub, follower) in &self.followers {
            let reads = follower.readers > 0 && follower.life > 0;
            if *hub != from && reads && follower.evictions.is_empty() {
                let push = follower.push(News::Typing(token.to_owned()));
                effects.push(FanoutEffect::Push { hub: *hub, push });
            }
        }
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
        self.changed = true;
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
