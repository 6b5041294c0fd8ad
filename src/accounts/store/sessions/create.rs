//! Creation of a session, for every kind of owner and on every kind of device, in one batch.

use const_format::concatcp;

use super::events;
use super::new_session::{NewSession, NewTokenPair, RecoveredAccount, SessionOwner, insert};
use crate::accounts::model::records::{Caller, User};
use crate::accounts::store::users::USER_COLUMNS;
use crate::accounts::store::{attempts, passkeys, passwords, person_tokens, step_up, users};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, batch_around, read_first, sql};

/// The statements that create a session.
pub(in crate::accounts::store) struct SessionStatements {
    /// The statements before the last one. The caller does not need their rows.
    pub(in crate::accounts::store) writes: Vec<Statement>,
    /// The last statement, which records the sign-in and returns the account.
    pub(in crate::accounts::store) select_user: Statement,
}

/// Creates a session and returns its account. Returns `None` if the account does not exist and none
/// could be created, or if the proof of its owner is no longer valid.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    new: &NewSession<'_>,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let SessionStatements {
        writes,
        select_user,
    } = statements(new, context);
    let ([], [user]) = batch_around(db, [], writes, [select_user]).await?;
    read_first(&user)
}

/// Returns the statements that create a session.
pub(in crate::accounts::store) fn statements(
    new: &NewSession<'_>,
    context: &EventContext,
) -> SessionStatements {
    let mut writes = prepare_owner(&new.owner, context);
    if let Some(device) = &new.device {
        writes.extend(device.claim_key(&new.owner.claimant(), context));
    }
    if let SessionOwner::Identity(who, _) = &new.owner {
        writes.push(users::touch(who, context));
    }
    writes.push(insert(new, context));
    if let Some(pair) = &new.pair {
        writes.push(insert_refresh_token(new.id, pair, context.at));
    }

    writes.extend(note_proof(new, context));
    if let (Some(device), Some(user)) = (&new.device, new.owner.user()) {
        let session = Caller {
            user,
            session: new.id,
        };
        writes.extend(device.use_key(session, context));
    }
    for replaced in &new.replaces {
        writes.push(sql(
            "UPDATE sessions SET revoked_at = ?2
              WHERE token_hash = ?1 AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM sessions AS n WHERE n.id = ?3)",
            [replaced.into(), context.at.into(), new.id.into()],
        ));
    }

    let kind = match new.owner {
        SessionOwner::Recovered(_) => EventKind::Recovered,
        _ => EventKind::SignedIn,
    };
    writes.push(events::about_new(context, kind, new.id));

    SessionStatements {
        writes,
        select_user: note_sign_in(new, context.at),
    }
}

/// Returns the statements that come before the session's insertion.
fn prepare_owner(owner: &SessionOwner<'_>, context: &EventContext) -> Vec<Statement> {
    match owner {
        SessionOwner::User(_) | SessionOwner::Recovered(_) | SessionOwner::Password(_) => {
            Vec::new()
        }
        SessionOwner::Identity(who, ids) => users::upsert_statements(who, *ids, context).into(),
        SessionOwner::Passkey(used) => vec![passkeys::about_suspected_clone(context, used)],
        SessionOwner::Fresh(account) => account.statements(context).into(),
        SessionOwner::Registered(account) => account.statements(context),
    }
}

/// Returns the statements that record the use of the owner's proof. They come after the session's
/// insertion and do nothing without it.
fn note_proof(new: &NewSession<'_>, context: &EventContext) -> Vec<Statement> {
    match &new.owner {
        SessionOwner::User(_)
        | SessionOwner::Identity(..)
        | SessionOwner::Fresh(_)
        | SessionOwner::Registered(_) => Vec::new(),
        SessionOwner::Passkey(used) => vec![passkeys::note_use(used, new.id, context.at)],
        SessionOwner::Password(verified) => {
            let forgiven = attempts::forgive(&verified.subject, new.id, context.at);
            let mut statements = Vec::from(forgiven);
            statements.extend(passwords::note_use(verified, new.id, context.at));
            statements
        }
        SessionOwner::Recovered(recovered) => note_recovery(recovered, new.id, context),
    }
}

fn note_recovery(
    recovered: &RecoveredAccount<'_>,
    session: SessionId,
    context: &EventContext,
) -> Vec<Statement> {
    let RecoveredAccount {
        user,
        answer,
        ends_others,
        subject,
    } = *recovered;
    let mut statements = Vec::from(attempts::forgive(subject, session, context.at));
    statements.push(step_up::note_use(answer, user, session, context.at));
    if let Some(event) = ends_others {
        let by = Caller { user, session };
        statements.extend([
            events::about_others(&context.with_id(event), by),
            person_tokens::revoke_by(by),
            sql(
                "UPDATE sessions SET revoked_at = ?3
                  WHERE user_id = ?2 AND id <> ?1 AND revoked_at IS NULL
                    AND EXISTS (SELECT 1 FROM sessions AS n WHERE n.id = ?1)",
                [session.into(), user.into(), context.at.into()],
            ),
        ]);
    }
    statements
}

fn insert_refresh_token(session: SessionId, pair: &NewTokenPair, now: Timestamp) -> Statement {
    sql(
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
         SELECT ?1, id, ?3, ?4 FROM sessions WHERE id = ?2",
        [
            (&pair.refresh_hash).into(),
            session.into(),
            now.into(),
            pair.refresh_expires_at.into(),
        ],
    )
}

/// Records the sign-in at the account and returns the account, if the batch created the session.
fn note_sign_in(new: &NewSession<'_>, now: Timestamp) -> Statement {
    sql(
        concatcp!(
            "UPDATE users SET last_login_at = ?2, last_login_platform = ?3
              WHERE id = (SELECT user_id FROM sessions WHERE id = ?1)
             RETURNING ",
            USER_COLUMNS
        ),
        [new.id.into(), now.into(), new.platform.as_str().into()],
    )
}
