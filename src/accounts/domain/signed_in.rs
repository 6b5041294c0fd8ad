//! The caller of a request that has a live session.

use std::time::Duration;

use crate::accounts::model::records::{Caller, Session, User};
use crate::kernel::model::time::Timestamp;

/// An authenticated caller, with the account and the session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The account of the caller.
    pub user: User,
    /// The session of the caller.
    pub session: Session,
    /// The time at which the presented token expires.
    pub expires_at: Timestamp,
    /// Whether this request extended the session, so that its cookie must be written again.
    pub renewed: bool,
    /// The time of the authentication.
    pub now: Timestamp,
}

impl SignedIn {
    /// Returns the ids for a write, which checks again that the session is live.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller {
            user: self.user.id,
            session: self.session.id,
        }
    }

    /// Returns true if the account owner authenticated within the last `time`, and not only by
    /// account recovery.
    #[must_use]
    pub fn is_recent(&self, time: Duration) -> bool {
        self.session.authenticated_at > self.now.minus(time) && !self.session.amr.is_recovered()
    }
}
