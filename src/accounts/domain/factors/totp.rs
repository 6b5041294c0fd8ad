//! TOTP (RFC 6238): six digits of SHA-1 every 30 seconds, as all authenticator apps support it.

use std::time::Duration;

use totp_rs::{Builder, Secret};
use zeroize::Zeroizing;

use crate::accounts::domain::Ports;
use crate::accounts::domain::factors::{FactorRejection, require_changed};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::ThrottledAction;
use crate::accounts::model::records::Caller;
use crate::accounts::model::secrets_key::NONCE_BYTES;
use crate::accounts::model::typed_code::TotpCode;
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::totp;
use crate::accounts::store::totp::{ClaimedTotp, Totp, TotpStep};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::Failure;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;

/// 160 bits, as RFC 4226 §4 recommends for SHA-1.
const SECRET_BYTES: usize = 20;
/// The time after which a secret without a first code can no longer be confirmed.
const UNCONFIRMED_KEPT: Duration = Duration::from_hours(1);
/// Steps before and after the current one whose codes are accepted (RFC 6238 §5.2).
const TOLERANCE: u16 = 1;

/// The secret for the authenticator app of the account owner. It cannot be read again.
#[derive(Debug)]
pub struct Enrolment {
    /// The secret in base32.
    pub secret: Zeroizing<String>,
    /// The URI for authenticator apps (Key Uri Format), with the secret and a name.
    pub uri: Zeroizing<String>,
}

/// Returns the context that binds a sealed secret to its account.
pub(super) fn seal_context(user: UserId) -> String {
    format!("totp:{user}")
}

/// Creates a secret, which must be confirmed before it is valid. It replaces an older unconfirmed
/// secret. One round trip.
///
/// # Errors
/// [`FactorRejection`]
pub async fn enrol(ports: &Ports, me: &SignedIn) -> Result<Enrolment, Failure<FactorRejection>> {
    let keys = ports
        .config
        .secrets_keys
        .as_ref()
        .ok_or(FactorRejection::Unavailable)?;

    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    ports.entropy.fill(bytes.as_mut_slice())?;
    let mut nonce = [0; NONCE_BYTES];
    ports.entropy.fill(&mut nonce)?;
    let sealed = keys
        .seal(&seal_context(me.user.id), bytes.as_slice(), nonce)
        .ok_or(FactorRejection::Unavailable)?;
    let changed = totp::enrol(ports.db.as_ref(), me.caller(), &sealed, ports.clock.now()).await?;
    require_changed(changed, FactorRejection::Enrolled)?;

    let secret = Zeroizing::new(Secret::from(bytes.as_slice()).to_base32());
    let uri = Zeroizing::new(uri(&ports.config.rp_name, me.user.label(), &secret));
    Ok(Enrolment { secret, uri })
}

/// Returns the URI `otpauth://totp/…`.
fn uri(issuer: &str, account: &str, secret: &str) -> String {
    let [issuer, account] = [issuer, account].map(percent_encoded);
    format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}\
         &algorithm=SHA1&digits=6&period=30"
    )
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Confirms the secret with its first code. The attempt is throttled. Two round trips, or none if
/// the text cannot be a code.
///
/// # Errors
/// [`FactorRejection`]
pub async fn confirm(
    ports: &Ports,
    by: Caller,
    code: &str,
    origin: &RequestOrigin,
) -> Result<(), Failure<FactorRejection>> {
    if ports.config.secrets_keys.is_none() {
        return Err(FactorRejection::Unavailable.into());
    }
    if TotpCode::parse(code).is_none() {
        return Err(FactorRejection::WrongCode.into());
    }

    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let subject = throttle::user_subject(ThrottledAction::Totp, by.user);
    let limit = AttemptLimit {
        subject: &subject,
        policy: ThrottledAction::Totp.policy(),
    };
    let ClaimedTotp { totp, claim } = totp::claim_attempt(db, by.user, limit, now).await?;

    let totp = totp.ok_or(FactorRejection::NotEnrolled)?;
    if totp.confirmed {
        return Err(FactorRejection::Enrolled.into());
    }
    if totp.made_at.plus(UNCONFIRMED_KEPT) <= now {
        return Err(FactorRejection::NotEnrolled.into());
    }
    throttle::require_allowed(claim, now)?;
    let step = step(ports, by.user, Some(&totp), code, now).ok_or(FactorRejection::WrongCode)?;
    let ended = totp::confirm(db, by, step, &subject, &ports.event_context(origin, now)?)
        .await?
        .ok_or(FactorRejection::Enrolled)?;
    require_changed(ended, FactorRejection::NotEnrolled)
}

/// Removes TOTP from the account. One round trip.
///
/// # Errors
/// [`FactorRejection`]
pub async fn disable(
    ports: &Ports,
    by: Caller,
    origin: &RequestOrigin,
) -> Result<(), Failure<FactorRejection>> {
    let context = ports.event_context(origin, ports.clock.now())?;
    require_changed(
        totp::disable(ports.db.as_ref(), by, None, &context).await?,
        FactorRejection::NotEnrolled,
    )
}

/// Removes TOTP from the account of a caller who proves it with an unused code. The attempt is
/// throttled. Two round trips, or none if the text cannot be a code.
///
/// # Errors
/// [`FactorRejection`]
pub async fn disable_with_code(
    ports: &Ports,
    by: Caller,
    code: &str,
    origin: &RequestOrigin,
) -> Result<(), Failure<FactorRejection>> {
    if TotpCode::parse(code).is_none() {
        return Err(FactorRejection::WrongCode.into());
    }
    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let limit = AttemptLimit {
        subject: &throttle::user_subject(ThrottledAction::Totp, by.user),
        policy: ThrottledAction::Totp.policy(),
    };
    let ClaimedTotp { totp, claim } = totp::claim_attempt(db, by.user, limit, now).await?;
    let totp = totp
        .filter(|totp| totp.confirmed)
        .ok_or(FactorRejection::NotEnrolled)?;
    throttle::require_allowed(claim, now)?;
    let step = step(ports, by.user, Some(&totp), code, now).ok_or(FactorRejection::WrongCode)?;
    let context = ports.event_context(origin, now)?;
    require_changed(
        totp::disable(db, by, Some(step), &context).await?,
        FactorRejection::WrongCode,
    )
}

/// Returns the time step that `code` belongs to, if it is valid. Takes as long without a secret.
pub(crate) fn step(
    ports: &Ports,
    user: UserId,
    totp: Option<&Totp>,
    code: &str,
    now: Timestamp,
) -> Option<TotpStep> {
    let keys = ports.config.secrets_keys.as_ref()?;
    let opened = totp.and_then(|totp| keys.open(&seal_context(user), &totp.secret));
    let made_at = totp.filter(|_| opened.is_some()).map(|totp| totp.made_at);
    let bytes = opened.unwrap_or_else(|| keys.open_decoy());

    let code = TotpCode::parse(code)?;

    let generator = Builder::new()
        .with_secret(Secret::from(bytes.as_slice()))
        .with_skew(TOLERANCE)
        .build()
        .ok()?;

    let step = generator.check(code.as_str(), u64::try_from(now.seconds()).ok()?);
    Some(TotpStep {
        number: i64::try_from(step?).ok()?,
        made_at: made_at?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfc_hold() {
        // RFC 6238, appendix B, SHA-1, the last six of its eight digits.
        let generator = Builder::new()
            .with_secret(Secret::from(b"12345678901234567890".as_slice()))
            .build()
            .expect("a generator");
        for (time, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(generator.check(code, time), Some(time / 30), "{time}");
        }
    }

    #[test]
    fn authenticators_can_read_the_uri() {
        let uri = uri("Hamrah & Co", "ada+1@example.com", "ABC");
        assert_eq!(
            uri,
            "otpauth://totp/Hamrah%20%26%20Co:ada%2B1%40example.com?secret=ABC\
             &issuer=Hamrah%20%26%20Co&algorithm=SHA1&digits=6&period=30"
        );
    }
}
