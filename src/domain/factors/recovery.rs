//! Recovery: somebody who lost their passkeys signs in with a TOTP code or a backup code, and does little before they have a passkey again.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::totp;
use crate::domain::passkeys::CEREMONY_LIFETIME;
use crate::domain::sign_in::{Complete, Place, Prepared, SignInError};
use crate::domain::throttle::{self, Guess, ThrottleError};
use crate::domain::{NoEntropy, Ports, RequestOrigin};
use crate::model::amr::{Amr, Proof};
use crate::model::backup_code::BackupCode;
use crate::model::email::Email;
use crate::model::ids::{ChallengeId, EventId, UserId};
use crate::model::throttle::Subject;
use crate::store::StoreError;
use crate::store::challenges::{self, Kind, New, Taken};
use crate::store::factors::{self, Answer};
use crate::store::sessions::{self, Owner, Recovered};

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// Nothing that was shown leads to an account. From outside all of these look the same.
    #[error("{0}")]
    Refused(&'static str),
    /// There were too many attempts.
    #[error(transparent)]
    Throttled(#[from] ThrottleError),
    /// The access token could not be signed.
    #[error(transparent)]
    SignIn(#[from] SignInError),
    /// The platform.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Serialize, Deserialize)]
struct State<'a> {
    email: Cow<'a, str>,
}

/// Begins a recovery: the same for every address, whether or not anybody has it. One round trip.
///
/// # Errors
/// [`RecoveryError`]
pub async fn begin(ports: &Ports, email: &Email) -> Result<ChallengeId, RecoveryError> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = serde_json::to_string(&State { email: email.as_str().into() }).map_err(|error| StoreError::Broken(error.to_string()))?;
    let ends = now.plus(CEREMONY_LIFETIME);
    let new = New { id, kind: Kind::Recovery, user: None, state: &state, created_at: now, expires_at: ends };
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

/// Completes a recovery: takes the challenge, looks at the code, signs in. Three round trips.
///
/// # Errors
/// [`RecoveryError`]
pub async fn complete(ports: &Ports, shown: &Shown<'_>, place: &Place, origin: &RequestOrigin) -> Result<(Complete, Amr), RecoveryError> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let challenge = shown.challenge.ok_or(RecoveryError::Refused("no challenge"))?;
    let (taken, account) = factors::take_recovery(db, challenge, now).await?;
    let taken = taken.ok_or(RecoveryError::Refused("the challenge is unknown, used or expired"))?;
    // Counted by the address that was named: one that nobody has is braked as any other.
    let subject = subject(ports, &taken)?;
    throttle::admit(ports, &subject, now).await?;
    // Both are tried for everybody, so that the time tells nothing.
    let known = account.is_some();
    let user = account.as_ref().map_or_else(|| UserId::from_random([0; 16]), |account| account.user);
    let step = totp::step(ports, user, account.as_ref().and_then(|account| account.totp.as_ref()), shown.code, now);
    let code = BackupCode::parse(shown.code).map(|code| code.hash(user));
    let (answer, proof) = match (step, code) {
        (Some(step), _) => (Answer::Totp(step), Proof::Totp),
        (None, Some(hash)) => (Answer::BackupCode(hash), Proof::BackupCode),
        (None, None) => return Err(RecoveryError::Refused("the code is wrong")),
    };
    // Also where there is no account: then it does nothing, and takes as long.
    let amr = Amr::recovered(proof);
    let prepared = Prepared::new(ports, now, amr.clone())?;
    let ends_others = if shown.ends_others { Some(ports.id(EventId::from_random)?) } else { None };
    let session = prepared.session(Owner::Recovered(Recovered { user, answer: &answer, ends_others, subject: &subject }), place);
    let refused = if known { "the code is unknown, or was used" } else { "no account that can be recovered has this address" };
    let created = sessions::create(db, &session, &ports.stamp(origin, now)?).await?;
    let user = created.ok_or(RecoveryError::Refused(refused))?;
    Ok((prepared.finish(ports, user, place)?, amr))
}

/// Under what the attempts of a recovery are counted.
fn subject(ports: &Ports, taken: &Taken) -> Result<Subject, StoreError> {
    let broken = || StoreError::Broken("the state of a recovery cannot be read".to_owned());
    let state: State<'_> = serde_json::from_str(&taken.state).map_err(|_| broken())?;
    let email = Email::parse(&state.email).ok_or_else(broken)?;
    throttle::of_email(ports.config.signing_keys.current(), Guess::Recovery, &email).ok_or_else(broken)
}
