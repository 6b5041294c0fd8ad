//! The proof of work that a registration may have to show. It makes many accounts expensive.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::accounts::face::challenges;
use crate::accounts::face::challenges::{AnsweredChallenge, ChallengeKind, NewChallenge};
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::ChallengeId;
use crate::relay::domain::Ports;

/// How long a challenge can be answered.
const LIFETIME: Duration = Duration::from_mins(5);

/// The reason to refuse a proof of work.
#[derive(Debug, thiserror::Error)]
#[error("the proof of work is missing or wrong, or its challenge has expired")]
pub struct NoProof;

impl Rejection for NoProof {}

/// A challenge, and the number of leading zero bits that its proof needs.
#[derive(Clone, Copy, Debug)]
pub struct WorkChallenge {
    /// The challenge.
    pub id: ChallengeId,
    /// The number of bits. 0: no proof is needed.
    pub difficulty: u32,
}

/// Returns a new challenge. It is stored only if a proof is needed. One round trip at most.
///
/// # Errors
/// [`Fault`]
pub async fn challenge(ports: &Ports) -> Result<WorkChallenge, Fault> {
    let id = ports.id(ChallengeId::from_random)?;
    let difficulty = ports.config.pow_bits;
    if difficulty > 0 {
        let now = ports.clock.now();
        let new = NewChallenge {
            id,
            kind: ChallengeKind::ProofOfWork,
            user: None,
            state: "{}",
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        challenges::keep(ports.db.as_ref(), &new).await?;
    }
    Ok(WorkChallenge { id, difficulty })
}

/// A proof of work as a client sends it.
#[derive(Clone, Copy, Debug)]
pub struct PresentedWork<'a> {
    /// The challenge.
    pub challenge: Option<&'a str>,
    /// The nonce.
    pub nonce: Option<&'a str>,
}

/// Checks a proof of work and takes its challenge. One round trip if the settings ask for a proof.
///
/// # Errors
/// [`NoProof`]
pub async fn require(ports: &Ports, work: PresentedWork<'_>) -> Result<(), Failure<NoProof>> {
    let bits = ports.config.pow_bits;
    if bits == 0 {
        return Ok(());
    }
    let (Some(challenge), Some(nonce)) = (work.challenge, work.nonce) else {
        return Err(NoProof.into());
    };
    let id = ChallengeId::parse(challenge).ok_or(NoProof)?;
    if leading_zero_bits(challenge, nonce) < bits {
        return Err(NoProof.into());
    }
    let answered = AnsweredChallenge {
        id,
        kind: ChallengeKind::ProofOfWork,
        user: None,
    };
    let taken = challenges::take(ports.db.as_ref(), answered, ports.clock.now()).await?;
    taken.map(drop).ok_or_else(|| NoProof.into())
}

/// Returns the number of leading zero bits of the SHA-256 of challenge and nonce.
fn leading_zero_bits(challenge: &str, nonce: &str) -> u32 {
    let digest = Sha256::new()
        .chain_update(challenge)
        .chain_update(nonce)
        .finalize();
    let mut bits = 0;
    for byte in digest {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zero_bits_are_counted() {
        // The SHA-256 of the text "abc" begins with ba 78, and that of "" with e3 b0.
        assert_eq!(leading_zero_bits("a", "bc"), 0);
        let found = (0..100_000_u32)
            .map(|nonce| leading_zero_bits("challenge", &nonce.to_string()))
            .max();
        assert!(
            found.is_some_and(|bits| (12..40).contains(&bits)),
            "{found:?}"
        );
    }
}
