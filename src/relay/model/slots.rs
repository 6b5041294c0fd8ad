//! Which hub holds the sockets of an account.

use serde::{Deserialize, Serialize};

use crate::kernel::model::ids::UserId;

/// The number of slots. It never changes, because objects keep slots.
pub const SLOTS: u16 = 4096;

/// The number of a hub.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HubId(pub u32);

/// A twelve-bit hash of an account. It names the hub that holds the account's sockets, and does not
/// reveal the account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Slot(pub u16);

impl Slot {
    /// Returns the slot of an account.
    #[must_use]
    pub fn of(account: UserId) -> Self {
        // The first bits of the id are random.
        let text = account.to_string();
        let digits = text.get(..3).unwrap_or_default();
        Self(u16::from_str_radix(digits, 16).unwrap_or_default() % SLOTS)
    }

    /// Returns the hub of the slot, if there are `hubs` of them.
    #[must_use]
    pub fn hub(self, hubs: u32) -> HubId {
        HubId(u32::from(self.0) * hubs.max(1) / u32::from(SLOTS))
    }
}
