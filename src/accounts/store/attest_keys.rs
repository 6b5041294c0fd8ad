//! Keys that Apple attested: kept once, bound to an account at the first authenticated use, used by
//! compare-and-set, revoked for good.

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::{events, live};
use crate::kernel::model::base64;
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, remove_in_batches, rows, run, sql,
};

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
    pub(super) fn params(&self, now: Timestamp) -> Vec<Value> {
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

/// Keeps a key of nobody's yet; `false` if it is somebody's, or was revoked. Safe to repeat. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep_unbound(db: &dyn Db, new: &NewKey, now: Timestamp) -> Result<bool, StoreError> {
    let insert = Statement {
        sql:
            "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at, counter) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
              ON CONFLICT (id) DO NOTHING",
        params: new.params(now),
    };
    let select = sql(
        "SELECT id FROM attest_keys WHERE id = ?1 AND user_id IS NULL AND revoked_at IS NULL",
        [new.id.text().as_str().into()],
    );
    let results = db.batch(vec![insert, select]).await?;
    Ok(!rows(&results, 1).is_empty())
}

/// A key by its id.
///
/// # Errors
/// [`StoreError`]
pub async fn find(db: &dyn Db, id: &KeyId) -> Result<Option<AttestKey>, StoreError> {
    let select = sql(
        concat!("SELECT ", key_columns!(), " FROM attest_keys WHERE id = ?1"),
        [id.text().as_str().into()],
    );
    run(db, select).await?.first().map(read).transpose()
}

/// The account's keys, live ones first, newest first among them; at most 100, so that every live
/// one is there.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId) -> Result<Vec<AttestKey>, StoreError> {
    let select = sql(
        concat!(
            "SELECT ",
            key_columns!(),
            " FROM attest_keys WHERE user_id = ?1
              ORDER BY revoked_at IS NOT NULL, created_at DESC, id LIMIT 100"
        ),
        [user.into()],
    );
    run(db, select).await?.iter().map(read).collect()
}

/// Revokes a key of the account of the live sign-in `by`, and every sign-in that it is bound to but
/// the caller's own. Gives whether there is such a key; `None` if the sign-in is not live any more.
/// Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(
    db: &dyn Db,
    by: Caller,
    id: &KeyId,
    context: &EventContext,
) -> Result<Option<bool>, StoreError> {
    let id_text = id.text();
    let update = sql(
        "UPDATE attest_keys SET revoked_at = COALESCE(revoked_at, ?3)
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
         RETURNING id",
        [id_text.as_str().into(), by.user.into(), context.at.into(), by.session.into()],
    );
    let end = sql(
        "UPDATE sessions SET revoked_at = ?3
          WHERE user_id = ?2 AND attest_key = ?1 AND id <> ?4 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?1 AND k.user_id = ?2 AND k.revoked_at IS NOT NULL)",
        [id_text.as_str().into(), by.user.into(), context.at.into(), by.session.into()],
    );
    let results = db
        .batch(vec![
            live::select(by),
            events::about_revoked_key(context, by, id),
            update,
            end,
        ])
        .await?;
    Ok((!rows(&results, 0).is_empty()).then(|| !rows(&results, 2).is_empty()))
}

/// Removes keys that nobody used since `before`, some batches of them; gives how many.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM attest_keys WHERE id IN
             (SELECT id FROM attest_keys WHERE user_id IS NULL AND COALESCE(last_used_at, created_at) < ?1
               ORDER BY COALESCE(last_used_at, created_at) LIMIT ?2) RETURNING id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
