//! The open sockets of accounts, as the systems see them that end sessions.

use async_trait::async_trait;

use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// The open sockets of accounts.
#[async_trait]
pub trait LiveSockets: Send + Sync {
    /// Closes the sockets of an account whose sessions have ended in the database. When it returns,
    /// they get no frame any more. It may be repeated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the sockets could not be checked. They are checked again
    /// within a minute.
    async fn check(&self, account: UserId) -> Result<(), StoreError>;
}

/// A service without sockets.
#[derive(Clone, Copy, Debug)]
pub struct NoSockets;

#[async_trait]
impl LiveSockets for NoSockets {
    async fn check(&self, _account: UserId) -> Result<(), StoreError> {
        Ok(())
    }
}
