//! The throttle on guessing. Every guess is an attempt on a subject, which the database counts
//! before the guess is checked.
//!
//! Only passwords and codes are throttled, because only they can be guessed. Passkeys, tokens and
//! device keys are not, so an attacker cannot lock the account owner out of them
//! (docs/decisions/0024). A subject is derived from the request and never from the account that was
//! found, so the throttle does not reveal which accounts exist.

use std::time::Duration;

use crate::accounts::domain::Ports;
use crate::accounts::domain::derived::derive;
use crate::accounts::domain::sign_in;
use crate::accounts::model::email::Email;
use crate::accounts::model::signing_keys::SigningKey;
use crate::accounts::model::throttle::{SignUpLimit, ThrottlePolicy, ThrottleSubject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Fault, TooManyAttempts};
use crate::kernel::model::address;
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

const LABEL: &[u8] = b"hamrah-api throttle subject v1";
/// The action under which sign-ups are counted.
const SIGN_UP: &str = "sign_up";
/// The bytes of the hash that stand for an e-mail address or a network. Two of them never share a
/// hash in practice.
const HASH_BYTES: usize = 16;

/// An action that is throttled. Each action has its own count, because a success in one proves
/// nothing about another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThrottledAction {
    /// A TOTP code from a caller with a session.
    Totp,
    /// A TOTP code in an account recovery.
    Recovery,
    /// A backup code in an account recovery.
    BackupCode,
    /// A password, with its TOTP code.
    Password,
    /// Choosing a password. It is not a guess, but it is expensive.
    SetPassword,
    /// An export. It is not a guess, but it is expensive.
    Export,
}

impl ThrottledAction {
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

    /// Returns the number of free attempts and the delays after them.
    #[must_use]
    pub const fn policy(self) -> &'static ThrottlePolicy {
        match self {
            Self::Totp | Self::Recovery | Self::Password => &ThrottlePolicy::GUESS,
            Self::BackupCode => &ThrottlePolicy::LONG_CODE,
            Self::SetPassword | Self::Export => &ThrottlePolicy::DEAR,
        }
    }
}

/// Returns the subject for attempts of a caller with a session.
#[must_use]
pub fn user_subject(action: ThrottledAction, user: UserId) -> ThrottleSubject {
    ThrottleSubject::new(action.as_str(), &format!("user:{user}"))
}

/// Returns the subject for guesses at the account with an e-mail address, whether or not such an
/// account exists. The subject does not reveal the address. `None` if the key cannot sign; the
/// first key of the configuration always can.
///
/// A new first key starts all counts again.
#[must_use]
pub fn email_subject(
    key: &SigningKey,
    action: ThrottledAction,
    email: &Email,
) -> Option<ThrottleSubject> {
    hashed(key, action.as_str(), "email", email.as_str())
}

/// Returns the subject for guesses at the account with a username, like [`email_subject`].
#[must_use]
pub fn username_subject(
    key: &SigningKey,
    action: ThrottledAction,
    username: &str,
) -> Option<ThrottleSubject> {
    hashed(key, action.as_str(), "username", username)
}

/// Returns the subject for guesses at the account with a username in any case, like
/// [`email_subject`].
#[must_use]
pub fn folded_username_subject(
    key: &SigningKey,
    action: ThrottledAction,
    username: &str,
) -> Option<ThrottleSubject> {
    let folded = username.to_ascii_lowercase();
    hashed(key, action.as_str(), "username_in_any_case", &folded)
}

fn hashed(key: &SigningKey, action: &str, kind: &str, name: &str) -> Option<ThrottleSubject> {
    let hash = derive(key, LABEL, name.as_bytes())?;
    Some(ThrottleSubject::new(
        action,
        &format!("{kind}:{}", base64::encode(hash.get(..HASH_BYTES)?)),
    ))
}

/// Returns the limit of the sign-ups of the caller's network. Returns `None` if sign-ups are not
/// counted, or if the platform does not know the address.
///
/// # Errors
/// [`Fault::Unavailable`] if the key cannot sign.
pub fn sign_up_limit(ports: &Ports, origin: &RequestOrigin) -> Result<Option<SignUpLimit>, Fault> {
    let (Some(at_once), Some(address)) = (ports.config.sign_ups_per_network, origin.address) else {
        return Ok(None);
    };
    let key = ports.config.signing_keys.current();
    let network = address::network(address).to_string();
    let subject = hashed(key, SIGN_UP, "network", &network).ok_or(sign_in::NOT_SIGNED)?;
    Ok(Some(SignUpLimit { subject, at_once }))
}

/// Counts an attempt that is not a guess, and checks that it is allowed. One round trip. Use cases
/// that verify a guess claim the attempt in the batch of their first read instead.
///
/// # Errors
/// [`Fault`]
pub async fn check(
    ports: &Ports,
    action: ThrottledAction,
    user: UserId,
    now: Timestamp,
) -> Result<(), Fault> {
    let limit = AttemptLimit {
        subject: &user_subject(action, user),
        policy: action.policy(),
    };
    let claim = attempts::try_claim(ports.db.as_ref(), limit, now).await?;
    Ok(require_allowed(claim, now)?)
}

/// Checks that a claimed attempt is allowed.
///
/// # Errors
/// [`TooManyAttempts`]
pub fn require_allowed(claim: AttemptClaim, now: Timestamp) -> Result<(), TooManyAttempts> {
    match claim {
        AttemptClaim::Allowed => Ok(()),
        AttemptClaim::Refused { free_at } => Err(too_many(free_at, now)),
    }
}

/// Returns the refusal of an attempt until `free_at`.
pub(super) fn too_many(free_at: Timestamp, now: Timestamp) -> TooManyAttempts {
    let millis = free_at.millis().saturating_sub(now.millis());
    TooManyAttempts {
        wait: Duration::from_millis(u64::try_from(millis).unwrap_or(0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_hides_the_address_and_ignores_its_spelling() {
        let key = SigningKey::from_seed([7; 32]);
        let of = |text: &str| {
            email_subject(
                &key,
                ThrottledAction::Recovery,
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
            email_subject(
                &other_key,
                ThrottledAction::Recovery,
                &Email::parse("ada@example.com").expect("an address")
            ),
            Some(subject)
        );
    }

    #[test]
    fn each_action_has_its_own_count() {
        let user = UserId::from_random([1; 16]);
        let actions = [
            ThrottledAction::Totp,
            ThrottledAction::Recovery,
            ThrottledAction::BackupCode,
            ThrottledAction::Password,
            ThrottledAction::SetPassword,
            ThrottledAction::Export,
        ];
        let subjects: std::collections::HashSet<String> = actions
            .iter()
            .map(|action| user_subject(*action, user).as_str().to_owned())
            .collect();
        assert_eq!(subjects.len(), actions.len());
    }
}
