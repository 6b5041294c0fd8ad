//! The origin of what a command on the machine changes.

use crate::kernel::domain::RequestOrigin;

/// Returns the origin of a command.
pub(super) fn origin() -> RequestOrigin {
    RequestOrigin {
        actor: "command line".to_owned(),
        address: None,
        country: None,
        user_agent: None,
        request_id: "command-line".to_owned(),
    }
}
