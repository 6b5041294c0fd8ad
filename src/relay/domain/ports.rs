//! The ports of the relay.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

use crate::accounts::face;
use crate::kernel::store::StoreError;
use crate::relay::model::channel::{ChannelReply, ChannelRequest};
use crate::relay::model::config::Config;

/// The objects that hold channels: the only writer of each channel, with a database of its own.
///
/// Use cases call [`crate::relay::domain::channels`], which is typed.
#[async_trait]
pub trait Channels: Send + Sync {
    /// Sends a request to an object and returns its reply. The request may be repeated.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the object did not answer. The request may have taken effect.
    async fn call(&self, object: &str, request: ChannelRequest)
    -> Result<ChannelReply, StoreError>;

    /// Removes expired messages and the messages of removed channels, and returns their number.
    /// Objects with an alarm do so by themselves.
    ///
    /// # Errors
    /// [`StoreError`]
    async fn remove_due(&self) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// The ports and settings that use cases of the relay need. Dereferences to the ports of accounts.
#[derive(Clone)]
pub struct Ports {
    /// The ports of accounts.
    pub accounts: face::Ports,
    /// The objects of channels.
    pub channels: Arc<dyn Channels>,
    /// The settings of the relay.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = face::Ports;

    fn deref(&self) -> &face::Ports {
        &self.accounts
    }
}
