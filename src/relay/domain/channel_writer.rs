//! The work of a channel's object: it takes a request, decides over rows, and writes once.
//!
//! At the edge the object is a Durable Object, natively a lock around a file. Both run one request
//! for a channel at a time, so no other request changes a channel between a read and the write that
//! rests on it.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::kernel::domain::hmac::mac;
use crate::kernel::domain::{Entropy, NoEntropy};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, StoreError};
use crate::relay::domain::channel_log::{MOST_APPENDED, next, plan};
use crate::relay::model::channel::{
    ChannelEntry, ChannelMember, ChannelOperation, ChannelRefusal, ChannelReply, ChannelRequest,
    NewMessage, PROTOCOL,
};
use crate::relay::model::slots::Slot;
use crate::relay::store::channels::entries::{MessageChange, StoredMessage};
use crate::relay::store::channels::members::{ChannelState, MemberChange};
use crate::relay::store::channels::{entries, expiry, members, schema};

mod handled;
mod of_hubs;
mod reading;

pub use handled::{ChannelNews, Handled};
pub use of_hubs::{ItemsStored, Pulled};

use reading::BeforeQuery;

pub use expiry::{due, remove_due};
pub use schema::migrate;

/// The bytes of the key under which a channel hashes its members.
const KEY_BYTES: usize = 32;
/// The bytes of the hash of a member. Two of them never collide in practice.
const TAG_BYTES: usize = 16;

/// The largest number of edits of a message.
const MOST_EDITS: i64 = 50;

/// An object: a database that only it writes, and a source of randomness.
#[derive(Clone, Copy)]
pub struct ChannelWriter<'a> {
    /// The database.
    pub db: &'a dyn Db,
    /// The CSPRNG.
    pub entropy: &'a dyn Entropy,
}

/// The reasons of an object to stop: a refusal, which is a reply, or a fault.
enum Stop {
    Refused(ChannelRefusal),
    Fault(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Fault(error)
    }
}

impl From<ChannelRefusal> for Stop {
    fn from(refusal: ChannelRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// How members change.
#[derive(Clone, Copy)]
enum Joining {
    Added { direct: bool },
    Removed,
}

impl ChannelWriter<'_> {
    /// Does a request and returns the reply. A repeated request has the same effect as one.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn handle(
        &self,
        request: ChannelRequest,
        now: Timestamp,
    ) -> Result<Handled, StoreError> {
        if request.v > PROTOCOL {
            return Err(StoreError::Unavailable(
                "a newer version of this program asks".to_owned(),
            ));
        }
        match self.run(request.operation, now).await {
            Ok(handled) => Ok(handled),
            Err(Stop::Refused(refusal)) => Ok(ChannelReply::Refused(refusal).into()),
            Err(Stop::Fault(error)) => Err(error),
        }
    }

    async fn run(&self, operation: ChannelOperation, now: Timestamp) -> Result<Handled, Stop> {
        match operation {
            ChannelOperation::AddMembers {
                channel,
                members,
                direct,
            } => {
                let change = Joining::Added { direct };
                self.set_members(&channel, &members, change).await
            }
            ChannelOperation::RemoveMember { channel, member } => {
                let change = Joining::Removed;
                self.set_members(&channel, &[member], change).await
            }
            ChannelOperation::IsMember { channel, account } => {
                match self.channel_of(&channel, &account).await {
                    Ok(_) => Ok(ChannelReply::Member(true).into()),
                    Err(Stop::Refused(_)) => Ok(ChannelReply::Member(false).into()),
                    Err(fault) => Err(fault),
                }
            }
            ChannelOperation::Append {
                channel,
                account,
                messages,
            } => {
                let state = self.channel_of(&channel, &account).await?;
                self.append(&channel, &state, &messages, now).await
            }
            ChannelOperation::Before {
                channel,
                account,
                before,
                limit,
            } => {
                let state = self.channel_of(&channel, &account).await?;
                let query = BeforeQuery { before, limit };
                Ok(self.before(&channel, &state, &query, now).await?.into())
            }
            ChannelOperation::Since {
                channel,
                account,
                since,
                limit,
            } => {
                let head = self.channel_of(&channel, &account).await?.last.seq;
                let page = self.since(&channel, head, since, limit, now).await?;
                Ok(ChannelReply::Entries(page).into())
            }
            ChannelOperation::Find { message, account } => {
                let (stored, _) = self.message_of(&message, &account).await?;
                if !stored.removed {
                    readable(&stored, now)?;
                }
                Ok(ChannelReply::Channel(stored.channel).into())
            }
            ChannelOperation::Edit {
                message,
                account,
                secret,
                body,
            } => {
                let (stored, state) = self.message_of(&message, &account).await?;
                readable(&stored, now)?;
                proven(&stored, &secret.0)?;
                self.edit(stored, &state, body.0, now).await
            }
            ChannelOperation::Remove {
                message,
                account,
                secret,
            } => {
                let (stored, state) = self.message_of(&message, &account).await?;
                proven(&stored, &secret.0)?;
                self.remove(&stored, &state, now).await
            }
            ChannelOperation::RemoveByRight { channel, message } => {
                let state = self.existing(&channel).await?;
                let stored = entries::by_id(self.db, &message).await?;
                let stored = stored.filter(|stored| stored.channel == channel);
                let stored = stored.ok_or(ChannelRefusal::Unknown)?;
                self.remove(&stored, &state, now).await
            }
            ChannelOperation::Destroy { channel } => self.destroy(&channel).await,
        }
    }

    fn new_key(&self) -> Result<[u8; KEY_BYTES], StoreError> {
        let mut key = [0; KEY_BYTES];
        self.entropy
            .fill(&mut key)
            .map_err(|NoEntropy| StoreError::Unavailable(NoEntropy.to_string()))?;
        Ok(key)
    }

    async fn set_members(
        &self,
        channel: &str,
        changed: &[ChannelMember],
        joining: Joining,
    ) -> Result<Handled, Stop> {
        let mut statements = Vec::new();
        let key = match members::state(self.db, channel).await? {
            // A late addition to a removed channel. It never comes back.
            Some(state) if state.destroyed => return Ok(ChannelReply::Done.into()),
            Some(state) => state.tag_key,
            None => {
                let key = self.new_key()?;
                statements.push(members::create(channel, &key));
                key.to_vec()
            }
        };
        for member in changed {
            let change = MemberChange {
                tag: &tag(&key, &member.account)?,
                version: member.version,
                removed: matches!(joining, Joining::Removed),
            };
            statements.push(members::set_member(channel, change));
        }
        if matches!(joining, Joining::Added { direct: true }) {
            let accounts = changed.iter();
            let accounts = accounts.filter_map(|member| UserId::parse(&member.account));
            let slots: Vec<Slot> = accounts.map(Slot::of).collect();
            statements.push(members::set_direct(channel, &slots));
        }
        self.db.batch(statements).await?;
        Ok(ChannelReply::Done.into())
    }

    /// Returns a channel that exists.
    async fn existing(&self, channel: &str) -> Result<ChannelState, Stop> {
        let state = members::state(self.db, channel).await?;
        Ok(state
            .filter(|state| !state.destroyed)
            .ok_or(ChannelRefusal::Unknown)?)
    }

    /// Returns the channel of a member. Every operation of a member begins here.
    async fn channel_of(&self, channel: &str, account: &str) -> Result<ChannelState, Stop> {
        let state = self.existing(channel).await?;
        let tag = tag(&state.tag_key, account)?;
        if members::is_member(self.db, channel, &tag).await? {
            Ok(state)
        } else {
            Err(ChannelRefusal::Unknown.into())
        }
    }

    /// Returns a message and its channel to a member of the channel.
    async fn message_of(
        &self,
        message: &str,
        account: &str,
    ) -> Result<(StoredMessage, ChannelState), Stop> {
        let stored = entries::by_id(self.db, message).await?;
        let stored = stored.ok_or(ChannelRefusal::Unknown)?;
        let state = self.channel_of(&stored.channel, account).await?;
        Ok((stored, state))
    }

    async fn append(
        &self,
        channel: &str,
        state: &ChannelState,
        messages: &[NewMessage],
        now: Timestamp,
    ) -> Result<Handled, Stop> {
        if messages.len() > MOST_APPENDED {
            return Err(StoreError::Broken("too many messages at once".to_owned()).into());
        }
        let known = entries::find_known(self.db, channel, messages).await?;
        let plan = plan(state.last, messages, &known, now);
        if !plan.inserts.is_empty() {
            let inserts = plan.inserts.iter();
            let inserts =
                inserts.map(|(message, placed)| entries::insert(channel, message, *placed));
            self.db.batch(inserts.collect()).await?;
        }
        let news = ChannelNews::stored(channel, state, &plan.inserts);
        let reply = ChannelReply::Appended(plan.outcomes);
        Ok(Handled { reply, news })
    }

    async fn edit(
        &self,
        stored: StoredMessage,
        state: &ChannelState,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<Handled, Stop> {
        let mut placed = None;
        // A repeated edit writes no second entry.
        if !(stored.message.edited && stored.message.body.0 == body) {
            if stored.edits >= MOST_EDITS {
                return Err(ChannelRefusal::TooManyEdits.into());
            }
            let change = MessageChange {
                stored: &stored,
                placed: next(state.last, now),
            };
            self.db.batch(change.edit(&body).into()).await?;
            placed = Some(change.placed);
        }
        let mut message = stored.message;
        message.body.0 = body;
        message.edited = true;
        let channel = stored.channel;
        let news = placed.map(|placed| {
            let seq = placed.seq;
            let message = message.clone();
            ChannelNews::one(&channel, state, ChannelEntry::Edited { seq, message })
        });
        let reply = ChannelReply::Edited { channel, message };
        Ok(Handled { reply, news })
    }

    async fn remove(
        &self,
        stored: &StoredMessage,
        state: &ChannelState,
        now: Timestamp,
    ) -> Result<Handled, Stop> {
        let mut news = None;
        if !stored.removed {
            readable(stored, now)?;
            let placed = next(state.last, now);
            let change = MessageChange { stored, placed };
            self.db.batch(change.remove().into()).await?;
            let entry = ChannelEntry::Removed {
                seq: placed.seq,
                message_id: stored.message.id.clone(),
            };
            news = Some(ChannelNews::one(&stored.channel, state, entry));
        }
        let reply = ChannelReply::Done;
        Ok(Handled { reply, news })
    }

    async fn destroy(&self, channel: &str) -> Result<Handled, Stop> {
        let key = self.new_key()?;
        self.db
            .batch(members::destroy(channel, &key).into())
            .await?;
        Ok(ChannelReply::Done.into())
    }
}

/// Returns the hash that represents an account among the members of a channel.
fn tag(key: &[u8], account: &str) -> Result<Vec<u8>, StoreError> {
    let hash = mac(key, account.as_bytes());
    hash.and_then(|hash| Some(hash.get(..TAG_BYTES)?.to_vec()))
        .ok_or_else(|| StoreError::Broken("a member could not be hashed".to_owned()))
}

fn readable(stored: &StoredMessage, now: Timestamp) -> Result<(), ChannelRefusal> {
    if stored.is_readable(now) {
        Ok(())
    } else {
        Err(ChannelRefusal::Unknown)
    }
}

/// Checks the secret of a message. A message that came without a hash has none.
fn proven(stored: &StoredMessage, secret: &[u8]) -> Result<(), ChannelRefusal> {
    let hash = stored.edit_key_hash.as_deref().unwrap_or_default();
    if Sha256::digest(secret).as_slice().ct_eq(hash).into() {
        Ok(())
    } else {
        Err(ChannelRefusal::WrongSecret)
    }
}
