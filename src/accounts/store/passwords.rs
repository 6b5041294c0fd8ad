//! Passwords: looked up by a login name, set, changed, removed.

use const_format::concatcp;

use crate::accounts::model::email::Email;
use crate::accounts::model::password::PasswordHash;
use crate::accounts::model::records::Caller;
use crate::accounts::model::throttle::ThrottleSubject;
use crate::accounts::store::attempts;
use crate::accounts::store::attempts::{AttemptClaim, AttemptLimit};
use crate::accounts::store::events::INSERT_EVENT;
use crate::accounts::store::live::IS_LIVE;
use crate::accounts::store::outcome::FactorChange;
use crate::accounts::store::recovery::MOST_CANDIDATES;
use crate::accounts::store::sessions::events::about_others;
use crate::accounts::store::totp::{Totp, TotpStep};
use crate::accounts::store::users::MOST_CLAIMS;
use crate::accounts::store::{events, live, person_tokens, totp};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    Db, Row, Statement, StoreError, batch, batch_around, read_all, run, sql,
};

/// A name by which a caller signs in with a password.
#[derive(Clone, Copy, Debug)]
pub enum LoginName<'a> {
    /// An address. Several accounts may claim it: see [`MOST_CANDIDATES`].
    Email(&'a Email),
    /// The username of a person.
    Username(&'a str),
}

/// Whose password a caller presents.
#[derive(Clone, Copy, Debug)]
pub enum PasswordOwner<'a> {
    /// The account with a login name.
    Named(LoginName<'a>),
    /// The account with a username in any case. Of several the person with the lowest id has it.
    UsernameInAnyCase(&'a str),
    /// The account of a caller who is signed in, and who confirms a change by the password alone.
    SignedIn(UserId),
}

impl<'a> From<LoginName<'a>> for PasswordOwner<'a> {
    fn from(name: LoginName<'a>) -> Self {
        Self::Named(name)
    }
}

/// The account to which a login name belongs, with its password.
#[derive(Debug)]
pub struct PasswordCandidate {
    /// The account.
    pub user: UserId,
    /// The hash of the password.
    pub hash: PasswordHash,
    /// The TOTP secret, if it is confirmed.
    pub totp: Option<Totp>,
}

impl TryFrom<&Row> for PasswordCandidate {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.parsed("id", UserId::parse)?,
            hash: PasswordHash::from_stored(row.text("hash")?),
            totp: Totp::from_joined(row)?,
        })
    }
}

/// A verified password, and a verified TOTP code if TOTP is enabled. The statement that uses them
/// checks that neither was changed or used since.
#[derive(Debug)]
pub struct VerifiedPassword {
    /// The account.
    pub user: UserId,
    /// The hash of the password.
    pub hash: PasswordHash,
    /// A new hash of the same password, if the old one has outdated parameters.
    pub rehashed: Option<PasswordHash>,
    /// The step of the TOTP code, if TOTP is enabled.
    pub step: Option<TotpStep>,
    /// The subject under which attempts were counted. They are cleared.
    pub subject: ThrottleSubject,
}

/// The accounts to which a login name may belong, and the claim of an attempt to guess a password.
#[derive(Debug)]
pub struct ClaimedPassword {
    /// The accounts that have the name and a password, at most [`MOST_CANDIDATES`].
    pub candidates: Vec<PasswordCandidate>,
    /// The answer to the claim.
    pub claim: AttemptClaim,
}

/// Claims an attempt and returns the accounts of the name that have a password.
/// The account that has verified an address comes first, and then the oldest. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_attempt(
    db: &dyn Db,
    owner: PasswordOwner<'_>,
    limit: AttemptLimit<'_>,
    now: Timestamp,
) -> Result<ClaimedPassword, StoreError> {
    let select = match owner {
        PasswordOwner::Named(LoginName::Email(email)) => sql(
            "SELECT w.user_id AS id, w.hash, t.secret, t.confirmed_at, t.created_at AS made_at
               FROM users AS u JOIN passwords AS w ON w.user_id = u.id
               LEFT JOIN totp AS t ON t.user_id = w.user_id AND t.confirmed_at IS NOT NULL
              WHERE u.id IN (SELECT id FROM users WHERE email = ?1
                              ORDER BY email_verified DESC, created_at LIMIT ?3)
              ORDER BY u.email_verified DESC, u.created_at LIMIT ?2",
            [
                email.into(),
                i64::try_from(MOST_CANDIDATES).unwrap_or(1).into(),
                MOST_CLAIMS.into(),
            ],
        ),
        PasswordOwner::Named(LoginName::Username(username)) => sql(
            "SELECT p.user_id AS id, w.hash, t.secret, t.confirmed_at, t.created_at AS made_at
               FROM people AS p JOIN passwords AS w ON w.user_id = p.user_id
               LEFT JOIN totp AS t ON t.user_id = p.user_id AND t.confirmed_at IS NOT NULL
              WHERE p.username = ?1",
            [username.into()],
        ),
        PasswordOwner::UsernameInAnyCase(username) => sql(
            "SELECT p.user_id AS id, w.hash, t.secret, t.confirmed_at, t.created_at AS made_at
               FROM people AS p JOIN passwords AS w ON w.user_id = p.user_id
               LEFT JOIN totp AS t ON t.user_id = p.user_id AND t.confirmed_at IS NOT NULL
              WHERE p.id = (SELECT id FROM people WHERE lower(username) = lower(?1)
                             ORDER BY id LIMIT 1)",
            [username.into()],
        ),
        PasswordOwner::SignedIn(user) => sql(
            "SELECT user_id AS id, hash, NULL AS secret, NULL AS confirmed_at, NULL AS made_at
               FROM passwords WHERE user_id = ?1",
            [user.into()],
        ),
    };
    let [count, free_at] = attempts::claim(limit, now);
    let [candidates, counted, free_at] = batch(db, [select, count, free_at]).await?;
    Ok(ClaimedPassword {
        candidates: read_all(&candidates)?,
        claim: attempts::claimed(&counted, &free_at)?,
    })
}

/// Claims an attempt to change the password of an account. Returns the answer and the username, if
/// the account belongs to a person. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim_change(
    db: &dyn Db,
    user: UserId,
    limit: AttemptLimit<'_>,
    now: Timestamp,
) -> Result<(AttemptClaim, Option<String>), StoreError> {
    let select = sql(
        "SELECT username FROM people WHERE user_id = ?1",
        [user.into()],
    );
    let [count, free_at] = attempts::claim(limit, now);
    let [username, counted, free_at] = batch(db, [select, count, free_at]).await?;
    let username = username.first().map(|row| row.text("username"));
    Ok((
        attempts::claimed(&counted, &free_at)?,
        username.transpose()?,
    ))
}

/// Counts the passwords under each pepper key, by the key's id. Passwords without a pepper are
/// counted under `None`.
///
/// # Errors
/// [`StoreError`]
pub async fn count_by_key(db: &dyn Db) -> Result<Vec<(Option<String>, i64)>, StoreError> {
    let select = sql(
        "SELECT CASE WHEN instr(hash, ',keyid=')
                     THEN substr(hash, instr(hash, ',keyid=') + 7, 8) END AS id,
                COUNT(*) AS count
           FROM passwords GROUP BY id",
        [],
    );
    run(db, select)
        .await?
        .iter()
        .map(|row| Ok((row.opt_text("id")?, row.integer("count")?)))
        .collect()
}

/// Records that a password created `session`: its TOTP step is used, and an outdated hash is
/// replaced. The batch created the session only if the password was still valid.
pub(super) fn note_use(
    verified: &VerifiedPassword,
    session: SessionId,
    now: Timestamp,
) -> Vec<Statement> {
    let mut statements = Vec::new();
    if let Some(step) = verified.step {
        statements.push(totp::use_step(step, verified.user, session));
    }
    if let Some(rehashed) = &verified.rehashed {
        statements.push(sql(
            "UPDATE passwords SET hash = ?2
              WHERE user_id = ?1 AND hash = ?3
                AND EXISTS (SELECT 1 FROM sessions WHERE id = ?4 AND created_at = ?5)",
            [
                verified.user.into(),
                rehashed.as_str().into(),
                verified.hash.as_str().into(),
                session.into(),
                now.into(),
            ],
        ));
    }
    statements
}

/// A new password of the caller's account.
#[derive(Clone, Copy, Debug)]
pub struct PasswordUpdate<'a> {
    /// The hash of the password.
    pub hash: &'a PasswordHash,
    /// The subjects under which attempts to guess the password are counted. They are cleared.
    pub subjects: &'a [ThrottleSubject],
    /// The id of the event about a skipped breach check, if the check was unavailable.
    pub unchecked_event: Option<EventId>,
    /// The id of the event about the account's other sessions, which are revoked.
    pub revoked_event: EventId,
}

/// Sets or replaces the password of the caller's account. Revokes the account's other sessions and
/// the person's tokens of the authorization service, and clears the attempts to guess the old
/// password. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn set(
    db: &dyn Db,
    by: Caller,
    new: PasswordUpdate<'_>,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let mut writes = vec![about_changed(context, by), about_first(context, by)];
    if let Some(id) = new.unchecked_event {
        writes.push(events::about_session(
            &context.with_id(id),
            EventKind::PasswordUnchecked,
            by.user,
            by.session,
        ));
    }
    let revoke_others = sql(
        concatcp!(
            "UPDATE sessions SET revoked_at = ?3
              WHERE user_id = ?2 AND id <> ?1 AND revoked_at IS NULL AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), context.at.into()],
    );
    writes.extend([
        about_others(&context.with_id(new.revoked_event), by),
        revoke_others,
        person_tokens::revoke_by(by),
    ]);
    writes.extend(
        new.subjects
            .iter()
            .map(|subject| attempts::clear_by(subject, by)),
    );
    let upsert = sql(
        concatcp!(
            "INSERT INTO passwords (user_id, hash, created_at, changed_at)
             SELECT ?2, ?3, ?4, ?4 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE
                 SET hash = excluded.hash, changed_at = excluded.changed_at
              RETURNING user_id"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.hash.as_str().into(),
            context.at.into(),
        ],
    );
    let ([own], [stored]) = batch_around(db, [live::select(by)], writes, [upsert]).await?;
    Ok(FactorChange::from_rows(&own, &stored))
}

/// Returns the event about a replaced password.
fn about_changed(context: &EventContext, by: Caller) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions
              WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM passwords WHERE user_id = ?9)"
        ),
        context,
        EventKind::PasswordChanged,
        [by.session.into(), by.user.into()],
    )
}

/// Returns the event about the account's first password.
fn about_first(context: &EventContext, by: Caller) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "user_id, id FROM sessions
              WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL
                AND NOT EXISTS (SELECT 1 FROM passwords WHERE user_id = ?9)"
        ),
        context,
        EventKind::PasswordSet,
        [by.session.into(), by.user.into()],
    )
}

/// True if the account `?2` has a password and another way to sign in.
const IS_REMOVABLE: &str = "EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?2)
    AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?2)
         OR EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = ?2))";

/// Removes the password and the person's tokens of the authorization service. Returns
/// [`FactorChange::Unchanged`] if the account has no password or no other way to sign in. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(
    db: &dyn Db,
    by: Caller,
    context: &EventContext,
) -> Result<FactorChange, StoreError> {
    let revoke_tokens = sql(
        concatcp!(
            "DELETE FROM person_tokens
              WHERE person_id = (SELECT id FROM people WHERE user_id = ?2) AND ",
            IS_REMOVABLE,
            " AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into()],
    );
    let delete = sql(
        concatcp!(
            "DELETE FROM passwords WHERE user_id = ?2 AND ",
            IS_REMOVABLE,
            " AND ",
            IS_LIVE,
            " RETURNING user_id"
        ),
        [by.session.into(), by.user.into()],
    );
    let statements = [
        live::select(by),
        about_removed(context, by),
        revoke_tokens,
        delete,
    ];
    let [own, _, _, deleted] = batch(db, statements).await?;
    Ok(FactorChange::from_rows(&own, &deleted))
}

/// Returns the event about a removed password.
fn about_removed(context: &EventContext, by: Caller) -> Statement {
    events::event(
        concatcp!(
            INSERT_EVENT,
            "s.user_id, s.id FROM sessions AS s
              WHERE s.id = ?8 AND s.user_id = ?9 AND s.revoked_at IS NULL
                AND EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?9)
                AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?9)
                     OR EXISTS (SELECT 1 FROM passkeys AS k WHERE k.user_id = ?9))"
        ),
        context,
        EventKind::PasswordRemoved,
        [by.session.into(), by.user.into()],
    )
}
