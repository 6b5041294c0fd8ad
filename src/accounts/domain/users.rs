//! Accounts: found or created for an identity, read, changed and deleted.

use crate::accounts::domain::Ports;
use crate::accounts::domain::devices::binding_rules;
use crate::accounts::domain::devices::client::AttestedDevice;
use crate::accounts::domain::devices::register::KeyRejection;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::{Caller, Platform, User};
use crate::accounts::store::attested_sessions::{AttestedUser, ClaimedKey};
use crate::accounts::store::deletion::DeletionProgress;
pub use crate::accounts::store::users::{FieldChange, UserChanges};
use crate::accounts::store::users::{IdentifiedUser, NewUserIds};
use crate::accounts::store::{attested_sessions, deletion, users};
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::{EventId, IdentityId, UserId};
use crate::kernel::store::StoreError;

/// Providers that verify an e-mail address before they pass it on. An address from another provider
/// links the identity to no account (docs/decisions/0008).
const VERIFYING_PROVIDERS: [&str; 2] = ["apple", "google"];

/// The maximum number of further slices in which the deletion of an account removes its rows at
/// once. The remaining rows wait for maintenance.
const SLICES_AT_ONCE: usize = 4;

/// An identity at a provider, as an internal service reports it.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider.
    pub provider: String,
    /// The subject identifier at the provider.
    pub provider_id: String,
    /// The e-mail address, if the provider passed one on.
    pub email: Option<Email>,
    /// Whether the provider passed on an address that this service does not accept. A new account
    /// has none then.
    pub email_unfit: bool,
    /// Whether the provider states that the address is not verified.
    pub email_unverified: bool,
    /// The name of the user.
    pub name: Option<String>,
    /// The URL of the user's picture.
    pub picture: Option<String>,
    /// The method of the sign-in at the provider.
    pub auth_method: String,
    /// The platform of the client.
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

/// Finds or creates the account of an identity, and binds the key of its device to the account if
/// one was attested. Safe to repeat and to call concurrently. One round trip.
///
/// # Errors
/// [`IdentifyRejection`]
pub async fn identify(
    ports: &Ports,
    identity: &Identity,
    device: Option<&AttestedDevice>,
    origin: &RequestOrigin,
) -> Result<User, Failure<IdentifyRejection>> {
    let now = ports.clock.now();
    let db = ports.db.as_ref();
    let context = ports.event_context(origin, now)?;
    let identified = identified_user(identity, device);
    let ids = new_user_ids(ports)?;

    let user = match device {
        None => users::upsert(db, &identified, ids, &context).await?,
        Some(attested) => {
            let key = ClaimedKey {
                key: attested.key(),
                binding: &binding_rules(ports, now)?,
            };
            let AttestedUser { user, claim } =
                attested_sessions::upsert_user(db, &identified, ids, key, &context).await?;
            attested.accept(claim).map_err(IdentifyRejection::from)?;
            user
        }
    };
    Ok(user.ok_or(IdentifyRejection::EmailRequired)?)
}

/// Returns the identity as the store writes it. Decides whether the e-mail address counts as
/// verified.
pub(super) fn identified_user<'a>(
    identity: &'a Identity,
    device: Option<&AttestedDevice>,
) -> IdentifiedUser<'a> {
    IdentifiedUser {
        provider: &identity.provider,
        provider_id: &identity.provider_id,
        email: identity.email.as_ref(),
        email_unfit: identity.email_unfit,
        email_verified: identity.email.is_some()
            && !identity.email_unverified
            && VERIFYING_PROVIDERS.contains(&identity.provider.as_str()),
        name: identity.name.as_deref(),
        picture: identity.picture.as_deref(),
        auth_method: &identity.auth_method,
        platform: identity.platform,
        device: device.and_then(AttestedDevice::required),
    }
}

/// Returns the ids of an account that may be created, and of its events.
pub(super) fn new_user_ids(ports: &Ports) -> Result<NewUserIds, NoEntropy> {
    Ok(NewUserIds {
        user: ports.id(UserId::from_random)?,
        identity: ports.id(IdentityId::from_random)?,
        created_event: ports.id(EventId::from_random)?,
        linked_event: ports.id(EventId::from_random)?,
    })
}

/// Returns the account with an e-mail address, if there is one. An account that verified the
/// address comes before an account that claims it.
///
/// # Errors
/// [`StoreError`]
pub async fn by_email(ports: &Ports, email: &Email) -> Result<Option<User>, StoreError> {
    users::by_email(ports.db.as_ref(), email).await
}

/// Changes the account of the caller. Without a difference it writes nothing and records no event.
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

/// Deletes the account of the caller with all its rows. One round trip, and up to
/// [`SLICES_AT_ONCE`] further ones for an account with many rows. Maintenance removes the rest.
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
    match deletion::delete(ports.db.as_ref(), by, before, &context).await? {
        DeletionProgress::SignedOut => return Err(Fault::SignedOut),
        DeletionProgress::Finished => {}
        DeletionProgress::Marked => remove_rest(ports, by.user).await,
    }
    Ok(ports.sockets.check(by.user).await?)
}

/// Removes rows that are left of a deleted account. A fault is only logged, because the account is
/// deleted, and maintenance removes the rows later.
pub async fn remove_rest(ports: &Ports, user: UserId) {
    if let Err(error) = deletion::remove_slices(ports.db.as_ref(), user, SLICES_AT_ONCE).await {
        tracing::warn!(%error, "rows of a deleted account are left to maintenance");
    }
}
