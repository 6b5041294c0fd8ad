//! The door of sockets: what a platform does once every check has passed.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Request, header};

use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::store::StoreError;
use crate::relay::domain::sockets::SocketEntry;

/// The subprotocol that the server answers with.
pub const SUBPROTOCOL: &str = "haven";
/// The reasons of a hub not to open a socket.
#[derive(Debug, thiserror::Error)]
pub enum DoorRefusal {
    /// The request is no WebSocket handshake.
    #[error("the request is no WebSocket handshake")]
    NoHandshake,
    /// The account has as many sockets as it may.
    #[error("the account has as many sockets as it may")]
    TooMany,
    /// The session ended while the socket was opened.
    #[error("the session has ended")]
    Ended,
    /// The hub did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DoorRefusal> for ApiError {
    fn from(refusal: DoorRefusal) -> Self {
        match refusal {
            DoorRefusal::NoHandshake => Code::UpgradeRequired.into(),
            DoorRefusal::TooMany => Code::TooManySockets.into(),
            DoorRefusal::Ended => Self::because(Code::InvalidToken, "the session has ended"),
            DoorRefusal::Store(error) => error.into(),
        }
    }
}

/// Opens sockets. A platform provides it, because only the platform can upgrade a connection.
#[async_trait]
pub trait SocketDoor: Send + Sync {
    /// Opens the socket of a request whose caller was checked. The answer has the status 101.
    ///
    /// # Errors
    /// [`DoorRefusal`]
    async fn open(
        &self,
        request: Request<Body>,
        entry: SocketEntry,
    ) -> Result<Response, DoorRefusal>;
}

/// The door as handlers share it.
pub type Door = Arc<dyn SocketDoor>;

/// Returns true if the client offers our subprotocol.
#[must_use]
pub fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|name| name.trim() == SUBPROTOCOL)
}
