//! Keys that Apple attested: kept once, bound to an account at the first authenticated use, used by compare-and-set, revoked for good.

use super::{Db, Row, SWEEP_BATCH, Statement, StoreError, Value, events, rows, run, run_until_short, sessions, sql};
use crate::model::attest::KeyId;
use crate::model::base64;
use crate::model::ids::UserId;
use crate::model::records::{Caller, EventStamp};
use crate::model::time::Timestamp;

/// Most live keys of an account.
pub const MOST_KEYS: i64 = 20;

/// A key as it is kept.
#[derive(Clone, Debug)]
pub struct AttestKey {
    /// SHA-256 of the public key.
    pub id: KeyId,
    /// Whose device it is, if that is known yet.
    pub user_id: Option<UserId>,
    /// X9.62, uncompressed.
    pub public_key: Vec<u8>,
    /// The app's id.
    pub app_id: String,
    /// Which of Apple's environments it comes from.
    pub environment: String,
    /// Where its counter stands.
    pub counter: u32,
    /// When it was attested.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// The columns of a key, as literal SQL, as [`read`] names them.
macro_rules! key_columns {
    () => {
        "id AS key_id, user_id AS key_user_id, public_key, app_id, environment, counter, created_at AS key_created_at,
         last_used_at AS key_last_used_at, revoked_at AS key_revoked_at"
    };
}

fn read(row: &Row) -> Result<AttestKey, StoreError> {
    let owner = row.opt_text("key_user_id")?;
    Ok(AttestKey {
        id: row.parsed("key_id", KeyId::parse)?,
        user_id: owner.as_deref().and_then(UserId::parse),
        public_key: row.parsed("public_key", base64::decode)?,
        app_id: row.text("app_id")?,
        environment: row.text("environment")?,
        counter: row.parsed_integer("counter")?,
        created_at: row.time("key_created_at")?,
        last_used_at: row.opt_time("key_last_used_at")?,
        revoked: row.opt_time("key_revoked_at")?.is_some(),
    })
}

/// A key that was attested just now.
#[derive(Debug)]
pub struct NewKey {
    /// SHA-256 of the public key.
    pub id: KeyId,
    /// X9.62, uncompressed.
    pub public_key: Vec<u8>,
    /// The app's id.
    pub app_id: String,
    /// Which of Apple's environments it comes from.
    pub environment: &'static str,
    /// Apple's receipt as it came.
    pub receipt: Vec<u8>,
}

impl NewKey {
    /// `?1` to `?6`.
    fn params(&self, now: Timestamp) -> Vec<Value> {
        vec![
            self.id.text().as_str().into(),
            base64::encode(&self.public_key).as_str().into(),
            self.app_id.as_str().into(),
            self.environment.into(),
            base64::encode(&self.receipt).as_str().into(),
            now.into(),
        ]
    }
}

/// How keeping a key ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kept {
    /// It is there, and the caller's if there is one.
    Yes,
    /// It is somebody else's, or was revoked.
    Taken,
    /// The account has as many as it may.
    TooMany,
    /// The caller's sign-in is not live any more.
    SignedOut,
    /// The caller's sign-in belongs to another device.
    OtherDevice,
}

/// Keeps a key of nobody's yet. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep_unbound(db: &dyn Db, new: &NewKey, now: Timestamp) -> Result<Kept, StoreError> {
    let insert = Statement {
        sql:
            "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at, counter) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
              ON CONFLICT (id) DO NOTHING",
        params: new.params(now),
    };
    let select =
        sql("SELECT id FROM attest_keys WHERE id = ?1 AND user_id IS NULL AND revoked_at IS NULL", [new.id.text().as_str().into()]);
    let results = db.batch(vec![insert, select]).await?;
    Ok(if rows(&results, 1).is_empty() { Kept::Taken } else { Kept::Yes })
}

/// Keeps a key for the account of the live sign-in `by`, and binds it to that sign-in. Safe to repeat. One round trip.
///
/// Where `keeps_to_device`, a sign-in that belongs to another device adds no key: who stole its token cannot add their own.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(db: &dyn Db, by: Caller, new: &NewKey, keeps_to_device: bool, stamp: &EventStamp) -> Result<Kept, StoreError> {
    let who = [by.user.into(), by.session.into(), MOST_KEYS.into(), keeps_to_device.into()];
    let device =
        sql("SELECT attest_key FROM sessions WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL", [by.session.into(), by.user.into()]);
    let event = events::about_added_key(stamp, by, &new.id, (MOST_KEYS, keeps_to_device));
    let insert = Statement {
        sql: "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at, counter, user_id)
              SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, s.user_id FROM sessions AS s
               WHERE s.id = ?8 AND s.user_id = ?7 AND s.revoked_at IS NULL
                 AND (?10 = 0 OR s.attest_key IS NULL OR s.attest_key = ?1)
                 AND (SELECT COUNT(*) FROM attest_keys WHERE user_id = ?7 AND revoked_at IS NULL AND id <> ?1) < ?9
              ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id WHERE user_id IS NULL AND revoked_at IS NULL",
        params: new.params(stamp.at).into_iter().chain(who).collect(),
    };
    let results = db.batch(vec![device, event, insert, select_owner(&new.id), bind_session(by, &new.id)]).await?;
    let Some(sign_in) = rows(&results, 0).first() else { return Ok(Kept::SignedOut) };
    if keeps_to_device && sign_in.opt_text("attest_key")?.is_some_and(|bound| bound != new.id.text()) {
        return Ok(Kept::OtherDevice);
    }
    kept(rows(&results, 3), by.user)
}

/// Keeps a key for an account. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep_for(db: &dyn Db, user: UserId, new: &NewKey, stamp: &EventStamp) -> Result<Kept, StoreError> {
    let who = [user.into(), MOST_KEYS.into()];
    let insert = Statement {
        sql: "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at, counter, user_id)
              SELECT ?1, ?2, ?3, ?4, ?5, ?6, 0, u.id FROM users AS u
               WHERE u.id = ?7 AND (SELECT COUNT(*) FROM attest_keys WHERE user_id = ?7 AND revoked_at IS NULL AND id <> ?1) < ?8
              ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id WHERE user_id IS NULL AND revoked_at IS NULL",
        params: new.params(stamp.at).into_iter().chain(who).collect(),
    };
    let event = events::about_key_of(stamp, user, &new.id, MOST_KEYS);
    let results = db.batch(vec![event, insert, select_owner(&new.id)]).await?;
    kept(rows(&results, 2), user)
}

fn select_owner(id: &KeyId) -> Statement {
    sql("SELECT user_id, revoked_at FROM attest_keys WHERE id = ?1", [id.text().as_str().into()])
}

/// How keeping a key for `user` ended, by what is there now.
fn kept(found: &[Row], user: UserId) -> Result<Kept, StoreError> {
    let Some(row) = found.first() else { return Ok(Kept::TooMany) };
    Ok(match (row.opt_text("user_id")?, row.opt_time("revoked_at")?) {
        (Some(owner), None) if owner == user.to_string() => Kept::Yes,
        (None, None) => Kept::TooMany,
        _ => Kept::Taken,
    })
}

/// Binds a sign-in to a key of its account; `false` if the key is not its account's, or not any more.
///
/// # Errors
/// [`StoreError`]
pub async fn bind(db: &dyn Db, by: Caller, id: &KeyId) -> Result<bool, StoreError> {
    Ok(!run(db, bind_session(by, id)).await?.is_empty())
}

/// From now on only this key is good for the sign-in, if none was before and the key is its account's.
fn bind_session(by: Caller, id: &KeyId) -> Statement {
    sql(
        "UPDATE sessions SET attest_key = ?3
          WHERE id = ?1 AND user_id = ?2 AND attest_key IS NULL
            AND EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?3 AND k.user_id = ?2 AND k.revoked_at IS NULL)
         RETURNING id",
        [by.session.into(), by.user.into(), id.text().as_str().into()],
    )
}

/// A key by its id.
///
/// # Errors
/// [`StoreError`]
pub async fn find(db: &dyn Db, id: &KeyId) -> Result<Option<AttestKey>, StoreError> {
    let select = sql(concat!("SELECT ", key_columns!(), " FROM attest_keys WHERE id = ?1"), [id.text().as_str().into()]);
    run(db, select).await?.first().map(read).transpose()
}

/// A use of a key: whose, where its counter stands now, and whether it binds.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// Where its counter stands now.
    pub counter: u32,
    /// Whether a key of nobody's becomes the account's, and a sign-in without one the key's.
    pub binds: bool,
}

/// Uses a key for the sign-in `by`: its counter moves on, and it becomes the account's and the sign-in's if it was nobody's.
/// Of concurrent callers with one counter one gets `true`. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn use_for(db: &dyn Db, by: Caller, used: Use<'_>, stamp: &EventStamp) -> Result<bool, StoreError> {
    let id_text = used.key.text();
    let update = sql(
        "UPDATE attest_keys SET counter = ?2, last_used_at = ?3, user_id = CASE WHEN ?7 = 1 THEN ?4 ELSE user_id END
          WHERE id = ?1 AND counter < ?2 AND revoked_at IS NULL
            AND (user_id = ?4 OR (user_id IS NULL AND (SELECT COUNT(*) FROM attest_keys WHERE user_id = ?4 AND revoked_at IS NULL) < ?6))
            AND EXISTS (SELECT 1 FROM sessions AS s
                 WHERE s.id = ?5 AND s.user_id = ?4 AND s.revoked_at IS NULL AND (s.attest_key IS NULL OR s.attest_key = ?1))
         RETURNING id",
        [
            id_text.as_str().into(),
            i64::from(used.counter).into(),
            stamp.at.into(),
            by.user.into(),
            by.session.into(),
            MOST_KEYS.into(),
            used.binds.into(),
        ],
    );
    let mut batch = Vec::new();
    if used.binds {
        batch.push(events::about_first_use(stamp, by, used, MOST_KEYS));
    }
    let updated = batch.len();
    batch.push(update);
    if used.binds {
        batch.push(bind_session(by, used.key));
    }
    let results = db.batch(batch).await?;
    Ok(!rows(&results, updated).is_empty())
}

/// The account's keys, newest first, revoked ones too.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId) -> Result<Vec<AttestKey>, StoreError> {
    let select = sql(
        concat!("SELECT ", key_columns!(), " FROM attest_keys WHERE user_id = ?1 ORDER BY created_at DESC, id LIMIT 100"),
        [user.into()],
    );
    run(db, select).await?.iter().map(read).collect()
}

/// Revokes a key of the account of the live sign-in `by`, and every sign-in that it is bound to but the caller's own.
/// Gives whether there is such a key; `None` if the sign-in is not live any more. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(db: &dyn Db, by: Caller, id: &KeyId, stamp: &EventStamp) -> Result<Option<bool>, StoreError> {
    let id_text = id.text();
    let update = sql(
        "UPDATE attest_keys SET revoked_at = COALESCE(revoked_at, ?3)
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
         RETURNING id",
        [id_text.as_str().into(), by.user.into(), stamp.at.into(), by.session.into()],
    );
    let end = sql(
        "UPDATE sessions SET revoked_at = ?3
          WHERE user_id = ?2 AND attest_key = ?1 AND id <> ?4 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?1 AND k.user_id = ?2 AND k.revoked_at IS NOT NULL)",
        [id_text.as_str().into(), by.user.into(), stamp.at.into(), by.session.into()],
    );
    let results = db.batch(vec![sessions::is_live(by), events::about_revoked_key(stamp, by, id), update, end]).await?;
    Ok((!rows(&results, 0).is_empty()).then(|| !rows(&results, 2).is_empty()))
}

/// Removes keys that nobody used since `before`, some batches of them; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn sweep(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM attest_keys WHERE id IN
             (SELECT id FROM attest_keys WHERE user_id IS NULL AND created_at < ?1 ORDER BY created_at LIMIT ?2) RETURNING id",
        [before.into(), SWEEP_BATCH.into()],
    );
    run_until_short(db, delete, SWEEP_BATCH).await
}
