//! An attestation that travels through the web app's server: somebody signs in there with the iOS app (CONTRACT §4, §6).

use super::admit::AdmitError;
use super::register::{self, AttestError, Submission};
use crate::domain::steps::Refusal;
use crate::domain::{Ports, RequestOrigin};
use crate::model::attest::{KeyId, Mode};
use crate::model::ids::UserId;
use crate::model::records::{Caller, Platform};
use crate::store::attest_keys::{self, Kept, NewKey};

/// Why no tokens are made for a device.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no attestation, and it is required.
    #[error(transparent)]
    Missing(#[from] AdmitError),
    /// It does not hold, or the key cannot be the account's.
    #[error(transparent)]
    Attest(#[from] AttestError),
}

/// The key that the client's attestation proves, if the client is the iOS app and one is looked for.
///
/// # Errors
/// [`ClientError`], only where an attestation is required.
pub async fn attested(ports: &Ports, platform: Platform, client_attestation: Option<&str>) -> Result<Option<NewKey>, ClientError> {
    let mode = ports.config.attest.mode;
    if mode == Mode::Off || platform != Platform::Ios {
        return Ok(None);
    }
    let verified = match client_attestation {
        None => Err(ClientError::Missing(AdmitError::Missing)),
        Some(text) => verify(ports, text).await.map_err(ClientError::from),
    };
    match (mode, verified) {
        (_, Ok(key)) => Ok(Some(key)),
        (Mode::Observe, Err(error)) => {
            tracing::warn!(reason = %error, "a client attestation would be refused");
            Ok(None)
        }
        (_, Err(error)) => Err(error),
    }
}

async fn verify(ports: &Ports, text: &str) -> Result<NewKey, AttestError> {
    let unreadable = Refusal { step: 0, reason: "the client attestation is not base64 of JSON with its three members" };
    let submission = Submission::from_client_attestation(text).ok_or(unreadable)?;
    register::verified(ports, &submission, None).await
}

/// Makes the key the account's. Safe to repeat.
///
/// # Errors
/// [`ClientError`]
pub async fn keep(ports: &Ports, user: UserId, key: &NewKey, origin: &RequestOrigin) -> Result<(), ClientError> {
    match (ports.config.attest.mode, kept(ports, user, key, origin).await) {
        (Mode::Require, result) => result,
        (_, Ok(())) => Ok(()),
        (_, Err(error)) => {
            tracing::warn!(reason = %error, "a client attestation would be refused");
            Ok(())
        }
    }
}

async fn kept(ports: &Ports, user: UserId, key: &NewKey, origin: &RequestOrigin) -> Result<(), ClientError> {
    let stamp = ports.stamp(origin, ports.clock.now()).map_err(AttestError::from)?;
    match attest_keys::keep_for(ports.db.as_ref(), user, key, &stamp).await.map_err(AttestError::from)? {
        Kept::Yes => Ok(()),
        Kept::TooMany => Err(AttestError::TooMany.into()),
        Kept::Taken | Kept::SignedOut | Kept::OtherDevice => Err(AttestError::Taken.into()),
    }
}

/// Binds a sign-in that was just made to the key.
///
/// # Errors
/// [`ClientError`] if the key was revoked meanwhile and one is required: then its tokens must not go out.
pub async fn bind(ports: &Ports, by: Caller, key: &KeyId) -> Result<(), ClientError> {
    let bound = attest_keys::bind(ports.db.as_ref(), by, key).await.map_err(AttestError::from)?;
    if bound || ports.config.attest.mode != Mode::Require { Ok(()) } else { Err(AttestError::Taken.into()) }
}
