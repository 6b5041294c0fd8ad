//! Work that takes tens of milliseconds of a processor: how much of it is under way at once, and
//! where it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::kernel::model::time::Timestamp;

/// Where long work runs: beside the requests where there are threads, in their way where there are
/// none.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Runs `work` to its end, or not at all.
    async fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// After this a turn counts no longer: work takes some hundred milliseconds, and a platform may
/// forget a request without telling.
const LEASE: Duration = Duration::from_secs(15);

/// HashPermits: as many as may be taken at a time. What is dear is bounded by them, whoever asks for it.
#[derive(Debug)]
pub struct HashPermits {
    /// Those that are taken, by number, with when they were.
    taken: Mutex<Vec<(u64, Timestamp)>>,
    next: AtomicU64,
    most: usize,
}

impl HashPermits {
    /// `most` turns.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            taken: Mutex::default(),
            next: AtomicU64::new(0),
            most,
        })
    }

    /// Takes a turn; `None` if all are taken.
    #[must_use]
    pub fn take(self: &Arc<Self>, now: Timestamp) -> Option<HashPermit> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|(_, since)| *since > now.minus(LEASE));
        if taken.len() >= self.most {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        taken.push((number, now));
        Some(HashPermit(Arc::clone(self), number))
    }
}

/// A turn that is taken, until it is dropped.
#[derive(Debug)]
pub struct HashPermit(Arc<HashPermits>, u64);

impl Drop for HashPermit {
    fn drop(&mut self) {
        self.0
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(number, _)| *number != self.1);
    }
}

/// Runs `work` and gives what it gave; `None` if the platform did not run it. The turn ends with
/// the work, also if nobody waits for it any more.
pub async fn computed<T: Send + 'static>(
    compute: &dyn Compute,
    turn: HashPermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let place = Arc::new(Mutex::new(None));
    let result = Arc::clone(&place);
    compute
        .run(Box::new(move || {
            let done = work();
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
            drop(turn);
        }))
        .await;
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_turns_are_taken_than_there_are() {
        let (turns, now) = (HashPermits::new(2), Timestamp::from_millis(1_000_000));
        let (one, two) = (turns.take(now), turns.take(now));
        assert!(one.is_some() && two.is_some() && turns.take(now).is_none());
        drop(one);
        let three = turns.take(now);
        assert!(three.is_some() && turns.take(now).is_none());
        assert!(
            turns.take(now.plus(LEASE)).is_some(),
            "one that was forgotten lapses"
        );
    }
}
