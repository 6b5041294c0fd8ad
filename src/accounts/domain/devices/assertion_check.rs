//! The check that a request comes from the device that its token was issued to. The device's key
//! signs an assertion over the request.

use sha2::{Digest, Sha256};

use crate::accounts::domain::Ports;
use crate::accounts::domain::app_attest::assertion;
use crate::accounts::domain::app_attest::assertion::ExpectedAssertion;
use crate::accounts::domain::devices::binding_rules;
use crate::accounts::domain::devices::request_challenge;
use crate::accounts::domain::devices::request_challenge::Request;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::model::attest::{KeyId, Mode};
use crate::accounts::model::config::REFRESH_REPEAT_WINDOW;
use crate::accounts::model::records::{Caller, Platform};
use crate::accounts::store::attest_keys;
use crate::accounts::store::device_bindings;
use crate::accounts::store::device_bindings::{BindingRules, KeyUse, KeyUseOutcome, SessionDevice};
use crate::accounts::store::refresh_tokens;
use crate::accounts::store::refresh_tokens::TokenSession;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::RefreshToken;

/// The evidence of a device that a request carries beside its token.
#[derive(Debug)]
pub enum DeviceEvidence {
    /// The request has no assertion.
    Nothing,
    /// The assertion cannot be read, for this reason.
    Malformed(&'static str),
    /// The request has an assertion.
    Assertion(DeviceAssertion),
}

/// An unverified assertion.
#[derive(Debug)]
pub struct DeviceAssertion {
    /// The id of the key that the client claims.
    pub key: KeyId,
    /// The assertion: CBOR as Apple writes it.
    pub assertion: Vec<u8>,
    /// The bundle id of the app that the client claims.
    pub bundle: String,
    /// The request challenge that was signed.
    pub challenge: Vec<u8>,
}

/// The reasons to reject a request that needs an assertion.
#[derive(Debug, thiserror::Error)]
pub enum AssertionRejection {
    /// The request has no assertion.
    #[error("no assertion")]
    Missing,
    /// The assertion is not valid for the request. The client sees the same error for all reasons.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// No account has the key yet, and this account has the maximum number of keys.
    #[error("the account has the maximum number of keys")]
    TooMany,
}

impl Rejection for AssertionRejection {}

fn refused(reason: &'static str) -> AssertionRejection {
    Refusal { step: 0, reason }.into()
}

/// Checks the assertion of a request by `me`. A session of the iOS app needs one if the
/// configuration requires it. Other sessions never need one.
///
/// # Errors
/// [`AssertionRejection`]
pub async fn require_assertion(
    ports: &Ports,
    me: &SignedIn,
    evidence: &DeviceEvidence,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), Failure<AssertionRejection>> {
    let mode = ports.config.attest.mode;
    if mode == Mode::Off || me.session.platform != Platform::Ios {
        return Ok(());
    }

    let by = AssertionUser {
        caller: me.caller(),
        // In mode `observe` no session is bound, because a thief's device could be bound to it.
        binds: mode == Mode::Require,
    };
    let verified = verify(ports, by, evidence, request, origin).await;
    match (mode, verified) {
        (_, Ok(())) => Ok(()),
        (Mode::Require, Err(error)) => Err(error),
        (_, Err(error)) => {
            log_observation(&error);
            Ok(())
        }
    }
}

/// Logs the decision that the mode `require` would have made.
fn log_observation(failure: &Failure<AssertionRejection>) {
    match failure {
        Failure::Rejected(AssertionRejection::Missing) => {
            tracing::info!("an assertion is missing");
        }
        Failure::Rejected(_) | Failure::Fault(Fault::SignedOut) => {
            tracing::warn!(reason = %failure, "an assertion would be refused");
        }
        // The fault says nothing about the device.
        Failure::Fault(_) => tracing::warn!(reason = %failure, "an assertion was not checked"),
    }
}

/// A device that signed the request of a sign-in.
#[derive(Debug)]
pub struct AssertedDevice {
    key: KeyId,
    counter: u32,
    binding: BindingRules,
}

impl AssertedDevice {
    /// Returns the device as the store binds it to a session.
    pub(crate) const fn device(&self) -> SessionDevice<'_> {
        SessionDevice::Asserted {
            key: self.key,
            counter: self.counter,
            binding: self.binding,
        }
    }
}

/// Returns the device that signed the request of a sign-in, if its assertion is valid. The session
/// is then bound to the device. One round trip if the request has an assertion.
///
/// A sign-in needs no device. If the key belongs to another account, the session has no device yet,
/// and the app attests a new key.
///
/// # Errors
/// [`Fault`]: nothing was decided, and the client may repeat the request.
pub async fn device_at_sign_in(
    ports: &Ports,
    evidence: &DeviceEvidence,
    request: &Request<'_>,
) -> Result<Option<AssertedDevice>, Fault> {
    if ports.config.attest.mode == Mode::Off || matches!(evidence, DeviceEvidence::Nothing) {
        return Ok(None);
    }

    match check_assertion(ports, evidence, request).await {
        Ok(checked) => {
            let binding = binding_rules(ports, ports.clock.now())?;
            Ok(Some(AssertedDevice {
                key: checked.key,
                counter: checked.counter,
                binding,
            }))
        }
        Err(Failure::Fault(fault)) => Err(fault),
        Err(Failure::Rejected(rejection)) => {
            tracing::info!(reason = %rejection, "the assertion of a sign-in is not valid");
            Ok(None)
        }
    }
}

/// Checks the assertion of a refresh, if the configuration requires one. A stolen refresh token is
/// then useless without the device.
///
/// # Errors
/// [`AssertionRejection`]
pub async fn require_assertion_for_refresh(
    ports: &Ports,
    token: &RefreshToken,
    evidence: &DeviceEvidence,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), Failure<AssertionRejection>> {
    if !ports.config.attest.on_refresh {
        return Ok(());
    }
    let now = ports.clock.now();

    // The rotation rejects an invalid or replayed token, so it binds no key here.
    match refresh_tokens::session_of(
        ports.db.as_ref(),
        &token.hash(),
        now.minus(REFRESH_REPEAT_WINDOW),
        now,
    )
    .await?
    {
        Some(TokenSession {
            caller,
            platform: Platform::Ios,
        }) => {
            let by = AssertionUser {
                caller,
                binds: true,
            };
            verify(ports, by, evidence, request, origin).await
        }
        _ => Ok(()),
    }
}

/// The session that an assertion is checked for.
struct AssertionUser {
    caller: Caller,
    /// Whether a valid assertion binds the key to the account and the session.
    binds: bool,
}

/// Verifies an assertion and advances the counter of the key. Two round trips.
///
/// # Errors
/// [`AssertionRejection`]
async fn verify(
    ports: &Ports,
    by: AssertionUser,
    evidence: &DeviceEvidence,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), Failure<AssertionRejection>> {
    let CheckedAssertion {
        key,
        owner,
        counter,
    } = check_assertion(ports, evidence, request).await?;
    if owner.is_some_and(|owner| owner != by.caller.user) {
        return Err(refused("another account's key").into());
    }

    let now = ports.clock.now();
    let used = KeyUse {
        key: &key,
        counter,
        binds: by.binds,
    };
    let context = ports.event_context(origin, now)?;
    match device_bindings::use_for(
        ports.db.as_ref(),
        by.caller,
        used,
        &binding_rules(ports, now)?,
        &context,
    )
    .await?
    {
        KeyUseOutcome::Used => Ok(()),
        KeyUseOutcome::Conflict => {
            Err(refused("a concurrent request used the counter or revoked the key").into())
        }
        KeyUseOutcome::OtherDevice => Err(refused("the session belongs to another device").into()),
        KeyUseOutcome::TooOld => {
            Err(refused("the session has no device and is too old to get one").into())
        }
        KeyUseOutcome::TooMany => Err(AssertionRejection::TooMany.into()),
        KeyUseOutcome::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// An assertion that is valid for the request. The owner of the key and the counter are not checked
/// yet.
struct CheckedAssertion {
    key: KeyId,
    owner: Option<UserId>,
    counter: u32,
}

/// Verifies an assertion over the request at hand. One round trip.
async fn check_assertion(
    ports: &Ports,
    evidence: &DeviceEvidence,
    request: &Request<'_>,
) -> Result<CheckedAssertion, Failure<AssertionRejection>> {
    let settings = &ports.config.attest;
    let presented = match evidence {
        DeviceEvidence::Nothing => return Err(AssertionRejection::Missing.into()),
        DeviceEvidence::Malformed(reason) => return Err(refused(reason).into()),
        DeviceEvidence::Assertion(presented) => presented,
    };

    let app = settings
        .app_of(&presented.bundle)
        .ok_or_else(|| refused("an app that is not configured"))?;
    request_challenge::check(&presented.challenge, request, ports.clock.now()).map_err(refused)?;

    let key = attest_keys::find(ports.db.as_ref(), &presented.key)
        .await?
        .ok_or_else(|| refused("an unknown key"))?;
    if key.revoked {
        return Err(refused("a revoked key").into());
    }
    if key.app_id != app {
        return Err(refused("a key of another app").into());
    }
    if key.environment != settings.environment.as_str() {
        return Err(refused("a key of the other environment").into());
    }

    let expected = ExpectedAssertion {
        public_key: &key.public_key,
        app_id: app,
        client_data_hash: &Sha256::digest(&presented.challenge),
        previous_counter: key.counter,
        categories: &settings.categories,
    };
    let asserted = assertion::verify(&presented.assertion, &expected).accepted()?;
    Ok(CheckedAssertion {
        key: key.id,
        owner: key.user_id,
        counter: asserted.counter,
    })
}
