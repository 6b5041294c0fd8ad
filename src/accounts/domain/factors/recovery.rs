//! Recovery: somebody who lost their passkeys signs in with a TOTP code or a backup code, and does
//! little before they have a passkey again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passkeys::CEREMONY_LIFETIME;
use crate::accounts::domain::sign_in::{Complete, Place, Prepared};
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::Way;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::backup_code::BackupCode;
use crate::accounts::model::email::Email;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge, TakenChallenge};
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

#[derive(Serialize, Deserialize)]
struct State<'a> {
    email: Cow<'a, str>,
}

/// Begins a recovery: the same for every address, whether or not anybody has it. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn begin(ports: &Ports, email: &Email) -> Result<ChallengeId, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = serde_json::to_string(&State {
        email: email.as_str().into(),
    })
    .map_err(|error| StoreError::Broken(error.to_string()))?;
    let ends = now.plus(CEREMONY_LIFETIME);
    let new = NewChallenge {
        id,
        kind: ChallengeKind::Recovery,
        user: None,
        state: &state,
        created_at: now,
        expires_at: ends,
    };
    challenges::keep(ports.db.as_ref(), &new).await?;
    Ok(id)
}

/// What somebody shows to recover their account.
#[derive(Debug)]
pub struct Shown<'a> {
    /// By which it began; `None` for what cannot be an id.
    pub challenge: Option<ChallengeId>,
    /// Six digits, or a backup code.
    pub code: &'a str,
    /// Whether the account's other sign-ins end.
    pub ends_others: bool,
}

/// Completes a recovery: takes the challenge, looks whose code it is, signs in. Three round trips;
/// two if it is nobody's.
///
/// # Errors
/// [`RecoveryRejection`]
pub async fn complete(
    ports: &Ports,
    shown: &Shown<'_>,
    place: &Place,
    origin: &RequestOrigin,
) -> Result<(Complete, Amr), Failure<RecoveryRejection>> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let challenge = shown.challenge.ok_or(RecoveryRejection("no challenge"))?;
    let RecoveryCandidates {
        challenge: taken,
        candidates,
    } = store::take(db, challenge, now).await?;
    let taken = taken.ok_or(RecoveryRejection(
        "the challenge is unknown, used or expired",
    ))?;
    // Counted by the address that was named: one that nobody has is braked as any other.
    let backup_code = BackupCode::parse(shown.code);
    let way = if backup_code.is_some() {
        Way::BackupCode
    } else {
        Way::Recovery
    };
    let subject = subject(ports, way, &taken)?;
    // As many as there can be are tried for everybody, so that the time tells nothing.
    let slots: [(UserId, Option<&Totp>); MOST_CANDIDATES] = std::array::from_fn(|index| {
        let candidate = candidates.get(index);
        let nobody = UserId::from_random([u8::try_from(index).unwrap_or_default(); 16]);
        (
            candidate.map_or(nobody, |candidate| candidate.user),
            candidate.and_then(|candidate| candidate.totp.as_ref()),
        )
    });
    let guesses = slots.map(|(user, _)| BackupCodeGuess {
        user,
        hash: backup_code.as_ref().map(|code| code.hash(user)),
    });
    let limit = AttemptLimit {
        subject: &subject,
        policy: way.policy(),
    };
    let claimed = store::claim_attempt(db, limit, &guesses, now).await?;
    throttle::admitted(claimed.claim, now)?;
    let mut steps = slots
        .map(|(user, totp)| totp::step(ports, user, totp, shown.code, now).map(|step| (user, step)))
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
            return Err(
                RecoveryRejection("no account that can be recovered has this address").into(),
            );
        }
        _ => return Err(RecoveryRejection("the code is wrong, or was used").into()),
    };
    let amr = Amr::recovered(proof);
    let prepared = Prepared::new(ports, now, amr.clone())?;
    let ends_others = if shown.ends_others {
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
        place,
    );
    let created = sessions::create(db, &session, &ports.event_context(origin, now)?).await?;
    let user = created.ok_or(RecoveryRejection("the code was used meanwhile"))?;
    Ok((prepared.finish(ports, user, place).await?, amr))
}

/// Under what the attempts of a recovery are counted.
fn subject(ports: &Ports, way: Way, taken: &TakenChallenge) -> Result<ThrottleSubject, StoreError> {
    let broken = || StoreError::Broken("the state of a recovery cannot be read".to_owned());
    let state: State<'_> = serde_json::from_str(&taken.state).map_err(|_| broken())?;
    let email = Email::parse(&state.email).ok_or_else(broken)?;
    throttle::of_email(ports.config.signing_keys.current(), way, &email).ok_or_else(broken)
}
