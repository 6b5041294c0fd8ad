//! Passwords: sign-in with a password, and setting, changing and removing one.
//!
//! Hashing is the expensive step. Without a permit the request fails with `busy`. A permit is held
//! for the hash only, so that a slow database does not use up the permits. A hash is also computed
//! for accounts that do not exist, so that the time does not reveal them.

mod breached;
pub mod hash;
mod rejection;

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passwords::hash::SALT_BYTES;
use crate::accounts::domain::sign_in::{IssuedSession, SessionDraft, SignInClient};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::ThrottledAction;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::email::Email;
use crate::accounts::model::password::{Password, PasswordHash};
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::outcome::FactorChange;
use crate::accounts::store::passwords;
use crate::accounts::store::passwords::{
    ClaimedPassword, LoginName, PasswordOwner, PasswordUpdate, VerifiedPassword,
};
use crate::accounts::store::recovery::MOST_CANDIDATES;
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::SessionOwner;
use crate::kernel::domain::compute::{HashPermit, run_with_permit};
use crate::kernel::domain::failure::{Failure, Fault};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

pub use rejection::PasswordRejection;

/// The rejection of a request without a permit. Some hashes are done after the delay.
const BUSY: PasswordRejection = PasswordRejection::Busy {
    wait: Duration::from_secs(1),
};

/// The credentials of a sign-in with a password.
#[derive(Debug)]
pub struct PasswordCredentials<'a> {
    /// The account.
    pub owner: PasswordOwner<'a>,
    /// The password, unverified.
    pub password: &'a str,
    /// The TOTP code, if the client sent one.
    pub code: Option<&'a str>,
}

/// Signs in with a password. Two round trips, or one for wrong credentials.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn sign_in(
    ports: &Ports,
    credentials: &PasswordCredentials<'_>,
    client: &SignInClient,
    origin: &RequestOrigin,
) -> Result<(IssuedSession, Amr), Failure<PasswordRejection>> {
    let now = ports.clock.now();
    let verified = verify(ports, credentials, now).await?;
    let amr = Amr::of(if verified.step.is_some() {
        Proof::PasswordAndTotp
    } else {
        Proof::Password
    });
    let prepared = SessionDraft::new(ports, now, amr.clone())?;
    let session = prepared.session(SessionOwner::Password(&verified), client);
    let created = sessions::create(
        ports.db.as_ref(),
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?;
    let user = created.ok_or(PasswordRejection::Refused(
        "a concurrent request changed the password or used the code",
    ))?;
    Ok((prepared.finish(ports, user, client).await?, amr))
}

/// Verifies a password, and a TOTP code where TOTP is enabled. One round trip.
///
/// The result must be used in a statement that checks it again, because a concurrent request may
/// change the password.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn verify(
    ports: &Ports,
    credentials: &PasswordCredentials<'_>,
    now: Timestamp,
) -> Result<VerifiedPassword, Failure<PasswordRejection>> {
    // An impossible password matches no account, but the attempt counts all the same.
    let password = Password::presented(credentials.password);
    if !ports.hash_permits.has_free(now) {
        return Err(BUSY.into());
    }
    let subject = subject(ports, credentials.owner)?;
    let limit = AttemptLimit {
        subject: &subject,
        policy: ThrottledAction::Password.policy(),
    };
    let ClaimedPassword { candidates, claim } =
        passwords::claim_attempt(ports.db.as_ref(), credentials.owner, limit, now).await?;
    throttle::require_allowed(claim, now)?;
    let password = password.ok_or(PasswordRejection::Refused("not a possible password"))?;
    let permit = match permit(ports) {
        Ok(permit) => permit,
        Err(busy) => {
            // The guess is not checked, so it does not count.
            attempts::give_back(ports.db.as_ref(), &subject, now).await?;
            return Err(busy.into());
        }
    };

    let settings = ports.config.passwords.clone();
    // As many hashes are verified for each name of a kind, so that the time reveals nothing.
    let tries = match credentials.owner {
        PasswordOwner::Named(LoginName::Email(_)) => MOST_CANDIDATES,
        _ => 1,
    };
    let mut stored: Vec<PasswordHash> = candidates
        .iter()
        .map(|candidate| candidate.hash.clone())
        .collect();
    stored.resize_with(tries, || hash::decoy(&settings));
    let salt = salt(ports)?;

    let work = move || {
        let matches: Vec<bool> = stored
            .iter()
            .map(|stored| hash::verifies(&settings, &password, stored))
            .collect();
        let found = matches.into_iter().position(|matches| matches);
        // A hash with an old cost or pepper is replaced at the next sign-in.
        let rehashed = found
            .and_then(|found| stored.get(found))
            .filter(|stored| !hash::is_current(&settings, stored))
            .and_then(|_| hash::hash(&settings, &password, &salt));
        (found, rehashed)
    };

    let (found, rehashed) = run_with_permit(ports.compute.as_ref(), permit, work)
        .await
        .ok_or(NOT_HASHED)?;
    if candidates.is_empty() {
        return Err(PasswordRejection::Refused("no account has this name and a password").into());
    }
    let candidate = found
        .and_then(|found| candidates.into_iter().nth(found))
        .ok_or(PasswordRejection::Refused("the password is wrong"))?;

    let step = match (&candidate.totp, credentials.code) {
        (None, _) => None,
        (Some(_), None) => return Err(PasswordRejection::SecondFactor.into()),
        (Some(totp), Some(code)) => {
            let step = totp::step(ports, candidate.user, Some(totp), code, now);
            Some(step.ok_or(PasswordRejection::Refused("the code is wrong"))?)
        }
    };

    Ok(VerifiedPassword {
        user: candidate.user,
        hash: candidate.hash,
        rehashed,
        step,
        subject,
    })
}

/// Acquires a permit to hash one password.
fn permit(ports: &Ports) -> Result<HashPermit, PasswordRejection> {
    let now = ports.clock.now();
    ports.hash_permits.try_acquire(now).ok_or(BUSY)
}

/// Returns a new salt.
fn salt(ports: &Ports) -> Result<[u8; SALT_BYTES], NoEntropy> {
    let mut salt = [0; SALT_BYTES];
    ports.entropy.fill(&mut salt)?;
    Ok(salt)
}

/// The fault of a password that the platform did not hash.
const NOT_HASHED: Fault = Fault::Unavailable("the platform did not hash a password");

/// Returns the subject that the attempts on a name count against.
pub(crate) fn subject<'a>(
    ports: &Ports,
    owner: impl Into<PasswordOwner<'a>>,
) -> Result<ThrottleSubject, StoreError> {
    let key = ports.config.signing_keys.current();
    let action = ThrottledAction::Password;
    let subject = match owner.into() {
        PasswordOwner::Named(LoginName::Email(email)) => {
            throttle::email_subject(key, action, email)
        }
        PasswordOwner::Named(LoginName::Username(username)) => {
            throttle::username_subject(key, action, username)
        }
        PasswordOwner::UsernameInAnyCase(username) => {
            throttle::folded_username_subject(key, action, username)
        }
        PasswordOwner::SignedIn(user) => Some(throttle::user_subject(action, user)),
    };
    subject.ok_or_else(|| StoreError::Broken("an attempt cannot be counted".to_owned()))
}

/// The hash of a newly chosen password.
#[derive(Debug)]
pub struct ChosenPassword {
    /// The hash.
    pub hash: PasswordHash,
    /// Whether the breach check passed or is off. `false` means that it was not available.
    pub checked: bool,
}

/// Checks a newly chosen password and hashes it. The password must not contain a word of `about`,
/// which describes the account owner. No round trip to the database.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn hash_chosen(
    ports: &Ports,
    text: &str,
    about: &[&str],
) -> Result<ChosenPassword, Failure<PasswordRejection>> {
    hash_unbreached(ports, check_choice(ports, text, about)?).await
}

/// Checks a newly chosen password against the rules, which need no other service.
///
/// # Errors
/// [`PasswordRejection`]
pub fn check_choice(
    ports: &Ports,
    text: &str,
    about: &[&str],
) -> Result<Password, PasswordRejection> {
    let about: Vec<&str> = about
        .iter()
        .copied()
        .chain([ports.config.rp_name.as_str(), ports.config.rp_id.as_str()])
        .collect();
    Ok(Password::chosen(
        text,
        ports.config.passwords.min_length,
        &about,
    )?)
}

/// Hashes a password, unless it is among leaked ones.
async fn hash_unbreached(
    ports: &Ports,
    password: Password,
) -> Result<ChosenPassword, Failure<PasswordRejection>> {
    let checked = match breached::is_breached(ports, &password).await {
        Ok(false) => true,
        Ok(true) => return Err(PasswordRejection::Breached.into()),
        Err(error) => {
            // A failed check must not stop all users from choosing a password. An event records it.
            tracing::warn!(%error, "breach check unavailable, password accepted");
            false
        }
    };

    // The permit is acquired only now, because the breach check may take seconds.
    let permit = permit(ports)?;
    let (salt, settings) = (salt(ports)?, ports.config.passwords.clone());
    let work = move || hash::hash(&settings, &password, &salt);

    let hash = run_with_permit(ports.compute.as_ref(), permit, work)
        .await
        .flatten()
        .ok_or(NOT_HASHED)?;
    Ok(ChosenPassword { hash, checked })
}

/// Sets or replaces the password of the caller's account, and revokes all other sessions of the
/// account. Two round trips.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn set(
    ports: &Ports,
    me: &SignedIn,
    text: &str,
    origin: &RequestOrigin,
) -> Result<(), Failure<PasswordRejection>> {
    let about: Vec<&str> = [Some(me.user.email.as_str()), me.user.name.as_deref()]
        .into_iter()
        .flatten()
        .collect();
    let password = check_choice(ports, text, &about)?;
    let now = ports.clock.now();
    let limit = AttemptLimit {
        subject: &throttle::user_subject(ThrottledAction::SetPassword, me.user.id),
        policy: ThrottledAction::SetPassword.policy(),
    };
    let (claim, username) =
        passwords::claim_change(ports.db.as_ref(), me.user.id, limit, now).await?;
    throttle::require_allowed(claim, now)?;
    if let Some(username) = &username {
        check_choice(ports, text, &[username])?;
    }

    let chosen = hash_unbreached(ports, password).await?;
    let names = [
        Some(LoginName::Email(&me.user.email).into()),
        username
            .as_deref()
            .map(|name| LoginName::Username(name).into()),
        username.as_deref().map(PasswordOwner::UsernameInAnyCase),
        Some(PasswordOwner::SignedIn(me.user.id)),
    ];
    let subjects: Vec<ThrottleSubject> = names
        .into_iter()
        .flatten()
        .map(|owner: PasswordOwner<'_>| subject(ports, owner))
        .collect::<Result<_, _>>()?;
    let unchecked = if chosen.checked {
        None
    } else {
        Some(ports.id(EventId::from_random)?)
    };
    let new = PasswordUpdate {
        hash: &chosen.hash,
        subjects: &subjects,
        unchecked_event: unchecked,
        revoked_event: ports.id(EventId::from_random)?,
    };

    let context = ports.event_context(origin, ports.clock.now())?;
    match passwords::set(ports.db.as_ref(), me.caller(), new, &context).await? {
        FactorChange::Changed => Ok(ports.sockets.check(me.user.id).await?),
        FactorChange::Unchanged | FactorChange::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Removes the password of an account, unless it is the last way to sign in. One round trip, or two
/// for a rejection.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn remove(
    ports: &Ports,
    by: Caller,
    origin: &RequestOrigin,
) -> Result<(), Failure<PasswordRejection>> {
    let context = ports.event_context(origin, ports.clock.now())?;
    match passwords::remove(ports.db.as_ref(), by, &context).await? {
        FactorChange::Changed => Ok(()),
        FactorChange::SignedOut => Err(Fault::SignedOut.into()),
        FactorChange::Unchanged if has_password(ports, by.user).await? => {
            Err(PasswordRejection::Last.into())
        }
        FactorChange::Unchanged => Err(PasswordRejection::None.into()),
    }
}

/// Returns true if the account has a password.
async fn has_password(ports: &Ports, user: UserId) -> Result<bool, StoreError> {
    Ok(crate::accounts::domain::factors::summary(ports, user)
        .await?
        .password_since
        .is_some())
}

/// Returns the name of a sign-in: the e-mail address or the username. `None` unless exactly one of
/// them is given.
#[must_use]
pub fn login_name<'a>(
    email: Option<&'a Email>,
    username: Option<&'a str>,
) -> Option<LoginName<'a>> {
    match (email, username) {
        (Some(email), None) => Some(LoginName::Email(email)),
        (None, Some(username)) => Some(LoginName::Username(username)),
        _ => None,
    }
}
