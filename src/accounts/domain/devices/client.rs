//! An attestation that travels through the web app's server: somebody signs in there with the iOS
//! app (CONTRACT §4, §6).

use crate::accounts::domain::Ports;
use crate::accounts::domain::devices::admit::AdmitError;
use crate::accounts::domain::devices::register;
use crate::accounts::domain::devices::register::{AttestError, Submission};
use crate::accounts::domain::steps::Refusal;
use crate::accounts::model::attest::{KeyId, Mode};
use crate::accounts::model::records::Platform;
use crate::accounts::store::attest_keys::NewKey;
use crate::accounts::store::device_bindings::{BindingRules, KeyClaim, SessionDevice};

/// Why an attestation is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is none, and it is required.
    #[error(transparent)]
    Missing(#[from] AdmitError),
    /// It does not hold.
    #[error(transparent)]
    Attest(#[from] AttestError),
}

/// A device that was attested just now; where it is required, nothing is made without it.
#[derive(Debug)]
pub struct Attested {
    key: NewKey,
    required: bool,
}

/// Why a key did not become the account's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotKept {
    /// It is another account's, or was revoked.
    #[error("the key is another account's, or was revoked")]
    Taken,
    /// The account has as many as it may, and needs them.
    #[error("the account has as many keys as it may")]
    TooMany,
}

impl Attested {
    /// Its key.
    pub(crate) const fn key(&self) -> &NewKey {
        &self.key
    }

    /// Its key's id, if nothing is made without it.
    pub(crate) fn required(&self) -> Option<KeyId> {
        self.required.then_some(self.key.id)
    }

    /// As a sign-in's device.
    pub(crate) const fn device(&self, binding: BindingRules) -> SessionDevice<'_> {
        SessionDevice::Attested {
            key: &self.key,
            required: self.required,
            binding,
        }
    }

    /// Whether what was made may go out.
    ///
    /// # Errors
    /// [`NotKept`], only where the device is required.
    pub(crate) fn accept(&self, kept: KeyClaim) -> Result<(), NotKept> {
        let refused = match kept {
            KeyClaim::Claimed | KeyClaim::NoAccount => return Ok(()),
            KeyClaim::TooMany => NotKept::TooMany,
            KeyClaim::Taken | KeyClaim::SignedOut | KeyClaim::OtherDevice => NotKept::Taken,
        };
        if self.required {
            return Err(refused);
        }
        tracing::warn!(reason = %refused, "a client attestation would be refused");
        Ok(())
    }
}

/// The device that the client's attestation proves, if the client is the iOS app and one is looked
/// for. One round trip.
///
/// # Errors
/// [`ClientError`], only where an attestation is required, or if the database did not answer.
pub async fn attested(
    ports: &Ports,
    platform: Platform,
    client_attestation: Option<&str>,
) -> Result<Option<Attested>, ClientError> {
    let mode = ports.config.attest.mode;
    if mode == Mode::Off || platform != Platform::Ios {
        return Ok(None);
    }
    let verified = match client_attestation {
        None => Err(ClientError::Missing(AdmitError::Missing)),
        Some(text) => verify(ports, text).await.map_err(ClientError::from),
    };
    match (mode, verified) {
        (_, Ok(key)) => Ok(Some(Attested {
            key,
            required: mode == Mode::Require,
        })),
        // A fault says nothing about the device; the caller may repeat.
        (Mode::Observe, Err(error))
            if !matches!(
                error,
                ClientError::Attest(AttestError::Store(_) | AttestError::Entropy(_))
            ) =>
        {
            tracing::warn!(reason = %error, "a client attestation would be refused");
            Ok(None)
        }
        (_, Err(error)) => Err(error),
    }
}

async fn verify(ports: &Ports, text: &str) -> Result<NewKey, AttestError> {
    let unreadable = Refusal {
        step: 0,
        reason: "the client attestation is not base64 of JSON with its three members",
    };
    let submission = Submission::from_client_attestation(text).ok_or(unreadable)?;
    register::verified(ports, &submission, None).await
}
