//! What is under way, and what of it may still be kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{self, BoxFuture, WeakShared};

use crate::answer::{Said, Unavailable};
use crate::answer_cache::{Asked, Kept};
use crate::{Answer, Key};

type Answered = BoxFuture<'static, Result<Said, Unavailable>>;
/// A request that several wait for: it goes on as long as one of them does.
pub(crate) type Shared = future::Shared<Answered>;

/// What is under way for one token.
#[derive(Default)]
struct Asking {
    running: usize,
    /// What was asked up to here is not kept: the token was refused or forgotten meanwhile.
    barrier: u64,
    /// Weak: a request that nobody waits for any more ends, and nobody is to wait for it.
    shared: Option<(u64, WeakShared<Answered>)>,
}

/// What a client knows.
pub(crate) struct State {
    pub(crate) kept: Kept,
    asking: HashMap<Key, Asking>,
    order: u64,
    barrier: u64,
}

impl State {
    pub(crate) fn new(max_age: Duration, most: usize, renew_within: Duration) -> Self {
        Self {
            kept: Kept::new(max_age, most, renew_within),
            asking: HashMap::new(),
            order: 0,
            barrier: 0,
        }
    }

    /// The request that a read may wait for.
    pub(crate) fn shared(&self, key: &Key) -> Option<Shared> {
        self.asking.get(key)?.shared.as_ref()?.1.upgrade()
    }

    /// Begins a request; gives its place in the order.
    pub(crate) fn begin(&mut self, key: Key) -> u64 {
        self.order += 1;
        self.asking.entry(key).or_default().running += 1;
        self.order
    }

    pub(crate) fn share(&mut self, key: &Key, order: u64, shared: &Shared) {
        if let Some(asking) = self.asking.get_mut(key) {
            asking.shared = shared.downgrade().map(|weak| (order, weak));
        }
    }

    fn end(&mut self, key: &Key, order: u64) {
        let Some(asking) = self.asking.get_mut(key) else {
            return;
        };
        asking.running = asking.running.saturating_sub(1);
        asking.shared.take_if(|(of, _)| *of == order);
        if asking.running == 0 {
            self.asking.remove(key);
        }
    }

    pub(crate) fn learn(&mut self, key: &Key, answer: &Arc<Answer>, asked: Asked, now: Duration) {
        let barrier = self
            .asking
            .get(key)
            .map_or(0, |asking| asking.barrier)
            .max(self.barrier);
        if self.kept.sees(answer, asked) && asked.order > barrier {
            self.kept.keep(key, answer, asked, now);
        }
    }

    /// A token is not good any more, nor what was asked about it until now.
    pub(crate) fn refuse(&mut self, key: &Key) {
        self.kept.drop(key);
        if let Some(asking) = self.asking.get_mut(key) {
            asking.barrier = self.order;
            asking.shared = None;
        }
    }

    /// Nobody may do anything in a service that is gone.
    pub(crate) fn refuse_all(&mut self) {
        self.kept.clear();
        self.barrier = self.order;
    }
}

/// A request that is under way, until it ends or nobody waits for it any more.
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
