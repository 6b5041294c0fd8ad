//! One-time prekeys: the stock, the history of uploads, and claims.
//!
//! The stock of an account is one row, so that an upload of 100 keys writes two rows and a claim
//! one.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, batch, read_first, remove_in_batches,
    run, sql,
};
use crate::relay::model::keys::{HASH_CHARS, KEY_CHARS, MessageKey};
use crate::relay::store::counts;
use crate::relay::store::counts::hour;

/// The largest number of keys in stock.
pub const MOST_IN_STOCK: usize = 500;
/// The number of hashes in one row of the history.
const HASHES_PER_ROW: usize = 4_000;

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
                EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2) AS identity,
                EXISTS (SELECT 1 FROM relay_prekey_history AS h, json_each(?3)
                         WHERE h.user_id = ?2 AND instr(h.hashes, json_each.value)) AS reused"
        ),
        [by.session.into(), by.user.into(), list.as_str().into()],
    );
    let most = MOST_IN_STOCK.saturating_sub(new.keys.len()) * KEY_CHARS;
    let history = sql(
        concatcp!(
            "INSERT INTO relay_prekey_history (user_id, number, hashes, last_upload)
             SELECT ?2, COALESCE((SELECT number + (length(hashes) >= ?6)
                                    FROM relay_prekey_history WHERE user_id = ?2
                                   ORDER BY number DESC LIMIT 1), 1), ?4, ?5
              WHERE EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?2)
                AND NOT EXISTS (SELECT 1 FROM relay_prekey_history AS h, json_each(?3)
                                 WHERE h.user_id = ?2 AND instr(h.hashes, json_each.value))
                AND NOT EXISTS (SELECT 1 FROM relay_prekeys
                                 WHERE user_id = ?2 AND length(stock) > ?7)
                AND ",
            IS_LIVE,
            " ON CONFLICT (user_id, number) DO UPDATE
                 SET hashes = hashes || excluded.hashes, last_upload = excluded.last_upload"
        ),
        [
            by.session.into(),
            by.user.into(),
            list.as_str().into(),
            hashes.concat().as_str().into(),
            new.upload.into(),
            count(HASHES_PER_ROW * HASH_CHARS),
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
    Ok(if state.integer("live")? == 0 {
        Upload::SignedOut
    } else if state.integer("identity")? == 0 {
        Upload::NoIdentity
    } else if state.integer("reused")? == 1 {
        Upload::Reused
    } else {
        Upload::Full
    })
}

fn count(number: usize) -> Value {
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

/// The public keys of an account, with the one-time prekey that the caller got.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The identity key, as it is stored.
    pub identity_key: String,
    /// The signed prekey, as it is stored.
    pub signed_prekey: String,
    /// The signature of the signed prekey, as it is stored.
    pub signature: String,
    /// The day of the upload of the signed prekey, in milliseconds.
    pub signed_prekey_day: i64,
    /// The one-time prekey, as it is stored.
    pub one_time_prekey: Option<String>,
}

impl TryFrom<&Row> for Bundle {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            identity_key: row.text("identity_key")?,
            signed_prekey: row.text("signed_prekey")?,
            signature: row.text("signed_prekey_signature")?,
            signed_prekey_day: row.integer("signed_prekey_day")?,
            one_time_prekey: row.opt_text("first")?,
        })
    }
}

/// A request for the bundle of an account.
#[derive(Debug)]
pub struct Claim<'a> {
    /// Whose bundle it is.
    pub target: UserId,
    /// Who asks. No row keeps it.
    pub requester: UserId,
    /// The subjects under which the claims of this pair, of this requester and at this target are
    /// counted, with the largest count of an hour.
    pub limits: [(&'a str, i64); 3],
    /// A keyed hash of requester, target and `Idempotency-Key`, if the request has one.
    pub request: Option<&'a str>,
    /// A random id of the claim.
    pub id: &'a str,
}

/// True unless the account `?1` blocked the requester `?9`.
const NOT_BLOCKED: &str =
    "NOT EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?1 AND blocked_id = ?9)";

impl Claim<'_> {
    /// Returns the first parameters of each statement of [`claim`].
    fn params(&self, now: Timestamp) -> [Value; 9] {
        let [
            (pair, most_of_pair),
            (requester, most_of_requester),
            (target, most_of_target),
        ] = self.limits;
        [
            self.target.into(),
            pair.into(),
            requester.into(),
            target.into(),
            most_of_pair.into(),
            most_of_requester.into(),
            most_of_target.into(),
            hour(now).into(),
            self.requester.into(),
        ]
    }
}

/// True if the claims of this hour are within the limits and the requester is not blocked. `?2`,
/// `?3`, `?4` are the subjects, `?5`, `?6`, `?7` their limits and `?8` the hour.
const WITHIN_LIMITS: &str = concatcp!(
    "NOT EXISTS (
    SELECT 1 FROM relay_counts
     WHERE (subject = ?2 AND hour = ?8 AND count > ?5)
        OR (subject = ?3 AND hour = ?8 AND count > ?6)
        OR (subject = ?4 AND hour = ?8 AND count > ?7)) AND ",
    NOT_BLOCKED
);

/// Returns the bundle of an account and takes one of its one-time prekeys out of the stock, unless
/// the claims of this hour are above a limit. `None` if the account has no keys or blocked the
/// requester. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim(
    db: &dyn Db,
    claim: &Claim<'_>,
    now: Timestamp,
) -> Result<Option<Bundle>, StoreError> {
    let [(pair, _), (requester, _), _] = claim.limits;
    let with = |text: &'static str, more: Vec<Value>| {
        let params = claim.params(now).into_iter().chain(more).collect();
        Statement { sql: text, params }
    };
    let select = with(
        concatcp!(
            "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature, k.signed_prekey_day,
                    NULLIF(substr(p.stock, 1, ",
            KEY_CHARS,
            "), '') AS first
               FROM relay_keys AS k LEFT JOIN relay_prekeys AS p ON p.user_id = k.user_id AND ",
            WITHIN_LIMITS,
            " WHERE k.user_id = ?1 AND ",
            NOT_BLOCKED
        ),
        Vec::new(),
    );
    let mut writes = vec![counts::add(pair, now), counts::add(requester, now)];
    // A caller above a limit of their own does not use up what others may claim of the target.
    writes.push(with(
        concatcp!(
            "INSERT INTO relay_counts (subject, hour, count)
             SELECT ?4, ?8, 1 WHERE ?7 > 0 AND NOT EXISTS (
                 SELECT 1 FROM relay_counts
                  WHERE (subject = ?2 AND hour = ?8 AND count > ?5)
                     OR (subject = ?3 AND hour = ?8 AND count > ?6)) AND ",
            NOT_BLOCKED,
            " ON CONFLICT (subject) DO UPDATE
                SET count = iif(hour = excluded.hour, count + 1, 1), hour = excluded.hour"
        ),
        Vec::new(),
    ));
    let (before, bundle, rest);
    if let Some(request) = claim.request {
        writes.push(with(
            concatcp!(
                "INSERT INTO relay_prekey_claims (request, user_id, claim, prekey, created_at)
                 SELECT ?10, user_id, ?11, substr(stock, 1, ",
                KEY_CHARS,
                "), ?12 FROM relay_prekeys WHERE user_id = ?1 AND stock <> '' AND ",
                WITHIN_LIMITS,
                " ON CONFLICT (request) DO NOTHING"
            ),
            vec![request.into(), claim.id.into(), now.into()],
        ));
        writes.push(sql(
            concatcp!(
                "UPDATE relay_prekeys SET stock = substr(stock, ",
                KEY_CHARS + 1,
                ") WHERE user_id = ?1 AND EXISTS (
                     SELECT 1 FROM relay_prekey_claims WHERE request = ?2 AND claim = ?3)"
            ),
            [claim.target.into(), request.into(), claim.id.into()],
        ));
        before = writes;
        bundle = sql(
            "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature, k.signed_prekey_day,
                    (SELECT prekey FROM relay_prekey_claims WHERE request = ?2 AND user_id = ?1)
                        AS first
               FROM relay_keys AS k
              WHERE k.user_id = ?1
                AND NOT EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?1 AND blocked_id = ?3)",
            [claim.target.into(), request.into(), claim.requester.into()],
        );
        rest = None;
    } else {
        before = writes;
        bundle = select;
        rest = Some(with(
            concatcp!(
                "UPDATE relay_prekeys SET stock = substr(stock, ",
                KEY_CHARS + 1,
                ") WHERE user_id = ?1 AND stock <> '' AND ",
                WITHIN_LIMITS
            ),
            Vec::new(),
        ));
    }
    let at = before.len();
    let statements = before.into_iter().chain([bundle]).chain(rest).collect();
    let results = db.batch(statements).await?;
    read_first(results.get(at).map_or(&[], Vec::as_slice))
}

/// How long the answer to a request with an `Idempotency-Key` is kept: 24 hours, in milliseconds.
const CLAIMS_KEPT_MILLIS: i64 = 86_400_000;

/// Removes answers that are no longer repeated. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM relay_prekey_claims WHERE request IN (
             SELECT request FROM relay_prekey_claims WHERE created_at <= ?1 LIMIT ?2)
         RETURNING 1 AS one",
        [
            (now.millis() - CLAIMS_KEPT_MILLIS).into(),
            CLEANUP_BATCH.into(),
        ],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
