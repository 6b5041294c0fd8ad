//! A channel of the model: a log in memory under the real rules for places and hubs.

use std::collections::BTreeSet;

use hamrah_api::kernel::model::ids::UserId;
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::channel_log::plan;
use hamrah_api::relay::domain::live::calls::{
    AppendItem, ChannelAnswer, ChannelPush, HubOperation, HubRequest, News,
};
use hamrah_api::relay::domain::live::fanout::{Fanout, FanoutEffect};
use hamrah_api::relay::domain::live::followers::FanoutRecord;
use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelMessage, ChannelRefusal, EntryPage, Gap, GapReason, NewMessage,
    Placed,
};
use hamrah_api::relay::model::micros::Micros;
use hamrah_api::relay::model::slots::HubId;
use hamrah_api::relay::store::channels::entries::KnownMessage;

use crate::planted::Planted;

/// The entries of a page.
const PAGE: usize = 2;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Channel {
    /// The entries. `None`: it expired.
    pub log: Vec<Option<ChannelMessage>>,
    pub members: BTreeSet<UserId>,
    pub fanout: Fanout,
    /// How often it started.
    pub life: u8,
}

/// The head as a sequence number.
pub fn number(entries: usize) -> i64 {
    i64::try_from(entries).expect("a small number")
}

impl Channel {
    /// Returns a channel with an expired message and one to read.
    pub fn new(members: BTreeSet<UserId>, old: &NewMessage) -> Self {
        let placed = Placed {
            seq: 2,
            at: Micros(2),
        };
        Self {
            log: vec![None, Some(stored(old, placed))],
            members,
            fanout: Fanout::from_record(FanoutRecord::default(), 2, Timestamp::from_millis(0)),
            life: 0,
        }
    }

    pub fn head(&self) -> i64 {
        number(self.log.len())
    }

    /// Returns the number of a stored message.
    pub fn find(&self, id: &str) -> Option<i64> {
        let is = |one: &Option<ChannelMessage>| one.as_ref().is_some_and(|one| one.id == id);
        Some(number(self.log.iter().position(is)?) + 1)
    }

    /// The object starts again. Its rows stay.
    pub fn crash(&mut self, now: Timestamp) {
        self.fanout = Fanout::from_record(self.fanout.record(), self.head(), now);
        self.life += 1;
    }

    /// Takes a request of a hub.
    pub fn take(
        &mut self,
        request: &HubRequest,
        now: Timestamp,
        planted: Planted,
        effects: &mut Vec<FanoutEffect>,
    ) -> ChannelAnswer {
        let generation = match self.fanout.admit(request, now, effects) {
            Ok(generation) => generation,
            Err(ChannelAnswer::EvictFirst(_)) if planted == Planted::AnswersAnyway => None,
            Err(answer) => return answer,
        };
        match &request.operation {
            HubOperation::Append(items) => {
                let outcomes = self.append(items, request, now, planted, effects);
                let head = self.head();
                ChannelAnswer::Appended {
                    outcomes,
                    head,
                    direct: Vec::new(),
                }
            }
            HubOperation::Pull {
                accounts, since, ..
            } => {
                let members = accounts.iter().copied();
                let members: Vec<UserId> =
                    members.filter(|one| self.members.contains(one)).collect();
                let reads = !members.is_empty()
                    || request.generation.is_some()
                    || planted == Planted::AnswersAnyway;
                let page = if reads {
                    self.page(*since)
                } else {
                    EntryPage {
                        entries: Vec::new(),
                        gaps: Vec::new(),
                        upto: 0,
                        head: 0,
                    }
                };
                ChannelAnswer::Page {
                    generation: generation.or(request.generation),
                    members,
                    page,
                }
            }
            HubOperation::Typing { .. } => ChannelAnswer::Typing { token: None },
        }
    }

    fn append(
        &mut self,
        items: &[AppendItem],
        request: &HubRequest,
        now: Timestamp,
        planted: Planted,
        effects: &mut Vec<FanoutEffect>,
    ) -> Vec<Result<Appended, ChannelRefusal>> {
        let allowed: Vec<bool> = items
            .iter()
            .map(|item| self.members.contains(&item.account))
            .collect();
        let messages: Vec<NewMessage> = items
            .iter()
            .zip(&allowed)
            .filter(|(_, allowed)| **allowed)
            .map(|(item, _)| item.message.clone())
            .collect();
        let known: Vec<Option<KnownMessage>> = messages
            .iter()
            .map(|message| {
                let seq = self.find(&message.id)?;
                let stored = self.log[usize::try_from(seq - 1).ok()?].as_ref()?;
                (planted != Planted::NewNumberAtRepeat).then_some(KnownMessage {
                    placed: stored.placed,
                    expires_at: None,
                    same: true,
                })
            })
            .collect();
        let last = Placed {
            seq: self.head(),
            at: Micros(self.head()),
        };
        // At the time 0, so that states do not differ by the times of messages.
        let plan = plan(last, &messages, &known, Timestamp::from_millis(0));
        let mut entries = Vec::new();
        for (message, placed) in &plan.inserts {
            let message = stored(message, *placed);
            if planted != Planted::PushBeforeStore {
                self.log.push(Some(message.clone()));
            }
            entries.push(ChannelEntry::Message(message));
        }
        effects.extend(self.fanout.publish(&entries, Some(request), &[], now));
        if planted == Planted::PushesAnyway {
            let news = News::Entries(entries);
            let push = ChannelPush {
                touch: 0,
                direct: None,
                news,
            };
            let hub = HubId(1);
            effects.push(FanoutEffect::Push { hub, push });
        }
        let mut outcomes = plan.outcomes.into_iter();
        let outcomes = allowed.iter().map(|allowed| {
            let outcome = outcomes.next().filter(|_| *allowed);
            outcome.ok_or(ChannelRefusal::Unknown)
        });
        outcomes.collect()
    }

    fn page(&self, since: i64) -> EntryPage {
        let head = self.head();
        let mut page = EntryPage {
            entries: Vec::new(),
            gaps: Vec::new(),
            upto: since.min(head),
            head,
        };
        let first = usize::try_from(page.upto).expect("a number");
        for (index, one) in self.log.iter().enumerate().skip(first).take(PAGE) {
            page.upto = number(index) + 1;
            match one {
                Some(message) => page.entries.push(ChannelEntry::Message(message.clone())),
                None => page.gaps.push(Gap {
                    from: page.upto,
                    to: page.upto,
                    reason: GapReason::Expired,
                }),
            }
        }
        page
    }
}

fn stored(message: &NewMessage, placed: Placed) -> ChannelMessage {
    ChannelMessage {
        id: message.id.clone(),
        placed,
        sender_token: message.sender_token.clone(),
        body: message.body.clone(),
        expires_at: None,
        has_attachments: false,
        edited: false,
    }
}
