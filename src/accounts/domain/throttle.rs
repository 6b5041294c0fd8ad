//! The brake on guessing: every guess is an attempt on a subject, counted in the database before it
//! is looked at.
//!
//! What is guessable is what a person can type or remember: codes, passwords. Passkeys, tokens and
//! device keys are not, and have no brake: so nobody locks an owner out of them
//! (docs/decisions/0024). A subject is named by what the caller sent, never by what was found: so
//! that accounts that do not exist brake as those that do.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::derived::derived;
use crate::accounts::model::email::Email;
use crate::accounts::model::signing_keys::SigningKey;
use crate::accounts::model::throttle::{ThrottlePolicy, ThrottleSubject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::kernel::domain::failure::{Fault, TooManyAttempts};
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

const LABEL: &[u8] = b"hamrah-api throttle subject v1";
/// How much of the hash names an address: more than enough that no two are braked together.
const HASH_BYTES: usize = 16;

/// What is counted. Each has a count of its own: a success in one says nothing about another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// A code of an authenticator app, by whoever is signed in.
    Totp,
    /// A code of a recovery that somebody could guess.
    Recovery,
    /// A backup code.
    BackupCode,
    /// A password, and the code that is asked for besides.
    Password,
    /// No guess, but dear: choosing a password.
    SetPassword,
    /// No guess, but dear: an export.
    Export,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Recovery => "recovery",
            Self::BackupCode => "backup_code",
            Self::Password => "password",
            Self::SetPassword => "set_password",
            Self::Export => "export",
        }
    }

    /// How many are free, and how long the others wait.
    #[must_use]
    pub const fn policy(self) -> &'static ThrottlePolicy {
        match self {
            Self::Totp | Self::Recovery | Self::Password => &ThrottlePolicy::GUESS,
            Self::BackupCode => &ThrottlePolicy::LONG_CODE,
            Self::SetPassword | Self::Export => &ThrottlePolicy::DEAR,
        }
    }
}

/// What is tried on a known account: one that is signed in.
#[must_use]
pub fn of_user(way: Way, user: UserId) -> ThrottleSubject {
    ThrottleSubject::new(way.as_str(), &format!("user:{user}"))
}

/// Guesses at something of whoever has an address, if anybody does. The table does not tell which
/// address it is. `None` if the key cannot sign, which the first one of the configuration always
/// can.
///
/// With another first key the count begins anew, once.
#[must_use]
pub fn of_email(key: &SigningKey, way: Way, email: &Email) -> Option<ThrottleSubject> {
    hashed(key, way, "email", email.as_str())
}

/// The same for whoever has a username, if anybody does.
#[must_use]
pub fn of_username(key: &SigningKey, way: Way, username: &str) -> Option<ThrottleSubject> {
    hashed(key, way, "username", username)
}

fn hashed(key: &SigningKey, way: Way, kind: &str, name: &str) -> Option<ThrottleSubject> {
    let hash = derived(key, LABEL, name.as_bytes())?;
    Some(ThrottleSubject::new(
        way.as_str(),
        &format!("{kind}:{}", base64::encode(hash.get(..HASH_BYTES)?)),
    ))
}

/// Counts what has a count of its own and nothing to guess. One round trip; what verifies claims in
/// the batch of its own first read.
///
/// # Errors
/// [`Fault`]
pub async fn admit(ports: &Ports, way: Way, user: UserId, now: Timestamp) -> Result<(), Fault> {
    let limit = AttemptLimit {
        subject: &of_user(way, user),
        policy: way.policy(),
    };
    let claim = attempts::try_claim(ports.db.as_ref(), limit, now).await?;
    Ok(admitted(claim, now)?)
}

/// Whether a claimed attempt may go on.
///
/// # Errors
/// [`TooManyAttempts`]
pub fn admitted(claim: AttemptClaim, now: Timestamp) -> Result<(), TooManyAttempts> {
    match claim {
        AttemptClaim::Allowed => Ok(()),
        AttemptClaim::Refused { free_at } => {
            let millis = free_at.millis().saturating_sub(now.millis());
            Err(TooManyAttempts {
                wait: Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_tells_no_address_and_is_the_same_for_every_spelling() {
        let key = SigningKey::from_seed([7; 32]);
        let of = |text: &str| {
            of_email(
                &key,
                Way::Recovery,
                &Email::parse(text).expect("an address"),
            )
            .expect("a subject")
        };
        let subject = of("ada@example.com");
        assert_eq!(subject, of("ADA@Example.com "));
        assert_ne!(subject, of("bob@example.com"));
        assert!(
            subject.as_str().starts_with("recovery:email:") && !subject.as_str().contains("ada")
        );
        let other_key = SigningKey::from_seed([8; 32]);
        assert_ne!(
            of_email(
                &other_key,
                Way::Recovery,
                &Email::parse("ada@example.com").expect("an address")
            ),
            Some(subject)
        );
    }

    #[test]
    fn every_way_of_guessing_has_a_count_of_its_own() {
        let user = UserId::from_random([1; 16]);
        let ways = [
            Way::Totp,
            Way::Recovery,
            Way::BackupCode,
            Way::Password,
            Way::SetPassword,
            Way::Export,
        ];
        let subjects: std::collections::HashSet<String> = ways
            .iter()
            .map(|way| of_user(*way, user).as_str().to_owned())
            .collect();
        assert_eq!(subjects.len(), ways.len());
    }
}
