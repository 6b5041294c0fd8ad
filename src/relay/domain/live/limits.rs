//! How many frames an account may send.

use std::collections::BTreeMap;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// How many seconds' worth of frames an account may send at once.
const BURST: i64 = 10;
/// The parts of a frame that are counted. With a rate of one in a second, a millisecond adds one.
const PARTS: i64 = 1000;

/// What an account has left.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Bucket {
    parts: i64,
    at: Timestamp,
}

impl Bucket {
    fn fill(&mut self, rate: u32, now: Timestamp) -> bool {
        let most = i64::from(rate) * PARTS * BURST;
        let elapsed = now.millis().saturating_sub(self.at.millis()).max(0);
        let added = elapsed.saturating_mul(i64::from(rate));
        self.parts = self.parts.saturating_add(added).min(most);
        self.at = self.at.max(now);
        self.parts == most
    }
}

/// What each account has left. An account without a bucket has not used any.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Buckets {
    /// The frames per second. `None`: any number.
    rate: Option<u32>,
    accounts: BTreeMap<UserId, Bucket>,
}

impl Buckets {
    pub(super) const fn new(rate: Option<u32>) -> Self {
        Self {
            rate,
            accounts: BTreeMap::new(),
        }
    }

    /// Takes a frame of an account. Returns false if it has none left.
    pub(super) fn take(&mut self, account: UserId, now: Timestamp) -> bool {
        let Some(rate) = self.rate else {
            return true;
        };
        let bucket = self.accounts.entry(account).or_insert(Bucket {
            parts: i64::from(rate) * PARTS * BURST,
            at: now,
        });
        bucket.fill(rate, now);
        let is_left = bucket.parts >= PARTS;
        if is_left {
            bucket.parts -= PARTS;
        }
        is_left
    }

    /// Forgets the accounts that have everything left.
    pub(super) fn prune(&mut self, now: Timestamp) {
        let rate = self.rate.unwrap_or_default();
        self.accounts.retain(|_, bucket| !bucket.fill(rate, now));
    }
}
