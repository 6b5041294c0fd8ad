//! Passwords: whose they may be, and how they are set, changed and taken away.

use const_format::concatcp;

use crate::accounts::model::email::Email;
use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::{Policy, Subject};
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::AttemptClaim;
use crate::accounts::store::factors::{FactorChange, changed};
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::person_tokens;
use crate::accounts::store::totp;
use crate::accounts::store::totp::{Totp, TotpStep};
use crate::accounts::store::{events, live};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, rows, run, sql};

/// By what somebody says who they are.
#[derive(Clone, Copy, Debug)]
pub enum LoginName<'a> {
    /// The account's address: verified before claimed, and the oldest of those that claim it.
    Email(&'a Email),
    /// The person's username.
    Username(&'a str),
}

/// An account that may be the one.
#[derive(Debug)]
pub struct PasswordCandidate {
    /// The account.
    pub user: UserId,
    /// Its password.
    pub hash: PasswordHash,
    /// Its TOTP secret, if it is confirmed.
    pub totp: Option<Totp>,
}

/// What somebody showed, and was found to be right: whether it still is when it is used is decided
/// where it is written.
#[derive(Debug)]
pub struct VerifiedPassword {
    /// The account.
    pub user: UserId,
    /// Its password.
    pub hash: PasswordHash,
    /// The same password hashed as it is today, if it was otherwise.
    pub rehashed: Option<PasswordHash>,
    /// The step of its TOTP code, where that is enabled.
    pub step: Option<TotpStep>,
    /// What the attempts were counted under: they are forgiven.
    pub subject: Subject,
}

/// Counts an attempt, and gives the account that has the name, if it has a password. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    name: LoginName<'_>,
    (subject, policy): (&Subject, &Policy),
    now: Timestamp,
) -> Result<(Option<PasswordCandidate>, AttemptClaim), StoreError> {
    let select = match name {
        LoginName::Email(email) => sql(
            "SELECT w.user_id AS id, w.hash, t.secret, t.confirmed_at, t.created_at AS made_at
               FROM passwords AS w LEFT JOIN totp AS t ON t.user_id = w.user_id AND t.confirmed_at IS NOT NULL
              WHERE w.user_id = (SELECT id FROM users WHERE email = ?1 ORDER BY email_verified DESC, created_at LIMIT 1)",
            [email.into()],
        ),
        LoginName::Username(username) => sql(
            "SELECT p.user_id AS id, w.hash, t.secret, t.confirmed_at, t.created_at AS made_at
               FROM people AS p JOIN passwords AS w ON w.user_id = p.user_id
               LEFT JOIN totp AS t ON t.user_id = p.user_id AND t.confirmed_at IS NOT NULL
              WHERE p.username = ?1",
            [username.into()],
        ),
    };
    let mut batch = vec![select];
    batch.extend(attempts::claim(subject, policy, now));
    let results = db.batch(batch).await?;
    let candidate = |row: &Row| {
        let totp = if row.opt_text("secret")?.is_some() {
            Some(totp::read(row)?)
        } else {
            None
        };
        Ok::<_, StoreError>(PasswordCandidate {
            user: row.parsed("id", UserId::parse)?,
            hash: PasswordHash::from_stored(row.text("hash")?),
            totp,
        })
    };
    Ok((
        rows(&results, 0).first().map(candidate).transpose()?,
        attempts::claimed(&results, 1)?,
    ))
}

/// How many passwords there are under each key of the pepper, by its id; none for those under no
/// key.
///
/// # Errors
/// [`StoreError`]
pub async fn count_by_key(db: &dyn Db) -> Result<Vec<(Option<String>, i64)>, StoreError> {
    let select = sql(
        "SELECT CASE WHEN instr(hash, ',keyid=') THEN substr(hash, instr(hash, ',keyid=') + 7, 8) END AS id, COUNT(*) AS count
           FROM passwords GROUP BY id",
        [],
    );
    run(db, select)
        .await?
        .iter()
        .map(|row| Ok((row.opt_text("id")?, row.integer("count")?)))
        .collect()
}

/// Notes that a password made the sign-in `session`, which this batch made only if it may: the step
/// is used, the hash is today's.
pub(super) fn note_use(
    proved: &VerifiedPassword,
    session: SessionId,
    now: Timestamp,
) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(step) = &proved.step {
        statements.push(totp::use_step(*step, proved.user, session));
    }
    if let Some(rehashed) = &proved.rehashed {
        statements.push(sql(
            "UPDATE passwords SET hash = ?2 WHERE user_id = ?1 AND hash = ?3 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?4 AND created_at = ?5)",
            [proved.user.into(), rehashed.as_str().into(), proved.hash.as_str().into(), session.into(), now.into()],
        ));
    }
    statements
}

/// Ids of the events that tell of a new password.
#[derive(Clone, Copy, Debug)]
pub struct PasswordEventIds {
    /// That it could not be asked whether it had leaked; where that is so.
    pub unchecked: Option<EventId>,
    /// That the account's other sign-ins ended.
    pub revoked: EventId,
}

/// Sets or replaces the password of the caller's account, and ends everything else that is signed
/// in to it: sign-ins, and tokens of the authorization service. Guesses at it, counted under
/// `subject`, are forgotten. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn set(
    db: &dyn Db,
    by: Caller,
    (hash, subject): (&PasswordHash, &Subject),
    ids: PasswordEventIds,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let caller = || [by.session.into(), by.user.into()];
    let first = events::event(
        insert_event!(
            "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM passwords WHERE user_id = ?9)"
        ),
        context,
        EventKind::PasswordSet,
        caller(),
    );
    let next = events::event(
        insert_event!(
            "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM passwords WHERE user_id = ?9)"
        ),
        context,
        EventKind::PasswordChanged,
        caller(),
    );
    let mut batch = vec![live::select(by), next, first];
    if let Some(id) = ids.unchecked {
        batch.push(events::about_session(
            &context.with_id(id),
            EventKind::PasswordUnchecked,
            by.user,
            by.session,
        ));
    }
    batch.push(events::about_others(&context.with_id(ids.revoked), by));
    let [session, user] = caller();
    batch.push(sql(
        concatcp!("UPDATE sessions SET revoked_at = ?3 WHERE user_id = ?2 AND id <> ?1 AND revoked_at IS NULL AND ", IS_LIVE),
        [session, user, context.at.into()],
    ));
    batch.push(person_tokens::revoke_by(by));
    batch.push(attempts::clear_by(subject, by));
    let [session, user] = caller();
    let upsert = batch.len();
    batch.push(sql(
        concatcp!(
            "INSERT INTO passwords (user_id, hash, created_at, changed_at) SELECT ?2, ?3, ?4, ?4 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at RETURNING user_id"
        ),
        [session, user, hash.as_str().into(), context.at.into()],
    ));
    Ok(changed(&db.batch(batch).await?, upsert))
}

/// Whether the account has a password, and something else to sign in with.
macro_rules! may_go {
    ($user:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ",
            $user,
            ") AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ",
            $user,
            ") OR EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = ",
            $user,
            "))"
        )
    };
}

/// Takes the password away, and the tokens of the authorization service, unless nothing else is
/// left to sign in with; `No` too if there is none. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(
    db: &dyn Db,
    by: Caller,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let caller = || [by.session.into(), by.user.into()];
    let event = events::event(
        concat!(
            insert_event!(
                "s.user_id, s.id FROM sessions AS s WHERE s.id = ?8 AND s.user_id = ?9 AND s.revoked_at IS NULL AND "
            ),
            may_go!("?9")
        ),
        context,
        EventKind::PasswordRemoved,
        caller(),
    );
    let revoke = sql(
        concatcp!(
            "DELETE FROM person_tokens WHERE person_id = (SELECT id FROM people WHERE user_id = ?2) AND ",
            may_go!("?2"),
            " AND ",
            IS_LIVE
        ),
        caller(),
    );
    let delete = sql(
        concatcp!(
            "DELETE FROM passwords WHERE user_id = ?2 AND ",
            may_go!("?2"),
            " AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        caller(),
    );
    Ok(changed(
        &db.batch(vec![live::select(by), event, revoke, delete])
            .await?,
        3,
    ))
}
