//! Work that takes tens of milliseconds of a processor: how much of it is under way at once, and where it runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

/// Where long work runs: beside the requests where there are threads, in their way where there are none.
#[async_trait]
pub trait Compute: Send + Sync {
    /// Runs `work` to its end, or not at all.
    async fn run(&self, work: Box<dyn FnOnce() + Send>);
}

/// Turns: as many as may be taken at a time. What is dear is bounded by them, whoever asks for it.
#[derive(Debug)]
pub struct Turns {
    taken: AtomicUsize,
    most: usize,
}

impl Turns {
    /// `most` turns.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), most })
    }

    /// Takes a turn; `None` if all are taken.
    #[must_use]
    pub fn take(self: &Arc<Self>) -> Option<Turn> {
        let more = |taken: usize| (taken < self.most).then(|| taken.saturating_add(1));
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).ok().map(|_| Turn(Arc::clone(self)))
    }
}

/// A turn that is taken, until it is dropped.
#[derive(Debug)]
pub struct Turn(Arc<Turns>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs `work` and gives what it gave; `None` if the platform did not run it. The turn ends with the work, also if nobody waits for it any more.
pub async fn computed<T: Send + 'static>(compute: &dyn Compute, turn: Turn, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
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
        let turns = Turns::new(2);
        let (one, two) = (turns.take(), turns.take());
        assert!(one.is_some() && two.is_some() && turns.take().is_none());
        drop(one);
        assert!(turns.take().is_some());
    }
}
