//! An account owner's list of passkeys: listed, renamed, removed.

use const_format::concatcp;

use super::row::{Descriptor, PASSKEY_COLUMNS, select_descriptors};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::{Caller, Passkey};
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, Statement, StoreError, batch, read_all, read_first, run, sql};

/// Lists the account's passkeys, oldest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT ",
            PASSKEY_COLUMNS,
            " FROM passkeys WHERE user_id = ?1 ORDER BY created_at, id LIMIT 100"
        ),
        [user.into()],
    );
    read_all(&run(db, select).await?)
}

/// The outcome of renaming or removing a passkey.
#[derive(Debug)]
pub enum PasskeyChange<T> {
    /// The passkey was changed.
    Done {
        /// The result of the change.
        result: T,
        /// The ids of the account's passkeys after the change.
        remaining: Vec<CredentialId>,
    },
    /// The caller's session is no longer live.
    SignedOut,
    /// The account has no such passkey.
    Unknown,
    /// The passkey is the account's last way to sign in.
    Last,
}

/// Reads the ids from the rows of [`select_descriptors`].
fn read_ids(rows: &[Row]) -> Result<Vec<CredentialId>, StoreError> {
    let descriptors: Vec<Descriptor> = read_all(rows)?;
    Ok(descriptors
        .into_iter()
        .map(|descriptor| descriptor.id)
        .collect())
}

/// Renames a passkey of the account of the live session `by`. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn rename(
    db: &dyn Db,
    by: Caller,
    id: &CredentialId,
    name: &str,
    context: &EventContext,
) -> Result<PasskeyChange<Passkey>, StoreError> {
    let update = sql(
        concatcp!(
            "UPDATE passkeys SET name = ?3
              WHERE id = ?1 AND user_id = ?2 AND EXISTS (
                    SELECT 1 FROM sessions AS s
                     WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
             RETURNING ",
            PASSKEY_COLUMNS
        ),
        [
            id.as_str().into(),
            by.user.into(),
            name.into(),
            by.session.into(),
        ],
    );
    let statements = [
        live::select(by),
        about_renamed(context, by, id, name),
        update,
        select_descriptors(by.user),
    ];
    let [own, _, renamed, passkeys] = batch(db, statements).await?;

    if let Some(result) = read_first(&renamed)? {
        let remaining = read_ids(&passkeys)?;
        return Ok(PasskeyChange::Done { result, remaining });
    }
    Ok(if own.is_empty() {
        PasskeyChange::SignedOut
    } else {
        PasskeyChange::Unknown
    })
}

/// Returns the event about a renamed passkey, if the name is a new one.
fn about_renamed(context: &EventContext, by: Caller, id: &CredentialId, name: &str) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "p.user_id, s.id, p.id
               FROM passkeys AS p JOIN sessions AS s ON s.user_id = p.user_id
              WHERE p.id = ?8 AND p.user_id = ?9 AND s.id = ?10 AND s.revoked_at IS NULL
                AND p.name <> ?11"
        ),
        context,
        EventKind::PasskeyRenamed,
        [
            id.as_str().into(),
            by.user.into(),
            by.session.into(),
            name.into(),
        ],
    )
}

/// Removes a passkey of the account of the live session `by` and revokes the sessions that it
/// created, unless it is the account's last way to sign in. The caller's own session stays. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(
    db: &dyn Db,
    by: Caller,
    id: &CredentialId,
    context: &EventContext,
) -> Result<PasskeyChange<()>, StoreError> {
    let known = sql(
        "SELECT id FROM passkeys WHERE id = ?1 AND user_id = ?2",
        [id.as_str().into(), by.user.into()],
    );
    let delete = sql(
        "DELETE FROM passkeys
          WHERE id = ?1 AND user_id = ?2
            AND EXISTS (SELECT 1 FROM sessions AS s
                         WHERE s.id = ?3 AND s.user_id = ?2 AND s.revoked_at IS NULL)
            AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?2)
                 OR EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?2)
                 OR EXISTS (SELECT 1 FROM passkeys AS o WHERE o.user_id = ?2 AND o.id <> ?1))
         RETURNING id",
        [id.as_str().into(), by.user.into(), by.session.into()],
    );
    // Only if the passkey was deleted.
    let revoke = sql(
        "UPDATE sessions SET revoked_at = ?4
          WHERE user_id = ?2 AND passkey = ?1 AND id <> ?3 AND revoked_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?1)",
        [
            id.as_str().into(),
            by.user.into(),
            by.session.into(),
            context.at.into(),
        ],
    );
    let statements = [
        live::select(by),
        known,
        about_removed(context, by, id),
        delete,
        select_descriptors(by.user),
        revoke,
    ];
    let [own, known, _, deleted, passkeys, _] = batch(db, statements).await?;

    Ok(if !deleted.is_empty() {
        PasskeyChange::Done {
            result: (),
            remaining: read_ids(&passkeys)?,
        }
    } else if own.is_empty() {
        PasskeyChange::SignedOut
    } else if known.is_empty() {
        PasskeyChange::Unknown
    } else {
        PasskeyChange::Last
    })
}

/// Returns the event about a passkey that the caller removes.
fn about_removed(context: &EventContext, by: Caller, id: &CredentialId) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "p.user_id, s.id, p.id
               FROM passkeys AS p JOIN sessions AS s ON s.user_id = p.user_id
              WHERE p.id = ?8 AND p.user_id = ?9 AND s.id = ?10 AND s.revoked_at IS NULL
                AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?9)
                     OR EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?9)
                     OR EXISTS (SELECT 1 FROM passkeys AS o WHERE o.user_id = ?9 AND o.id <> ?8))"
        ),
        context,
        EventKind::PasskeyRemoved,
        [id.as_str().into(), by.user.into(), by.session.into()],
    )
}
