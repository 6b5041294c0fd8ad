//! Time and randomness from JavaScript, and long work in its one thread.

use async_trait::async_trait;

use crate::kernel::domain::compute::Compute;
use crate::kernel::domain::{Clock, Entropy, NoEntropy};
use crate::kernel::model::time::Timestamp;

/// `Date.now()`. It stands still between I/O, which is all the resolution that is needed.
pub(super) struct DateNow;

impl Clock for DateNow {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "whole milliseconds below 2^53"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }
}

/// `crypto.getRandomValues()`.
pub(super) struct WebCrypto;

impl Entropy for WebCrypto {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// The isolate's one thread: whatever else it has to do waits.
pub(super) struct InPlace;

#[async_trait]
impl Compute for InPlace {
    async fn run(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}
