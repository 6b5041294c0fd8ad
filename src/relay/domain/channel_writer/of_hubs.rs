//! The requests of hubs to a channel's object: messages of several accounts, pages for several
//! readers, and tokens of accounts that type.

use crate::kernel::domain::hmac::mac;
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::relay::domain::channel_log::{MOST_APPENDED, plan};
use crate::relay::domain::channel_writer::{ChannelNews, ChannelWriter, Stop, tag};
use crate::relay::domain::live::calls::AppendItem;
use crate::relay::model::channel::{Appended, ChannelRefusal, EntryPage, NewMessage};
use crate::relay::model::slots::Slot;
use crate::relay::store::channels::members::ChannelState;
use crate::relay::store::channels::{entries, members};

/// The bytes of the token of an account that types.
const TYPING_BYTES: usize = 12;
/// How long a token of typing stays the same, in milliseconds.
const TYPING_LIFE: i64 = 3_600_000;

/// The outcomes of messages of several accounts.
#[derive(Clone, Debug)]
pub struct ItemsStored {
    /// The outcome for each message, in the order of the request.
    pub outcomes: Vec<Result<Appended, ChannelRefusal>>,
    /// The new entries.
    pub news: Option<ChannelNews>,
    /// The last sequence number of the channel.
    pub head: i64,
    /// In a direct message, the slots of its members.
    pub direct: Vec<Slot>,
}

/// A page for a hub.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// Those of the accounts that are members.
    pub members: Vec<UserId>,
    /// The entries. Empty without a reader who may have them.
    pub page: EntryPage,
}

impl ChannelWriter<'_> {
    /// Returns a channel that exists, or `None`.
    async fn found(&self, channel: &str) -> Result<Option<ChannelState>, StoreError> {
        let state = members::state(self.db, channel).await?;
        Ok(state.filter(|state| !state.destroyed))
    }

    /// Returns those of the accounts that are members. One round trip.
    async fn members_among(
        &self,
        channel: &str,
        state: &ChannelState,
        accounts: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        let mut tags = Vec::with_capacity(accounts.len());
        for account in accounts {
            tags.push(tag(&state.tag_key, &account.to_string())?);
        }
        let known = members::among(self.db, channel, &tags).await?;
        let both = accounts.iter().zip(known);
        Ok(both
            .filter(|(_, is_member)| *is_member)
            .map(|(account, _)| *account)
            .collect())
    }

    /// Appends messages of several accounts at once.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn append_items(
        &self,
        channel: &str,
        items: &[AppendItem],
        now: Timestamp,
    ) -> Result<ItemsStored, StoreError> {
        if items.len() > MOST_APPENDED {
            return Err(StoreError::Broken("too many messages at once".to_owned()));
        }
        let Some(state) = self.found(channel).await? else {
            return Ok(ItemsStored {
                outcomes: vec![Err(ChannelRefusal::Unknown); items.len()],
                news: None,
                head: 0,
                direct: Vec::new(),
            });
        };
        let mut accounts: Vec<UserId> = items.iter().map(|item| item.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let members = self.members_among(channel, &state, &accounts).await?;
        let allowed = |item: &&AppendItem| members.contains(&item.account);
        let messages: Vec<NewMessage> = items
            .iter()
            .filter(allowed)
            .map(|item| item.message.clone())
            .collect();
        let known = entries::find_known(self.db, channel, &messages).await?;
        let plan = plan(state.last, &messages, &known, now);
        if !plan.inserts.is_empty() {
            let inserts = plan.inserts.iter();
            let inserts =
                inserts.map(|(message, placed)| entries::insert(channel, message, *placed));
            self.db.batch(inserts.collect()).await?;
        }
        let news = ChannelNews::stored(channel, &state, &plan.inserts);
        let added = i64::try_from(plan.inserts.len()).unwrap_or_default();
        let mut stored = plan.outcomes.into_iter();
        let outcomes = items.iter().map(|item| {
            if allowed(&item) {
                stored.next().ok_or(ChannelRefusal::Unknown)
            } else {
                Err(ChannelRefusal::Unknown)
            }
        });
        Ok(ItemsStored {
            outcomes: outcomes.collect(),
            news,
            head: state.last.seq.saturating_add(added),
            direct: state.direct,
        })
    }

    /// Reads a page for a hub, and says which of `accounts` are members. Without a member the page
    /// is empty, unless `trusted`: the hub has readers whom the channel would evict.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn pull(
        &self,
        channel: &str,
        accounts: &[UserId],
        trusted: bool,
        since: i64,
        limit: u32,
        now: Timestamp,
    ) -> Result<Pulled, StoreError> {
        let nothing = |head| EntryPage {
            entries: Vec::new(),
            gaps: Vec::new(),
            upto: since.min(head),
            head,
        };
        let Some(state) = self.found(channel).await? else {
            let members = Vec::new();
            return Ok(Pulled {
                members,
                page: nothing(0),
            });
        };
        let members = self.members_among(channel, &state, accounts).await?;
        let head = state.last.seq;
        let page = if members.is_empty() && !trusted {
            // The head would tell strangers how many entries there are.
            nothing(0)
        } else if since >= head {
            nothing(head)
        } else {
            self.since(channel, head, since, limit, now).await?
        };
        Ok(Pulled { members, page })
    }

    /// Returns the token of a member that types, which stays the same for an hour. `None`: the
    /// account is not a member.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn typing_token(
        &self,
        channel: &str,
        account: UserId,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let account = account.to_string();
        let state = match self.channel_of(channel, &account).await {
            Ok(state) => state,
            Err(Stop::Refused(_)) => return Ok(None),
            Err(Stop::Fault(error)) => return Err(error),
        };
        let hour = now.millis().div_euclid(TYPING_LIFE);
        let text = format!("typing\n{hour}\n{account}");
        let token = mac(&state.tag_key, text.as_bytes());
        Ok(token.and_then(|hash| Some(base64::encode(hash.get(..TYPING_BYTES)?))))
    }
}
