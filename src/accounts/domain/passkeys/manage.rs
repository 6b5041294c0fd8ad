//! Passkeys that are there: listed, renamed, removed by their owner.

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::SignedIn;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Passkey;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::PasskeyChange;
use crate::kernel::domain::{NoEntropy, RequestOrigin};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::StoreError;

/// Why a passkey was not renamed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// The account has no such passkey.
    #[error("the account has no such passkey")]
    Unknown,
    /// It is the last way to sign in.
    #[error("it is the last way to sign in")]
    Last,
    /// The caller's sign-in was revoked meanwhile.
    #[error("the caller's sign-in was revoked meanwhile")]
    SignedOut,
    /// The platform.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The account's passkeys, oldest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list(ports: &Ports, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    passkeys::list(ports.db.as_ref(), user).await
}

/// Renames a passkey of the caller's; gives it, and the ids of all. Safe to repeat.
///
/// # Errors
/// [`ManageError`]
pub async fn rename(
    ports: &Ports,
    me: &SignedIn,
    id: &CredentialId,
    name: &str,
    origin: &RequestOrigin,
) -> Result<(Passkey, Vec<CredentialId>), ManageError> {
    let context = ports.event_context(origin, ports.clock.now())?;
    done(passkeys::rename(ports.db.as_ref(), me.caller(), id, name, &context).await?)
}

/// Removes a passkey of the caller's; gives the ids of those that are left.
///
/// # Errors
/// [`ManageError`]
pub async fn remove(
    ports: &Ports,
    me: &SignedIn,
    id: &CredentialId,
    origin: &RequestOrigin,
) -> Result<Vec<CredentialId>, ManageError> {
    let context = ports.event_context(origin, ports.clock.now())?;
    done(passkeys::remove(ports.db.as_ref(), me.caller(), id, &context).await?)
        .map(|((), left)| left)
}

fn done<T>(changed: PasskeyChange<T>) -> Result<(T, Vec<CredentialId>), ManageError> {
    match changed {
        PasskeyChange::Done { result, remaining } => Ok((result, remaining)),
        PasskeyChange::SignedOut => Err(ManageError::SignedOut),
        PasskeyChange::Unknown => Err(ManageError::Unknown),
        PasskeyChange::Last => Err(ManageError::Last),
    }
}
