//! Account recovery: an owner who lost their passkeys signs in with a TOTP code or a backup code.
//! The session has few rights until the account has a new passkey.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passkeys::CEREMONY_LIFETIME;
use crate::accounts::domain::sign_in::{IssuedSession, SessionDraft, SignInClient};
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::ThrottledAction;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::backup_code::BackupCode;
use crate::accounts::model::email::Email;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::model::typed_code::TotpCode;
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge, TakenChallenge};
use crate::accounts::store::passwords::LoginName;
use crate::accounts::store::recovery as store;
use crate::accounts::store::recovery::{BackupCodeGuess, MOST_CANDIDATES, RecoveryCandidates};
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::{RecoveredAccount, SessionOwner};
use crate::accounts::store::step_up::VerifiedFactor;
use crate::accounts::store::totp::Totp;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::{ChallengeId, EventId, UserId};
use crate::kernel::store::StoreError;

/// The reason to reject a recovery. The client sees the same error for all reasons.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecoveryRejection(&'static str);

impl Rejection for RecoveryRejection {}

/// The state of a recovery between its two requests: the name of the account.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecoveryState<'a> {
    Email(Cow<'a, str>),
    Username(Cow<'a, str>),
}

/// Begins a recovery. The result does not depend on whether an account has the name. One round
/// trip.
///
/// # Errors
/// [`Fault`]
pub async fn begin(ports: &Ports, name: LoginName<'_>) -> Result<ChallengeId, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = serde_json::to_string(&match name {
        LoginName::Email(email) => RecoveryState::Email(email.as_str().into()),
        LoginName::Username(username) => RecoveryState::Username(username.into()),
    })
    .map_err(|error| StoreError::Broken(error.to_string()))?;
    let new = NewChallenge {
        id,
        kind: ChallengeKind::Recovery,
        user: None,
        state: &state,
        created_at: now,
        expires_at: now.plus(CEREMONY_LIFETIME),
    };
    challenges::keep(ports.db.as_ref(), &new).await?;
    Ok(id)
}

/// The proof of an account recovery.
#[derive(Debug)]
pub struct RecoveryProof<'a> {
    /// The id of the challenge; `None` if the client sent no valid id.
    pub challenge: Option<ChallengeId>,
    /// A TOTP code or a backup code.
    pub code: &'a str,
    /// Whether to revoke all other sessions of the account.
    pub ends_others: bool,
}

/// Completes a recovery: consumes the challenge, finds the account of the code, and creates a
/// session. Three round trips, or two if the code belongs to no account.
///
/// # Errors
/// [`RecoveryRejection`]
pub async fn complete(
    ports: &Ports,
    recovery: &RecoveryProof<'_>,
    client: &SignInClient,
    origin: &RequestOrigin,
) -> Result<(IssuedSession, Amr), Failure<RecoveryRejection>> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let challenge = recovery
        .challenge
        .ok_or(RecoveryRejection("no challenge"))?;
    // A text that cannot be a code is no guess, so it leaves the challenge and the count alone.
    let backup_code = BackupCode::parse(recovery.code);
    if backup_code.is_none() && TotpCode::parse(recovery.code).is_none() {
        return Err(RecoveryRejection("the text is neither a TOTP code nor a backup code").into());
    }
    let RecoveryCandidates {
        challenge: taken,
        candidates,
    } = store::take(db, challenge, now).await?;
    let taken = taken.ok_or(RecoveryRejection(
        "the challenge is unknown, used or expired",
    ))?;

    // The attempt counts against the name of the request, whether or not an account has it.
    let action = if backup_code.is_some() {
        ThrottledAction::BackupCode
    } else {
        ThrottledAction::Recovery
    };
    let subject = subject(ports, action, &taken)?;

    // The maximum number of candidates is always tried, so that the time reveals nothing.
    let slots: [(UserId, Option<&Totp>); MOST_CANDIDATES] = std::array::from_fn(|index| {
        let candidate = candidates.get(index);
        let missing = UserId::from_random([u8::try_from(index).unwrap_or_default(); 16]);
        (
            candidate.map_or(missing, |candidate| candidate.user),
            candidate.and_then(|candidate| candidate.totp.as_ref()),
        )
    });

    let guesses = slots.map(|(user, _)| BackupCodeGuess {
        user,
        hash: backup_code.as_ref().map(|code| code.hash(user)),
    });

    let limit = AttemptLimit {
        subject: &subject,
        policy: action.policy(),
    };
    let claimed = store::claim_attempt(db, limit, &guesses, now).await?;
    throttle::require_allowed(claimed.claim, now)?;

    let mut steps = slots
        .map(|(user, totp)| {
            totp::step(ports, user, totp, recovery.code, now).map(|step| (user, step))
        })
        .into_iter();
    let by_code = claimed
        .user
        .and_then(|user| guesses.into_iter().find(|guess| guess.user == user));
    let (user, answer, proof) = match (steps.find_map(|step| step), by_code) {
        (Some((user, step)), _) => (user, VerifiedFactor::Totp(step), Proof::Totp),
        (
            None,
            Some(BackupCodeGuess {
                user,
                hash: Some(hash),
            }),
        ) => (user, VerifiedFactor::BackupCode(hash), Proof::BackupCode),
        _ if candidates.is_empty() => {
            return Err(RecoveryRejection("no account that can be recovered has this name").into());
        }
        _ => return Err(RecoveryRejection("the code is wrong or was used before").into()),
    };

    let amr = Amr::recovered(proof);
    let prepared = SessionDraft::new(ports, now, amr.clone())?;
    let ends_others = if recovery.ends_others {
        Some(ports.id(EventId::from_random)?)
    } else {
        None
    };

    let session = prepared.session(
        SessionOwner::Recovered(RecoveredAccount {
            user,
            answer: &answer,
            ends_others,
            subject: &subject,
        }),
        client,
    );

    let created = sessions::create(db, &session, &ports.event_context(origin, now)?).await?;
    let user = created.ok_or(RecoveryRejection("a concurrent request used the code"))?;
    if recovery.ends_others {
        ports.sockets.check(user.id).await?;
    }
    Ok((prepared.finish(ports, user, client).await?, amr))
}

/// Returns the subject that the attempts of a recovery count against.
fn subject(
    ports: &Ports,
    action: ThrottledAction,
    taken: &TakenChallenge,
) -> Result<ThrottleSubject, StoreError> {
    let broken = || StoreError::Broken("the state of a recovery cannot be read".to_owned());
    let state: RecoveryState<'_> = serde_json::from_str(&taken.state).map_err(|_| broken())?;
    let key = ports.config.signing_keys.current();
    let subject = match state {
        RecoveryState::Email(email) => {
            let email = Email::parse(&email).ok_or_else(broken)?;
            throttle::email_subject(key, action, &email)
        }
        RecoveryState::Username(username) => throttle::username_subject(key, action, &username),
    };
    subject.ok_or_else(broken)
}
