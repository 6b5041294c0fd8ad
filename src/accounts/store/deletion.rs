//! Deletion of an account: marked first, and then removed in slices.
//!
//! The batch that marks an account removes its row in `users`, and with it the rows of every table
//! in which a quota bounds the rows of an account. From then on no statement finds the account,
//! because each reads `users`. Sessions, refresh tokens and events can be many. They are removed in
//! slices, of which the first is in the same batch, so most accounts need no further one.

use crate::accounts::model::records::Caller;
use crate::accounts::store::events;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, CLEANUP_ROUNDS, Db, Rows, Statement, StoreError, batch_around, remove_in_slices,
    run, sql,
};

/// How far the deletion of an account is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletionProgress {
    /// The session of the caller is no longer live, so nothing was deleted.
    SignedOut,
    /// The account is deleted, and rows of it are left.
    Marked,
    /// The account is deleted with all of its rows.
    Finished,
}

/// Marks the account of the live session `by` as deleted and removes the first slice of its rows.
///
/// The statements in `before` run first. Other systems remove or record their own rows there.
///
/// # Errors
/// [`StoreError`]
pub async fn delete(
    db: &dyn Db,
    by: Caller,
    before: Vec<Statement>,
    context: &EventContext,
) -> Result<DeletionProgress, StoreError> {
    let mark = sql(
        "INSERT INTO deleted_users (user_id, deleted_at)
         SELECT user_id, ?3 FROM sessions WHERE id = ?2 AND user_id = ?1 AND revoked_at IS NULL
         RETURNING user_id",
        [by.user.into(), by.session.into(), context.at.into()],
    );
    let [tokens, sessions, events] = remove_slice(by.user);
    let [revoke, users, finish] = remove_account(by.user, context.at);
    let event = about_deletion(context, by);
    let last = [event, mark, tokens, sessions, events, revoke, users, finish];
    let ([], [_, marked, .., finished]) = batch_around(db, [], before, last).await?;
    Ok(if marked.is_empty() {
        DeletionProgress::SignedOut
    } else if finished.is_empty() {
        DeletionProgress::Marked
    } else {
        DeletionProgress::Finished
    })
}

/// Returns the statements that mark an account as deleted and remove the first slice of its rows.
/// The last one returns a row if none of its rows is left.
#[must_use]
pub fn delete_by_another(user: UserId, now: Timestamp) -> [Statement; 7] {
    let mark = sql(
        "INSERT INTO deleted_users (user_id, deleted_at) SELECT id, ?2 FROM users WHERE id = ?1",
        [user.into(), now.into()],
    );
    let [tokens, sessions, events] = remove_slice(user);
    let [revoke, users, finish] = remove_account(user, now);
    [mark, tokens, sessions, events, revoke, users, finish]
}

/// Returns the event about the deletion of the caller's account. It holds no address, no client and
/// no other personal data.
fn about_deletion(context: &EventContext, by: Caller) -> Statement {
    let bare = EventContext {
        address: None,
        user_agent: None,
        ..context.clone()
    };
    events::about_session(&bare, EventKind::UserDeleted, by.user, by.session)
}

/// Removes the account that is marked in this batch. Its sessions that are left are revoked.
fn remove_account(user: UserId, now: Timestamp) -> [Statement; 3] {
    let revoke = sql(
        "UPDATE sessions SET revoked_at = ?2
          WHERE user_id = ?1 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM deleted_users WHERE user_id = ?1)",
        [user.into(), now.into()],
    );
    let users = sql(
        "DELETE FROM users
          WHERE id = ?1 AND EXISTS (SELECT 1 FROM deleted_users WHERE user_id = ?1)",
        [user.into()],
    );
    [revoke, users, finish(user)]
}

/// Removes a bounded number of refresh tokens, sessions and events of a deleted account.
///
/// A session is removed after its refresh tokens, so that removing it never removes an unbounded
/// chain of them. Each statement looks at the first sessions only.
fn remove_slice(user: UserId) -> [Statement; 3] {
    let tokens = sql(
        "DELETE FROM refresh_tokens WHERE token_hash IN (
             SELECT r.token_hash
               FROM (SELECT id FROM sessions WHERE user_id = ?1
                      ORDER BY revoked_at, created_at LIMIT ?2)
               JOIN refresh_tokens AS r ON r.session_id = id LIMIT ?2)
            AND EXISTS (SELECT 1 FROM deleted_users WHERE user_id = ?1)
         RETURNING session_id",
        [user.into(), CLEANUP_BATCH.into()],
    );
    let sessions = sql(
        "DELETE FROM sessions WHERE id IN (
             SELECT id
               FROM (SELECT id FROM sessions WHERE user_id = ?1
                      ORDER BY revoked_at, created_at LIMIT ?2)
              WHERE NOT EXISTS (SELECT 1 FROM refresh_tokens AS r WHERE r.session_id = id))
            AND EXISTS (SELECT 1 FROM deleted_users WHERE user_id = ?1)
         RETURNING id",
        [user.into(), CLEANUP_BATCH.into()],
    );
    let events = sql(
        "DELETE FROM events WHERE rowid IN (
             SELECT rowid FROM events WHERE user_id = ?1 AND kind <> ?3 LIMIT ?2)
            AND EXISTS (SELECT 1 FROM deleted_users WHERE user_id = ?1)
         RETURNING id",
        [
            user.into(),
            CLEANUP_BATCH.into(),
            EventKind::UserDeleted.as_str().into(),
        ],
    );
    [tokens, sessions, events]
}

/// Removes the mark of a deleted account of which no row is left.
fn finish(user: UserId) -> Statement {
    sql(
        "DELETE FROM deleted_users
          WHERE user_id = ?1
            AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = ?1)
            AND NOT EXISTS (SELECT 1 FROM events WHERE user_id = ?1 AND kind <> ?2)
         RETURNING user_id",
        [user.into(), EventKind::UserDeleted.as_str().into()],
    )
}

/// Removes the rows that are left of a deleted account, in at most `rounds` slices. Returns the
/// number of removed rows, and the number of slices that were not needed.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_slices(
    db: &dyn Db,
    user: UserId,
    rounds: usize,
) -> Result<(usize, usize), StoreError> {
    remove_in_slices(db, rounds, || {
        let [tokens, sessions, events] = remove_slice(user);
        [tokens, sessions, events, finish(user)]
    })
    .await
}

/// Removes rows of deleted accounts, the account that was deleted first at first, in a few batches.
/// Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_all(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let mut rounds = CLEANUP_ROUNDS;
    let mut total = 0;
    for row in waiting(db, now).await? {
        let user = row.parsed("user_id", UserId::parse)?;
        let (removed, left) = remove_slices(db, user, rounds).await?;
        total += removed;
        rounds = left;
        if rounds == 0 {
            break;
        }
    }
    Ok(total)
}

/// Selects the accounts that were deleted first.
async fn waiting(db: &dyn Db, now: Timestamp) -> Result<Rows, StoreError> {
    let most = i64::try_from(CLEANUP_ROUNDS).unwrap_or(1);
    let select = sql(
        "SELECT user_id FROM deleted_users WHERE deleted_at <= ?1 ORDER BY deleted_at LIMIT ?2",
        [now.into(), most.into()],
    );
    run(db, select).await
}
