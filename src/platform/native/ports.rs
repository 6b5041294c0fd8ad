//! Time and randomness from the operating system, signatures in Rust, threads for long work.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

use crate::accounts::domain::access_token::Signatures;
use crate::accounts::model::signing_keys::SigningKey;
use crate::kernel::domain::compute::Compute;
use crate::kernel::domain::{Clock, Entropy, NoEntropy};
use crate::kernel::model::time::Timestamp;

/// The system's clock.
pub(super) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The system's CSPRNG.
pub(super) struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[allow(clippy::disallowed_methods, reason = "this is the port")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(buffer).map_err(|_| NoEntropy)
    }
}

/// ed25519-dalek.
pub struct Dalek;

#[async_trait]
impl Signatures for Dalek {
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
        key.sign(message)
    }

    async fn verifies(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool> {
        Some(key.verifies(message, signature))
    }
}

/// Runs long work on threads of its own.
pub struct Threads;

#[async_trait]
impl Compute for Threads {
    async fn run(&self, work: Box<dyn FnOnce() + Send>) {
        // Fails only if the work panics or the runtime ends. Then there is no result, which the
        // caller notices.
        let _ = tokio::task::spawn_blocking(work).await;
    }
}
