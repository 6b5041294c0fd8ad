//! Identity keys and prekeys.

use crate::accounts::face::Caller;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::base64;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::Ports;
use crate::relay::domain::tags::tag;
use crate::relay::model::keys::{IdentityKeys, MessageKey, UnfitIdentity};
use crate::relay::model::pq_prekeys::NewPqPrekeys;
use crate::relay::store::bundles::Claim;
use crate::relay::store::keys::StoredIdentity;
use crate::relay::store::pq_prekeys::{PqStock, PqUpload};
use crate::relay::store::prekeys::{NewPrekeys, Upload};
use crate::relay::store::{bundles, keys, pq_prekeys, prekeys};

pub use crate::relay::store::bundles::Bundle;
pub use crate::relay::store::keys::age_in_days;

/// The largest number of one-time prekeys that one account may claim of one other account in an
/// hour.
const MOST_OF_PAIR: i64 = 50;
/// The largest number of one-time prekeys that one account may claim in an hour.
const MOST_OF_REQUESTER: i64 = 300;
/// The largest number of one-time prekeys of one account that others may claim in an hour.
const MOST_OF_TARGET: i64 = 200;
/// The bytes of the random ids of uploads and claims.
const ID_BYTES: usize = 16;

/// The reasons to refuse keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysRejection {
    /// The identity is not valid.
    #[error(transparent)]
    Unfit(#[from] UnfitIdentity),
    /// A one-time prekey was uploaded before.
    #[error("a one-time prekey was uploaded before")]
    Reused,
    /// The stock would be too large.
    #[error("the stock of one-time prekeys is full")]
    Full,
    /// The account has no identity key.
    #[error("the account has no identity key")]
    NoIdentity,
    /// A prekey is not signed by the identity key.
    #[error("a prekey is not signed by the identity key")]
    Unsigned,
    /// The account does not exist, or has no keys.
    #[error("the account does not exist or has no keys")]
    UnknownUser,
}

impl Rejection for KeysRejection {}

/// Verifies an identity, unless the settings check only the lengths.
///
/// # Errors
/// [`UnfitIdentity`]
pub fn verify(ports: &Ports, identity: &IdentityKeys) -> Result<(), UnfitIdentity> {
    if ports.config.verify_signatures {
        identity.verify()
    } else {
        Ok(())
    }
}

/// Returns a random id of an upload or a claim.
pub(super) fn random_id(ports: &Ports) -> Result<String, Fault> {
    let mut bytes = [0; ID_BYTES];
    ports.entropy.fill(&mut bytes)?;
    Ok(base64::encode(bytes))
}

/// Sets the identity key and the signed prekey of the caller's account. One round trip.
///
/// # Errors
/// [`KeysRejection`]
pub async fn set_identity(
    ports: &Ports,
    by: Caller,
    identity: &IdentityKeys,
    origin: &RequestOrigin,
) -> Result<(), Failure<KeysRejection>> {
    verify(ports, identity).map_err(KeysRejection::from)?;
    let context = ports.event_context(origin, ports.clock.now())?;
    if keys::set(ports.db.as_ref(), by, identity, &context).await? {
        Ok(())
    } else {
        Err(Fault::SignedOut.into())
    }
}

/// Returns the identity of an account, if it has one. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn identity(ports: &Ports, user: UserId) -> Result<Option<StoredIdentity>, Fault> {
    Ok(keys::of_user(ports.db.as_ref(), user).await?)
}

/// Adds one-time prekeys and returns the number of keys in stock. Two round trips.
///
/// # Errors
/// [`KeysRejection`]
pub async fn add_prekeys(
    ports: &Ports,
    by: Caller,
    new: &[MessageKey],
) -> Result<usize, Failure<KeysRejection>> {
    let new = NewPrekeys {
        keys: new,
        upload: &random_id(ports)?,
    };
    match prekeys::add(ports.db.as_ref(), by, new).await? {
        Upload::Stored(total) => Ok(total),
        Upload::Reused => Err(KeysRejection::Reused.into()),
        Upload::Full => Err(KeysRejection::Full.into()),
        Upload::NoIdentity => Err(KeysRejection::NoIdentity.into()),
        Upload::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Adds post-quantum prekeys that the identity key signed, and returns the number of one-time ones
/// in stock. Three round trips.
///
/// # Errors
/// [`KeysRejection`]
pub async fn add_pq_prekeys(
    ports: &Ports,
    by: Caller,
    new: &NewPqPrekeys,
) -> Result<usize, Failure<KeysRejection>> {
    let db = ports.db.as_ref();
    let stored = keys::of_user(db, by.user).await?;
    let stored = stored.ok_or(KeysRejection::NoIdentity)?;
    let signer = MessageKey::parse(&stored.identity_key);
    let signer = signer.ok_or(KeysRejection::Unsigned)?;
    let mut all = new.one_time.iter().chain(&new.last_resort);
    if ports.config.verify_signatures && !all.all(|key| key.is_signed_by(&signer)) {
        return Err(KeysRejection::Unsigned.into());
    }
    let upload = PqUpload {
        new,
        signer: &signer,
        id: &random_id(ports)?,
    };
    match pq_prekeys::add(db, by, upload).await? {
        Upload::Stored(total) => Ok(total),
        Upload::Reused => Err(KeysRejection::Reused.into()),
        Upload::Full => Err(KeysRejection::Full.into()),
        // The identity key was changed since it was read.
        Upload::NoIdentity => Err(KeysRejection::Unsigned.into()),
        Upload::SignedOut => Err(Fault::SignedOut.into()),
    }
}

/// Counts the post-quantum prekeys of an account. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn pq_in_stock(ports: &Ports, user: UserId) -> Result<PqStock, Fault> {
    Ok(pq_prekeys::in_stock(ports.db.as_ref(), user).await?)
}

/// Removes the post-quantum prekeys and returns the number of one-time ones. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn clear_pq_prekeys(ports: &Ports, by: Caller) -> Result<usize, Fault> {
    Ok(pq_prekeys::clear(ports.db.as_ref(), by).await?)
}

/// Returns the number of one-time prekeys in stock. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn in_stock(ports: &Ports, user: UserId) -> Result<usize, Fault> {
    Ok(prekeys::in_stock(ports.db.as_ref(), user).await?)
}

/// Removes the one-time prekeys in stock and returns their number. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn clear_prekeys(ports: &Ports, by: Caller) -> Result<usize, Fault> {
    Ok(prekeys::clear(ports.db.as_ref(), by).await?)
}

/// Returns the bundle of an account with one of its one-time prekeys, which no other caller gets.
///
/// Without a key in stock, and above a limit, the bundle has no one-time prekey. So the answer does
/// not reveal how many keys are left or how often others ask. A repeated request with the same
/// `idempotency_key` gets the same prekey for 24 hours. One round trip.
///
/// # Errors
/// [`KeysRejection`]
pub async fn bundle(
    ports: &Ports,
    requester: UserId,
    target: UserId,
    idempotency_key: Option<&str>,
) -> Result<Bundle, Failure<KeysRejection>> {
    let (from, to) = (requester.to_string(), target.to_string());
    let request = idempotency_key
        .map(|key| tag(ports, &["prekey claim", &from, &to, key]))
        .transpose()?;
    let claim = Claim {
        target,
        requester,
        limits: [
            (&tag(ports, &["prekey pair", &from, &to])?, MOST_OF_PAIR),
            (
                &tag(ports, &["prekey requester", &from])?,
                MOST_OF_REQUESTER,
            ),
            (&tag(ports, &["prekey target", &to])?, MOST_OF_TARGET),
        ],
        request: request.as_deref(),
        id: &random_id(ports)?,
    };
    let found = bundles::claim(ports.db.as_ref(), &claim, ports.clock.now()).await?;
    Ok(found.ok_or(KeysRejection::UnknownUser)?)
}
