//! The revocations of the last minute. A connection that was allowed before one arrives after it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::events::{Revoked, SocketOwner};

/// How long a revocation is kept: longer than a connection takes to open.
const KEPT: Duration = Duration::from_mins(1);

/// The revocations that a hub carried out lately.
#[derive(Clone, Debug, Default)]
pub struct RecentKills(VecDeque<(Timestamp, Revoked)>);

impl RecentKills {
    /// Notes a revocation.
    pub fn note(&mut self, revoked: Revoked, now: Timestamp) {
        self.forget(now);
        self.0.push_back((now, revoked));
    }

    /// Returns true if the owner's session ended lately.
    #[must_use]
    pub fn have(&mut self, owner: &SocketOwner, now: Timestamp) -> bool {
        self.forget(now);
        self.0.iter().any(|(_, revoked)| revoked.covers(owner))
    }

    fn forget(&mut self, now: Timestamp) {
        while self.0.front().is_some_and(|(at, _)| at.plus(KEPT) < now) {
            self.0.pop_front();
        }
    }
}
