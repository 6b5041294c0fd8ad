//! Whether a request comes from the device that its token was issued to: an assertion of the
//! device's key, over this very request.

use sha2::{Digest, Sha256};

use crate::accounts::domain::Ports;
use crate::accounts::domain::app_attest::assertion;
use crate::accounts::domain::app_attest::assertion::ExpectedAssertion;
use crate::accounts::domain::authenticate::SignedIn;
use crate::accounts::domain::devices::binding;
use crate::accounts::domain::devices::request_challenge;
use crate::accounts::domain::devices::request_challenge::Request;
use crate::accounts::domain::steps::Refusal;
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

/// What a request shows, besides its token.
#[derive(Debug)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// Something that cannot be read.
    Malformed(&'static str),
    /// An assertion.
    Assertion(Presented),
}

/// An assertion, as it came.
#[derive(Debug)]
pub struct Presented {
    /// By which key.
    pub key: KeyId,
    /// Apple's CBOR.
    pub assertion: Vec<u8>,
    /// By which app, as the request says.
    pub bundle: String,
    /// Over what.
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

/// Decides about a request by `me`. What was issued to the web is not touched; what was issued to
/// iOS, a session too, needs an assertion where that is required.
///
/// # Errors
/// [`AssertionRejection`]
pub async fn admit(
    ports: &Ports,
    me: &SignedIn,
    shown: &Shown,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), Failure<AssertionRejection>> {
    let mode = ports.config.attest.mode;
    if mode == Mode::Off || me.session.platform != Platform::Ios {
        return Ok(());
    }
    // Who only observes binds nothing: a thief's device would keep what it got then.
    let verified = verify(
        ports,
        me.caller(),
        shown,
        request,
        (mode == Mode::Require, origin),
    )
    .await;
    match (mode, verified) {
        (_, Ok(())) => Ok(()),
        (Mode::Require, Err(error)) => Err(error),
        (_, Err(error)) => {
            observed(&error);
            Ok(())
        }
    }
}

/// Notes what would have become of a request if assertions were required.
fn observed(failure: &Failure<AssertionRejection>) {
    match failure {
        Failure::Rejected(AssertionRejection::Missing) => {
            tracing::info!("an assertion is missing");
        }
        Failure::Rejected(_) | Failure::Fault(Fault::SignedOut) => {
            tracing::warn!(reason = %failure, "an assertion would be refused");
        }
        // The fault says nothing about the device.
        Failure::Fault(_) => tracing::warn!(reason = %failure, "an assertion was not looked at"),
    }
}

/// A device that asserted a request by which somebody signs in.
#[derive(Debug)]
pub struct Asserted {
    key: KeyId,
    counter: u32,
    binding: BindingRules,
}

impl Asserted {
    /// As the sign-in's device.
    pub(crate) const fn device(&self) -> SessionDevice<'_> {
        SessionDevice::Asserted {
            key: self.key,
            counter: self.counter,
            binding: self.binding,
        }
    }
}

/// The device on which somebody signs in, if one is shown and good: the sign-in is bound to it, if
/// it can be. One round trip if one is shown.
///
/// None is needed to sign in, and with another account's the sign-in has none yet: the app attests
/// a new key then.
///
/// # Errors
/// [`Fault`]: nothing was decided, and the client may repeat the request.
pub async fn at_sign_in(
    ports: &Ports,
    shown: &Shown,
    request: &Request<'_>,
) -> Result<Option<Asserted>, Fault> {
    if ports.config.attest.mode == Mode::Off || matches!(shown, Shown::Nothing) {
        return Ok(None);
    }
    match checked(ports, shown, request).await {
        Ok(checked) => {
            let binding = binding(ports, ports.clock.now())?;
            Ok(Some(Asserted {
                key: checked.key,
                counter: checked.counter,
                binding,
            }))
        }
        Err(Failure::Fault(fault)) => Err(fault),
        Err(Failure::Rejected(rejection)) => {
            tracing::info!(reason = %rejection, "an assertion at a sign-in is not good");
            Ok(None)
        }
    }
}

/// Decides about a refresh, where that needs the device too: so a stolen refresh token is of no use
/// without it.
///
/// # Errors
/// [`AssertionRejection`]
pub async fn admit_refresh(
    ports: &Ports,
    token: &RefreshToken,
    shown: &Shown,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), Failure<AssertionRejection>> {
    if !ports.config.attest.on_refresh {
        return Ok(());
    }
    let now = ports.clock.now();
    // A token that is not good, or a replay, is the rotation's to refuse: no key gets anything by
    // it.
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
        }) => verify(ports, caller, shown, request, (true, origin)).await,
        _ => Ok(()),
    }
}

/// Verifies what is shown, and moves the key's counter on. Two round trips.
///
/// # Errors
/// [`AssertionRejection`]
async fn verify(
    ports: &Ports,
    by: Caller,
    shown: &Shown,
    request: &Request<'_>,
    (binds, origin): (bool, &RequestOrigin),
) -> Result<(), Failure<AssertionRejection>> {
    let Checked {
        key,
        owner,
        counter,
    } = checked(ports, shown, request).await?;
    if owner.is_some_and(|owner| owner != by.user) {
        return Err(refused("another account's key").into());
    }
    let now = ports.clock.now();
    let (used, context) = (
        KeyUse {
            key: &key,
            counter,
            binds,
        },
        ports.event_context(origin, now)?,
    );
    match device_bindings::use_for(ports.db.as_ref(), by, used, &binding(ports, now)?, &context)
        .await?
    {
        KeyUseOutcome::Used => Ok(()),
        KeyUseOutcome::Conflict => {
            Err(refused("the counter was used meanwhile, or the key was revoked").into())
        }
        KeyUseOutcome::OtherDevice => Err(refused("the session belongs to another device").into()),
        KeyUseOutcome::TooOld => {
            Err(refused("the session has no device and is too old to get one").into())
        }
        KeyUseOutcome::TooMany => Err(AssertionRejection::TooMany.into()),
        KeyUseOutcome::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// An assertion that is good over the request at hand. Whose the key is, and whether the counter
/// still stands there, is not decided.
struct Checked {
    key: KeyId,
    owner: Option<UserId>,
    counter: u32,
}

async fn checked(
    ports: &Ports,
    shown: &Shown,
    request: &Request<'_>,
) -> Result<Checked, Failure<AssertionRejection>> {
    let settings = &ports.config.attest;
    let presented = match shown {
        Shown::Nothing => return Err(AssertionRejection::Missing.into()),
        Shown::Malformed(reason) => return Err(refused(reason).into()),
        Shown::Assertion(presented) => presented,
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
        client_data_hash: Sha256::digest(&presented.challenge).into(),
        previous_counter: key.counter,
        categories: &settings.categories,
    };
    let asserted = assertion::verify(&presented.assertion, &expected).accepted()?;
    Ok(Checked {
        key: key.id,
        owner: key.user_id,
        counter: asserted.counter,
    })
}
