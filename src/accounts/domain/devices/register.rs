//! Registering a device's key: a challenge, then Apple's attestation over it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::domain::Ports;
use crate::accounts::domain::app_attest::attestation;
use crate::accounts::domain::app_attest::attestation::ExpectedAttestation;
use crate::accounts::domain::devices::{CHALLENGE_LIFETIME, binding_rules};
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys;
pub use crate::accounts::store::attest_keys::AttestKey;
use crate::accounts::store::attest_keys::NewKey;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge};
use crate::accounts::store::device_bindings;
use crate::accounts::store::device_bindings::KeyClaim;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::base64;
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::store::StoreError;

/// The reasons not to register a key.
#[derive(Debug, thiserror::Error)]
pub enum AttestRejection {
    /// The attestation is not valid. The client sees the same error for all reasons.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The account cannot have the key.
    #[error(transparent)]
    Key(#[from] KeyRejection),
    /// The caller's session belongs to another device, or to none and is too old to get one.
    #[error("the caller's session belongs to another device, or is too old to get one")]
    OtherDevice,
}

impl Rejection for AttestRejection {}

/// The reasons why an account cannot have a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRejection {
    /// The key belongs to another account, or was revoked.
    #[error("the key belongs to another account, or was revoked")]
    Taken,
    /// The account uses the maximum number of keys.
    #[error("the account has the maximum number of keys")]
    TooMany,
}

const NO_CHALLENGE: Refusal = Refusal {
    step: 0,
    reason: "the challenge is unknown, used, expired, or for another purpose, app or account",
};

/// The purpose of a challenge.
#[derive(Serialize, Deserialize)]
struct AttestationState {
    challenge: String,
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
}

/// Returns true if the purpose is an attestation.
fn is_for_attestation(purpose: Option<&str>) -> bool {
    matches!(
        purpose,
        None | Some("attestation" | "attest" | "registration")
    )
}

/// Returns the id of a challenge. It is derived from the challenge, so that a client needs to keep
/// only the challenge.
fn id_of(challenge: &[u8]) -> ChallengeId {
    let digest: [u8; 32] = Sha256::digest(challenge).into();
    let (first, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    ChallengeId::from_random(*first)
}

/// Creates a challenge for the app `app`, and for the account of the caller if there is one. One
/// round trip.
///
/// # Errors
/// [`Fault`]
pub async fn create_challenge(
    ports: &Ports,
    app: &str,
    purpose: Option<String>,
    user: Option<UserId>,
) -> Result<(ChallengeId, [u8; 32]), Fault> {
    let now = ports.clock.now();
    let bytes = *ports.secret()?;
    let id = id_of(&bytes);
    let state = AttestationState {
        challenge: base64::encode(bytes),
        app: app.to_owned(),
        purpose,
    };
    let state =
        serde_json::to_string(&state).map_err(|error| StoreError::Broken(error.to_string()))?;

    let new = NewChallenge {
        id,
        kind: ChallengeKind::Attestation,
        user,
        state: &state,
        created_at: now,
        expires_at: now.plus(CHALLENGE_LIFETIME),
    };
    if challenges::keep(ports.db.as_ref(), &new).await? {
        Ok((id, bytes))
    } else {
        Err(Fault::SignedOut)
    }
}

/// An unverified attestation.
#[derive(Debug)]
pub struct Submission {
    /// The attestation object: CBOR as Apple writes it.
    pub object: Vec<u8>,
    /// The id of the key that the client claims.
    pub key: KeyId,
    /// The id of the challenge that the app signed; `None` if the client sent no valid id.
    pub challenge: Option<ChallengeId>,
    /// The id of the app, if the client names one.
    pub app: Option<String>,
}

impl Submission {
    /// Reads `client_attestation` (base64 of JSON), which the web app's server passes on.
    #[must_use]
    pub fn from_client_attestation(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct ClientAttestation {
            #[serde(alias = "attestationObject", alias = "attestation")]
            attestation_object: String,
            challenge: String,
            #[serde(alias = "keyId")]
            key_id: String,
        }
        let sent: ClientAttestation = serde_json::from_slice(&base64::decode(text)?).ok()?;
        Some(Self {
            object: base64::decode(&sent.attestation_object)?,
            key: KeyId::parse(&sent.key_id)?,
            challenge: base64::decode(&sent.challenge).map(|challenge| id_of(&challenge)),
            app: None,
        })
    }
}

/// Consumes the challenge and verifies the attestation. One round trip.
///
/// # Errors
/// [`AttestRejection`]
pub async fn verify(
    ports: &Ports,
    submission: &Submission,
    user: Option<UserId>,
) -> Result<NewKey, Failure<AttestRejection>> {
    let now = ports.clock.now();
    let id = submission.challenge.ok_or(NO_CHALLENGE)?;
    let taken = challenges::take_attestation(ports.db.as_ref(), id, user, now)
        .await?
        .ok_or(NO_CHALLENGE)?;
    let state: AttestationState = serde_json::from_str(&taken.state)
        .map_err(|_| StoreError::Broken("the state of a challenge cannot be read".to_owned()))?;
    let app_fits = submission.app.as_ref().is_none_or(|app| *app == state.app);
    if !app_fits || !is_for_attestation(state.purpose.as_deref()) {
        return Err(NO_CHALLENGE.into());
    }
    let challenge = base64::decode(&state.challenge)
        .ok_or_else(|| StoreError::Broken("a challenge cannot be read".to_owned()))?;

    let settings = &ports.config.attest;
    let verify = |client_data_hash: &[u8]| {
        let expected = ExpectedAttestation {
            app_ids: std::slice::from_ref(&state.app),
            environments: &[settings.environment],
            client_data_hash,
            key_id: submission.key.bytes(),
            anchors: &settings.anchors,
            at: now,
            categories: &settings.categories,
        };
        attestation::verify(&submission.object, &expected).accepted()
    };

    // The app hashes the bytes of the challenge. A client that hashes the base64 text instead
    // proves as much.
    let text = encode_standard(&challenge);
    let attested = verify(&Sha256::digest(&challenge))
        .or_else(|refusal| verify(&Sha256::digest(text)).map_err(|_| refusal))?;

    Ok(NewKey {
        id: submission.key,
        public_key: attested.public_key,
        app_id: attested.app_id,
        environment: settings.environment.as_str(),
        receipt: attested.receipt,
    })
}

/// Encodes `bytes` as the app expects them: base64 with the standard alphabet and padding.
#[must_use]
pub fn encode_standard(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Registers a key for the account of the caller. Without a caller, the first account that uses the
/// key gets it. Safe to repeat for the owner.
///
/// # Errors
/// [`AttestRejection`]
pub async fn register(
    ports: &Ports,
    by: Option<Caller>,
    submission: &Submission,
    origin: &RequestOrigin,
) -> Result<(), Failure<AttestRejection>> {
    let key = verify(ports, submission, by.map(|by| by.user)).await?;

    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let kept = match by {
        Some(by) => {
            device_bindings::keep(
                db,
                by,
                &key,
                &binding_rules(ports, now)?,
                &ports.event_context(origin, now)?,
            )
            .await?
        }
        None if attest_keys::keep_unbound(db, &key, now).await? => KeyClaim::Claimed,
        None => KeyClaim::Taken,
    };

    match kept {
        KeyClaim::Claimed => Ok(()),
        KeyClaim::Taken => Err(AttestRejection::Key(KeyRejection::Taken).into()),
        KeyClaim::TooMany => Err(AttestRejection::Key(KeyRejection::TooMany).into()),
        KeyClaim::SignedOut | KeyClaim::NoAccount => Err(Fault::SignedOut.into()),
        KeyClaim::OtherDevice => Err(AttestRejection::OtherDevice.into()),
    }
}

/// Returns true if the key is registered and not revoked.
///
/// # Errors
/// [`StoreError`]
pub async fn is_valid(ports: &Ports, key: &KeyId) -> Result<bool, StoreError> {
    Ok(attest_keys::find(ports.db.as_ref(), key)
        .await?
        .is_some_and(|key| !key.revoked))
}

/// Returns the keys of the account: live keys first, then by age, newest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list(ports: &Ports, user: UserId) -> Result<Vec<AttestKey>, StoreError> {
    attest_keys::list(ports.db.as_ref(), user).await
}

/// Revokes a key of the caller and the sessions of its device. Returns true if the account has the
/// key. Safe to repeat.
///
/// # Errors
/// [`Fault`]
pub async fn revoke(
    ports: &Ports,
    by: Caller,
    key: &KeyId,
    origin: &RequestOrigin,
) -> Result<bool, Fault> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let known = attest_keys::revoke(ports.db.as_ref(), by, key, &context)
        .await?
        .ok_or(Fault::SignedOut)?;
    ports.sockets.check(by.user).await?;
    Ok(known)
}
