//! The times at which sessions expire.

use crate::accounts::model::config::{Config, SESSION_ABSOLUTE_LIMIT};
use crate::kernel::model::time::Timestamp;

/// Returns the expiry of a session that is used `now`: a full lifetime from now, but never after
/// the absolute limit.
pub(super) fn session_expiry(config: &Config, created_at: Timestamp, now: Timestamp) -> Timestamp {
    now.plus(config.session_ttl)
        .min(created_at.plus(SESSION_ABSOLUTE_LIMIT))
}
