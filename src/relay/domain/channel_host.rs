//! A channel's object with the hubs that follow its channels.
//!
//! The work on rows is [`ChannelWriter`]'s, the work on hubs [`Fanout`]'s. This module runs one
//! after the other, and keeps what hubs must not forget. At the edge a Durable Object calls it,
//! natively a lock around a file.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{StoreError, run};
use crate::relay::domain::channel_writer::{ChannelNews, ChannelWriter, Handled};
use crate::relay::domain::live::calls::{ChannelAnswer, HubOperation, HubRequest, PushAnswer};
use crate::relay::domain::live::fanout::{Fanout, FanoutEffect};
use crate::relay::model::channel::{ChannelOperation, ChannelReply, ChannelRequest};
use crate::relay::model::slots::{HubId, Slot};
use crate::relay::store::channels::{hubs, members};

/// The hubs of the channels of an object, by channel.
#[derive(Debug, Default)]
pub struct Fanouts(Mutex<HashMap<String, Fanout>>);

impl Fanouts {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Fanout>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the time at which the object needs its alarm for hubs.
    #[must_use]
    pub fn wake(&self) -> Option<Timestamp> {
        let all = self.all();
        all.values().filter_map(Fanout::wake).min()
    }
}

/// The calls to hubs that a request causes.
#[derive(Debug, Default)]
pub struct HubCalls {
    /// The channel.
    pub channel: String,
    /// The effects, in their order.
    pub effects: Vec<FanoutEffect>,
    /// The eviction that every hub has to confirm before the request may end.
    pub eviction: Option<u64>,
}

/// An object of channels.
#[derive(Clone, Copy)]
pub struct ChannelHost<'a> {
    /// The rows.
    pub writer: ChannelWriter<'a>,
    /// The hubs.
    pub fanouts: &'a Fanouts,
    /// The number of hubs.
    pub hubs: u32,
    /// Whether hubs live longer than this object, so that the object stores who follows.
    pub stores: bool,
}

impl ChannelHost<'_> {
    /// Does a request, and returns the reply and the calls to hubs. If the calls have an eviction,
    /// the reply may be sent only after it.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn handle(
        &self,
        request: ChannelRequest,
        now: Timestamp,
    ) -> Result<(ChannelReply, HubCalls), StoreError> {
        let evicted = match &request.operation {
            ChannelOperation::RemoveMember { channel, member } => {
                UserId::parse(&member.account).map(|account| (channel.clone(), Some(account)))
            }
            ChannelOperation::Destroy { channel } => Some((channel.clone(), None)),
            _ => None,
        };
        let Handled { reply, news } = self.writer.handle(request, now).await?;
        let mut calls = HubCalls::default();
        if let Some(news) = news {
            calls.effects = self.publish(&news, None, now).await?;
            calls.channel = news.channel;
        } else if let (Some((channel, who)), ChannelReply::Done) = (evicted, &reply) {
            self.load(&channel, now).await?;
            if let Some(known) = self.fanouts.all().get_mut(&channel) {
                calls.eviction = Some(known.evict(who, now, &mut calls.effects));
            }
            calls.channel = channel;
        }
        self.store(&calls.channel).await?;
        Ok((reply, calls))
    }

    /// Does a request of a hub.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn handle_hub(
        &self,
        channel: &str,
        request: &HubRequest,
        now: Timestamp,
    ) -> Result<(ChannelAnswer, HubCalls), StoreError> {
        self.load(channel, now).await?;
        let mut calls = HubCalls {
            channel: channel.to_owned(),
            ..HubCalls::default()
        };
        let admitted = match self.fanouts.all().get_mut(channel) {
            Some(known) => known.admit(request, now, &mut calls.effects),
            None => Err(ChannelAnswer::Forgotten),
        };
        let answer = match admitted {
            Ok(generation) => self.operate(&mut calls, request, generation, now).await,
            Err(answer) => Ok(answer),
        };
        self.store(channel).await?;
        Ok((answer?, calls))
    }

    async fn operate(
        &self,
        calls: &mut HubCalls,
        request: &HubRequest,
        generation: Option<u64>,
        now: Timestamp,
    ) -> Result<ChannelAnswer, StoreError> {
        let channel = calls.channel.clone();
        match &request.operation {
            HubOperation::Append(items) => {
                let stored = self.writer.append_items(&channel, items, now).await?;
                if let Some(news) = &stored.news {
                    calls
                        .effects
                        .extend(self.publish(news, Some(request), now).await?);
                }
                Ok(ChannelAnswer::Appended {
                    outcomes: stored.outcomes,
                    head: stored.head,
                    direct: stored.direct,
                })
            }
            HubOperation::Pull {
                accounts,
                since,
                limit,
            } => {
                let trusted = request.generation.is_some();
                let pulled = self
                    .writer
                    .pull(&channel, accounts, trusted, *since, *limit, now);
                let pulled = pulled.await?;
                Ok(ChannelAnswer::Page {
                    generation,
                    members: pulled.members,
                    page: pulled.page,
                })
            }
            HubOperation::Typing { account } => {
                let token = self.writer.typing_token(&channel, *account, now).await?;
                if let (Some(token), Some(known)) = (&token, self.fanouts.all().get(&channel)) {
                    let told = known.typing(token, request.hub);
                    calls.effects.extend(told);
                }
                Ok(ChannelAnswer::Typing { token })
            }
        }
    }

    /// Takes the answer of a hub to a push. Returns further calls.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn take_answer(
        &self,
        channel: &str,
        hub: HubId,
        answer: PushAnswer,
        now: Timestamp,
    ) -> Result<HubCalls, StoreError> {
        let effects = match self.fanouts.all().get_mut(channel) {
            Some(known) => known.take_answer(hub, answer, now),
            None => Vec::new(),
        };
        self.store(channel).await?;
        Ok(HubCalls {
            channel: channel.to_owned(),
            effects,
            eviction: None,
        })
    }

    /// Pushes again to hubs that do not know everything.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn alarm(&self, now: Timestamp) -> Result<Vec<HubCalls>, StoreError> {
        if self.stores {
            for channel in hubs::followed(self.writer.db).await? {
                self.load(&channel, now).await?;
            }
        }
        let channels: Vec<String> = self.fanouts.all().keys().cloned().collect();
        let mut all = Vec::new();
        for channel in channels {
            let effects = match self.fanouts.all().get_mut(&channel) {
                Some(known) => known.alarm(now),
                None => Vec::new(),
            };
            self.store(&channel).await?;
            all.push(HubCalls {
                channel,
                effects,
                eviction: None,
            });
        }
        Ok(all)
    }

    async fn publish(
        &self,
        news: &ChannelNews,
        from: Option<&HubRequest>,
        now: Timestamp,
    ) -> Result<Vec<FanoutEffect>, StoreError> {
        if self.stores {
            self.load(&news.channel, now).await?;
        }
        let direct: Vec<(HubId, Slot)> = news
            .direct
            .iter()
            .map(|slot| (slot.hub(self.hubs), *slot))
            .collect();
        let mut all = self.fanouts.all();
        if !direct.is_empty() && !all.contains_key(&news.channel) {
            let before = news.entries.first().map_or(0, |entry| entry.seq() - 1);
            all.insert(news.channel.clone(), Fanout::begin(before, now));
        }
        Ok(match all.get_mut(&news.channel) {
            Some(known) => known.publish(&news.entries, from, &direct, now),
            None => Vec::new(),
        })
    }

    /// Makes the hubs of a channel known.
    async fn load(&self, channel: &str, now: Timestamp) -> Result<(), StoreError> {
        if self.fanouts.all().contains_key(channel) {
            return Ok(());
        }
        let head = members::state(self.writer.db, channel).await?;
        let head = head.map_or(0, |state| state.last.seq);
        let record = if self.stores {
            hubs::record(self.writer.db, channel).await?
        } else {
            None
        };
        let fanout = match record {
            Some(text) => {
                let record = serde_json::from_str(&text)
                    .map_err(|error| StoreError::Broken(error.to_string()))?;
                Fanout::from_record(record, head, now)
            }
            None => Fanout::begin(head, now),
        };
        let mut all = self.fanouts.all();
        all.entry(channel.to_owned()).or_insert(fanout);
        Ok(())
    }

    /// Stores who follows a channel, if that has changed, and forgets a channel without followers.
    async fn store(&self, channel: &str) -> Result<(), StoreError> {
        let statement = {
            let mut all = self.fanouts.all();
            let Some(known) = all.get_mut(channel) else {
                return Ok(());
            };
            let changed = known.is_changed();
            known.note_stored();
            let record = known.record();
            let text = if record.hubs.is_empty() {
                None
            } else {
                let text = serde_json::to_string(&record);
                Some(text.map_err(|error| StoreError::Broken(error.to_string()))?)
            };
            if !self.stores && known.is_idle() {
                all.remove(channel);
            }
            changed.then(|| hubs::set_record(channel, text.as_deref()))
        };
        match statement.filter(|_| self.stores) {
            Some(statement) => run(self.writer.db, statement).await.map(drop),
            None => Ok(()),
        }
    }
}
