//! Verified signatures are remembered, so that the next request with the same token does not verify
//! its signature again.
//!
//! Whether a signature verifies depends only on the key, the message and the signature. The claims,
//! the times and the session are still checked for every request.

use std::collections::HashSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::Signatures;
use crate::accounts::model::signing_keys::SigningKey;

/// The number of digests in one generation. Two generations take about 100 KiB.
const GENERATION: usize = 1024;

/// [`Signatures`] that remember which signatures the platform verified.
///
/// They remember SHA-256 digests, not tokens, and only of valid signatures. Invalid signatures take
/// no place.
pub(crate) struct RememberedSignatures {
    platform: Arc<dyn Signatures>,
    verified: Mutex<Generations>,
}

/// The newest digests and those before them. A digest that is not used is forgotten after at most
/// two generations.
#[derive(Default)]
struct Generations {
    newest: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
}

impl Generations {
    /// Returns true if the digest is remembered. Moves it to the newest generation.
    fn recall(&mut self, digest: [u8; 32]) -> bool {
        if self.newest.contains(&digest) {
            return true;
        }
        let known = self.previous.remove(&digest);
        if known {
            self.remember(digest);
        }
        known
    }

    fn remember(&mut self, digest: [u8; 32]) {
        if self.newest.len() >= GENERATION {
            self.previous = mem::take(&mut self.newest);
        }
        self.newest.insert(digest);
    }
}

impl RememberedSignatures {
    pub(crate) fn new(platform: Arc<dyn Signatures>) -> Self {
        Self {
            platform,
            verified: Mutex::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Generations) -> T) -> T {
        // A panic cannot leave a digest of an invalid signature, so the set stays usable.
        work(&mut self.verified.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Signatures for RememberedSignatures {
    async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
        self.platform.sign(key, message).await
    }

    async fn verifies(
        &self,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool> {
        // The public key and the signature have a fixed length, so two different triples are never
        // the same input.
        let digest = Sha256::new()
            .chain_update(key.x())
            .chain_update(signature)
            .chain_update(message)
            .finalize()
            .into();
        if self.with(|verified| verified.recall(digest)) {
            return Some(true);
        }
        let verifies = self.platform.verifies(key, message, signature).await;
        if verifies == Some(true) {
            self.with(|verified| verified.remember(digest));
        }
        verifies
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt;

    use super::*;
    use crate::accounts::domain::access_token::tests::Failing;

    /// Counts the verifications.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Signatures for Counting {
        async fn sign(&self, key: &SigningKey, message: &[u8]) -> Option<[u8; 64]> {
            key.sign(message)
        }

        async fn verifies(
            &self,
            key: &SigningKey,
            message: &[u8],
            signature: &[u8; 64],
        ) -> Option<bool> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Some(key.verifies(message, signature))
        }
    }

    fn verifies(
        signatures: &RememberedSignatures,
        key: &SigningKey,
        message: &[u8],
        signature: &[u8; 64],
    ) -> Option<bool> {
        signatures
            .verifies(key, message, signature)
            .now_or_never()
            .expect("nothing to wait for")
    }

    #[test]
    fn only_the_same_key_message_and_signature_are_remembered() {
        let platform = Arc::new(Counting::default());
        let signatures = RememberedSignatures::new(platform.clone());
        let [key, other] = [1, 2].map(|byte| SigningKey::from_seed([byte; 32]));
        let signature = key.sign(b"message").expect("signs");
        for _ in 0..3 {
            assert_eq!(
                verifies(&signatures, &key, b"message", &signature),
                Some(true)
            );
        }
        assert_eq!(platform.0.load(Ordering::Relaxed), 1);

        let mut changed = signature;
        changed[63] ^= 1;
        for _ in 0..2 {
            for (key, message, signature) in [
                (&other, &b"message"[..], &signature),
                (&key, b"another message", &signature),
                (&key, b"messag", &signature),
                (&key, b"message", &changed),
            ] {
                assert_eq!(verifies(&signatures, key, message, signature), Some(false));
            }
        }
        assert_eq!(platform.0.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn a_fault_of_the_platform_is_not_remembered() {
        let mut signatures = RememberedSignatures::new(Arc::new(Failing));
        let key = SigningKey::from_seed([1; 32]);
        let signature = key.sign(b"message").expect("signs");
        for _ in 0..2 {
            assert_eq!(verifies(&signatures, &key, b"message", &signature), None);
        }
        let platform = Arc::new(Counting::default());
        signatures.platform = platform.clone();
        assert_eq!(
            verifies(&signatures, &key, b"message", &signature),
            Some(true)
        );
        assert_eq!(platform.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn at_most_two_generations_are_remembered() {
        let mut generations = Generations::default();
        let digest = |number: usize| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_le_bytes());
            digest
        };
        for number in 0..10 * GENERATION {
            generations.remember(digest(number));
            assert!(generations.recall(digest(0)), "in use, so it is kept");
            assert!(generations.newest.len() + generations.previous.len() <= 2 * GENERATION);
        }
        assert!(!generations.recall(digest(1)));
    }
}
