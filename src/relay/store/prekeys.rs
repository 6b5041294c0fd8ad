//! One-time prekeys: the stock and the history of uploads.
//!
//! The stock of an account is one row, so that an upload of 100 keys writes two rows and a claim
//! one.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, batch, run, sql};
use crate::relay::model::keys::{KEY_CHARS, MessageKey};
use crate::relay::store::prekey_history::{
    ATTEMPTS, EXTEND_HISTORY, HISTORY_ROW_CHARS, INSERT_HISTORY, IS_UNCHANGED, SeenHistory, look,
};

/// The largest number of keys in stock.
pub const MOST_IN_STOCK: usize = 500;

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
    /// Reads the reason why nothing was stored. `None`: another upload of the account came between.
    pub(super) fn refused(state: Option<&Row>, reused: bool) -> Result<Option<Self>, StoreError> {
        let state = state.ok_or_else(|| StoreError::Broken("an upload has no state".to_owned()))?;
        Ok(if state.integer("live")? == 0 {
            Some(Self::SignedOut)
        } else if state.integer("identity")? == 0 {
            Some(Self::NoIdentity)
        } else if reused {
            Some(Self::Reused)
        } else if state.integer("unchanged")? == 0 {
            None
        } else {
            Some(Self::Full)
        })
    }

    /// Returns the error of an upload that found a changed history again and again.
    pub(super) fn overtaken() -> StoreError {
        StoreError::Unavailable("other uploads of the account came between".to_owned())
    }
}

/// Adds one-time prekeys to the stock of the caller's account. Two round trips.
///
/// # Errors
/// [`StoreError`]
pub async fn add(db: &dyn Db, by: Caller, new: NewPrekeys<'_>) -> Result<Upload, StoreError> {
    let hashes = new.hashes();
    for _ in 0..ATTEMPTS {
        let seen = look(db, by.user, &hashes).await?;
        if let Some(outcome) = add_once(db, by, new, &hashes, &seen).await? {
            return Ok(outcome);
        }
    }
    Err(Upload::overtaken())
}

async fn add_once(
    db: &dyn Db,
    by: Caller,
    new: NewPrekeys<'_>,
    hashes: &[String],
    seen: &SeenHistory,
) -> Result<Option<Upload>, StoreError> {
    let last_upload = seen.last_upload.as_deref();
    let state = sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live,
                EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2) AS identity, ",
            IS_UNCHANGED,
            " AS unchanged"
        ),
        [by.session.into(), by.user.into(), last_upload.into()],
    );
    if seen.reused {
        return Upload::refused(run(db, state).await?.first(), true);
    }
    let most = MOST_IN_STOCK.saturating_sub(new.keys.len()) * KEY_CHARS;
    let history = sql(
        concatcp!(
            INSERT_HISTORY,
            "EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2)
                AND NOT EXISTS (SELECT 1 FROM relay_prekeys
                                 WHERE user_id = ?2 AND length(stock) > ?7)
                AND ",
            IS_UNCHANGED,
            " AND ",
            IS_LIVE,
            EXTEND_HISTORY
        ),
        [
            by.session.into(),
            by.user.into(),
            last_upload.into(),
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
    match stored.first() {
        Some(row) => Ok(Some(Upload::Stored(row.parsed_integer("total")?))),
        None => Upload::refused(state.first(), false),
    }
}

pub(super) fn count(number: usize) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// Returns the number of keys in stock. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn in_stock(db: &dyn Db, user: UserId) -> Result<usize, StoreError> {
    let rows = run(db, select_total(user)).await?;
    rows.first()
        .map_or(Ok(0), |row| row.parsed_integer("total"))
}

/// Selects the number of keys in stock as `total`. No row is none.
pub(super) fn select_total(user: UserId) -> Statement {
    sql(
        concatcp!(
            "SELECT length(stock) / ",
            KEY_CHARS,
            " AS total FROM relay_prekeys WHERE user_id = ?1"
        ),
        [user.into()],
    )
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
