//! Sessions and accounts that are created on a device that was attested in the same request.

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::User;
use crate::accounts::store::attest_keys::NewKey;
use crate::accounts::store::device_bindings::{
    BindingRules, KeyClaim, KeyClaimant, read_claim, select_key,
};
use crate::accounts::store::sessions::{NewSession, SessionStatements};
use crate::accounts::store::users::{IdentifiedUser, NewUserIds};
use crate::accounts::store::{sessions, users};
use crate::kernel::model::events::EventContext;
use crate::kernel::store::{Db, StoreError, batch_around, read_first};

/// The result of a batch that creates a session or an account and claims a device's key.
#[derive(Debug)]
pub struct AttestedUser {
    /// The account, if it exists.
    pub user: Option<User>,
    /// The outcome of the claim.
    pub claim: KeyClaim,
}

/// Creates a session on a device with a key that was attested in this request. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create_session(
    db: &dyn Db,
    new: &NewSession<'_>,
    key: &KeyId,
    context: &EventContext,
) -> Result<AttestedUser, StoreError> {
    let SessionStatements {
        writes,
        select_user,
    } = sessions::statements(new, context);
    let last = [
        select_user,
        new.owner.claimant().select_account(),
        select_key(key),
    ];
    let ([], [user, account, key]) = batch_around(db, [], writes, last).await?;

    let account = account.first().map(|row| row.text("id")).transpose()?;
    Ok(AttestedUser {
        user: read_first(&user)?,
        claim: read_claim(account.as_deref(), &key)?,
    })
}

/// A key to claim, and the rules of its binding.
#[derive(Clone, Copy, Debug)]
pub struct ClaimedKey<'a> {
    /// The key.
    pub key: &'a NewKey,
    /// The rules of the binding.
    pub binding: &'a BindingRules,
}

/// Finds, links or creates the account of an identity, and claims the key for it. Safe to repeat.
/// One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn upsert_user(
    db: &dyn Db,
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    attested: ClaimedKey<'_>,
    context: &EventContext,
) -> Result<AttestedUser, StoreError> {
    let ClaimedKey { key, binding } = attested;
    let claimant = KeyClaimant {
        user: None,
        identity: Some(who.identity()),
        session: None,
    };
    let mut writes = Vec::from(users::upsert_statements(who, ids, context));
    writes.extend(claimant.claim(key, binding, false, context));
    writes.push(users::touch(who, context));
    let last = [
        users::select_by_identity(who.identity()),
        select_key(&key.id),
    ];
    let ([], [user, key]) = batch_around(db, [], writes, last).await?;

    let user: Option<User> = read_first(&user)?;
    let account = user.as_ref().map(|user| user.id.to_string());
    Ok(AttestedUser {
        claim: read_claim(account.as_deref(), &key)?,
        user,
    })
}
