//! The state of a client: requests in flight, and the cache that their answers go to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{self, BoxFuture, WeakShared};

use crate::answer::{Unavailable, Verdict};
use crate::answer_cache::{AnswerCache, Sent};
use crate::{Answer, Key};

type Outcome = BoxFuture<'static, Result<Verdict, Unavailable>>;
/// A request that several callers wait for. It runs as long as at least one caller waits.
pub(crate) type SharedRequest = future::Shared<Outcome>;

/// The requests in flight for one token.
#[derive(Default)]
struct InFlight {
    running: usize,
    /// Answers to requests up to this number are not cached, because the service refused the token
    /// or the backend forgot it.
    barrier: u64,
    /// The request that reads may join, with its number. Weak, so that a request without callers
    /// ends and no caller joins it.
    shared: Option<(u64, WeakShared<Outcome>)>,
}

/// The state that clones of a client share.
pub(crate) struct State {
    pub(crate) cache: AnswerCache,
    in_flight: HashMap<Key, InFlight>,
    order: u64,
    barrier: u64,
}

impl State {
    pub(crate) fn new(cache: AnswerCache) -> Self {
        Self {
            cache,
            in_flight: HashMap::new(),
            order: 0,
            barrier: 0,
        }
    }

    /// Returns the request that a read may join.
    pub(crate) fn shared(&self, key: &Key) -> Option<SharedRequest> {
        self.in_flight.get(key)?.shared.as_ref()?.1.upgrade()
    }

    /// Registers a request and returns its number.
    pub(crate) fn begin(&mut self, key: Key) -> u64 {
        self.order += 1;
        self.in_flight.entry(key).or_default().running += 1;
        self.order
    }

    /// Lets reads join a request.
    pub(crate) fn share(&mut self, key: &Key, order: u64, request: &SharedRequest) {
        if let Some(in_flight) = self.in_flight.get_mut(key) {
            in_flight.shared = request.downgrade().map(|weak| (order, weak));
        }
    }

    fn end(&mut self, key: &Key, order: u64) {
        let Some(in_flight) = self.in_flight.get_mut(key) else {
            return;
        };
        in_flight.running = in_flight.running.saturating_sub(1);
        in_flight.shared.take_if(|(number, _)| *number == order);
        if in_flight.running == 0 {
            self.in_flight.remove(key);
        }
    }

    /// Caches an answer, unless the token was refused or forgotten after the request was sent.
    pub(crate) fn learn(&mut self, key: &Key, answer: &Arc<Answer>, sent: Sent, now: Duration) {
        let barrier = self
            .in_flight
            .get(key)
            .map_or(0, |each| each.barrier)
            .max(self.barrier);
        if self.cache.record_version(answer, sent) && sent.order > barrier {
            self.cache.store(key, answer, sent, now);
        }
    }

    /// Removes a token from the cache. Answers to requests in flight are not cached.
    pub(crate) fn refuse(&mut self, key: &Key) {
        self.cache.remove(key);
        if let Some(in_flight) = self.in_flight.get_mut(key) {
            in_flight.barrier = self.order;
            in_flight.shared = None;
        }
    }

    /// Removes all tokens, because the service has been deleted.
    pub(crate) fn refuse_all(&mut self) {
        self.cache.clear();
        self.barrier = self.order;
    }
}

/// The registration of a request in flight. Dropping it ends the registration, even if no caller
/// waits for the request any more.
pub(crate) struct Running {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) key: Key,
    pub(crate) order: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .end(&self.key, self.order);
    }
}
