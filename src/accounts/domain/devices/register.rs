//! Registering a device's key: a challenge, then Apple's attestation over it.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::accounts::domain::Ports;
use crate::accounts::domain::app_attest::attestation;
use crate::accounts::domain::app_attest::attestation::ExpectedAttestation;
use crate::accounts::domain::devices::{CHALLENGE_LIFETIME, binding};
use crate::accounts::domain::steps::Refusal;
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys;
use crate::accounts::store::attest_keys::{AttestKey, NewKey};
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

/// What the challenge was made for.
#[derive(Serialize, Deserialize)]
struct State {
    challenge: String,
    app: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
}

/// Purposes for which an attestation is made; anything else is a challenge for something else.
fn is_for_attestation(purpose: Option<&str>) -> bool {
    matches!(
        purpose,
        None | Some("attestation" | "attest" | "registration")
    )
}

/// The id of a challenge follows from it: so it is found also by a client that kept only the
/// challenge.
fn id_of(challenge: &[u8]) -> ChallengeId {
    let digest: [u8; 32] = Sha256::digest(challenge).into();
    let (first, _) = digest.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    ChallengeId::from_random(*first)
}

/// Makes a challenge for the app `app`; for the account, if somebody is signed in. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn challenge(
    ports: &Ports,
    app: &str,
    purpose: Option<String>,
    user: Option<UserId>,
) -> Result<(ChallengeId, [u8; 32]), Fault> {
    let now = ports.clock.now();
    let bytes = *ports.secret()?;
    let id = id_of(&bytes);
    let state = State {
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
    challenges::keep(ports.db.as_ref(), &new).await?;
    Ok((id, bytes))
}

/// An attestation, as it came.
#[derive(Debug)]
pub struct Submission {
    /// Apple's CBOR.
    pub object: Vec<u8>,
    /// The key that it says it is of.
    pub key: KeyId,
    /// Which challenge it was made over; `None` for what cannot be an id.
    pub challenge: Option<ChallengeId>,
    /// The app that it must be of, if the client names one.
    pub app: Option<String>,
}

impl Submission {
    /// Reads `client_attestation`, in which an attestation travels through the web app's server:
    /// base64 of JSON.
    #[must_use]
    pub fn from_client_attestation(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Travelling {
            #[serde(alias = "attestationObject", alias = "attestation")]
            attestation_object: String,
            challenge: String,
            #[serde(alias = "keyId")]
            key_id: String,
        }
        let sent: Travelling = serde_json::from_slice(&base64::decode(text)?).ok()?;
        Some(Self {
            object: base64::decode(&sent.attestation_object)?,
            key: KeyId::parse(&sent.key_id)?,
            challenge: base64::decode(&sent.challenge).map(|challenge| id_of(&challenge)),
            app: None,
        })
    }
}

/// Takes the challenge and verifies the attestation. One round trip.
///
/// # Errors
/// [`AttestRejection`]
pub async fn verified(
    ports: &Ports,
    submission: &Submission,
    user: Option<UserId>,
) -> Result<NewKey, Failure<AttestRejection>> {
    let now = ports.clock.now();
    let id = submission.challenge.ok_or(NO_CHALLENGE)?;
    let taken = challenges::take_attestation(ports.db.as_ref(), id, user, now)
        .await?
        .ok_or(NO_CHALLENGE)?;
    let state: State = serde_json::from_str(&taken.state)
        .map_err(|_| StoreError::Broken("the state of a challenge cannot be read".to_owned()))?;
    let app_fits = submission.app.as_ref().is_none_or(|app| *app == state.app);
    if !app_fits || !is_for_attestation(state.purpose.as_deref()) {
        return Err(NO_CHALLENGE.into());
    }
    let challenge = base64::decode(&state.challenge)
        .ok_or_else(|| StoreError::Broken("a challenge cannot be read".to_owned()))?;
    let settings = &ports.config.attest;
    let verify = |client_data_hash: [u8; 32]| {
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
    // The app hashes the challenge's bytes; a client that hashes its text as it was sent proves no
    // less.
    let text = standard(&challenge);
    let attested = verify(Sha256::digest(&challenge).into())
        .or_else(|refusal| verify(Sha256::digest(text).into()).map_err(|_| refusal))?;
    Ok(NewKey {
        id: submission.key,
        public_key: attested.public_key,
        app_id: attested.app_id,
        environment: settings.environment.as_str(),
        receipt: attested.receipt,
    })
}

/// Base64 as the app gets it: standard and padded.
#[must_use]
pub fn standard(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Registers a key: for the caller, if somebody is signed in, otherwise for whoever uses it first.
/// Safe to repeat for its owner.
///
/// # Errors
/// [`AttestRejection`]
pub async fn register(
    ports: &Ports,
    by: Option<Caller>,
    submission: &Submission,
    origin: &RequestOrigin,
) -> Result<(), Failure<AttestRejection>> {
    let key = verified(ports, submission, by.map(|by| by.user)).await?;
    let (db, now) = (ports.db.as_ref(), ports.clock.now());
    let kept = match by {
        Some(by) => {
            device_bindings::keep(
                db,
                by,
                &key,
                &binding(ports, now)?,
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

/// Whether a key is known and good.
///
/// # Errors
/// [`StoreError`]
pub async fn is_valid(ports: &Ports, key: &KeyId) -> Result<bool, StoreError> {
    Ok(attest_keys::find(ports.db.as_ref(), key)
        .await?
        .is_some_and(|key| !key.revoked))
}

/// The account's keys, live ones first, newest first among them.
///
/// # Errors
/// [`StoreError`]
pub async fn list(ports: &Ports, user: UserId) -> Result<Vec<AttestKey>, StoreError> {
    attest_keys::list(ports.db.as_ref(), user).await
}

/// Revokes a key of the caller's and ends the sign-ins of its device. Gives whether there is such a
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
    attest_keys::revoke(ports.db.as_ref(), by, key, &context)
        .await?
        .ok_or(Fault::SignedOut)
}
