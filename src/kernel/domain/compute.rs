//! Expensive computations: where they run, and how many run at the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::kernel::model::time::Timestamp;

/// Runs expensive computations: on a thread of its own where the platform has threads.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Runs `work` to its end, or not at all.
    async fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// The maximum time for which a permit is held.
///
/// Hashing takes about 100 ms. The lease exists because a platform may end a request, for example
/// at its limit of CPU time, without running its destructors.
const LEASE: Duration = Duration::from_secs(15);

/// A permit in use.
#[derive(Debug)]
struct HeldPermit {
    id: u64,
    acquired_at: Timestamp,
}

/// A limit on how many passwords are hashed at the same time.
#[derive(Debug)]
pub struct HashPermits {
    limit: usize,
    held: Mutex<Vec<HeldPermit>>,
    next_id: AtomicU64,
}

impl HashPermits {
    /// Creates `limit` permits.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            held: Mutex::default(),
            next_id: AtomicU64::new(0),
        })
    }

    /// Returns true if a permit is free at this moment.
    #[must_use]
    pub fn has_free(&self, now: Timestamp) -> bool {
        self.live(now).len() < self.limit
    }

    /// Returns a permit, or `None` if all are in use. Dropping the permit releases it.
    #[must_use]
    pub fn try_acquire(self: &Arc<Self>, now: Timestamp) -> Option<HashPermit> {
        let mut held = self.live(now);
        if held.len() >= self.limit {
            return None;
        }

        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        held.push(HeldPermit {
            id,
            acquired_at: now,
        });
        Some(HashPermit {
            permits: Arc::clone(self),
            id,
        })
    }

    /// Returns the permits that are held, without those whose lease has ended.
    fn live(&self, now: Timestamp) -> MutexGuard<'_, Vec<HeldPermit>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|permit| permit.acquired_at > now.minus(LEASE));
        held
    }
}

/// A permit to hash one password. Dropping it releases it.
#[derive(Debug)]
pub struct HashPermit {
    permits: Arc<HashPermits>,
    id: u64,
}

impl Drop for HashPermit {
    fn drop(&mut self) {
        self.permits
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|permit| permit.id != self.id);
    }
}

/// Runs `work` and returns its result, or `None` if the platform did not run it. The permit is
/// released when the work ends, even if no request waits for the result any more.
pub async fn run_with_permit<T: Send + 'static>(
    compute: &dyn Compute,
    permit: HashPermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let slot = Arc::new(Mutex::new(None));
    let result = Arc::clone(&slot);

    compute
        .run(Box::new(move || {
            let value = work();
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            drop(permit);
        }))
        .await;

    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_as_many_permits_are_held_as_the_limit_allows() {
        let permits = HashPermits::new(2);
        let now = Timestamp::from_millis(1_000_000);
        let (one, two) = (permits.try_acquire(now), permits.try_acquire(now));
        assert!(one.is_some() && two.is_some() && permits.try_acquire(now).is_none());

        drop(one);
        let three = permits.try_acquire(now);
        assert!(three.is_some() && permits.try_acquire(now).is_none());

        assert!(
            permits.try_acquire(now.plus(LEASE)).is_some(),
            "the lease of a permit that was not released has ended"
        );
    }
}
