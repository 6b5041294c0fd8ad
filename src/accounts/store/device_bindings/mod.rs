//! The binding of devices' keys to accounts and sessions. An account owns its keys, and a session
//! of the iOS app keeps to one of them (docs/decisions/0022).

mod claim;
mod claimant;
mod session_device;
mod usage;

pub use claim::{KeyClaim, keep};
pub(super) use claim::{read_claim, select_key};
pub use claimant::BindingRules;
pub(super) use claimant::KeyClaimant;
pub use session_device::SessionDevice;
pub use usage::{KeyUse, KeyUseOutcome, use_for};
