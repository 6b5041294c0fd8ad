//! Time and randomness from JavaScript, and long work in its only thread.

use std::time::Duration;

use async_trait::async_trait;
use worker::Delay;
use worker::send::SendFuture;

use crate::kernel::domain::compute::Compute;
use crate::kernel::domain::{Clock, Entropy, NoEntropy};
use crate::kernel::model::time::Timestamp;
use crate::platform::worker::hang_up;

/// `Date.now()`. The clock does not advance between I/O, and no use case needs a finer resolution.
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
pub(super) struct WebCryptoEntropy;

impl Entropy for WebCryptoEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// Runs long work on the isolate's only thread. All other work waits.
pub(super) struct InPlace;

#[async_trait]
impl Compute for InPlace {
    async fn run(&self, work: Box<dyn FnOnce() + Send>) {
        // Other requests go on before the work, so that those above the limit are refused at once.
        SendFuture::new(Delay::from(Duration::ZERO)).await;
        if !hang_up::current().is_some_and(|client| client.has_happened()) {
            work();
        }
    }
}
