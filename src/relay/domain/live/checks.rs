//! The accounts whose sessions were checked in the last minute. A connection that was allowed
//! before a revocation may arrive after the check, so its session is checked again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// How long a check is kept: longer than a connection takes to open.
const KEPT: Duration = Duration::from_mins(1);

/// The checks of a hub.
#[derive(Clone, Debug, Default)]
pub struct RecentChecks {
    checks: VecDeque<(Timestamp, UserId)>,
    count: u64,
}

impl RecentChecks {
    /// Notes a check that begins.
    pub fn note(&mut self, account: UserId, now: Timestamp) {
        self.forget(now);
        self.count += 1;
        self.checks.push_back((now, account));
    }

    /// Returns the number of all checks if the account was checked in the last minute. A
    /// connection may open if its session was live after this number, or if there is none.
    #[must_use]
    pub fn of(&mut self, account: UserId, now: Timestamp) -> Option<u64> {
        self.forget(now);
        let mut checks = self.checks.iter();
        checks.any(|(_, one)| *one == account).then_some(self.count)
    }

    fn forget(&mut self, now: Timestamp) {
        while self
            .checks
            .front()
            .is_some_and(|(at, _)| at.plus(KEPT) < now)
        {
            self.checks.pop_front();
        }
    }
}
