//! Account recovery: the accounts to which a name may belong, and the owner of a backup code.

use crate::accounts::store::attempts;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::accounts::store::challenges::{AnsweredChallenge, ChallengeKind, TakenChallenge};
use crate::accounts::store::totp::Totp;
use crate::accounts::store::users::MOST_CLAIMS;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_all, read_first, sql};

/// The maximum number of accounts of one address against which a code is checked: the account that
/// has verified the address, and then the oldest accounts that claim it.
pub const MOST_CANDIDATES: usize = 3;

/// An account that can be recovered.
#[derive(Debug)]
pub struct RecoveryCandidate {
    /// The account.
    pub user: UserId,
    /// The TOTP secret, if it is confirmed.
    pub totp: Option<Totp>,
}

impl TryFrom<&Row> for RecoveryCandidate {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.parsed("id", UserId::parse)?,
            totp: Totp::from_joined(row)?,
        })
    }
}

/// The challenge of a recovery, and the accounts that it may recover.
#[derive(Debug)]
pub struct RecoveryCandidates {
    /// The challenge, if it was still there.
    pub challenge: Option<TakenChallenge>,
    /// The accounts that have the challenge's username, or have or claim its address, and have a
    /// factor.
    pub candidates: Vec<RecoveryCandidate>,
}

/// Takes the challenge of a recovery and returns the accounts that have its username, or have or
/// claim its address, and have a factor. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take(
    db: &dyn Db,
    challenge: ChallengeId,
    now: Timestamp,
) -> Result<RecoveryCandidates, StoreError> {
    let select = sql(
        "SELECT u.id, t.secret, t.confirmed_at, t.created_at AS made_at
           FROM challenges AS c
           JOIN users AS u ON u.id IN (SELECT id FROM (
                                           SELECT o.id FROM users AS o
                                            WHERE o.email = json_extract(c.state, '$.email')
                                            ORDER BY o.email_verified DESC, o.created_at LIMIT ?5)
                                       UNION ALL
                                       SELECT p.user_id FROM people AS p
                                        WHERE p.username = json_extract(c.state, '$.username'))
           LEFT JOIN totp AS t ON t.user_id = u.id AND t.confirmed_at IS NOT NULL
          WHERE c.id = ?1 AND c.kind = ?2 AND c.expires_at > ?3
            AND (t.user_id IS NOT NULL OR EXISTS (
                 SELECT 1 FROM backup_codes AS b WHERE b.user_id = u.id AND b.used_at IS NULL))
          ORDER BY u.email_verified DESC, u.created_at LIMIT ?4",
        [
            challenge.into(),
            ChallengeKind::Recovery.as_str().into(),
            now.into(),
            i64::try_from(MOST_CANDIDATES).unwrap_or(1).into(),
            MOST_CLAIMS.into(),
        ],
    );
    let answered = AnsweredChallenge {
        id: challenge,
        kind: ChallengeKind::Recovery,
        user: None,
    };
    let [candidates, taken] = batch(db, [select, answered.take(now)]).await?;
    Ok(RecoveryCandidates {
        challenge: read_first(&taken)?,
        candidates: read_all(&candidates)?,
    })
}

/// The guess that a backup code belongs to an account.
#[derive(Debug)]
pub struct BackupCodeGuess {
    /// The account.
    pub user: UserId,
    /// The hash that the code has for this account. `None` matches no code.
    pub hash: Option<String>,
}

/// The owner of a backup code, and the claim of an attempt to guess it.
#[derive(Debug)]
pub struct ClaimedBackupCode {
    /// The account of the unused code, if one of the guesses is right.
    pub user: Option<UserId>,
    /// The answer to the claim.
    pub claim: AttemptClaim,
}

/// Claims an attempt and finds the account with the guessed backup code, if the code is unused. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    limit: AttemptLimit<'_>,
    guesses: &[BackupCodeGuess; MOST_CANDIDATES],
    now: Timestamp,
) -> Result<ClaimedBackupCode, StoreError> {
    let [first, second, third] = guesses;
    let select = sql(
        "SELECT user_id FROM backup_codes
          WHERE (user_id = ?1 AND code_hash = ?2 OR user_id = ?3 AND code_hash = ?4
                 OR user_id = ?5 AND code_hash = ?6)
            AND used_at IS NULL",
        [
            first.user.into(),
            first.hash.as_deref().into(),
            second.user.into(),
            second.hash.as_deref().into(),
            third.user.into(),
            third.hash.as_deref().into(),
        ],
    );
    let [count, free_at] = attempts::claim(limit, now);
    let [owner, counted, free_at] = batch(db, [select, count, free_at]).await?;
    Ok(ClaimedBackupCode {
        user: owner
            .first()
            .map(|row| row.parsed("user_id", UserId::parse))
            .transpose()?,
        claim: attempts::claimed(&counted, &free_at)?,
    })
}
