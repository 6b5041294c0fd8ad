//! Registered passkeys: listed, renamed and removed by their owner.

use crate::accounts::domain::Ports;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Passkey;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::PasskeyChange;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// The reasons not to rename or remove a passkey.
#[derive(Debug, thiserror::Error)]
pub enum ManageRejection {
    /// The account has no such passkey.
    #[error("the account has no such passkey")]
    Unknown,
    /// The passkey is the last way to sign in.
    #[error("the passkey is the last way to sign in")]
    Last,
}

impl Rejection for ManageRejection {}

/// Returns the passkeys of the account, oldest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list(ports: &Ports, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    passkeys::list(ports.db.as_ref(), user).await
}

/// Renames a passkey of the caller. Returns the passkey and the ids of all passkeys. Safe to
/// repeat.
///
/// # Errors
/// [`ManageRejection`]
pub async fn rename(
    ports: &Ports,
    me: &SignedIn,
    id: &CredentialId,
    name: &str,
    origin: &RequestOrigin,
) -> Result<(Passkey, Vec<CredentialId>), Failure<ManageRejection>> {
    let context = ports.event_context(origin, ports.clock.now())?;
    changed_passkey(passkeys::rename(ports.db.as_ref(), me.caller(), id, name, &context).await?)
}

/// Removes a passkey of the caller. Returns the ids of the remaining passkeys.
///
/// # Errors
/// [`ManageRejection`]
pub async fn remove(
    ports: &Ports,
    me: &SignedIn,
    id: &CredentialId,
    origin: &RequestOrigin,
) -> Result<Vec<CredentialId>, Failure<ManageRejection>> {
    let context = ports.event_context(origin, ports.clock.now())?;
    let removed = passkeys::remove(ports.db.as_ref(), me.caller(), id, &context).await?;
    let ((), left) = changed_passkey(removed)?;
    // The sessions that the passkey began have ended.
    ports.sockets.check(me.user.id).await?;
    Ok(left)
}

/// Returns the value and the ids of a change, or the reason why the store did not make it.
fn changed_passkey<T>(
    changed: PasskeyChange<T>,
) -> Result<(T, Vec<CredentialId>), Failure<ManageRejection>> {
    match changed {
        PasskeyChange::Done { result, remaining } => Ok((result, remaining)),
        PasskeyChange::SignedOut => Err(Fault::SignedOut.into()),
        PasskeyChange::Unknown => Err(ManageRejection::Unknown.into()),
        PasskeyChange::Last => Err(ManageRejection::Last.into()),
    }
}
