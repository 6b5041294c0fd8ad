//! Channels of servers, direct messages, sender keys and blocks.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::accounts::face::Caller;
use crate::kernel::domain::failure::{Failure, Fault, TooManyAttempts};
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::Ports;
use crate::relay::domain::membership::{ServerRejection, in_channel, in_server, manages_channel};
use crate::relay::domain::tags::tag;
use crate::relay::domain::tasks::carry_out;
use crate::relay::domain::until_next_hour;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{
    ChannelRecord, ListPage, ListedAccount, SenderKeyRecord, ServerId, ServerRole,
};
use crate::relay::store::blocks::Blocked;
use crate::relay::store::direct_messages::{NewDirectMessage, OpenedDirectMessage};
use crate::relay::store::outbox::RelayTask;
use crate::relay::store::sender_keys::Distribution;
use crate::relay::store::server_channels::NewChannel;
use crate::relay::store::{blocks, direct_messages, members, sender_keys, server_channels};

/// The largest number of sender keys that an account distributes in an hour. A key counts once for
/// each KiB that it begins.
const MOST_SENDER_KEYS: i64 = 20_000;
/// A KiB in base64, in characters.
const KIB_CHARS: usize = 1366;
/// Separates the hash of a pair of accounts from other hashes.
const PAIR_LABEL: &[u8] = b"hamrah-api direct message v1";

/// A channel that a caller wants to make.
#[derive(Clone, Copy, Debug)]
pub struct WantedChannel<'a> {
    /// The sealed metadata, base64url.
    pub meta: &'a str,
    /// The kind.
    pub channel_type: &'a str,
    /// The place. `None`: the last one.
    pub position: Option<i64>,
}

/// Makes a channel in a server. Three round trips and a call to its object.
///
/// # Errors
/// [`ServerRejection`]
pub async fn create(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    wanted: WantedChannel<'_>,
) -> Result<ChannelRecord, Failure<ServerRejection>> {
    let new = NewChannel {
        id: ports.id(ChannelId::from_random)?,
        server,
        meta: wanted.meta,
        channel_type: wanted.channel_type,
        position: wanted.position,
    };
    let now = ports.clock.now();
    let (standing, made) = server_channels::create(ports.db.as_ref(), by, new, now).await?;
    in_server(standing, ServerRole::Admin)?;
    let made = made.ok_or(ServerRejection::Full(
        "The server has 200 channels, which is the limit. Delete one first.",
    ))?;
    carry_out(ports, RelayTask::AddToChannel(new.id, None)).await?;
    Ok(made)
}

/// Returns the channels of a server by position, to a member. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn of_server(
    ports: &Ports,
    by: Caller,
    server: ServerId,
) -> Result<Vec<ChannelRecord>, Failure<ServerRejection>> {
    let (standing, found) = server_channels::of_server(ports.db.as_ref(), by, server).await?;
    in_server(standing, ServerRole::Member)?;
    Ok(found)
}

/// Changes the metadata of a channel. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn update(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
    meta: &str,
) -> Result<ChannelRecord, Failure<ServerRejection>> {
    let (standing, updated) = server_channels::update(ports.db.as_ref(), by, channel, meta).await?;
    manages_channel(standing)?;
    Ok(updated.ok_or(ServerRejection::UnknownChannel)?)
}

/// Deletes a channel with its messages. Two round trips and a call to its object.
///
/// # Errors
/// [`ServerRejection`]
pub async fn delete(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
) -> Result<(), Failure<ServerRejection>> {
    let now = ports.clock.now();
    let (standing, begun) =
        server_channels::begin_deletion(ports.db.as_ref(), by, channel, now).await?;
    manages_channel(standing)?;
    if !begun {
        return Err(ServerRejection::UnknownChannel.into());
    }
    Ok(carry_out(ports, RelayTask::Destroy(channel)).await?)
}

/// Lets a member of a server into one of its channels, also a member who is in it. Three round
/// trips and a call to its object.
///
/// # Errors
/// [`ServerRejection`]
pub async fn join(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
) -> Result<(), Failure<ServerRejection>> {
    let standing = server_channels::join(ports.db.as_ref(), by, channel, ports.clock.now()).await?;
    if in_channel(standing)?.server.is_none() {
        return Err(ServerRejection::UnknownChannel.into());
    }
    Ok(carry_out(ports, RelayTask::AddToChannel(channel, Some(by.user))).await?)
}

/// Removes the caller from a channel of a server. Two round trips and a call to its object.
///
/// # Errors
/// [`ServerRejection`]
pub async fn leave(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
) -> Result<(), Failure<ServerRejection>> {
    let now = ports.clock.now();
    let (standing, ending) =
        server_channels::begin_leaving(ports.db.as_ref(), by, channel, now).await?;
    in_channel(standing)?;
    let ending = ending.ok_or(ServerRejection::DirectMessage)?;
    Ok(carry_out(ports, RelayTask::LeaveChannel(ending)).await?)
}

/// Returns a page of the members of a channel to a member. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn members(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
    page: ListPage,
) -> Result<Vec<ListedAccount>, Failure<ServerRejection>> {
    let (standing, found) = members::of_channel(ports.db.as_ref(), by, channel, page).await?;
    in_channel(standing)?;
    Ok(found)
}

/// Returns the hash of a pair of accounts. It does not depend on the order, and no key changes it.
fn pair(one: UserId, other: UserId) -> String {
    let mut ids = [one.to_string(), other.to_string()];
    ids.sort();
    let mut hasher = Sha256::new();
    hasher.update(PAIR_LABEL);
    for id in &ids {
        hasher.update(id.as_bytes());
    }
    base64::encode(hasher.finalize())
}

/// Opens the direct message with another account, or returns the one that the two have. Three round
/// trips and a call to its object.
///
/// An account that blocked the caller is answered as an unknown one.
///
/// # Errors
/// [`ServerRejection`]
pub async fn open_direct_message(
    ports: &Ports,
    by: Caller,
    target: UserId,
    meta: &str,
) -> Result<ChannelRecord, Failure<ServerRejection>> {
    let new = NewDirectMessage {
        id: ports.id(ChannelId::from_random)?,
        target,
        pair: &pair(by.user, target),
        meta,
    };
    match direct_messages::open(ports.db.as_ref(), by, new, ports.clock.now()).await? {
        OpenedDirectMessage::Open(channel) => {
            // Also repairs a direct message that an interrupted request opened.
            carry_out(ports, RelayTask::AddToChannel(channel.id, None)).await?;
            Ok(channel)
        }
        OpenedDirectMessage::Unknown => Err(ServerRejection::UnknownUser.into()),
        OpenedDirectMessage::Full => Err(ServerRejection::Full(
            "You have opened 1,000 direct messages, which is the limit.",
        )
        .into()),
        OpenedDirectMessage::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Returns the direct messages of an account, the newest first. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn direct_messages(
    ports: &Ports,
    user: UserId,
    after: Option<ChannelId>,
    limit: i64,
) -> Result<Vec<ChannelRecord>, Fault> {
    Ok(direct_messages::of_user(ports.db.as_ref(), user, after, limit).await?)
}

/// A sealed sender key for a member.
#[derive(Clone, Debug)]
pub struct SealedSenderKey {
    /// The receiver.
    pub to: UserId,
    /// The distribution.
    pub distribution: String,
    /// The sealed key, base64url.
    pub encrypted_skdm: String,
}

/// Stores sealed sender keys for members of a channel, and returns their number. Keys for accounts
/// that are not members are left out. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn distribute(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
    keys: &[SealedSenderKey],
) -> Result<usize, Failure<ServerRejection>> {
    let mut list = Vec::with_capacity(keys.len());
    let mut number = 0;
    for key in keys {
        number += key.encrypted_skdm.len().div_ceil(KIB_CHARS);
        // The id of a key has no rights, so it has the type of no other object.
        let id = ports.id(ChannelId::from_random)?;
        list.push(json!({
            "to": key.to.to_string(),
            "distribution": key.distribution,
            "skdm": key.encrypted_skdm,
            "id": id.to_string(),
        }));
    }
    let now = ports.clock.now();
    let distribution = Distribution {
        channel,
        list: &serde_json::Value::from(list).to_string(),
        subject: &tag(ports, &["sender keys", &by.user.to_string()])?,
        number: i64::try_from(number).unwrap_or(i64::MAX),
        most: MOST_SENDER_KEYS,
    };
    let done = sender_keys::distribute(ports.db.as_ref(), by, distribution, now).await?;
    in_channel(done.standing)?;
    if done.of_hour > MOST_SENDER_KEYS {
        let wait = until_next_hour(now);
        return Err(TooManyAttempts { wait }.into());
    }
    Ok(done.stored)
}

/// Returns the sender keys that wait for the caller in a channel. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn sender_keys(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
) -> Result<Vec<SenderKeyRecord>, Failure<ServerRejection>> {
    let now = ports.clock.now();
    let (standing, found) = sender_keys::read(ports.db.as_ref(), by, channel, now).await?;
    in_channel(standing)?;
    Ok(found)
}

/// Returns the identity keys of the other members of a channel, base64url. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn identity_keys(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
    page: ListPage,
) -> Result<Vec<(UserId, String)>, Failure<ServerRejection>> {
    let db = ports.db.as_ref();
    let (standing, found) = sender_keys::identity_keys(db, by, channel, page).await?;
    in_channel(standing)?;
    Ok(found)
}

/// Blocks an account. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn block(
    ports: &Ports,
    by: Caller,
    user: UserId,
) -> Result<(), Failure<ServerRejection>> {
    match blocks::add(ports.db.as_ref(), by, user, ports.clock.now()).await? {
        Blocked::Done => Ok(()),
        Blocked::Unknown => Err(ServerRejection::UnknownUser.into()),
        Blocked::Full => Err(ServerRejection::Full(
            "You have blocked 1,000 accounts, which is the limit. Unblock one first.",
        )
        .into()),
        Blocked::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Ends a block, if there is one. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn unblock(ports: &Ports, by: Caller, user: UserId) -> Result<(), Fault> {
    Ok(blocks::remove(ports.db.as_ref(), by, user).await?)
}

/// Returns the accounts that an account blocked. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn blocked(ports: &Ports, user: UserId) -> Result<Vec<ListedAccount>, Fault> {
    Ok(blocks::of_user(ports.db.as_ref(), user).await?)
}
