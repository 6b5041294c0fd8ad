//! Recovery: whom an address may belong to, and whose backup code it is.

use crate::accounts::model::throttle::{Policy, Subject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, TakenChallenge};
use crate::accounts::store::totp;
use crate::accounts::store::totp::Totp;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, rows, sql};

/// Accounts of one address that a code is held against: whoever has it verified, and then the
/// oldest that claim it.
pub const MOST_CANDIDATES: usize = 3;

/// An account that can be recovered.
#[derive(Debug)]
pub struct RecoveryCandidate {
    /// The account.
    pub user: UserId,
    /// Its TOTP secret, if it is confirmed.
    pub totp: Option<Totp>,
}

/// Takes the challenge of a recovery, and gives the accounts that have or claim its address and
/// have a factor. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take(
    db: &dyn Db,
    challenge: ChallengeId,
    now: Timestamp,
) -> Result<(Option<TakenChallenge>, Vec<RecoveryCandidate>), StoreError> {
    let select = sql(
        "SELECT u.id, t.secret, t.confirmed_at, t.created_at AS made_at
           FROM challenges AS c JOIN users AS u ON u.email = json_extract(c.state, '$.email')
           LEFT JOIN totp AS t ON t.user_id = u.id AND t.confirmed_at IS NOT NULL
          WHERE c.id = ?1 AND c.kind = ?2 AND c.expires_at > ?3
            AND (t.user_id IS NOT NULL OR EXISTS (SELECT 1 FROM backup_codes AS b WHERE b.user_id = u.id AND b.used_at IS NULL))
          ORDER BY u.email_verified DESC, u.created_at LIMIT ?4",
        [challenge.into(), ChallengeKind::Recovery.as_str().into(), now.into(), i64::try_from(MOST_CANDIDATES).unwrap_or(1).into()],
    );
    let results = db
        .batch(vec![
            select,
            challenges::take(challenge, ChallengeKind::Recovery, None, now),
        ])
        .await?;
    let candidate = |row: &Row| {
        let totp = if row.opt_text("secret")?.is_some() {
            Some(totp::read(row)?)
        } else {
            None
        };
        Ok::<_, StoreError>(RecoveryCandidate {
            user: row.parsed("id", UserId::parse)?,
            totp,
        })
    };
    let taken = rows(&results, 1)
        .first()
        .map(challenges::read)
        .transpose()?;
    Ok((
        taken,
        rows(&results, 0)
            .iter()
            .map(candidate)
            .collect::<Result<_, _>>()?,
    ))
}

/// Counts an attempt, and says whose unused backup code it is: each account with the hash that the
/// code has for it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    (subject, policy): (&Subject, &Policy),
    [first, second, third]: &[(UserId, Option<String>); MOST_CANDIDATES],
    now: Timestamp,
) -> Result<(AttemptClaim, Option<UserId>), StoreError> {
    let hash = |of: &(UserId, Option<String>)| of.1.as_deref().into();
    let select = sql(
        "SELECT user_id FROM backup_codes
          WHERE (user_id = ?1 AND code_hash = ?2 OR user_id = ?3 AND code_hash = ?4 OR user_id = ?5 AND code_hash = ?6) AND used_at IS NULL",
        [first.0.into(), hash(first), second.0.into(), hash(second), third.0.into(), hash(third)],
    );
    let mut batch = vec![select];
    batch.extend(attempts::claim(subject, policy, now));
    let results = db.batch(batch).await?;
    let whose = rows(&results, 0)
        .first()
        .map(|row| row.parsed("user_id", UserId::parse))
        .transpose()?;
    Ok((attempts::claimed(&results, 1)?, whose))
}
