//! Proving again who one is: with what, and noted at the sign-in.

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::{Policy, Subject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, TakenChallenge};
use crate::accounts::store::events;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::PasskeyUse;
use crate::accounts::store::totp;
use crate::accounts::store::totp::{Totp, TotpStep};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{ChallengeId, EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, rows, sql};

/// Whether the account's passkey, at this count, or the code of this TOTP step may still be used;
/// whichever is named.
macro_rules! is_proved {
    ($user:literal, $passkey:literal, $counter:literal, $step:literal, $made_at:literal) => {
        concat!(
            "(",
            $passkey,
            " IS NULL OR EXISTS (SELECT 1 FROM passkeys AS p WHERE p.id = ",
            $passkey,
            " AND p.user_id = ",
            $user,
            " AND (",
            $counter,
            " > p.counter OR (",
            $counter,
            " = 0 AND p.counter = 0)))) AND (",
            $step,
            " IS NULL OR EXISTS (SELECT 1 FROM totp AS t WHERE t.user_id = ",
            $user,
            " AND t.created_at = ",
            $made_at,
            " AND t.confirmed_at IS NOT NULL AND t.last_step < ",
            $step,
            "))"
        )
    };
}

/// Takes the challenge of proving again who one is with TOTP, counts the attempt, and gives the
/// secret. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_with_totp(
    db: &dyn Db,
    challenge: ChallengeId,
    user: UserId,
    (subject, policy): (&Subject, &Policy),
    now: Timestamp,
) -> Result<(Option<TakenChallenge>, Option<Totp>, AttemptClaim), StoreError> {
    let mut batch = vec![
        challenges::take(challenge, ChallengeKind::Reauthentication, Some(user), now),
        totp::select(user),
    ];
    batch.extend(attempts::claim(subject, policy, now));
    let results = db.batch(batch).await?;
    let taken = rows(&results, 0)
        .first()
        .map(challenges::read)
        .transpose()?;
    Ok((
        taken,
        rows(&results, 1).first().map(totp::read).transpose()?,
        attempts::claimed(&results, 2)?,
    ))
}

/// A factor that answered; whether it may be used is decided where it is written.
#[derive(Debug)]
pub enum VerifiedFactor<'a> {
    /// A passkey.
    Passkey(PasskeyUse<'a>),
    /// The code of a TOTP step.
    Totp(TotpStep),
    /// A backup code, by its hash.
    BackupCode(String),
}

/// Notes that a factor made the sign-in `session` of `user`, which this batch made only if it may.
pub(super) fn note_use(
    answer: &VerifiedFactor<'_>,
    owner: UserId,
    session: SessionId,
    now: Timestamp,
) -> Statement {
    match answer {
        VerifiedFactor::Passkey(used) => passkeys::note_use(used, session, now),
        VerifiedFactor::Totp(step) => totp::use_step(*step, owner, session),
        VerifiedFactor::BackupCode(hash) => sql(
            "UPDATE backup_codes SET used_at = ?4
              WHERE user_id = ?2 AND code_hash = ?1 AND used_at IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
            [hash.as_str().into(), owner.into(), session.into(), now.into()],
        ),
    }
}

/// A web session's token that takes the place of the one with which somebody proved again who they
/// are.
#[derive(Debug)]
pub struct ReplacementToken {
    /// Its hash.
    pub hash: TokenHash,
    /// The hash of the one that it replaces.
    pub replaces: TokenHash,
}

/// Notes that whoever is signed in with `by` proved again who they are; `false` if the factor was
/// used meanwhile or the sign-in has ended. Of concurrent callers with one code one gets `true`.
/// One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn reauthenticate(
    db: &dyn Db,
    by: Caller,
    answer: &VerifiedFactor<'_>,
    (amr, fresh, subject): (&Amr, Option<&ReplacementToken>, Option<&Subject>),
    (context, event_id): (&EventContext, EventId),
) -> Result<bool, StoreError> {
    let (passkey, counter, step) = match answer {
        VerifiedFactor::Passkey(used) => {
            (Some(used.id.as_str()), Some(i64::from(used.counter)), None)
        }
        VerifiedFactor::Totp(step) => (None, None, Some(step)),
        // It is for recovery only.
        VerifiedFactor::BackupCode(_) => return Ok(false),
    };
    let (step, made_at) = (step.map(|step| step.number), step.map(|step| step.made_at));
    let replaced = fresh.map(|fresh| &fresh.replaces);
    let update = sql(
        concat!(
            "UPDATE sessions SET authenticated_at = ?6, amr = ?7, token_hash = COALESCE(?8, token_hash)
              WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL AND (?9 IS NULL OR token_hash = ?9) AND ",
            is_proved!("?2", "?3", "?4", "?5", "?10"),
            " RETURNING id"
        ),
        [
            by.session.into(),
            by.user.into(),
            passkey.into(),
            counter.into(),
            step.into(),
            context.at.into(),
            amr.stored().as_str().into(),
            fresh.map(|fresh| &fresh.hash).into(),
            replaced.into(),
            made_at.into(),
        ],
    );
    let mut batch = match answer {
        VerifiedFactor::Passkey(used) => vec![events::about_suspected_clone(context, used)],
        _ => Vec::new(),
    };
    batch.push(events::event(
        insert_event!(
            "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL AND (?13 IS NULL OR token_hash = ?13) AND ",
            is_proved!("?9", "?10", "?11", "?12", "?14")
        ),
        &context.with_id(event_id),
        EventKind::Reauthenticated,
        [by.session.into(), by.user.into(), passkey.into(), counter.into(), step.into(), replaced.into(), made_at.into()],
    ));
    if let Some(subject) = subject {
        batch.push(sql(
            concat!(
                "DELETE FROM attempts WHERE subject = ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?2 AND user_id = ?3 AND revoked_at IS NULL
                    AND (?4 IS NULL OR token_hash = ?4)) AND ",
                is_proved!("?3", "NULL", "NULL", "?5", "?6")
            ),
            [subject.as_str().into(), by.session.into(), by.user.into(), replaced.into(), step.into(), made_at.into()],
        ));
    }
    let updated = batch.len();
    batch.push(update);
    batch.push(match answer {
        VerifiedFactor::Passkey(used) => passkeys::note_proof(used, by, context.at),
        _ => sql(
            "UPDATE totp SET last_step = ?3 WHERE user_id = ?2 AND created_at = ?4 AND last_step < ?3
                AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
            [by.session.into(), by.user.into(), step.into(), made_at.into()],
        ),
    });
    let results = db.batch(batch).await?;
    Ok(!rows(&results, updated).is_empty())
}
