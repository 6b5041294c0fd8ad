//! The one place that decides from a standing whether a caller may do something in a server or a
//! channel. Unknown and foreign servers look alike.

use crate::accounts::face::Caller;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::relay::domain::Ports;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::ServerRole;
use crate::relay::store::membership::{ChannelStanding, ServerStanding};
use crate::relay::store::server_channels;

/// The reasons to refuse an operation on a server, a channel or another account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ServerRejection {
    /// The server does not exist, or the caller is not a member.
    #[error("the server does not exist, or the caller is not a member")]
    UnknownServer,
    /// The channel does not exist, or the caller is not a member.
    #[error("the channel does not exist, or the caller is not a member")]
    UnknownChannel,
    /// The account is not a member of the server.
    #[error("the account is not a member of the server")]
    UnknownMember,
    /// The invite does not exist, or may not be used.
    #[error("the invite does not exist, or may not be used")]
    UnknownInvite,
    /// The account does not exist, or does not talk to the caller.
    #[error("the account does not exist, or does not talk to the caller")]
    UnknownUser,
    /// The role of the caller is too low.
    #[error("the role of the caller is too low")]
    LowRole,
    /// The owner cannot leave, and has no other role.
    #[error("the owner cannot leave, and has no other role")]
    OwnerStays,
    /// A direct message cannot be left, changed or deleted.
    #[error("a direct message cannot be left, changed or deleted")]
    DirectMessage,
    /// A quota is reached. Holds the sentence for users.
    #[error("{0}")]
    Full(&'static str),
}

impl Rejection for ServerRejection {}

/// Checks that the caller is a member of a server with at least the role `needs`.
///
/// # Errors
/// [`ServerRejection`]
pub fn in_server(
    standing: ServerStanding,
    needs: ServerRole,
) -> Result<ServerRole, Failure<ServerRejection>> {
    match standing.role {
        _ if !standing.live => Err(Fault::SignedOut.into()),
        None => Err(ServerRejection::UnknownServer.into()),
        Some(role) if role < needs => Err(ServerRejection::LowRole.into()),
        Some(role) => Ok(role),
    }
}

/// Checks that the caller is a member of a channel.
///
/// # Errors
/// [`ServerRejection`]
pub fn in_channel(
    standing: Option<ChannelStanding>,
) -> Result<ChannelStanding, Failure<ServerRejection>> {
    match standing {
        Some(standing) if !standing.live => Err(Fault::SignedOut.into()),
        Some(standing) if standing.member => Ok(standing),
        _ => Err(ServerRejection::UnknownChannel.into()),
    }
}

/// Checks that the caller manages the server of a channel.
///
/// # Errors
/// [`ServerRejection`]
pub fn manages_channel(
    standing: Option<ChannelStanding>,
) -> Result<ChannelStanding, Failure<ServerRejection>> {
    let Some(standing) = standing else {
        return Err(ServerRejection::UnknownChannel.into());
    };
    match standing.role {
        _ if !standing.live => Err(Fault::SignedOut.into()),
        Some(role) if role >= ServerRole::Admin => Ok(standing),
        Some(_) => Err(ServerRejection::LowRole.into()),
        None if standing.member => Err(ServerRejection::DirectMessage.into()),
        None => Err(ServerRejection::UnknownChannel.into()),
    }
}

/// Returns the standing of a member in a channel. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn of_channel(
    ports: &Ports,
    by: Caller,
    channel: ChannelId,
) -> Result<ChannelStanding, Failure<ServerRejection>> {
    in_channel(server_channels::standing(ports.db.as_ref(), by, channel).await?)
}
