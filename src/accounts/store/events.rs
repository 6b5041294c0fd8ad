//! The append-only event log. Its statements go into the batch of the change they tell about,
//! before it, and carry the same condition: so an event is written exactly when its change happens.

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::passkeys::PasskeyUse;
use crate::kernel::model::events::{Event, EventContext, EventKind};
use crate::kernel::model::ids::{EventId, IdentityId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, remove_in_batches,
};

/// An event; its statement begins with one of the two macros.
pub(super) fn event<const N: usize>(
    sql: &'static str,
    context: &EventContext,
    kind: EventKind,
    about: [Value; N],
) -> Statement {
    let stamped = [
        context.id.into(),
        context.at.into(),
        kind.as_str().into(),
        context.actor.as_str().into(),
        context.address.as_deref().into(),
        context.user_agent.as_deref().into(),
        context.request_id.as_str().into(),
    ];
    Statement {
        sql,
        params: stamped.into_iter().chain(about).collect(),
    }
}

/// About an account that exists.
#[must_use]
pub fn about_user(context: &EventContext, kind: EventKind, user: UserId) -> Statement {
    event(
        insert_event!("id, NULL FROM users WHERE id = ?8"),
        context,
        kind,
        [user.into()],
    )
}

/// About an identity that this batch linked to an account other than `fresh`.
#[must_use]
pub fn about_linked_identity(
    context: &EventContext,
    identity: IdentityId,
    fresh: UserId,
) -> Statement {
    let sql = insert_event!("user_id, NULL FROM identities WHERE id = ?8 AND user_id <> ?9");
    event(
        sql,
        context,
        EventKind::IdentityLinked,
        [identity.into(), fresh.into()],
    )
}

/// About a sign-in that this batch made.
#[must_use]
pub fn about_new_session(context: &EventContext, kind: EventKind, session: SessionId) -> Statement {
    event(
        insert_subject_event!("user_id, id, passkey FROM sessions WHERE id = ?8"),
        context,
        kind,
        [session.into()],
    )
}

/// About a sign-in of `user` that is not revoked.
#[must_use]
pub fn about_session(
    context: &EventContext,
    kind: EventKind,
    user: UserId,
    session: SessionId,
) -> Statement {
    let sql = insert_event!(
        "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL"
    );
    event(sql, context, kind, [session.into(), user.into()])
}

/// About the sign-in that a session token belongs to, if it is not revoked.
#[must_use]
pub fn about_session_token(
    context: &EventContext,
    kind: EventKind,
    token: &TokenHash,
) -> Statement {
    event(
        insert_event!("user_id, id FROM sessions WHERE token_hash = ?8 AND revoked_at IS NULL"),
        context,
        kind,
        [token.into()],
    )
}

/// About the sign-in that a refresh token belongs to or belonged to, if it is not revoked.
#[must_use]
pub fn about_refresh_token(
    context: &EventContext,
    kind: EventKind,
    token: &TokenHash,
) -> Statement {
    let sql = insert_event!(
        "s.user_id, s.id FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id WHERE r.token_hash = ?8 AND s.revoked_at IS NULL"
    );
    event(sql, context, kind, [token.into()])
}

/// About all sign-ins of the caller's account that have a pair and are live, if there are any.
#[must_use]
pub fn about_token_pairs(context: &EventContext, by: Caller) -> Statement {
    let sql = insert_event!(
        "?8, NULL WHERE EXISTS (SELECT 1 FROM sessions WHERE user_id = ?8 AND refresh_expires_at > ?2 AND revoked_at IS NULL)
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?9 AND s.user_id = ?8 AND s.revoked_at IS NULL)"
    );
    event(
        sql,
        context,
        EventKind::SignInRevoked,
        [by.user.into(), by.session.into()],
    )
}

/// About all live sign-ins of the caller's account but the caller's own, if there are any.
#[must_use]
pub fn about_others(context: &EventContext, by: Caller) -> Statement {
    let sql = insert_event!(
        "?8, NULL WHERE EXISTS (SELECT 1 FROM sessions WHERE user_id = ?8 AND id <> ?9 AND expires_at > ?2 AND revoked_at IS NULL)
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?9 AND s.user_id = ?8 AND s.revoked_at IS NULL)"
    );
    event(
        sql,
        context,
        EventKind::SignInRevoked,
        [by.user.into(), by.session.into()],
    )
}

/// About the sign-in of a refresh token, under the condition on which the token can be replaced.
#[must_use]
pub fn about_refresh(context: &EventContext, presented: &TokenHash) -> Statement {
    let sql = insert_event!(
        "s.user_id, s.id FROM refresh_tokens AS r JOIN sessions AS s ON s.id = r.session_id
          WHERE r.token_hash = ?8 AND r.replaced_by IS NULL AND r.expires_at > ?2 AND s.revoked_at IS NULL"
    );
    event(sql, context, EventKind::TokensRefreshed, [presented.into()])
}

/// The last word on an account that is about to be deleted: no address, no client, nothing
/// personal.
#[must_use]
pub fn about_deleted_account(context: &EventContext, by: Caller) -> Statement {
    let bare = EventContext {
        address: None,
        user_agent: None,
        ..context.clone()
    };
    about_session(&bare, EventKind::UserDeleted, by.user, by.session)
}

/// Removes what the log knows of the account of the live sign-in `by`, except its tombstone.
#[must_use]
pub fn delete_of_user(by: Caller) -> Statement {
    crate::kernel::store::sql(
        "DELETE FROM events WHERE user_id = ?1 AND kind <> ?3
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?2 AND s.user_id = ?1 AND s.revoked_at IS NULL)",
        [by.user.into(), by.session.into(), EventKind::UserDeleted.as_str().into()],
    )
}

/// About a sign-in of the caller's account that the caller revokes.
#[must_use]
pub fn about_revoked(context: &EventContext, by: Caller, session: SessionId) -> Statement {
    let sql = insert_event!(
        "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?10 AND s.user_id = ?9 AND s.revoked_at IS NULL)"
    );
    event(
        sql,
        context,
        EventKind::SignInRevoked,
        [session.into(), by.user.into(), by.session.into()],
    )
}

/// About a refresh token that is presented although its successor was used, or too late for a
/// repeat.
#[must_use]
pub fn about_reuse(
    context: &EventContext,
    presented: &TokenHash,
    repeat_since: Timestamp,
) -> Statement {
    let sql = insert_event!(
        "s.user_id, s.id FROM refresh_tokens AS r
           JOIN sessions AS s ON s.id = r.session_id
           LEFT JOIN refresh_tokens AS n ON n.token_hash = r.replaced_by
          WHERE r.token_hash = ?8 AND r.replaced_by IS NOT NULL AND r.expires_at > ?2 AND s.revoked_at IS NULL
            AND (r.replaced_at < ?9 OR n.token_hash IS NULL OR n.replaced_by IS NOT NULL OR n.expires_at <= ?2)"
    );
    event(
        sql,
        context,
        EventKind::RefreshTokenReused,
        [presented.into(), repeat_since.into()],
    )
}

/// About a passkey that the caller adds, under the conditions of its insertion.
#[must_use]
pub fn about_added_passkey(
    context: &EventContext,
    by: Caller,
    id: &CredentialId,
    most: i64,
) -> Statement {
    let sql = insert_subject_event!(
        "s.user_id, s.id, ?10 FROM sessions AS s
          WHERE s.id = ?8 AND s.user_id = ?9 AND s.revoked_at IS NULL
            AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?9) < ?11
            AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?10)"
    );
    event(
        sql,
        context,
        EventKind::PasskeyAdded,
        [
            by.session.into(),
            by.user.into(),
            id.as_str().into(),
            most.into(),
        ],
    )
}

/// About the passkey with which an account was made in this batch.
#[must_use]
pub fn about_first_passkey(context: &EventContext, user: UserId, id: &CredentialId) -> Statement {
    let sql =
        insert_subject_event!("user_id, NULL, id FROM passkeys WHERE id = ?8 AND user_id = ?9");
    event(
        sql,
        context,
        EventKind::PasskeyAdded,
        [id.as_str().into(), user.into()],
    )
}

/// About a passkey that gets another name than it has.
#[must_use]
pub fn about_renamed_passkey(
    context: &EventContext,
    by: Caller,
    id: &CredentialId,
    name: &str,
) -> Statement {
    let sql = insert_subject_event!(
        "p.user_id, s.id, p.id FROM passkeys AS p JOIN sessions AS s ON s.user_id = p.user_id
          WHERE p.id = ?8 AND p.user_id = ?9 AND s.id = ?10 AND s.revoked_at IS NULL AND p.name <> ?11"
    );
    event(
        sql,
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

/// About a passkey that the caller removes, under the conditions of its deletion.
#[must_use]
pub fn about_removed_passkey(context: &EventContext, by: Caller, id: &CredentialId) -> Statement {
    let sql = insert_subject_event!(
        "p.user_id, s.id, p.id FROM passkeys AS p JOIN sessions AS s ON s.user_id = p.user_id
          WHERE p.id = ?8 AND p.user_id = ?9 AND s.id = ?10 AND s.revoked_at IS NULL
            AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?9) OR EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?9)
                 OR EXISTS (SELECT 1 FROM passkeys AS o WHERE o.user_id = ?9 AND o.id <> ?8))"
    );
    event(
        sql,
        context,
        EventKind::PasskeyRemoved,
        [id.as_str().into(), by.user.into(), by.session.into()],
    )
}

/// About a passkey whose counter does not allow the sign-in that it asks for (WebAuthn Level 3 §7.2
/// step 22).
#[must_use]
pub fn about_suspected_clone(context: &EventContext, used: &PasskeyUse<'_>) -> Statement {
    let sql = insert_subject_event!(
        "user_id, NULL, id FROM passkeys WHERE id = ?8 AND user_id = ?9 AND NOT (?10 > counter OR (?10 = 0 AND counter = 0))"
    );
    event(
        sql,
        context,
        EventKind::PasskeyCloneSuspected,
        [
            used.id.as_str().into(),
            used.user.into(),
            i64::from(used.counter).into(),
        ],
    )
}

/// About a device's key that the caller revokes.
#[must_use]
pub fn about_revoked_key(context: &EventContext, by: Caller, id: &KeyId) -> Statement {
    let sql = insert_subject_event!(
        "k.user_id, s.id, k.id FROM attest_keys AS k JOIN sessions AS s ON s.user_id = k.user_id
          WHERE k.id = ?8 AND k.user_id = ?9 AND k.revoked_at IS NULL AND s.id = ?10 AND s.revoked_at IS NULL"
    );
    event(
        sql,
        context,
        EventKind::DeviceKeyRevoked,
        [id.text().as_str().into(), by.user.into(), by.session.into()],
    )
}

/// Where a page of events ends: at an event, by its time and its id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventCursor {
    /// When it was.
    pub at: Timestamp,
    /// Which one, among those of one moment.
    pub id: EventId,
}

/// Events of an account, newest first, those of one moment in the order in which they were written:
/// what comes before `before`.
///
/// # Errors
/// [`StoreError`]
pub async fn list(
    db: &dyn Db,
    user: UserId,
    before: Option<EventCursor>,
    most: i64,
) -> Result<Vec<Event>, StoreError> {
    // The largest time that JavaScript can hold, too.
    let at = before.map_or(Timestamp::from_millis((1 << 53) - 1), |place| place.at);
    let select = crate::kernel::store::sql(
        "SELECT id, at, kind, session_id, subject, address, user_agent FROM events
          WHERE user_id = ?1 AND at <= ?2 AND (at < ?2 OR rowid < (SELECT rowid FROM events WHERE id = ?3))
          ORDER BY at DESC, rowid DESC LIMIT ?4",
        [user.into(), at.into(), before.map(|place| place.id).into(), most.into()],
    );
    crate::kernel::store::run(db, select)
        .await?
        .iter()
        .map(read)
        .collect()
}

fn read(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: row.parsed("id", EventId::parse)?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        session_id: row.opt_text("session_id")?,
        subject: row.opt_text("subject")?,
        address: row.opt_text("address")?,
        user_agent: row.opt_text("user_agent")?,
    })
}

/// How many of the events of a kind that happens every few minutes are removed, some batches of
/// them: those before `before`.
///
/// They are the most by far, and after some weeks tell nothing that the sign-in's own events do
/// not.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(
    db: &dyn Db,
    kind: EventKind,
    before: Timestamp,
) -> Result<usize, StoreError> {
    let delete = crate::kernel::store::sql(
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = ?1 AND at < ?2 ORDER BY at LIMIT ?3) RETURNING id",
        [kind.as_str().into(), before.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
