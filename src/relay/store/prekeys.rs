//! One-time prekeys: the stock and the history of uploads.
//!
//! The stock of an account is one row, so that an upload of 100 keys writes two rows and a claim
//! one.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, batch, run, sql};
use crate::relay::model::keys::{HASH_CHARS, KEY_CHARS, MessageKey};

/// The largest number of keys in stock.
pub const MOST_IN_STOCK: usize = 500;
/// The number of characters of the hashes in one row of the history: 4,000 of them.
pub(super) const HISTORY_ROW_CHARS: usize = 4_000 * HASH_CHARS;

/// Begins a statement that remembers the hashes `?4` of the upload `?5` of the account `?2`, in a
/// row that has fewer than `?6` characters. The condition follows, and then [`EXTEND_HISTORY`].
pub(super) const INSERT_HISTORY: &str =
    "INSERT INTO relay_prekey_history (user_id, number, hashes, last_upload)
     SELECT ?2, COALESCE((SELECT number + (length(hashes) >= ?6)
                            FROM relay_prekey_history WHERE user_id = ?2
                           ORDER BY number DESC LIMIT 1), 1), ?4, ?5 WHERE ";
/// Ends a statement that begins with [`INSERT_HISTORY`].
pub(super) const EXTEND_HISTORY: &str = " ON CONFLICT (user_id, number) DO UPDATE
     SET hashes = hashes || excluded.hashes, last_upload = excluded.last_upload";
/// True if the account `?2` uploaded a key of the hashes `?3` before, a JSON list.
pub(super) const IS_REUSED: &str = "EXISTS (SELECT 1 FROM relay_prekey_history AS h, json_each(?3)
              WHERE h.user_id = ?2 AND instr(h.hashes, json_each.value))";

/// New one-time prekeys, none of them twice.
#[derive(Clone, Copy, Debug)]
pub struct NewPrekeys<'a> {
    /// The keys.
    pub keys: &'a [MessageKey],
    /// A random id of the upload.
    pub upload: &'a str,
}

impl NewPrekeys<'_> {
    fn stock(&self) -> String {
        self.keys.iter().map(MessageKey::stored).collect()
    }

    fn hashes(&self) -> Vec<String> {
        self.keys.iter().map(MessageKey::hash).collect()
    }

    /// Inserts the first prekeys of an account that the same batch creates.
    #[must_use]
    pub fn insert_for_new(&self, user: UserId) -> Vec<Statement> {
        if self.keys.is_empty() {
            return Vec::new();
        }
        let history = sql(
            "INSERT INTO relay_prekey_history (user_id, number, hashes, last_upload)
             SELECT id, 1, ?2, ?3 FROM users WHERE id = ?1",
            [
                user.into(),
                self.hashes().concat().as_str().into(),
                self.upload.into(),
            ],
        );
        let stock = sql(
            "INSERT INTO relay_prekeys (user_id, stock) SELECT id, ?2 FROM users WHERE id = ?1",
            [user.into(), self.stock().as_str().into()],
        );
        vec![history, stock]
    }
}

/// The outcome of an upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upload {
    /// The keys are in stock. Holds the number of keys in stock.
    Stored(usize),
    /// One of the keys was uploaded before.
    Reused,
    /// The stock would have more than [`MOST_IN_STOCK`] keys.
    Full,
    /// The account has no identity key.
    NoIdentity,
    /// The caller is signed out.
    SignedOut,
}

impl Upload {
    /// Reads the reason why nothing was stored.
    pub(super) fn refused(state: &Row) -> Result<Self, StoreError> {
        Ok(if state.integer("live")? == 0 {
            Self::SignedOut
        } else if state.integer("identity")? == 0 {
            Self::NoIdentity
        } else if state.integer("reused")? == 1 {
            Self::Reused
        } else {
            Self::Full
        })
    }
}

/// Adds one-time prekeys to the stock of the caller's account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn add(db: &dyn Db, by: Caller, new: NewPrekeys<'_>) -> Result<Upload, StoreError> {
    let hashes = new.hashes();
    let list = serde_json::to_string(&hashes).unwrap_or_default();
    let state = sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live,
                EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2) AS identity, ",
            IS_REUSED,
            " AS reused"
        ),
        [by.session.into(), by.user.into(), list.as_str().into()],
    );
    let most = MOST_IN_STOCK.saturating_sub(new.keys.len()) * KEY_CHARS;
    let history = sql(
        concatcp!(
            INSERT_HISTORY,
            "EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2)
                AND NOT EXISTS (SELECT 1 FROM relay_prekeys
                                 WHERE user_id = ?2 AND length(stock) > ?7)
                AND NOT ",
            IS_REUSED,
            " AND ",
            IS_LIVE,
            EXTEND_HISTORY
        ),
        [
            by.session.into(),
            by.user.into(),
            list.as_str().into(),
            hashes.concat().as_str().into(),
            new.upload.into(),
            count(HISTORY_ROW_CHARS),
            count(most),
        ],
    );
    let stock = sql(
        concatcp!(
            "INSERT INTO relay_prekeys (user_id, stock)
             SELECT user_id, ?2 FROM relay_prekey_history WHERE user_id = ?1 AND last_upload = ?3
             ON CONFLICT (user_id) DO UPDATE SET stock = stock || excluded.stock
             RETURNING length(stock) / ",
            KEY_CHARS,
            " AS total"
        ),
        [
            by.user.into(),
            new.stock().as_str().into(),
            new.upload.into(),
        ],
    );
    let [state, _, stored] = batch(db, [state, history, stock]).await?;
    if let Some(row) = stored.first() {
        return Ok(Upload::Stored(row.parsed_integer("total")?));
    }
    let state = state
        .first()
        .ok_or_else(|| StoreError::Broken("an upload has no state".to_owned()))?;
    Upload::refused(state)
}

pub(super) fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// Returns the number of keys in stock. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn in_stock(db: &dyn Db, user: UserId) -> Result<usize, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT length(stock) / ",
            KEY_CHARS,
            " AS total FROM relay_prekeys WHERE user_id = ?1"
        ),
        [user.into()],
    );
    let rows = run(db, select).await?;
    rows.first()
        .map_or(Ok(0), |row| row.parsed_integer("total"))
}

/// Removes all keys in stock. Returns their number. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn clear(db: &dyn Db, by: Caller) -> Result<usize, StoreError> {
    let delete = sql(
        concatcp!(
            "DELETE FROM relay_prekeys WHERE user_id = ?2 AND ",
            IS_LIVE,
            " RETURNING length(stock) / ",
            KEY_CHARS,
            " AS total"
        ),
        [by.session.into(), by.user.into()],
    );
    let rows = run(db, delete).await?;
    rows.first()
        .map_or(Ok(0), |row| row.parsed_integer("total"))
}
