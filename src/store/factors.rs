//! TOTP secrets and backup codes: kept, used once, taken away; and proving again who one is.

use super::attempts::{self, Claim};
use super::passkeys::{self, Used};
use super::{Db, Row, Statement, StoreError, events, rows, run, sessions, sql};
use crate::model::amr::Amr;
use crate::model::ids::{ChallengeId, EventId, SessionId, UserId};
use crate::model::records::{Caller, EventKind, EventStamp};
use crate::model::secret::TokenHash;
use crate::model::throttle::{Policy, Subject};
use crate::model::time::Timestamp;
use crate::store::challenges::{self, Kind, Taken};

/// Whether the sign-in `?1` of the account `?2` is live.
macro_rules! is_live {
    () => {
        "EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)"
    };
}

/// Whether the account's passkey, at this count, or the code of this TOTP step may still be used; whichever is named.
macro_rules! is_proved {
    ($user:literal, $passkey:literal, $counter:literal, $step:literal) => {
        concat!(
            "(",
            $passkey,
            " IS NULL OR EXISTS (SELECT 1 FROM passkeys AS p WHERE p.id = ",
            $passkey,
            " AND p.user_id = ",
            $user,
            " AND (",
            $counter,
            " > p.counter OR (",
            $counter,
            " = 0 AND p.counter = 0)))) AND (",
            $step,
            " IS NULL OR EXISTS (SELECT 1 FROM totp AS t WHERE t.user_id = ",
            $user,
            " AND t.confirmed_at IS NOT NULL AND t.last_step < ",
            $step,
            "))"
        )
    };
}

/// A TOTP secret as it is kept.
#[derive(Clone, Debug)]
pub struct Totp {
    /// Sealed.
    pub secret: String,
    /// Whether its first code came.
    pub confirmed: bool,
}

fn read(row: &Row) -> Result<Totp, StoreError> {
    Ok(Totp { secret: row.text("secret")?, confirmed: row.opt_time("confirmed_at")?.is_some() })
}

fn select_totp(user: UserId) -> Statement {
    sql("SELECT secret, confirmed_at FROM totp WHERE user_id = ?1", [user.into()])
}

/// The account's TOTP secret, confirmed or not.
///
/// # Errors
/// [`StoreError`]
pub async fn totp(db: &dyn Db, user: UserId) -> Result<Option<Totp>, StoreError> {
    run(db, select_totp(user)).await?.first().map(read).transpose()
}

/// How a change of a factor ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changed {
    /// It was done.
    Yes,
    /// There is none to change, or one that must not be replaced.
    No,
    /// The caller's sign-in is not live any more.
    SignedOut,
}

fn changed(results: &[super::Rows], index: usize) -> Changed {
    match (rows(results, 0).is_empty(), rows(results, index).is_empty()) {
        (true, _) => Changed::SignedOut,
        (_, true) => Changed::No,
        _ => Changed::Yes,
    }
}

/// Keeps a secret that is not confirmed yet, in place of another such one. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn enrol_totp(db: &dyn Db, by: Caller, sealed: &str, now: Timestamp) -> Result<Changed, StoreError> {
    let insert = sql(
        concat!(
            "INSERT INTO totp (user_id, secret, created_at, last_step) SELECT ?2, ?3, ?4, 0 WHERE ",
            is_live!(),
            " ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_at = excluded.created_at, last_step = 0
               WHERE confirmed_at IS NULL
              RETURNING user_id"
        ),
        [by.session.into(), by.user.into(), sealed.into(), now.into()],
    );
    let results = db.batch(vec![sessions::is_live(by), insert]).await?;
    Ok(changed(&results, 1))
}

/// Confirms a secret with the code of `step`. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn confirm_totp(db: &dyn Db, by: Caller, sealed: &str, step: i64, stamp: &EventStamp) -> Result<Changed, StoreError> {
    let event = events::event(
        insert_event!(
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL AND t.secret = ?10 AND t.confirmed_at IS NULL"
        ),
        stamp,
        EventKind::TotpEnabled,
        [by.session.into(), by.user.into(), sealed.into()],
    );
    let update = sql(
        concat!(
            "UPDATE totp SET confirmed_at = ?5, last_step = ?4 WHERE user_id = ?2 AND secret = ?3 AND confirmed_at IS NULL AND ",
            is_live!(),
            " RETURNING user_id"
        ),
        [by.session.into(), by.user.into(), sealed.into(), step.into(), stamp.at.into()],
    );
    let results = db.batch(vec![sessions::is_live(by), event, update]).await?;
    Ok(changed(&results, 2))
}

/// Takes TOTP away. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn disable_totp(db: &dyn Db, by: Caller, stamp: &EventStamp) -> Result<Changed, StoreError> {
    let event = events::event(
        insert_event!(
            "t.user_id, s.id FROM totp AS t JOIN sessions AS s ON s.user_id = t.user_id
              WHERE s.id = ?8 AND t.user_id = ?9 AND s.revoked_at IS NULL AND t.confirmed_at IS NOT NULL"
        ),
        stamp,
        EventKind::TotpDisabled,
        [by.session.into(), by.user.into()],
    );
    let delete = sql(
        concat!("DELETE FROM totp WHERE user_id = ?2 AND confirmed_at IS NOT NULL AND ", is_live!(), " RETURNING user_id"),
        [by.session.into(), by.user.into()],
    );
    let results = db.batch(vec![sessions::is_live(by), event, delete]).await?;
    Ok(changed(&results, 2))
}

/// Keeps new backup codes by their hashes, in place of all others. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn replace_codes(db: &dyn Db, by: Caller, hashes: &[String], stamp: &EventStamp) -> Result<Changed, StoreError> {
    let list = serde_json::to_string(hashes).map_err(|error| StoreError::Broken(error.to_string()))?;
    let delete = sql(concat!("DELETE FROM backup_codes WHERE user_id = ?2 AND ", is_live!()), [by.session.into(), by.user.into()]);
    let insert = sql(
        concat!(
            "INSERT INTO backup_codes (user_id, code_hash, created_at) SELECT ?2, value, ?4 FROM json_each(?3) WHERE ",
            is_live!(),
            " RETURNING code_hash"
        ),
        [by.session.into(), by.user.into(), list.as_str().into(), stamp.at.into()],
    );
    let event = events::about_session(stamp, EventKind::BackupCodesMade, by.user, by.session);
    let results = db.batch(vec![sessions::is_live(by), event, delete, insert]).await?;
    Ok(changed(&results, 3))
}

/// What an account has besides its identities.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    /// When TOTP was confirmed.
    pub totp_since: Option<Timestamp>,
    /// When backup codes were made, and how many of them are left.
    pub codes: Option<(Timestamp, i64)>,
    /// How many passkeys there are.
    pub passkeys: i64,
}

/// What the account has. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of(db: &dyn Db, user: UserId) -> Result<Factors, StoreError> {
    let select = sql(
        "SELECT (SELECT confirmed_at FROM totp WHERE user_id = ?1) AS totp_since,
                (SELECT MAX(created_at) FROM backup_codes WHERE user_id = ?1) AS codes_since,
                (SELECT COUNT(*) FROM backup_codes WHERE user_id = ?1 AND used_at IS NULL) AS codes_left,
                (SELECT COUNT(*) FROM passkeys WHERE user_id = ?1) AS passkeys",
        [user.into()],
    );
    let results = run(db, select).await?;
    let row = results.first().ok_or_else(|| StoreError::Broken("no row of factors".to_owned()))?;
    let left = row.integer("codes_left")?;
    Ok(Factors {
        totp_since: row.opt_time("totp_since")?,
        codes: row.opt_time("codes_since")?.map(|since| (since, left)),
        passkeys: row.integer("passkeys")?,
    })
}

/// An account that can be recovered.
#[derive(Debug)]
pub struct Recoverable {
    /// The account.
    pub user: UserId,
    /// Its TOTP secret, if it is confirmed.
    pub totp: Option<Totp>,
}

/// Takes the challenge of a recovery, and gives the account that its address belongs to and that has a factor. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_recovery(
    db: &dyn Db,
    challenge: ChallengeId,
    now: Timestamp,
) -> Result<(Option<Taken>, Option<Recoverable>), StoreError> {
    let select = sql(
        "SELECT u.id, t.secret, t.confirmed_at FROM challenges AS c JOIN users AS u ON u.email = json_extract(c.state, '$.email')
           LEFT JOIN totp AS t ON t.user_id = u.id AND t.confirmed_at IS NOT NULL
          WHERE c.id = ?1 AND c.kind = ?2 AND c.expires_at > ?3
            AND (t.user_id IS NOT NULL OR EXISTS (SELECT 1 FROM backup_codes AS b WHERE b.user_id = u.id AND b.used_at IS NULL))
          ORDER BY u.email_verified DESC, u.created_at LIMIT 1",
        [challenge.into(), Kind::Recovery.as_str().into(), now.into()],
    );
    let results = db.batch(vec![select, challenges::take(challenge, Kind::Recovery, None, now)]).await?;
    let account = |row: &Row| {
        let totp = if row.opt_text("secret")?.is_some() { Some(read(row)?) } else { None };
        Ok::<_, StoreError>(Recoverable { user: row.parsed("id", UserId::parse)?, totp })
    };
    let taken = rows(&results, 1).first().map(challenges::read).transpose()?;
    Ok((taken, rows(&results, 0).first().map(account).transpose()?))
}

/// Takes the challenge of proving again who one is with TOTP, counts the attempt, and gives the secret. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn take_with_totp(
    db: &dyn Db,
    challenge: ChallengeId,
    user: UserId,
    subject: &Subject,
    now: Timestamp,
) -> Result<(Option<Taken>, Option<Totp>, Claim), StoreError> {
    let mut batch = vec![challenges::take(challenge, Kind::Reauthentication, Some(user), now), select_totp(user)];
    batch.extend(attempts::claim(subject, &Policy::GUESS, now));
    let results = db.batch(batch).await?;
    let taken = rows(&results, 0).first().map(challenges::read).transpose()?;
    Ok((taken, rows(&results, 1).first().map(read).transpose()?, attempts::claimed(&results, 2)?))
}

/// A factor that answered; whether it may be used is decided where it is written.
#[derive(Debug)]
pub enum Answer<'a> {
    /// A passkey.
    Passkey(Used<'a>),
    /// The code of a TOTP step.
    Totp(i64),
    /// A backup code, by its hash.
    BackupCode(String),
}

/// Notes that a factor made the sign-in `session` of `user`, which this batch made only if it may.
pub(super) fn note_use(answer: &Answer<'_>, owner: UserId, session: SessionId, now: Timestamp) -> Statement {
    match answer {
        Answer::Passkey(used) => passkeys::note_use(used, session, now),
        Answer::Totp(step) => sql(
            "UPDATE totp SET last_step = ?1 WHERE user_id = ?2 AND last_step < ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
            [(*step).into(), owner.into(), session.into()],
        ),
        Answer::BackupCode(hash) => sql(
            "UPDATE backup_codes SET used_at = ?4
              WHERE user_id = ?2 AND code_hash = ?1 AND used_at IS NULL AND EXISTS (SELECT 1 FROM sessions WHERE id = ?3)",
            [hash.as_str().into(), owner.into(), session.into(), now.into()],
        ),
    }
}

/// A web session's token that takes the place of the one with which somebody proved again who they are.
#[derive(Debug)]
pub struct FreshToken {
    /// Its hash.
    pub hash: TokenHash,
    /// The hash of the one that it replaces.
    pub replaces: TokenHash,
}

/// Notes that whoever is signed in with `by` proved again who they are; `false` if the factor was used meanwhile or the sign-in has ended.
/// Of concurrent callers with one code one gets `true`. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn reauthenticate(
    db: &dyn Db,
    by: Caller,
    answer: &Answer<'_>,
    (amr, fresh, subject): (&Amr, Option<&FreshToken>, Option<&Subject>),
    (stamp, event_id): (&EventStamp, EventId),
) -> Result<bool, StoreError> {
    let (passkey, counter, step) = match answer {
        Answer::Passkey(used) => (Some(used.id.as_str()), Some(i64::from(used.counter)), None),
        Answer::Totp(step) => (None, None, Some(*step)),
        // It is for recovery only.
        Answer::BackupCode(_) => return Ok(false),
    };
    let replaced = fresh.map(|fresh| &fresh.replaces);
    let update = sql(
        concat!(
            "UPDATE sessions SET authenticated_at = ?6, amr = ?7, token_hash = COALESCE(?8, token_hash)
              WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL AND (?9 IS NULL OR token_hash = ?9) AND ",
            is_proved!("?2", "?3", "?4", "?5"),
            " RETURNING id"
        ),
        [
            by.session.into(),
            by.user.into(),
            passkey.into(),
            counter.into(),
            step.into(),
            stamp.at.into(),
            amr.stored().as_str().into(),
            fresh.map(|fresh| &fresh.hash).into(),
            replaced.into(),
        ],
    );
    let mut batch = match answer {
        Answer::Passkey(used) => vec![events::about_suspected_clone(stamp, used)],
        _ => Vec::new(),
    };
    batch.push(events::event(
        insert_event!(
            "user_id, id FROM sessions WHERE id = ?8 AND user_id = ?9 AND revoked_at IS NULL AND (?13 IS NULL OR token_hash = ?13) AND ",
            is_proved!("?9", "?10", "?11", "?12")
        ),
        &EventStamp { id: event_id, ..stamp.clone() },
        EventKind::Reauthenticated,
        [by.session.into(), by.user.into(), passkey.into(), counter.into(), step.into(), replaced.into()],
    ));
    if let Some(subject) = subject {
        batch.push(sql(
            concat!(
                "DELETE FROM attempts WHERE subject = ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?2 AND user_id = ?3 AND revoked_at IS NULL
                    AND (?4 IS NULL OR token_hash = ?4)) AND ",
                is_proved!("?3", "NULL", "NULL", "?5")
            ),
            [subject.as_str().into(), by.session.into(), by.user.into(), replaced.into(), step.into()],
        ));
    }
    let updated = batch.len();
    batch.push(update);
    batch.push(match answer {
        Answer::Passkey(used) => passkeys::note_proof(used, by, stamp.at),
        _ => sql(
            "UPDATE totp SET last_step = ?3 WHERE user_id = ?2 AND last_step < ?3
                AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL)",
            [by.session.into(), by.user.into(), step.into()],
        ),
    });
    let results = db.batch(batch).await?;
    Ok(!rows(&results, updated).is_empty())
}
