//! The ports of the relay.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::accounts::face;
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;
use crate::relay::domain::live::frames::Notice;
use crate::relay::model::channel::{ChannelReply, ChannelRequest};
use crate::relay::model::config::Config;
use crate::relay::model::slots::HubId;

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

/// An order to a hub. It may be repeated.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HubOrder {
    /// Closes the sockets of an account whose sessions have ended in the database. Afterwards they
    /// get no frame any more.
    Check(UserId),
    /// Writes news to the sockets of accounts.
    Notify {
        /// The accounts.
        accounts: Vec<UserId>,
        /// The news.
        notice: Notice,
    },
}

/// The hubs, which hold the sockets.
#[async_trait]
pub trait Hubs: Send + Sync {
    /// Gives an order to a hub and waits until it is carried out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the hub did not answer. The order may have taken effect.
    async fn order(&self, hub: HubId, order: HubOrder) -> Result<(), StoreError>;
}

/// The ports and settings that use cases of the relay need. Dereferences to the ports of accounts.
#[derive(Clone)]
pub struct Ports {
    /// The ports of accounts.
    pub accounts: face::Ports,
    /// The objects of channels.
    pub channels: Arc<dyn Channels>,
    /// The hubs of sockets.
    pub hubs: Arc<dyn Hubs>,
    /// The settings of the relay.
    pub config: Arc<Config>,
}

impl Deref for Ports {
    type Target = face::Ports;

    fn deref(&self) -> &face::Ports {
        &self.accounts
    }
}
