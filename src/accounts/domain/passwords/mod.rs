//! Passwords: signing in with one, setting, changing and removing it.
//!
//! What is dear about a password is its hash. So a turn is taken before anything is asked of the
//! database, and whoever finds none is told to come again; and whoever names an account that does
//! not exist waits for a hash all the same.

mod breached;
pub mod hash;

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::SignedIn;
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passwords::hash::SALT_BYTES;
use crate::accounts::domain::sign_in::{Complete, Place, Prepared};
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::Way;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::email::Email;
use crate::accounts::model::password::{Password, PasswordHash, Unfit};
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::outcome::FactorChange;
use crate::accounts::store::passwords;
use crate::accounts::store::passwords::{
    ClaimedPassword, LoginName, PasswordUpdate, VerifiedPassword,
};
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::SessionOwner;
use crate::kernel::domain::compute::{Turn, computed};
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::{EventId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// How long whoever finds no turn should wait: some hashes are done by then.
const BUSY: Duration = Duration::from_secs(1);

/// The reasons to reject a password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRejection {
    /// The name, the password or the code is wrong. From outside all of these look the same.
    #[error("{0}")]
    Refused(&'static str),
    /// The password is right, and the account has TOTP enabled: a code is needed too.
    #[error("a TOTP code is needed too")]
    SecondFactor,
    /// It cannot be chosen.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It leaked somewhere.
    #[error("the password is among those that leaked")]
    Breached,
    /// As many passwords as may be are being hashed.
    #[error("too many passwords are being hashed")]
    Busy {
        /// When to come again.
        wait: Duration,
    },
    /// There is no password to remove, or nothing else would be left to sign in with.
    #[error("there is no password")]
    None,
    /// It is the last way to sign in.
    #[error("the password is the last way to sign in")]
    Last,
}

impl Rejection for PasswordRejection {}

/// What somebody shows to sign in with a password.
#[derive(Debug)]
pub struct Shown<'a> {
    /// Who they say they are.
    pub name: LoginName<'a>,
    /// Their password, as it was sent.
    pub password: &'a str,
    /// The code of their authenticator app, where they have enabled TOTP.
    pub code: Option<&'a str>,
}

/// Signs in with a password. Two round trips; one if it is wrong.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn sign_in(
    ports: &Ports,
    shown: &Shown<'_>,
    place: &Place,
    origin: &RequestOrigin,
) -> Result<(Complete, Amr), Failure<PasswordRejection>> {
    let now = ports.clock.now();
    let proved = prove(ports, shown, now).await?;
    let amr = Amr::of(if proved.step.is_some() {
        Proof::PasswordAndTotp
    } else {
        Proof::Password
    });
    let prepared = Prepared::new(ports, now, amr.clone())?;
    let session = prepared.session(SessionOwner::Password(&proved), place);
    let created = sessions::create(
        ports.db.as_ref(),
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?;
    let user = created.ok_or(PasswordRejection::Refused(
        "the password was changed, or the code used, meanwhile",
    ))?;
    Ok((prepared.finish(ports, user, place).await?, amr))
}

/// Holds what somebody shows against what is known of whoever they say they are. One round trip.
/// That it is right is worth something only in a statement that looks whether it still is.
///
/// # Errors
/// [`PasswordRejection`]
pub(crate) async fn prove(
    ports: &Ports,
    shown: &Shown<'_>,
    now: Timestamp,
) -> Result<VerifiedPassword, Failure<PasswordRejection>> {
    // What nobody can have chosen is nobody's; but who named whom is counted all the same.
    let password = Password::presented(shown.password);
    let turn = turn(ports, now)?;
    let subject = subject(ports, shown.name)?;
    let limit = AttemptLimit {
        subject: &subject,
        policy: Way::Password.policy(),
    };
    let ClaimedPassword { candidate, claim } =
        passwords::claim_attempt(ports.db.as_ref(), shown.name, limit, now).await?;
    throttle::admitted(claim, now)?;
    let password = password.ok_or(PasswordRejection::Refused(
        "nobody can have chosen this password",
    ))?;
    let settings = ports.config.passwords.clone();
    let stored = candidate.as_ref().map_or_else(
        || hash::decoy(&settings),
        |candidate| candidate.hash.clone(),
    );
    let salt = salt(ports)?;
    let work = move || {
        let verified = hash::verifies(&settings, &password, &stored);
        // Anew with today's cost and pepper: after the next sign-in nothing is left of the old one.
        let rehashed = if verified && !hash::is_current(&settings, &stored) {
            hash::hash(&settings, &password, &salt)
        } else {
            None
        };
        (verified, rehashed)
    };
    let (verified, rehashed) = computed(ports.compute.as_ref(), turn, work)
        .await
        .ok_or(NOT_HASHED)?;
    let candidate = candidate.ok_or(PasswordRejection::Refused(
        "nobody has this name and a password",
    ))?;
    if !verified {
        return Err(PasswordRejection::Refused("the password is wrong").into());
    }
    let step = match (&candidate.totp, shown.code) {
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

fn turn(ports: &Ports, now: Timestamp) -> Result<Turn, PasswordRejection> {
    ports
        .hashing
        .take(now)
        .ok_or(PasswordRejection::Busy { wait: BUSY })
}

fn salt(ports: &Ports) -> Result<[u8; SALT_BYTES], NoEntropy> {
    let mut salt = [0; SALT_BYTES];
    ports.entropy.fill(&mut salt)?;
    Ok(salt)
}

const NOT_HASHED: Fault = Fault::Unavailable("the platform did not hash a password");

/// Under what the attempts on a name are counted.
pub(crate) fn subject(ports: &Ports, name: LoginName<'_>) -> Result<ThrottleSubject, StoreError> {
    let key = ports.config.signing_keys.current();
    let subject = match name {
        LoginName::Email(email) => throttle::of_email(key, Way::Password, email),
        LoginName::Username(username) => throttle::of_username(key, Way::Password, username),
    };
    subject.ok_or_else(|| StoreError::Broken("an attempt cannot be counted".to_owned()))
}

/// A password that was chosen, hashed.
#[derive(Debug)]
pub struct Chosen {
    /// Its hash.
    pub hash: PasswordHash,
    /// Whether it could be asked whether it leaked, or nobody is to be asked.
    pub checked: bool,
}

/// Looks whether a password can be chosen by whoever `about` names, and hashes it. No round trip to
/// the database.
///
/// # Errors
/// [`PasswordRejection`]
pub async fn choose(
    ports: &Ports,
    text: &str,
    about: &[&str],
) -> Result<Chosen, Failure<PasswordRejection>> {
    hashed(ports, fit(ports, text, about)?).await
}

fn fit(ports: &Ports, text: &str, about: &[&str]) -> Result<Password, PasswordRejection> {
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

async fn hashed(ports: &Ports, password: Password) -> Result<Chosen, Failure<PasswordRejection>> {
    let checked = match breached::is_breached(ports, &password).await {
        Ok(false) => true,
        Ok(true) => return Err(PasswordRejection::Breached.into()),
        Err(error) => {
            // It must not be what keeps everybody from choosing a password; the event tells of it.
            tracing::warn!(%error, "nobody could say whether a password leaked");
            false
        }
    };
    // Not before: whoever is asked about leaks may take seconds.
    let turn = turn(ports, ports.clock.now())?;
    let (salt, settings) = (salt(ports)?, ports.config.passwords.clone());
    let work = move || hash::hash(&settings, &password, &salt);
    let hash = computed(ports.compute.as_ref(), turn, work)
        .await
        .flatten()
        .ok_or(NOT_HASHED)?;
    Ok(Chosen { hash, checked })
}

/// Sets or replaces the password of whoever is signed in, and ends everything else that is signed
/// in to the account. Two round trips.
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
    let password = fit(ports, text, &about)?;
    throttle::admit(ports, Way::SetPassword, me.user.id, ports.clock.now()).await?;
    let chosen = hashed(ports, password).await?;
    let subject = subject(ports, LoginName::Email(&me.user.email))?;
    let unchecked = if chosen.checked {
        None
    } else {
        Some(ports.id(EventId::from_random)?)
    };
    let new = PasswordUpdate {
        hash: &chosen.hash,
        subject: &subject,
        unchecked_event: unchecked,
        revoked_event: ports.id(EventId::from_random)?,
    };
    let context = ports.event_context(origin, ports.clock.now())?;
    match passwords::set(ports.db.as_ref(), me.caller(), new, &context).await? {
        FactorChange::Changed => Ok(()),
        FactorChange::Unchanged | FactorChange::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Takes the password of an account away, unless it is the last way to sign in. Two round trips
/// where it is not done.
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
        FactorChange::Unchanged if has_one(ports, by.user).await? => {
            Err(PasswordRejection::Last.into())
        }
        FactorChange::Unchanged => Err(PasswordRejection::None.into()),
    }
}

async fn has_one(ports: &Ports, user: UserId) -> Result<bool, StoreError> {
    Ok(crate::accounts::domain::factors::of(ports, user)
        .await?
        .password_since
        .is_some())
}

/// By what somebody signs in to an account of the core: exactly one of the two.
///
/// # Errors
/// `None` if neither, or both, were sent, or what was sent can be nobody's.
#[must_use]
pub fn named<'a>(email: Option<&'a Email>, username: Option<&'a str>) -> Option<LoginName<'a>> {
    match (email, username) {
        (Some(email), None) => Some(LoginName::Email(email)),
        (None, Some(username)) => Some(LoginName::Username(username)),
        _ => None,
    }
}
