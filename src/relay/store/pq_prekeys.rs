//! Post-quantum prekeys: pages of one-time prekeys and the last-resort prekey.
//!
//! A key is 40 times as large as an X25519 key. A page has ten of them, so that a claim rewrites at
//! most 22 KB and an upload of 100 keys writes eleven rows. Page 0 is the last-resort prekey.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::store::{Db, Row, Statement, StoreError, batch, read_first, run, sql};
use crate::relay::model::keys::MessageKey;
use crate::relay::model::pq_prekeys::{NewPqPrekeys, PqPrekey};
use crate::relay::store::prekey_history::{
    ATTEMPTS, EXTEND_HISTORY, HISTORY_ROW_CHARS, INSERT_HISTORY, IS_UNCHANGED, SeenHistory, look,
};
use crate::relay::store::prekeys::{Upload, count};

/// The largest number of one-time prekeys in stock.
pub const MOST_PQ_IN_STOCK: usize = 100;
/// The number of keys in a page.
const KEYS_PER_PAGE: usize = 10;

/// The number of one-time prekeys of the account `?2`.
const IN_STOCK: &str = "(SELECT COALESCE(SUM(length(stock) / key_chars), 0)
                           FROM relay_pq_prekeys WHERE user_id = ?2 AND number > 0)";

/// An upload of keys that the identity key `signer` signed.
#[derive(Clone, Copy, Debug)]
pub struct PqUpload<'a> {
    /// The keys.
    pub new: &'a NewPqPrekeys,
    /// The identity key that verified them. The upload needs it to be the account's still.
    pub signer: &'a MessageKey,
    /// A random id of the upload.
    pub id: &'a str,
}

/// The number of characters of a stored key.
fn key_chars(key: &PqPrekey) -> usize {
    key.stored().len()
}

impl PqUpload<'_> {
    /// Remembers the hashes of the one-time prekeys, if no other upload came between and there is
    /// room.
    fn history(&self, by: Caller, seen: &SeenHistory, hashes: &[String]) -> Statement {
        let room = MOST_PQ_IN_STOCK.saturating_sub(hashes.len());
        sql(
            concatcp!(
                INSERT_HISTORY,
                "EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2 AND identity_key = ?8)
                    AND ",
                IN_STOCK,
                " <= ?7 AND ",
                IS_UNCHANGED,
                " AND ",
                IS_LIVE,
                EXTEND_HISTORY
            ),
            [
                by.session.into(),
                by.user.into(),
                seen.last_upload.as_deref().into(),
                hashes.concat().as_str().into(),
                self.id.into(),
                count(HISTORY_ROW_CHARS),
                count(room),
                self.signer.stored().as_str().into(),
            ],
        )
    }

    /// Adds the pages of an upload whose hashes are remembered.
    fn pages(&self, by: Caller) -> Statement {
        let keys = &self.new.one_time;
        let pages = keys.chunks(KEYS_PER_PAGE);
        let pages: Vec<String> = pages
            .map(|page| page.iter().map(PqPrekey::stored).collect())
            .collect();
        sql(
            "INSERT INTO relay_pq_prekeys (user_id, number, key_chars, stock)
             SELECT ?1, json_each.key + 1 + COALESCE((SELECT MAX(number) FROM relay_pq_prekeys
                                               WHERE user_id = ?1), 0), ?3, json_each.value
               FROM json_each(?2)
              WHERE EXISTS (SELECT 1 FROM relay_prekey_history
                             WHERE user_id = ?1 AND last_upload = ?4)
             RETURNING number",
            [
                by.user.into(),
                serde_json::Value::from(pages).to_string().as_str().into(),
                count(keys.first().map_or(1, key_chars)),
                self.id.into(),
            ],
        )
    }

    /// Replaces the last-resort prekey. In an upload with one-time prekeys, only with them.
    fn last_resort(&self, by: Caller, key: &PqPrekey) -> Statement {
        sql(
            concatcp!(
                "INSERT INTO relay_pq_prekeys (user_id, number, key_chars, stock)
                 SELECT ?2, 0, ?3, ?4
                  WHERE EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2 AND identity_key = ?5)
                    AND (?6 = 0 OR EXISTS (SELECT 1 FROM relay_prekey_history
                                            WHERE user_id = ?2 AND last_upload = ?7))
                    AND ",
                IS_LIVE,
                " ON CONFLICT (user_id, number) DO UPDATE
                     SET key_chars = excluded.key_chars, stock = excluded.stock
                  RETURNING number"
            ),
            [
                by.session.into(),
                by.user.into(),
                count(key_chars(key)),
                key.stored().as_str().into(),
                self.signer.stored().as_str().into(),
                count(self.new.one_time.len()),
                self.id.into(),
            ],
        )
    }
}

/// Adds one-time prekeys to the stock of the caller's account and replaces the last-resort prekey.
/// Both or neither. Two round trips.
///
/// # Errors
/// [`StoreError`]
pub async fn add(db: &dyn Db, by: Caller, upload: PqUpload<'_>) -> Result<Upload, StoreError> {
    let hashes: Vec<String> = upload.new.one_time.iter().map(PqPrekey::hash).collect();
    for _ in 0..ATTEMPTS {
        let seen = look(db, by.user, &hashes).await?;
        if let Some(outcome) = add_once(db, by, upload, &hashes, &seen).await? {
            return Ok(outcome);
        }
    }
    Err(Upload::overtaken())
}

async fn add_once(
    db: &dyn Db,
    by: Caller,
    upload: PqUpload<'_>,
    hashes: &[String],
    seen: &SeenHistory,
) -> Result<Option<Upload>, StoreError> {
    let mut statements = vec![sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live,
                EXISTS (SELECT 1 FROM relay_keys
                         WHERE user_id = ?2 AND identity_key = ?4) AS identity, ",
            IS_UNCHANGED,
            " AS unchanged"
        ),
        [
            by.session.into(),
            by.user.into(),
            seen.last_upload.as_deref().into(),
            upload.signer.stored().as_str().into(),
        ],
    )];
    if seen.reused {
        let results = db.batch(statements).await?;
        return Upload::refused(results.first().and_then(|rows| rows.first()), true);
    }
    if !hashes.is_empty() {
        statements.push(upload.history(by, seen, hashes));
        statements.push(upload.pages(by));
    }
    if let Some(key) = &upload.new.last_resort {
        statements.push(upload.last_resort(by, key));
    }
    let stored = statements.len() - 1;
    statements.push(sql(
        concatcp!("SELECT ?1 AS session, ", IN_STOCK, " AS total"),
        [by.session.into(), by.user.into()],
    ));
    let results = db.batch(statements).await?;
    if results.get(stored).is_some_and(|rows| !rows.is_empty()) {
        let broken = || StoreError::Broken("a stock has no count".to_owned());
        let total = results.last().and_then(|rows| rows.first());
        let total = total.ok_or_else(broken)?.parsed_integer("total")?;
        return Ok(Some(Upload::Stored(total)));
    }
    Upload::refused(results.first().and_then(|rows| rows.first()), false)
}

/// The post-quantum prekeys of an account.
#[derive(Clone, Copy, Debug)]
pub struct PqStock {
    /// The number of one-time prekeys.
    pub one_time: usize,
    /// Whether there is a last-resort prekey.
    pub has_last_resort: bool,
}

impl TryFrom<&Row> for PqStock {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            one_time: row.parsed_integer("total")?,
            has_last_resort: row.integer("last_resort")? == 1,
        })
    }
}

/// Counts the prekeys of the account `?1`.
const COUNTED: &str =
    "SELECT COALESCE(SUM(iif(number > 0, length(stock) / key_chars, 0)), 0) AS total,
            COALESCE(MAX(number = 0), 0) AS last_resort
       FROM relay_pq_prekeys WHERE user_id = ?1";

/// Counts the prekeys of an account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn in_stock(db: &dyn Db, user: UserId) -> Result<PqStock, StoreError> {
    let found = read_first(&run(db, sql(COUNTED, [user.into()])).await?)?;
    found.ok_or_else(|| StoreError::Broken("a stock has no count".to_owned()))
}

/// Removes all prekeys of the caller's account. Returns what they were. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn clear(db: &dyn Db, by: Caller) -> Result<usize, StoreError> {
    let delete = sql(
        concatcp!(
            "DELETE FROM relay_pq_prekeys WHERE user_id = ?2 AND ",
            IS_LIVE,
            " RETURNING iif(number > 0, length(stock) / key_chars, 0) AS total"
        ),
        [by.session.into(), by.user.into()],
    );
    let [pages] = batch(db, [delete]).await?;
    pages
        .iter()
        .map(|row| row.parsed_integer::<usize>("total"))
        .sum()
}

/// Removes all prekeys of the caller's account if its identity key is about to be another one.
#[must_use]
pub fn drop_if_identity_changes(by: Caller, identity: &str) -> Statement {
    sql(
        concatcp!(
            "DELETE FROM relay_pq_prekeys WHERE user_id = ?2 AND EXISTS (
                 SELECT 1 FROM relay_keys AS k WHERE k.user_id = ?2 AND k.identity_key <> ?3) AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), identity.into()],
    )
}
