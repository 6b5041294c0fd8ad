//! Connections: tickets, what a socket needs before it opens, and orders to the hub of an account.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::face::challenges::{AnsweredChallenge, ChallengeKind, NewChallenge};
use crate::accounts::face::{Caller, challenges};
use crate::kernel::domain::LiveSockets;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::base64;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::store::StoreError;
use crate::relay::domain::live::events::SocketOwner;
use crate::relay::domain::live::frames::Notice;
use crate::relay::domain::{HubOrder, Hubs, Ports};
use crate::relay::model::ids::ConnectionId;
use crate::relay::model::slots::{HubId, Slot};
use crate::relay::store::sockets;

/// How long a ticket can be used.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(30);
/// The bytes of a ticket.
const TICKET_BYTES: usize = 24;

/// The reason to refuse a ticket.
#[derive(Debug, thiserror::Error)]
#[error("the ticket is unknown, used or expired")]
pub struct NoTicket;

impl Rejection for NoTicket {}

/// The state of a ticket: the owner of the connection.
#[derive(Serialize, Deserialize)]
struct TicketState {
    owner: SocketOwner,
}

/// A socket that may open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SocketEntry {
    /// The hub that holds the socket.
    pub hub: HubId,
    /// The owner.
    pub owner: SocketOwner,
    /// The id of the connection.
    pub connection: ConnectionId,
    /// The number of one-time prekeys that the account has left.
    pub prekeys_left: u32,
}

/// Returns the hash under which a ticket is stored.
fn stored_id(ticket: &str) -> ChallengeId {
    let hash = Sha256::digest(ticket.as_bytes());
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash) {
        *byte = hashed;
    }
    ChallengeId::from_random(bytes)
}

/// Makes a ticket for one connection of a signed-in account. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn issue_ticket(ports: &Ports, owner: SocketOwner) -> Result<String, Fault> {
    let mut bytes = [0; TICKET_BYTES];
    ports.entropy.fill(&mut bytes)?;
    let ticket = base64::encode(bytes);
    let now = ports.clock.now();
    let state = serde_json::to_string(&TicketState { owner })
        .map_err(|error| StoreError::Broken(error.to_string()))?;
    let new = NewChallenge {
        id: stored_id(&ticket),
        kind: ChallengeKind::SocketTicket,
        // The caller of the connection is not known before the ticket is taken.
        user: None,
        state: &state,
        created_at: now,
        expires_at: now.plus(TICKET_LIFETIME),
    };
    challenges::keep(ports.db.as_ref(), &new).await?;
    Ok(ticket)
}

/// Takes a ticket, which no other connection can use afterwards. One round trip.
///
/// # Errors
/// [`NoTicket`]
pub async fn take_ticket(ports: &Ports, ticket: &str) -> Result<SocketOwner, Failure<NoTicket>> {
    let answered = AnsweredChallenge {
        id: stored_id(ticket),
        kind: ChallengeKind::SocketTicket,
        user: None,
    };
    let taken = challenges::take(ports.db.as_ref(), answered, ports.clock.now()).await?;
    let taken = taken.ok_or(NoTicket)?;
    let state: TicketState = serde_json::from_str(&taken.state)
        .map_err(|error| StoreError::Broken(error.to_string()))?;
    Ok(state.owner)
}

/// Returns what the socket of a live session needs before it opens. One round trip.
///
/// # Errors
/// [`Fault::SignedOut`] if the session has ended.
pub async fn entry(ports: &Ports, owner: SocketOwner) -> Result<SocketEntry, Fault> {
    let by = Caller {
        user: owner.account,
        session: owner.session,
    };
    let standing = sockets::standing(ports.db.as_ref(), by).await?;
    if !standing.live || owner.valid_until <= ports.clock.now() {
        return Err(Fault::SignedOut);
    }
    Ok(SocketEntry {
        hub: hub_of(ports, owner.account),
        owner,
        connection: ports.id(ConnectionId::from_random)?,
        prekeys_left: standing.prekeys_left,
    })
}

/// Returns the hub that holds the sockets of an account.
#[must_use]
pub fn hub_of(ports: &Ports, account: UserId) -> HubId {
    Slot::of(account).hub(ports.config.hubs)
}

/// The sockets of accounts, which the hubs hold.
#[derive(Clone)]
pub struct SocketsOfHubs {
    /// The hubs.
    pub hubs: Arc<dyn Hubs>,
    /// The number of hubs.
    pub count: u32,
}

#[async_trait]
impl LiveSockets for SocketsOfHubs {
    async fn check(&self, account: UserId) -> Result<(), StoreError> {
        let hub = Slot::of(account).hub(self.count);
        self.hubs.order(hub, HubOrder::Check(account)).await
    }
}

/// Writes news to the sockets of an account, if it has any. A hub that does not answer is only
/// logged, because the news is in the database too.
pub async fn notify(ports: &Ports, account: UserId, notice: Notice) {
    let order = HubOrder::Notify {
        accounts: vec![account],
        notice,
    };
    if let Err(error) = ports.hubs.order(hub_of(ports, account), order).await {
        tracing::info!(%error, "a hub did not take news");
    }
}
