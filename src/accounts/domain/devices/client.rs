//! The attestation that the iOS app sends when a user signs in at the web app's server. That server
//! passes the attestation on (CONTRACT §4, §6).

use crate::accounts::domain::Ports;
use crate::accounts::domain::devices::register;
use crate::accounts::domain::devices::register::{AttestRejection, KeyRejection, Submission};
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::model::attest::{KeyId, Mode};
use crate::accounts::model::records::Platform;
use crate::accounts::store::attest_keys::NewKey;
use crate::accounts::store::device_bindings::{BindingRules, KeyClaim, SessionDevice};
use crate::kernel::domain::failure::{Failure, Rejection};

/// The reasons to reject the attestation that a client sends with a sign-in.
#[derive(Debug, thiserror::Error)]
pub enum ClientRejection {
    /// The attestation is required and missing.
    #[error("no client attestation")]
    Missing,
    /// The attestation is not valid.
    #[error(transparent)]
    Attest(#[from] AttestRejection),
}

impl Rejection for ClientRejection {}

/// A device that this request attests. If the device is required, no session is created unless the
/// account gets its key.
#[derive(Debug)]
pub struct AttestedDevice {
    key: NewKey,
    required: bool,
}

impl AttestedDevice {
    /// Returns the key of the device.
    pub(crate) const fn key(&self) -> &NewKey {
        &self.key
    }

    /// Returns the id of the key if the device is required.
    pub(crate) fn required(&self) -> Option<KeyId> {
        self.required.then_some(self.key.id)
    }

    /// Returns the device as the store binds it to a session.
    pub(crate) const fn device(&self, binding: BindingRules) -> SessionDevice<'_> {
        SessionDevice::Attested {
            key: &self.key,
            required: self.required,
            binding,
        }
    }

    /// Checks that the account got the key, so that the response may be sent.
    ///
    /// # Errors
    /// [`KeyRejection`], only if the device is required.
    pub(crate) fn accept(&self, kept: KeyClaim) -> Result<(), KeyRejection> {
        let refused = match kept {
            KeyClaim::Claimed | KeyClaim::NoAccount => return Ok(()),
            KeyClaim::TooMany => KeyRejection::TooMany,
            KeyClaim::Taken | KeyClaim::SignedOut | KeyClaim::OtherDevice => KeyRejection::Taken,
        };
        if self.required {
            return Err(refused);
        }
        tracing::warn!(reason = %refused, "a client attestation would be refused");
        Ok(())
    }
}

/// Verifies the attestation that the iOS app sent. Returns its device. Returns `None` for another
/// client, if attestations are off, or in observe mode if the attestation is refused. One round
/// trip.
///
/// # Errors
/// [`ClientRejection`], only if an attestation is required. A fault if the database did not answer.
pub async fn verify_client_attestation(
    ports: &Ports,
    platform: Platform,
    client_attestation: Option<&str>,
) -> Result<Option<AttestedDevice>, Failure<ClientRejection>> {
    let mode = ports.config.attest.mode;
    if mode == Mode::Off || platform != Platform::Ios {
        return Ok(None);
    }
    let verified = match client_attestation {
        None => Err(ClientRejection::Missing.into()),
        Some(text) => verify(ports, text).await.map_err(Failure::widen),
    };
    match (mode, verified) {
        (_, Ok(key)) => Ok(Some(AttestedDevice {
            key,
            required: mode == Mode::Require,
        })),
        (Mode::Observe, Err(Failure::Rejected(rejection))) => {
            tracing::warn!(reason = %rejection, "a client attestation would be refused");
            Ok(None)
        }
        // A fault says nothing about the device, so the client may repeat the request.
        (_, Err(failure)) => Err(failure),
    }
}

async fn verify(ports: &Ports, text: &str) -> Result<NewKey, Failure<AttestRejection>> {
    let unreadable = Refusal {
        step: 0,
        reason: "the client attestation is not base64 of JSON with its three members",
    };
    let submission = Submission::from_client_attestation(text).ok_or(unreadable)?;
    register::verify(ports, &submission, None).await
}
