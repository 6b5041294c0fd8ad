//! Removing what has ended, in bounded batches: every minute, at the edge by a cron trigger, natively by a background task.

use super::Ports;
use crate::store::{StoreError, challenges, refresh_tokens, sessions};

/// Rows that one statement removes at most.
const BATCH: usize = 500;
/// Statements of each kind that one sweep runs at most: what is left waits for the next minute.
const ROUNDS: usize = 8;

/// How many rows a sweep removed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Swept {
    /// Refresh tokens.
    pub refresh_tokens: usize,
    /// Sign-ins.
    pub sessions: usize,
    /// Challenges.
    pub challenges: usize,
}

/// Removes what has ended. Safe to run concurrently and to stop anywhere.
///
/// # Errors
/// [`StoreError`]; what was removed before stays removed.
pub async fn sweep(ports: &Ports) -> Result<Swept, StoreError> {
    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let mut swept = Swept::default();
    // Tokens before the sign-ins they hang on: so a removed sign-in never drags an unbounded chain with it.
    for _ in 0..ROUNDS {
        let removed = refresh_tokens::sweep(db, now, limit).await?;
        swept.refresh_tokens += removed;
        if removed < BATCH {
            break;
        }
    }
    for _ in 0..ROUNDS {
        let removed = sessions::sweep(db, now, limit).await?;
        swept.sessions += removed;
        if removed < BATCH {
            break;
        }
    }
    for _ in 0..ROUNDS {
        let removed = challenges::sweep(db, now, limit).await?;
        swept.challenges += removed;
        if removed < BATCH {
            break;
        }
    }
    Ok(swept)
}
