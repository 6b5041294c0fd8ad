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
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::secret::RefreshToken;
use crate::kernel::store::StoreError;

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

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// There is no assertion.
    #[error("no assertion")]
    Missing,
    /// The assertion does not hold. From outside all of these look the same.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The key is nobody's yet, and the account has as many as it may.
    #[error("the account has as many keys as it may")]
    TooMany,
    /// The sign-in was revoked meanwhile.
    #[error("the sign-in was revoked meanwhile")]
    SignedOut,
    /// The platform.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused(reason: &'static str) -> AdmitError {
    Refusal { step: 0, reason }.into()
}

/// Decides about a request by `me`. What was issued to the web is not touched; what was issued to
/// iOS, a session too, needs an assertion where that is required.
///
/// # Errors
/// [`AdmitError`]
pub async fn admit(
    ports: &Ports,
    me: &SignedIn,
    shown: &Shown,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), AdmitError> {
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
fn observed(error: &AdmitError) {
    match error {
        AdmitError::Missing => tracing::info!("an assertion is missing"),
        AdmitError::Refused(_) | AdmitError::TooMany | AdmitError::SignedOut => {
            tracing::warn!(reason = %error, "an assertion would be refused");
        }
        // It says nothing about the device.
        AdmitError::Entropy(_) | AdmitError::Store(_) => {
            tracing::warn!(reason = %error, "an assertion was not looked at");
        }
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
/// [`AdmitError::Store`] and [`AdmitError::Entropy`]: nothing was decided, the caller may repeat.
pub async fn at_sign_in(
    ports: &Ports,
    shown: &Shown,
    request: &Request<'_>,
) -> Result<Option<Asserted>, AdmitError> {
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
        Err(error @ (AdmitError::Store(_) | AdmitError::Entropy(_))) => Err(error),
        Err(error) => {
            tracing::info!(reason = %error, "an assertion at a sign-in is not good");
            Ok(None)
        }
    }
}

/// Decides about a refresh, where that needs the device too: so a stolen refresh token is of no use
/// without it.
///
/// # Errors
/// [`AdmitError`]
pub async fn admit_refresh(
    ports: &Ports,
    token: &RefreshToken,
    shown: &Shown,
    request: &Request<'_>,
    origin: &RequestOrigin,
) -> Result<(), AdmitError> {
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
/// [`AdmitError`]
async fn verify(
    ports: &Ports,
    by: Caller,
    shown: &Shown,
    request: &Request<'_>,
    (binds, origin): (bool, &RequestOrigin),
) -> Result<(), AdmitError> {
    let Checked {
        key,
        owner,
        counter,
    } = checked(ports, shown, request).await?;
    if owner.is_some_and(|owner| owner != by.user) {
        return Err(refused("another account's key"));
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
        KeyUseOutcome::Conflict => Err(refused(
            "the counter was used meanwhile, or the key was revoked",
        )),
        KeyUseOutcome::OtherDevice => Err(refused("the sign-in belongs to another device")),
        KeyUseOutcome::TooOld => Err(refused(
            "the sign-in has no device and is too old to get one",
        )),
        KeyUseOutcome::TooMany => Err(AdmitError::TooMany),
        KeyUseOutcome::SignedOut => Err(AdmitError::SignedOut),
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
) -> Result<Checked, AdmitError> {
    let settings = &ports.config.attest;
    let presented = match shown {
        Shown::Nothing => return Err(AdmitError::Missing),
        Shown::Malformed(reason) => return Err(refused(reason)),
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
        return Err(refused("a revoked key"));
    }
    if key.app_id != app {
        return Err(refused("a key of another app"));
    }
    if key.environment != settings.environment.as_str() {
        return Err(refused("a key of the other environment"));
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
