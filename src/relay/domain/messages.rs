//! Messages: sending, the names by which a repeated request is recognized, and removals.

use crate::accounts::face::Caller;
use crate::kernel::domain::failure::{Failure, Fault};
use crate::kernel::model::ids::UserId;
use crate::relay::domain::channels::{AppendedMessage, ChannelRejection, append};
use crate::relay::domain::membership::manages_channel;
use crate::relay::domain::tags::tag;
use crate::relay::domain::{Ports, channels};
use crate::relay::model::channel::{NewMessage, SealedBytes};
use crate::relay::model::ids::{ChannelId, MessageId};
use crate::relay::store::server_channels;

/// The bytes of a random name.
const NAME_BYTES: usize = 16;

/// The name that a client gives to a message, so that it can repeat the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MessageName {
    /// Random bytes. The name holds in the channel, also for other members.
    ClientId(Vec<u8>),
    /// A text that only has to be unique for the account.
    IdempotencyKey(String),
    /// The client gives no name. A repeated request sends another message.
    None,
}

/// A message to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessageDraft {
    /// The name.
    pub name: MessageName,
    /// A token of the sender that members understand.
    pub sender_token: Vec<u8>,
    /// The sealed body.
    pub body: Vec<u8>,
    /// When the message expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Whether the message has attachments.
    pub has_attachments: bool,
    /// The SHA-256 of the secret that edits and removes the message.
    pub edit_key_hash: Option<Vec<u8>>,
}

/// Returns the id that a name gives to a message. It does not reveal the account.
fn message_id(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    name: &MessageName,
) -> Result<MessageId, Fault> {
    Ok(match name {
        MessageName::ClientId(bytes) => channel.message(bytes),
        // A key may be short. Without the keyed hash, the id would confirm a guessed sender.
        MessageName::IdempotencyKey(key) => {
            let named = tag(ports, &["message", &account.to_string(), key])?;
            channel.message(named.as_bytes())
        }
        MessageName::None => {
            let mut random = [0; NAME_BYTES];
            ports.entropy.fill(&mut random)?;
            channel.message(&random)
        }
    })
}

/// Makes the message of a draft: its id, and the earlier one of the wished expiry and that of
/// `RELAY_MESSAGE_TTL_SECONDS`. Sends nothing.
///
/// # Errors
/// [`Fault::Entropy`] for a draft without a name; [`Fault::Unavailable`] if the hash of an
/// idempotency key cannot be made.
pub fn prepare(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    draft: MessageDraft,
) -> Result<NewMessage, Fault> {
    let id = message_id(ports, channel, account, &draft.name)?;
    let longest = ports.config.message_ttl;
    let longest = longest.map(|ttl| ports.clock.now().plus(ttl).millis());
    Ok(NewMessage {
        id: id.to_string(),
        sender_token: SealedBytes(draft.sender_token),
        body: SealedBytes(draft.body),
        // The earlier of the two, if there are any.
        expires_at: draft.expires_at.into_iter().chain(longest).min(),
        has_attachments: draft.has_attachments,
        edit_key_hash: draft.edit_key_hash.map(SealedBytes),
    })
}

/// Sends a message of a member. Returns its id and its place. A call to the channel's object, and
/// no round trip to the database.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn send(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    draft: MessageDraft,
) -> Result<(String, AppendedMessage), Failure<ChannelRejection>> {
    let message = prepare(ports, channel, account, draft)?;
    let id = message.id.clone();
    Ok((id, append(ports, channel, account, message).await?))
}

/// Removes a message: by its secret, or for the owner and administrators of its server. A direct
/// message has no administrators. The sender is not involved, because no row names one.
///
/// With the secret, a call to the channel's object. By the role, one round trip and up to three
/// calls.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn remove(
    ports: &Ports,
    by: Caller,
    message: MessageId,
    secret: Option<Vec<u8>>,
) -> Result<(), Failure<ChannelRejection>> {
    if let Some(secret) = secret {
        let account = by.user;
        let proof = MessageProof {
            message,
            account,
            secret,
        };
        match channels::remove(ports, proof).await {
            Err(Failure::Rejected(ChannelRejection::WrongSecret)) => {}
            outcome => return outcome,
        }
    }
    let channel = channels::find(ports, message, by.user).await?;
    let standing = server_channels::standing(ports.db.as_ref(), by, channel).await?;
    match manages_channel(standing) {
        Ok(_) => channels::remove_by_right(ports, channel, message).await,
        Err(Failure::Rejected(_)) => Err(ChannelRejection::WrongSecret.into()),
        Err(Failure::Fault(fault)) => Err(fault.into()),
    }
}

pub use channels::{MessageProof, before, edit, since};
