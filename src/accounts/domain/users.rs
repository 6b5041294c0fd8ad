//! Accounts: found or made for an identity, read, changed, deleted.

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::SignedIn;
use crate::accounts::domain::devices::binding;
use crate::accounts::domain::devices::client::Attested;
use crate::accounts::domain::devices::register::KeyRejection;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::{Caller, Platform, User};
use crate::accounts::store::attested_sessions::{AttestedUser, ClaimedKey};
use crate::accounts::store::users::{IdentifiedUser, NewUserIds, UserChanges};
use crate::accounts::store::{attested_sessions, users};
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::{EventId, IdentityId, UserId};
use crate::kernel::store::StoreError;

/// Providers that check an address before they tell it. An address from anywhere else binds to
/// nothing (docs/decisions/0008).
const VERIFYING_PROVIDERS: [&str; 2] = ["apple", "google"];

/// Somebody whom a provider identified, as an internal service tells it; already bounded and
/// parsed.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider.
    pub provider: String,
    /// The subject at the provider.
    pub provider_id: String,
    /// The address, if the provider told it.
    pub email: Option<Email>,
    /// The provider said that it did not verify this address.
    pub email_unverified: bool,
    /// The person's name.
    pub name: Option<String>,
    /// The person's picture.
    pub picture: Option<String>,
    /// How they signed in.
    pub auth_method: String,
    /// Where they sign in.
    pub platform: Platform,
}

/// The reasons to return no account for an identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyRejection {
    /// The identity is new, and an account cannot be created without an e-mail address.
    #[error("a new account needs an e-mail address")]
    EmailRequired,
    /// The account cannot have the required device key.
    #[error(transparent)]
    Device(#[from] KeyRejection),
}

impl Rejection for IdentifyRejection {}

/// Finds or makes the account of an identity, and keeps the key of its device for it if one was
/// attested. Safe to repeat and to call concurrently. One round trip.
///
/// # Errors
/// [`IdentifyRejection`]
pub async fn identify(
    ports: &Ports,
    who: &Identity,
    device: Option<&Attested>,
    origin: &RequestOrigin,
) -> Result<User, Failure<IdentifyRejection>> {
    let now = ports.clock.now();
    let (db, context) = (ports.db.as_ref(), ports.event_context(origin, now)?);
    let (identified, ids) = (identified(who, device), fresh_ids(ports)?);
    let user = match device {
        None => users::upsert(db, &identified, ids, &context).await?,
        Some(attested) => {
            let key = ClaimedKey {
                key: attested.key(),
                binding: &binding(ports, now)?,
            };
            let AttestedUser { user, claim } =
                attested_sessions::upsert_user(db, &identified, ids, key, &context).await?;
            attested.accept(claim).map_err(IdentifyRejection::from)?;
            user
        }
    };
    Ok(user.ok_or(IdentifyRejection::EmailRequired)?)
}

/// Decides whether the address counts as verified; everything else is passed on.
pub(super) fn identified<'a>(who: &'a Identity, device: Option<&Attested>) -> IdentifiedUser<'a> {
    IdentifiedUser {
        provider: &who.provider,
        provider_id: &who.provider_id,
        email: who.email.as_ref(),
        email_verified: who.email.is_some()
            && !who.email_unverified
            && VERIFYING_PROVIDERS.contains(&who.provider.as_str()),
        name: who.name.as_deref(),
        picture: who.picture.as_deref(),
        auth_method: &who.auth_method,
        platform: who.platform,
        device: device.and_then(Attested::required),
    }
}

pub(super) fn fresh_ids(ports: &Ports) -> Result<NewUserIds, NoEntropy> {
    Ok(NewUserIds {
        user: ports.id(UserId::from_random)?,
        identity: ports.id(IdentityId::from_random)?,
        created_event: ports.id(EventId::from_random)?,
        linked_event: ports.id(EventId::from_random)?,
    })
}

/// The account that an address belongs to, if any: verified before claimed.
///
/// # Errors
/// [`StoreError`]
pub async fn by_email(ports: &Ports, email: &Email) -> Result<Option<User>, StoreError> {
    users::by_email(ports.db.as_ref(), email).await
}

/// Changes the caller's account. Nothing to change is no write and no event.
///
/// # Errors
/// [`Fault`]
pub async fn update(
    ports: &Ports,
    me: SignedIn,
    changes: &UserChanges,
    origin: &RequestOrigin,
) -> Result<User, Fault> {
    if !changes.name.changes(me.user.name.as_deref())
        && !changes.picture.changes(me.user.picture.as_deref())
    {
        return Ok(me.user);
    }
    let context = ports.event_context(origin, ports.clock.now())?;
    users::update(ports.db.as_ref(), me.caller(), changes, &context)
        .await?
        .ok_or(Fault::SignedOut)
}

/// Deletes the caller's account with everything that hangs on it.
///
/// # Errors
/// [`Fault`]
pub async fn delete(ports: &Ports, by: Caller, origin: &RequestOrigin) -> Result<(), Fault> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let before = ports
        .before_deletion
        .iter()
        .flat_map(|statements| statements(by, &context))
        .collect();
    if users::delete(ports.db.as_ref(), by, before, &context).await? {
        Ok(())
    } else {
        Err(Fault::SignedOut)
    }
}
