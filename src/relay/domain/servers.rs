//! Servers, their members and invites.

use crate::accounts::face::Caller;
use crate::kernel::domain::failure::{Failure, Fault};
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::Ports;
use crate::relay::domain::keys::random_id;
use crate::relay::domain::membership::{ServerRejection, in_server};
use crate::relay::domain::tasks::carry_out;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{
    InviteId, InviteRecord, ListPage, ListedAccount, ServerId, ServerRecord, ServerRole,
};
use crate::relay::store::invites::{Joined, NewInvite};
use crate::relay::store::members::OnMember;
use crate::relay::store::outbox::RelayTask;
use crate::relay::store::servers::{Made, NewServer};
use crate::relay::store::{invites, members, servers};

/// The random bytes of an invite's code.
const CODE_BYTES: usize = 12;

/// Makes a server with a first channel. Four round trips and one call to an object.
///
/// # Errors
/// [`ServerRejection`]
pub async fn create(
    ports: &Ports,
    by: Caller,
    meta: &str,
) -> Result<ServerRecord, Failure<ServerRejection>> {
    let new = NewServer {
        id: ports.id(ServerId::from_random)?,
        channel: ports.id(ChannelId::from_random)?,
        meta,
    };
    match servers::create(ports.db.as_ref(), by, new, ports.clock.now()).await? {
        Made::Stored(server) => {
            carry_out(ports, RelayTask::AddToChannel(new.channel, None)).await?;
            Ok(server)
        }
        Made::Full => Err(ServerRejection::Full(
            "You are in 100 servers, which is the limit. Leave or delete one first.",
        )
        .into()),
        Made::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Returns the servers of an account, the newest first. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn of_user(ports: &Ports, user: UserId) -> Result<Vec<ServerRecord>, Fault> {
    Ok(servers::of_user(ports.db.as_ref(), user).await?)
}

/// Returns a server to a member. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn get(
    ports: &Ports,
    user: UserId,
    server: ServerId,
) -> Result<ServerRecord, Failure<ServerRejection>> {
    let found = servers::get(ports.db.as_ref(), user, server).await?;
    Ok(found.ok_or(ServerRejection::UnknownServer)?)
}

/// Changes the metadata of a server. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn update(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    meta: &str,
) -> Result<ServerRecord, Failure<ServerRejection>> {
    let (standing, updated) = servers::update(ports.db.as_ref(), by, server, meta).await?;
    in_server(standing, ServerRole::Owner)?;
    Ok(updated.ok_or(ServerRejection::UnknownServer)?)
}

/// Deletes a server with its channels. Three round trips, and a call for each channel.
///
/// # Errors
/// [`ServerRejection`]
pub async fn delete(
    ports: &Ports,
    by: Caller,
    server: ServerId,
) -> Result<(), Failure<ServerRejection>> {
    let now = ports.clock.now();
    let standing = servers::begin_deletion(ports.db.as_ref(), by, server, now).await?;
    in_server(standing, ServerRole::Owner)?;
    Ok(carry_out(ports, RelayTask::DeleteServer(server)).await?)
}

/// Returns a page of the members of a server to a member. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn members(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    page: ListPage,
) -> Result<Vec<ListedAccount>, Failure<ServerRejection>> {
    let (standing, found) = members::of_server(ports.db.as_ref(), by, server, page).await?;
    in_server(standing, ServerRole::Member)?;
    Ok(found)
}

/// Returns the membership on which a statement acted, or the reason why it did not.
fn acted(
    on: OnMember,
) -> Result<crate::relay::store::outbox::ServerMemberKey, Failure<ServerRejection>> {
    match on.acted_on {
        Some(member) => Ok(member),
        None if !on.is_member => Err(ServerRejection::UnknownMember.into()),
        None => Err(ServerRejection::LowRole.into()),
    }
}

/// Removes a member from a server and its channels. The member comes back only by an invite that is
/// made later. Four round trips, and a call for each channel.
///
/// # Errors
/// [`ServerRejection`]
pub async fn kick(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    user: UserId,
) -> Result<(), Failure<ServerRejection>> {
    let now = ports.clock.now();
    let on = members::begin_kick(ports.db.as_ref(), by, server, user, now).await?;
    in_server(on.standing, ServerRole::Admin)?;
    let member = acted(on)?;
    Ok(carry_out(ports, RelayTask::Kick(member)).await?)
}

/// Removes the caller from a server and its channels. Four round trips, and a call for each
/// channel.
///
/// # Errors
/// [`ServerRejection`]
pub async fn leave(
    ports: &Ports,
    by: Caller,
    server: ServerId,
) -> Result<(), Failure<ServerRejection>> {
    let now = ports.clock.now();
    let on = members::begin_leaving(ports.db.as_ref(), by, server, now).await?;
    if in_server(on.standing, ServerRole::Member)? == ServerRole::Owner {
        return Err(ServerRejection::OwnerStays.into());
    }
    let member = acted(on)?;
    Ok(carry_out(ports, RelayTask::Leave(member)).await?)
}

/// Sets the role of another member. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn set_role(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    user: UserId,
    role: ServerRole,
) -> Result<(), Failure<ServerRejection>> {
    let on = members::set_role(ports.db.as_ref(), by, server, user, role.as_str()).await?;
    in_server(on.standing, ServerRole::Owner)?;
    if user == by.user {
        return Err(ServerRejection::OwnerStays.into());
    }
    acted(on).map(drop)
}

/// Makes an invite. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn invite(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    max_uses: Option<i64>,
    expires_at: Option<Timestamp>,
) -> Result<InviteRecord, Failure<ServerRejection>> {
    let mut code = [0; CODE_BYTES];
    ports.entropy.fill(&mut code)?;
    let new = NewInvite {
        id: ports.id(InviteId::from_random)?,
        server,
        code: &base64::encode(code),
        max_uses,
        expires_at,
    };
    let now = ports.clock.now();
    let (standing, made) = invites::create(ports.db.as_ref(), by, new, now).await?;
    in_server(standing, ServerRole::Admin)?;
    Ok(made.ok_or(ServerRejection::Full(
        "The server has 100 invites, which is the limit. Delete one first.",
    ))?)
}

/// Returns the invites of a server, the newest first. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn invites(
    ports: &Ports,
    by: Caller,
    server: ServerId,
) -> Result<Vec<InviteRecord>, Failure<ServerRejection>> {
    let (standing, found) = invites::of_server(ports.db.as_ref(), by, server).await?;
    in_server(standing, ServerRole::Admin)?;
    Ok(found)
}

/// Removes an invite. One round trip.
///
/// # Errors
/// [`ServerRejection`]
pub async fn remove_invite(
    ports: &Ports,
    by: Caller,
    server: ServerId,
    invite: InviteId,
) -> Result<(), Failure<ServerRejection>> {
    let (standing, removed) = invites::remove(ports.db.as_ref(), by, server, invite).await?;
    in_server(standing, ServerRole::Admin)?;
    if removed {
        Ok(())
    } else {
        Err(ServerRejection::UnknownInvite.into())
    }
}

/// Joins the server of an invite. A member gets the server without a use of the invite. Three round
/// trips, and a call for each channel.
///
/// # Errors
/// [`ServerRejection`]
pub async fn join(
    ports: &Ports,
    by: Caller,
    code: &str,
) -> Result<ServerRecord, Failure<ServerRejection>> {
    let (attempt, now) = (random_id(ports)?, ports.clock.now());
    match invites::join(ports.db.as_ref(), by, code, &attempt, now).await? {
        Joined::Member(server, member) => {
            if let Some(member) = member {
                carry_out(ports, RelayTask::Add(member)).await?;
            }
            Ok(server)
        }
        Joined::Leaving => {
            Err(Fault::Unavailable("the member leaves until every channel knows it").into())
        }
        Joined::Unknown => Err(ServerRejection::UnknownInvite.into()),
        Joined::Full => Err(ServerRejection::Full(
            "The server has 5,000 members, or you are in 100 servers, which is the limit.",
        )
        .into()),
        Joined::SignedOut => Err(Fault::SignedOut.into()),
    }
}
