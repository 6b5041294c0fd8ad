//! Channels: their members and messages. Every function is one call to the object of the channel,
//! may be repeated, and needs no round trip to the database.

use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;
use crate::relay::domain::Ports;
use crate::relay::model::channel::{
    Appended, ChannelMember, ChannelOperation, ChannelRefusal, ChannelReply, ChannelRequest,
    SealedBytes,
};
use crate::relay::model::ids::{ChannelId, MessageId};
use crate::relay::model::micros::Micros;

pub use crate::relay::model::channel::{ChannelMessage, EntryPage, NewMessage, Placed};

/// The reasons to refuse an operation on a channel.
#[derive(Debug, thiserror::Error)]
pub enum ChannelRejection {
    /// The channel or the message is unknown, or the account is not a member.
    #[error("the channel or message does not exist, or the account is not a member")]
    Unknown,
    /// The secret is not the message's.
    #[error("the secret is not the message's")]
    WrongSecret,
    /// The message was edited too often.
    #[error("the message was edited as often as it may")]
    TooManyEdits,
    /// The client's name for the message names a message with another body.
    #[error("another message has this client_id")]
    Conflict,
    /// The message expires in the past.
    #[error("the message expires in the past")]
    Expired,
}

impl Rejection for ChannelRejection {}

impl From<ChannelRefusal> for ChannelRejection {
    fn from(refusal: ChannelRefusal) -> Self {
        match refusal {
            ChannelRefusal::Unknown => Self::Unknown,
            ChannelRefusal::WrongSecret => Self::WrongSecret,
            ChannelRefusal::TooManyEdits => Self::TooManyEdits,
        }
    }
}

/// A member with the version of the membership, which rises with each change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The account.
    pub account: UserId,
    /// The version, from 1 on.
    pub version: i64,
}

impl From<Membership> for ChannelMember {
    fn from(membership: Membership) -> Self {
        Self {
            account: membership.account.to_string(),
            version: membership.version,
        }
    }
}

/// The place of a stored message, and when it expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppendedMessage {
    /// The place.
    pub placed: Placed,
    /// When the message expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// A proof that the caller sent a message: the secret whose hash came with it.
#[derive(Clone, Debug)]
pub struct MessageProof {
    /// The message.
    pub message: MessageId,
    /// A member of the channel. The object does not keep it.
    pub account: UserId,
    /// The secret.
    pub secret: Vec<u8>,
}

async fn call(
    ports: &Ports,
    object: &str,
    operation: ChannelOperation,
) -> Result<ChannelReply, Fault> {
    let request = ChannelRequest::new(operation);
    Ok(ports.channels.call(object, request).await?)
}

/// Returns the fault of a reply that does not belong to the request.
fn strange() -> Fault {
    Fault::Store(StoreError::Broken(
        "a channel replied to another request".to_owned(),
    ))
}

/// Returns the failure of a reply without the expected result.
fn refused(reply: &ChannelReply) -> Failure<ChannelRejection> {
    match reply {
        ChannelReply::Refused(refusal) => ChannelRejection::from(*refusal).into(),
        _ => strange().into(),
    }
}

fn done(reply: &ChannelReply) -> Result<(), Fault> {
    match reply {
        ChannelReply::Done => Ok(()),
        _ => Err(strange()),
    }
}

/// Adds members to a channel. The first addition makes the channel. A direct message gets both of
/// its members in one call.
///
/// A member that was removed with the same version or a higher one stays removed.
///
/// # Errors
/// [`Fault`]
pub async fn add_members(
    ports: &Ports,
    channel: ChannelId,
    members: &[Membership],
    direct: bool,
) -> Result<(), Fault> {
    let operation = ChannelOperation::AddMembers {
        channel: channel.to_string(),
        members: members.iter().copied().map(ChannelMember::from).collect(),
        direct,
    };
    done(&call(ports, &channel.object(), operation).await?)
}

/// Removes a member from a channel. Only an addition with a higher version brings it back.
///
/// # Errors
/// [`Fault`]
pub async fn remove_member(
    ports: &Ports,
    channel: ChannelId,
    member: Membership,
) -> Result<(), Fault> {
    let operation = ChannelOperation::RemoveMember {
        channel: channel.to_string(),
        member: member.into(),
    };
    done(&call(ports, &channel.object(), operation).await?)
}

/// Returns whether an account is a member of a channel. An unknown channel has no members.
///
/// # Errors
/// [`Fault`]
pub async fn is_member(ports: &Ports, channel: ChannelId, account: UserId) -> Result<bool, Fault> {
    let operation = ChannelOperation::IsMember {
        channel: channel.to_string(),
        account: account.to_string(),
    };
    match call(ports, &channel.object(), operation).await? {
        ChannelReply::Member(is_member) => Ok(is_member),
        _ => Err(strange()),
    }
}

/// Appends a message of a member and returns its place. A repeated call returns the same place for
/// as long as the message lives.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn append(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    message: NewMessage,
) -> Result<AppendedMessage, Failure<ChannelRejection>> {
    let operation = ChannelOperation::Append {
        channel: channel.to_string(),
        account: account.to_string(),
        messages: vec![message],
    };
    match call(ports, &channel.object(), operation).await? {
        ChannelReply::Appended(outcomes) => match outcomes.first() {
            Some(Appended::Stored { placed, expires_at }) => Ok(AppendedMessage {
                placed: *placed,
                expires_at: *expires_at,
            }),
            Some(Appended::Conflict) => Err(ChannelRejection::Conflict.into()),
            Some(Appended::Expired) => Err(ChannelRejection::Expired.into()),
            None => Err(strange().into()),
        },
        reply => Err(refused(&reply)),
    }
}

/// Returns the messages of a channel before a time, or the newest, to a member. The newest is
/// first.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn before(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    before: Option<Micros>,
    limit: u32,
) -> Result<Vec<ChannelMessage>, Failure<ChannelRejection>> {
    let operation = ChannelOperation::Before {
        channel: channel.to_string(),
        account: account.to_string(),
        before,
        limit,
    };
    match call(ports, &channel.object(), operation).await? {
        ChannelReply::Messages(messages) => Ok(messages),
        reply => Err(refused(&reply)),
    }
}

/// Returns the entries of a channel after a sequence number to a member, the oldest first.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn since(
    ports: &Ports,
    channel: ChannelId,
    account: UserId,
    since: i64,
    limit: u32,
) -> Result<EntryPage, Failure<ChannelRejection>> {
    let operation = ChannelOperation::Since {
        channel: channel.to_string(),
        account: account.to_string(),
        since,
        limit,
    };
    match call(ports, &channel.object(), operation).await? {
        ChannelReply::Entries(page) => Ok(page),
        reply => Err(refused(&reply)),
    }
}

/// Replaces the body of a message. Returns the text of the channel's id, and the message.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn edit(
    ports: &Ports,
    proof: MessageProof,
    body: SealedBytes,
) -> Result<(String, ChannelMessage), Failure<ChannelRejection>> {
    let operation = ChannelOperation::Edit {
        message: proof.message.to_string(),
        account: proof.account.to_string(),
        secret: SealedBytes(proof.secret),
        body,
    };
    match call(ports, &proof.message.object(), operation).await? {
        ChannelReply::Edited { channel, message } => Ok((channel, message)),
        reply => Err(refused(&reply)),
    }
}

/// Removes a message by its secret.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn remove(ports: &Ports, proof: MessageProof) -> Result<(), Failure<ChannelRejection>> {
    let operation = ChannelOperation::Remove {
        message: proof.message.to_string(),
        account: proof.account.to_string(),
        secret: SealedBytes(proof.secret),
    };
    match call(ports, &proof.message.object(), operation).await? {
        ChannelReply::Done => Ok(()),
        reply => Err(refused(&reply)),
    }
}

/// Returns the channel of a message to a member of the channel, also of a removed message.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn find(
    ports: &Ports,
    message: MessageId,
    account: UserId,
) -> Result<ChannelId, Failure<ChannelRejection>> {
    let operation = ChannelOperation::Find {
        message: message.to_string(),
        account: account.to_string(),
    };
    match call(ports, &message.object(), operation).await? {
        ChannelReply::Channel(id) => ChannelId::parse(&id).ok_or_else(|| strange().into()),
        reply => Err(refused(&reply)),
    }
}

/// Removes a message of a channel. The caller has checked the right to do so.
///
/// # Errors
/// [`ChannelRejection`]
pub async fn remove_by_right(
    ports: &Ports,
    channel: ChannelId,
    message: MessageId,
) -> Result<(), Failure<ChannelRejection>> {
    let operation = ChannelOperation::RemoveByRight {
        channel: channel.to_string(),
        message: message.to_string(),
    };
    match call(ports, &channel.object(), operation).await? {
        ChannelReply::Done => Ok(()),
        reply => Err(refused(&reply)),
    }
}

/// Removes a channel with its messages and members. It never comes back.
///
/// # Errors
/// [`Fault`]
pub async fn destroy(ports: &Ports, channel: ChannelId) -> Result<(), Fault> {
    let operation = ChannelOperation::Destroy {
        channel: channel.to_string(),
    };
    done(&call(ports, &channel.object(), operation).await?)
}
