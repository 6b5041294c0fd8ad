//! Keys that Apple attested. A key is stored once, bound to an account at its first authenticated
//! use, used by compare-and-set, and revoked for good.

use const_format::concatcp;

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::accounts::store::{events, live};
use crate::kernel::model::base64;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, batch, read_all, read_first,
    remove_in_batches, run, sql,
};

/// The maximum number of live keys of an account.
pub const MOST_KEYS: i64 = 20;

/// A stored key.
#[derive(Clone, Debug)]
pub struct AttestKey {
    /// The SHA-256 of the public key.
    pub id: KeyId,
    /// The account of the device's owner, once it is known.
    pub user_id: Option<UserId>,
    /// The public key: X9.62, uncompressed.
    pub public_key: Vec<u8>,
    /// The app's id.
    pub app_id: String,
    /// The name of Apple's environment.
    pub environment: String,
    /// The last counter that the key signed.
    pub counter: u32,
    /// The time of the attestation.
    pub created_at: Timestamp,
    /// The time of the last use.
    pub last_used_at: Option<Timestamp>,
    /// True if the key was revoked.
    pub revoked: bool,
}

/// The columns of a key.
const KEY_COLUMNS: &str = "id AS key_id, user_id AS key_user_id, public_key, app_id, environment,
    counter, created_at AS key_created_at, last_used_at AS key_last_used_at,
    revoked_at AS key_revoked_at";

impl TryFrom<&Row> for AttestKey {
    type Error = StoreError;

    /// Reads [`KEY_COLUMNS`].
    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let owner = row.opt_text("key_user_id")?;
        Ok(Self {
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
}

/// A key that was attested in this request.
#[derive(Debug)]
pub struct NewKey {
    /// The SHA-256 of the public key.
    pub id: KeyId,
    /// The public key: X9.62, uncompressed.
    pub public_key: Vec<u8>,
    /// The app's id.
    pub app_id: String,
    /// The name of Apple's environment.
    pub environment: &'static str,
    /// Apple's receipt, unchanged.
    pub receipt: Vec<u8>,
}

impl NewKey {
    /// Returns the parameters `?1` to `?6` of the key's insertion.
    pub(super) fn params(&self, now: Timestamp) -> [Value; 6] {
        [
            self.id.text().as_str().into(),
            base64::encode(&self.public_key).as_str().into(),
            self.app_id.as_str().into(),
            self.environment.into(),
            base64::encode(&self.receipt).as_str().into(),
            now.into(),
        ]
    }
}

/// Stores a key without an account. Returns `false` if the key belongs to an account or was
/// revoked. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep_unbound(db: &dyn Db, new: &NewKey, now: Timestamp) -> Result<bool, StoreError> {
    let insert = sql(
        "INSERT INTO attest_keys (id, public_key, app_id, environment, receipt, created_at,
                                  counter)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
         ON CONFLICT (id) DO NOTHING",
        new.params(now),
    );
    let select = sql(
        "SELECT id FROM attest_keys WHERE id = ?1 AND user_id IS NULL AND revoked_at IS NULL",
        [new.id.text().as_str().into()],
    );
    let [_, unbound] = batch(db, [insert, select]).await?;
    Ok(!unbound.is_empty())
}

/// Finds a key by its id.
///
/// # Errors
/// [`StoreError`]
pub async fn find(db: &dyn Db, id: &KeyId) -> Result<Option<AttestKey>, StoreError> {
    let select = sql(
        concatcp!("SELECT ", KEY_COLUMNS, " FROM attest_keys WHERE id = ?1"),
        [id.text().as_str().into()],
    );
    read_first(&run(db, select).await?)
}

/// Lists the account's keys, at most 100: live keys first, and among them the newest first. The
/// limit is above the maximum number of live keys, so every live key is in the list.
///
/// # Errors
/// [`StoreError`]
pub async fn list(db: &dyn Db, user: UserId) -> Result<Vec<AttestKey>, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT ",
            KEY_COLUMNS,
            " FROM attest_keys
              WHERE id IN (SELECT id FROM (SELECT id FROM attest_keys
                                            WHERE user_id = ?1 AND revoked_at IS NULL
                                            ORDER BY created_at DESC LIMIT 100)
                           UNION ALL
                           SELECT id FROM (SELECT id FROM attest_keys
                                            WHERE user_id = ?1 AND revoked_at IS NOT NULL
                                            ORDER BY revoked_at DESC LIMIT 100))
              ORDER BY revoked_at IS NOT NULL, created_at DESC, id LIMIT 100"
        ),
        [user.into()],
    );
    read_all(&run(db, select).await?)
}

/// Revokes a key of the account of the live session `by`, and every session that is bound to the
/// key except the caller's own. Returns whether the account has this key, or `None` if the session
/// is no longer live. Safe to repeat.
///
/// # Errors
/// [`StoreError`]
pub async fn revoke(
    db: &dyn Db,
    by: Caller,
    id: &KeyId,
    context: &EventContext,
) -> Result<Option<bool>, StoreError> {
    let params = || {
        [
            id.text().as_str().into(),
            by.user.into(),
            context.at.into(),
            by.session.into(),
        ]
    };
    let update = sql(
        "UPDATE attest_keys SET revoked_at = COALESCE(revoked_at, ?3)
          WHERE id = ?1 AND user_id = ?2 AND EXISTS (
                SELECT 1 FROM sessions AS s
                 WHERE s.id = ?4 AND s.user_id = ?2 AND s.revoked_at IS NULL)
         RETURNING id",
        params(),
    );
    let revoke_sessions = sql(
        "UPDATE sessions SET revoked_at = ?3
          WHERE user_id = ?2 AND attest_key = ?1 AND id <> ?4 AND revoked_at IS NULL
            AND EXISTS (SELECT 1 FROM attest_keys AS k
                         WHERE k.id = ?1 AND k.user_id = ?2 AND k.revoked_at IS NOT NULL)",
        params(),
    );
    let statements = [
        live::select(by),
        about_revoked(context, by, id),
        update,
        revoke_sessions,
    ];
    let [own, _, revoked, _] = batch(db, statements).await?;
    Ok((!own.is_empty()).then_some(!revoked.is_empty()))
}

/// Returns the event about a key that the caller revokes.
fn about_revoked(context: &EventContext, by: Caller, id: &KeyId) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "k.user_id, s.id, k.id
               FROM attest_keys AS k JOIN sessions AS s ON s.user_id = k.user_id
              WHERE k.id = ?8 AND k.user_id = ?9 AND k.revoked_at IS NULL
                AND s.id = ?10 AND s.revoked_at IS NULL"
        ),
        context,
        EventKind::DeviceKeyRevoked,
        [id.text().as_str().into(), by.user.into(), by.session.into()],
    )
}

/// Removes keys without an account that were not used since `before`, in a few batches. Returns
/// their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, before: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM attest_keys WHERE id IN (
             SELECT id FROM attest_keys
              WHERE user_id IS NULL AND COALESCE(last_used_at, created_at) < ?1
              ORDER BY COALESCE(last_used_at, created_at) LIMIT ?2)
         RETURNING id",
        [before.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
