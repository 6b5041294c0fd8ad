//! Passkeys: found, added, used, renamed, removed. That they are the caller's stands in every
//! statement.

use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::{Caller, Passkey};
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{NewChallenge, TakenChallenge};
use crate::accounts::store::{events, live};
use crate::kernel::model::base64;
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::{ChallengeId, SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, rows, run, sql};

/// Most passkeys of an account.
pub const MOST_PASSKEYS: usize = 20;
/// Passkeys of an account to which a recovered sign-in adds one: who lost twenty of them must still
/// be let in.
pub const MOST_WITH_RECOVERED: usize = 2 * MOST_PASSKEYS;
/// Most passkeys that an address can be answered with: it can be claimed by several accounts.
const MOST_NAMED: i64 = 64;

/// The columns of a passkey, as literal SQL, as [`read`] names them.
macro_rules! passkey_columns {
    () => {
        "id AS passkey_id, user_id, counter, transports, aaguid, backup_eligible, backed_up, user_verified, name AS passkey_name,
         created_at AS passkey_created_at, last_used_at AS passkey_last_used_at"
    };
}

fn read(row: &Row) -> Result<Passkey, StoreError> {
    Ok(Passkey {
        id: CredentialId::from_stored(row.text("passkey_id")?),
        user_id: row.parsed("user_id", UserId::parse)?,
        counter: row.parsed_integer("counter")?,
        transports: row.parsed("transports", |text| serde_json::from_str(text).ok())?,
        aaguid: row.text("aaguid")?,
        backup_eligible: row.integer("backup_eligible")? == 1,
        backed_up: row.integer("backed_up")? == 1,
        user_verified: row.integer("user_verified")? == 1,
        name: row.text("passkey_name")?,
        created_at: row.time("passkey_created_at")?,
        last_used_at: row.opt_time("passkey_last_used_at")?,
    })
}

/// A credential by its id and how its authenticator can be reached: what a browser is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Descriptor {
    /// The credential id.
    pub id: CredentialId,
    /// Hints.
    pub transports: Vec<String>,
}

fn descriptors(rows: &[Row]) -> Result<Vec<Descriptor>, StoreError> {
    let read = |row: &Row| {
        let transports = row.parsed("transports", |text| serde_json::from_str(text).ok())?;
        Ok(Descriptor {
            id: CredentialId::from_stored(row.text("id")?),
            transports,
        })
    };
    rows.iter().map(read).collect()
}

fn select_of(user: UserId) -> Statement {
    sql(
        "SELECT id, transports FROM passkeys WHERE user_id = ?1 ORDER BY created_at, id LIMIT 100",
        [user.into()],
    )
}

/// Keeps a challenge for an account and gives its passkeys. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_for(
    db: &dyn Db,
    challenge: &NewChallenge<'_>,
    user: UserId,
) -> Result<Vec<Descriptor>, StoreError> {
    descriptors(&challenges::keep_and(db, challenge, select_of(user)).await?)
}

/// Keeps the challenge of a sign-in and gives the passkeys of whoever has or claims the address.
/// One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_sign_in(
    db: &dyn Db,
    challenge: &NewChallenge<'_>,
    email: &Email,
) -> Result<Vec<Descriptor>, StoreError> {
    let select = sql(
        "SELECT p.id, p.transports FROM users AS u JOIN passkeys AS p ON p.user_id = u.id
          WHERE u.email = ?1 ORDER BY u.email_verified DESC, p.created_at LIMIT ?2",
        [email.into(), MOST_NAMED.into()],
    );
    descriptors(&challenges::keep_and(db, challenge, select).await?)
}

/// A passkey that answers a challenge, with its owner's address.
#[derive(Debug)]
pub struct PasskeyWithEmail {
    /// The passkey.
    pub passkey: Passkey,
    /// The same passkey as webauthn-rs writes it: JSON.
    pub library: String,
    /// Its owner's address.
    pub email: Email,
}

/// Takes the challenge of a sign-in, or of `user` proving again who they are, and gives the passkey
/// that answers it, in one round trip. Of concurrent callers one gets the challenge.
///
/// # Errors
/// [`StoreError`]
pub async fn take_with_passkey(
    db: &dyn Db,
    (challenge, kind, user): (ChallengeId, challenges::ChallengeKind, Option<UserId>),
    passkey: Option<&CredentialId>,
    now: Timestamp,
) -> Result<(Option<TakenChallenge>, Option<PasskeyWithEmail>), StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            passkey_columns!(),
            ", library, (SELECT email FROM users AS u WHERE u.id = user_id) AS email FROM passkeys WHERE id = ?1"
        ),
        [passkey.map(CredentialId::as_str).into()],
    );
    let results = db
        .batch(vec![challenges::take(challenge, kind, user, now), select])
        .await?;
    let taken = rows(&results, 0)
        .first()
        .map(challenges::read)
        .transpose()?;
    let owned = |row: &Row| {
        let (library, email) = (row.text("library")?, Email::from_stored(row.text("email")?));
        Ok::<_, StoreError>(PasskeyWithEmail {
            passkey: read(row)?,
            library,
            email,
        })
    };
    Ok((taken, rows(&results, 1).first().map(owned).transpose()?))
}

/// A passkey to add.
#[derive(Debug)]
pub struct NewPasskey {
    /// The credential id.
    pub id: CredentialId,
    /// COSE, as the authenticator gave it.
    pub public_key: Vec<u8>,
    /// The passkey as webauthn-rs writes it: JSON.
    pub library: String,
    /// Where the authenticator's counter stands.
    pub counter: u32,
    /// Hints.
    pub transports: Vec<String>,
    /// What kind of authenticator it is: a UUID.
    pub aaguid: String,
    /// Whether it may be backed up.
    pub backup_eligible: bool,
    /// Whether it is backed up.
    pub backed_up: bool,
    /// Whether its owner was verified.
    pub user_verified: bool,
    /// What its owner calls it.
    pub name: String,
}

impl NewPasskey {
    /// `?1` to `?11`; whose it is stands in the statement's FROM.
    fn params(&self, now: Timestamp) -> Vec<Value> {
        vec![
            self.id.as_str().into(),
            base64::encode(&self.public_key).as_str().into(),
            self.library.as_str().into(),
            i64::from(self.counter).into(),
            serde_json::to_string(&self.transports)
                .unwrap_or_else(|_| "[]".to_owned())
                .as_str()
                .into(),
            self.aaguid.as_str().into(),
            self.backup_eligible.into(),
            self.backed_up.into(),
            self.user_verified.into(),
            self.name.as_str().into(),
            now.into(),
        ]
    }
}

/// The beginning of a passkey's insertion: `?1` to `?11` are its own, and the rest says for whom
/// and on which condition.
macro_rules! insert_passkey {
    ($for_whom:literal) => {
        concat!(
            "INSERT INTO passkeys (id, public_key, library, counter, transports, aaguid, backup_eligible, backed_up, user_verified, name,
                                   created_at, user_id)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ",
            $for_whom
        )
    };
}

/// Adds a passkey to an account that this batch made, and that nobody else can know yet.
pub(super) fn insert_for_new(new: &NewPasskey, user: UserId, now: Timestamp) -> Statement {
    let params = new.params(now).into_iter().chain([user.into()]).collect();
    Statement {
        sql: insert_passkey!("id FROM users WHERE id = ?12"),
        params,
    }
}

/// Whose passkey it is, if anybody's.
pub(super) fn select_owner(id: &CredentialId) -> Statement {
    sql(
        "SELECT user_id FROM passkeys WHERE id = ?1",
        [id.as_str().into()],
    )
}

/// How adding a passkey ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PasskeyAddition {
    /// It is there.
    Yes,
    /// The caller's sign-in is not live any more.
    SignedOut,
    /// The credential is registered already, for whomever.
    Exists,
    /// The account has as many as it may.
    TooMany,
}

/// Adds a passkey to the account of the live sign-in `by`, if it has fewer than `most`. One round
/// trip.
///
/// # Errors
/// [`StoreError`]
pub async fn add(
    db: &dyn Db,
    by: Caller,
    new: &NewPasskey,
    most: usize,
    context: &EventContext,
) -> Result<PasskeyAddition, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let owned = [by.user.into(), by.session.into(), most.into()];
    let insert = Statement {
        sql: insert_passkey!(
            "s.user_id FROM sessions AS s
              WHERE s.id = ?13 AND s.user_id = ?12 AND s.revoked_at IS NULL
                AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?12) < ?14
                AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?1)
             RETURNING id"
        ),
        params: new.params(context.at).into_iter().chain(owned).collect(),
    };
    let event = events::about_added_passkey(context, by, &new.id, most);
    // Who recovered the account has a passkey again, under the conditions of its insertion.
    let recovered = sql(
        "UPDATE sessions SET recovering = 0
          WHERE id = ?1 AND user_id = ?2 AND recovering = 1 AND revoked_at IS NULL
            AND (SELECT COUNT(*) FROM passkeys WHERE user_id = ?2) < ?4 AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?3)",
        [by.session.into(), by.user.into(), new.id.as_str().into(), most.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            select_owner(&new.id),
            event,
            recovered,
            insert,
        ])
        .await?;
    Ok(
        match (
            rows(&results, 0).is_empty(),
            rows(&results, 1).is_empty(),
            rows(&results, 4).is_empty(),
        ) {
            (_, _, false) => PasskeyAddition::Yes,
            (true, ..) => PasskeyAddition::SignedOut,
            (_, false, _) => PasskeyAddition::Exists,
            _ => PasskeyAddition::TooMany,
        },
    )
}

/// Notes that a passkey made the sign-in `session`, which this batch made only if the counter
/// allowed it.
pub(super) fn note_use(used: &PasskeyUse<'_>, session: SessionId, now: Timestamp) -> Statement {
    sql(
        "UPDATE passkeys SET counter = ?2, backed_up = ?3, last_used_at = ?4 WHERE id = ?1 AND EXISTS (SELECT 1 FROM sessions WHERE id = ?5)",
        [
            used.id.as_str().into(),
            i64::from(used.counter).into(),
            used.backed_up.into(),
            now.into(),
            session.into(),
        ],
    )
}

/// Notes that a passkey proved again who is signed in with `by`, if its counter allows it.
pub(super) fn note_proof(used: &PasskeyUse<'_>, by: Caller, now: Timestamp) -> Statement {
    sql(
        "UPDATE passkeys SET counter = ?2, backed_up = ?3, last_used_at = ?4
          WHERE id = ?1 AND user_id = ?5 AND (?2 > counter OR (?2 = 0 AND counter = 0))
            AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?6 AND s.user_id = ?5 AND s.revoked_at IS NULL)",
        [used.id.as_str().into(), i64::from(used.counter).into(), used.backed_up.into(), now.into(), by.user.into(), by.session.into()],
    )
}

/// A passkey that answered a challenge.
#[derive(Clone, Copy, Debug)]
pub struct PasskeyUse<'a> {
    /// The credential id.
    pub id: &'a CredentialId,
    /// Its owner.
    pub user: UserId,
    /// Where its counter stands now.
    pub counter: u32,
    /// Whether it is backed up now.
    pub backed_up: bool,
}

/// The account's passkeys, oldest first.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId) -> Result<Vec<Passkey>, StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            passkey_columns!(),
            " FROM passkeys WHERE user_id = ?1 ORDER BY created_at, id LIMIT 100"
        ),
        [user.into()],
    );
    run(db, select).await?.iter().map(read).collect()
}

/// How renaming or removing a passkey ended.
#[derive(Debug)]
pub enum PasskeyChange<T> {
    /// It was done; and the account's passkeys as they are now.
    Done(T, Vec<CredentialId>),
    /// The caller's sign-in is not live any more.
    SignedOut,
    /// The account has no such passkey.
    Unknown,
    /// It is the last way to sign in.
    Last,
}

/// The ids that statement `index` of a batch gave.
fn ids(
    results: &[crate::kernel::store::Rows],
    index: usize,
) -> Result<Vec<CredentialId>, StoreError> {
    Ok(descriptors(rows(results, index))?
        .into_iter()
        .map(|passkey| passkey.id)
        .collect())
}

/// Renames a passkey of the account of the live sign-in `by`. Safe to repeat. One round trip.
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
        concat!(
            "UPDATE passkeys SET name = ?3
              WHERE id = ?1 AND user_id = ?2 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
             RETURNING ",
            passkey_columns!()
        ),
        [id.as_str().into(), by.user.into(), name.into(), by.session.into()],
    );
    let event = events::about_renamed_passkey(context, by, id, name);
    let results = db
        .batch(vec![live::select(by), event, update, select_of(by.user)])
        .await?;
    match rows(&results, 2).first() {
        Some(row) => Ok(PasskeyChange::Done(read(row)?, ids(&results, 3)?)),
        None if rows(&results, 0).is_empty() => Ok(PasskeyChange::SignedOut),
        None => Ok(PasskeyChange::Unknown),
    }
}

/// Removes a passkey of the account of the live sign-in `by`, and ends the sign-ins that it made,
/// unless it is the last way to sign in.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(
    db: &dyn Db,
    by: Caller,
    id: &CredentialId,
    context: &EventContext,
) -> Result<PasskeyChange<()>, StoreError> {
    let delete = sql(
        "DELETE FROM passkeys
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?3 AND s.user_id = ?2 AND s.revoked_at IS NULL)
            AND (EXISTS (SELECT 1 FROM identities AS i WHERE i.user_id = ?2) OR EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = ?2)
                 OR EXISTS (SELECT 1 FROM passkeys AS o WHERE o.user_id = ?2 AND o.id <> ?1))
         RETURNING id",
        [id.as_str().into(), by.user.into(), by.session.into()],
    );
    let known = sql(
        "SELECT id FROM passkeys WHERE id = ?1 AND user_id = ?2",
        [id.as_str().into(), by.user.into()],
    );
    let event = events::about_removed_passkey(context, by, id);
    // Only if it is not there any more. The caller's own sign-in stays: they are at it.
    let revoke = sql(
        "UPDATE sessions SET revoked_at = ?4
          WHERE user_id = ?2 AND passkey = ?1 AND id <> ?3 AND revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM passkeys WHERE id = ?1)",
        [id.as_str().into(), by.user.into(), by.session.into(), context.at.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            known,
            event,
            delete,
            select_of(by.user),
            revoke,
        ])
        .await?;
    if !rows(&results, 3).is_empty() {
        return Ok(PasskeyChange::Done((), ids(&results, 4)?));
    }
    Ok(
        match (rows(&results, 0).is_empty(), rows(&results, 1).is_empty()) {
            (true, _) => PasskeyChange::SignedOut,
            (_, true) => PasskeyChange::Unknown,
            _ => PasskeyChange::Last,
        },
    )
}
