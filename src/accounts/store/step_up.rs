//! Step-up: a signed-in account owner proves their identity again, and the session records it.

use const_format::concatcp;

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::accounts::store::challenges::{AnsweredChallenge, ChallengeKind, TakenChallenge};
use crate::accounts::store::events::INSERT_EVENT;
use crate::accounts::store::passkeys::PasskeyUse;
use crate::accounts::store::totp::{Totp, TotpStep};
use crate::accounts::store::{attempts, events, passkeys, totp};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{ChallengeId, EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    Db, Statement, StoreError, Value, batch, batch_around, read_first, sql,
};

/// The challenge of a step-up with TOTP, the secret, and the claim of an attempt to guess its code.
#[derive(Debug)]
pub struct TotpStepUp {
    /// The challenge, if it was still there.
    pub challenge: Option<TakenChallenge>,
    /// The account's secret, if it has one.
    pub totp: Option<Totp>,
    /// The answer to the claim.
    pub claim: AttemptClaim,
}

/// Takes the challenge of a step-up, claims an attempt, and returns the account's TOTP secret. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_with_totp(
    db: &dyn Db,
    challenge: ChallengeId,
    user: UserId,
    limit: AttemptLimit<'_>,
    now: Timestamp,
) -> Result<TotpStepUp, StoreError> {
    let challenge = AnsweredChallenge {
        id: challenge,
        kind: ChallengeKind::Reauthentication,
        user: Some(user),
    };
    let [count, free_at] = attempts::claim(limit, now);
    let statements = [challenge.take(now), totp::select(user), count, free_at];
    let [challenge, totp, counted, free_at] = batch(db, statements).await?;
    Ok(TotpStepUp {
        challenge: read_first(&challenge)?,
        totp: read_first(&totp)?,
        claim: attempts::claimed(&counted, &free_at)?,
    })
}

/// A factor that was verified. The statement that uses it checks that it may still be used.
#[derive(Debug)]
pub enum VerifiedFactor<'a> {
    /// A passkey.
    Passkey(PasskeyUse<'a>),
    /// The code of a TOTP step.
    Totp(TotpStep),
    /// A backup code, by its hash.
    BackupCode(String),
}

/// Records that a factor created `session` for `owner`. The batch created the session only if the
/// factor might be used.
pub(super) fn note_use(
    factor: &VerifiedFactor<'_>,
    owner: UserId,
    session: SessionId,
    now: Timestamp,
) -> Statement {
    match factor {
        VerifiedFactor::Passkey(used) => passkeys::note_use(used, session, now),
        VerifiedFactor::Totp(step) => totp::use_step(*step, owner, session),
        VerifiedFactor::BackupCode(hash) => sql(
            "UPDATE backup_codes SET used_at = ?4
              WHERE user_id = ?2 AND code_hash = ?1 AND used_at IS NULL
                AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
            [
                hash.as_str().into(),
                owner.into(),
                session.into(),
                now.into(),
            ],
        ),
    }
}

/// A session token that replaces the token of a web session after a step-up.
#[derive(Debug)]
pub struct ReplacementToken {
    /// The hash of the new token.
    pub hash: TokenHash,
    /// The hash of the replaced token.
    pub replaces: TokenHash,
}

/// A step-up to record.
#[derive(Clone, Copy, Debug)]
pub struct VerifiedStepUp<'a> {
    /// The verified factor.
    pub factor: &'a VerifiedFactor<'a>,
    /// The session's authentication methods after the step-up.
    pub amr: &'a Amr,
    /// The new session token, for a web session.
    pub replacement: Option<&'a ReplacementToken>,
    /// The subject under which attempts were counted, if the factor can be guessed. They are
    /// cleared.
    pub subject: Option<&'a ThrottleSubject>,
    /// The id of the event about the step-up.
    pub event: EventId,
}

/// True if the factor of a step-up may still be used: the passkey `?3` at the counter `?4`, or the
/// TOTP step `?5` of the secret that was created at `?6`. The account is `?2`, and the unused
/// factor is NULL.
const FACTOR_IS_UNUSED: &str = "(?3 IS NULL OR EXISTS (
        SELECT 1 FROM passkeys AS p
         WHERE p.id = ?3 AND p.user_id = ?2 AND (?4 > p.counter OR (?4 = 0 AND p.counter = 0))))
    AND (?5 IS NULL OR EXISTS (
        SELECT 1 FROM totp AS t
         WHERE t.user_id = ?2 AND t.created_at = ?6 AND t.confirmed_at IS NOT NULL
           AND t.last_step < ?5))";

/// Records a step-up of the session `by`. Returns `false` if the factor was used by another call or
/// the session is no longer live. Of concurrent callers with one code, one gets `true`. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn reauthenticate(
    db: &dyn Db,
    by: Caller,
    step_up: VerifiedStepUp<'_>,
    context: &EventContext,
) -> Result<bool, StoreError> {
    let mut first = Vec::new();
    let note = match step_up.factor {
        VerifiedFactor::Passkey(used) => {
            first.push(passkeys::about_suspected_clone(context, used));
            passkeys::note_proof(used, by, context.at)
        }
        VerifiedFactor::Totp(step) => note_totp_proof(*step, by),
        // Backup codes are for recovery only.
        VerifiedFactor::BackupCode(_) => return Ok(false),
    };
    first.push(step_up.about(by, context));
    if let Some(subject) = step_up.subject {
        first.push(step_up.clear_attempts(subject, by));
    }
    let update = step_up.update_session(by, context.at);
    let ([], [updated, _]) = batch_around(db, [], first, [update, note]).await?;
    Ok(!updated.is_empty())
}

/// Records that the code of `step` answered a step-up.
fn note_totp_proof(step: TotpStep, by: Caller) -> Statement {
    sql(
        "UPDATE totp SET last_step = ?3
          WHERE user_id = ?2 AND created_at = ?4 AND last_step < ?3
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
        [
            by.session.into(),
            by.user.into(),
            step.number.into(),
            step.made_at.into(),
        ],
    )
}

impl VerifiedStepUp<'_> {
    /// Returns the session, the account, and the parameters of [`FACTOR_IS_UNUSED`] after them,
    /// and then the hash of the replaced token.
    fn params(&self, by: Caller) -> [Value; 7] {
        let passkey = match self.factor {
            VerifiedFactor::Passkey(used) => Some(used),
            VerifiedFactor::Totp(_) | VerifiedFactor::BackupCode(_) => None,
        };
        let step = match self.factor {
            VerifiedFactor::Totp(step) => Some(step),
            VerifiedFactor::Passkey(_) | VerifiedFactor::BackupCode(_) => None,
        };
        [
            by.session.into(),
            by.user.into(),
            passkey.map(|used| used.id.as_str()).into(),
            passkey.map(|used| i64::from(used.counter)).into(),
            step.map(|step| step.number).into(),
            step.map(|step| step.made_at).into(),
            self.replacement.map(|token| &token.replaces).into(),
        ]
    }

    /// Returns the event about the step-up.
    fn about(&self, by: Caller, context: &EventContext) -> Statement {
        events::event(
            concatcp!(
                INSERT_EVENT,
                "user_id, id FROM sessions
                  WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL
                    AND (?14 IS NULL OR token_hash = ?14)
                    AND (?10 IS NULL OR EXISTS (
                        SELECT 1 FROM passkeys AS p
                         WHERE p.id = ?10 AND p.user_id = ?9
                           AND (?11 > p.counter OR (?11 = 0 AND p.counter = 0))))
                    AND (?12 IS NULL OR EXISTS (
                        SELECT 1 FROM totp AS t
                         WHERE t.user_id = ?9 AND t.created_at = ?13
                           AND t.confirmed_at IS NOT NULL AND t.last_step < ?12))"
            ),
            &context.with_id(self.event),
            EventKind::Reauthenticated,
            self.params(by),
        )
    }

    /// Clears the attempts on `subject`, under the conditions of the step-up.
    fn clear_attempts(&self, subject: &ThrottleSubject, by: Caller) -> Statement {
        let [session, user, passkey, counter, step, made_at, replaced] = self.params(by);
        sql(
            concatcp!(
                "DELETE FROM attempts
                  WHERE subject = ?8
                    AND EXISTS (SELECT 1 FROM sessions
                                 WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL
                                   AND (?7 IS NULL OR token_hash = ?7))
                    AND ",
                FACTOR_IS_UNUSED
            ),
            [
                session,
                user,
                passkey,
                counter,
                step,
                made_at,
                replaced,
                subject.as_str().into(),
            ],
        )
    }

    /// Records the step-up at the session. Returns a row if the factor may be used.
    fn update_session(&self, by: Caller, now: Timestamp) -> Statement {
        let [session, user, passkey, counter, step, made_at, replaced] = self.params(by);
        sql(
            concatcp!(
                "UPDATE sessions SET authenticated_at = ?8, amr = ?9,
                        token_hash = COALESCE(?10, token_hash)
                  WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL
                    AND (?7 IS NULL OR token_hash = ?7) AND ",
                FACTOR_IS_UNUSED,
                " RETURNING id"
            ),
            [
                session,
                user,
                passkey,
                counter,
                step,
                made_at,
                replaced,
                now.into(),
                self.amr.stored().as_str().into(),
                self.replacement.map(|token| &token.hash).into(),
            ],
        )
    }
}
