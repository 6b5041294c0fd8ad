//! The bundle of an account: its public keys with one-time prekeys that one caller gets.

use const_format::concatcp;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, read_first, remove_in_batches, sql,
};
use crate::relay::model::keys::KEY_CHARS;
use crate::relay::store::counts;
use crate::relay::store::counts::hour;

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
    /// The post-quantum one-time prekey, as it is stored.
    pub pq_one_time: Option<String>,
    /// The post-quantum last-resort prekey, as it is stored.
    pub pq_last_resort: Option<String>,
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
            pq_one_time: row.opt_text("pq_first")?,
            pq_last_resort: row.opt_text("pq_last")?,
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

    /// Returns a statement with the parameters of the claim and `more` of them.
    fn statement(&self, now: Timestamp, sql: &'static str, more: Vec<Value>) -> Statement {
        let params = self.params(now).into_iter().chain(more).collect();
        Statement { sql, params }
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

/// True in the batch of the claim `?3` if it is the first one of the request `?2`.
const CLAIMED: &str =
    "EXISTS (SELECT 1 FROM relay_prekey_claims WHERE request = ?2 AND claim = ?3)";

/// Selects the first post-quantum one-time prekey of the account `?1`.
const PQ_FIRST: &str = "(SELECT substr(q.stock, 1, q.key_chars) FROM relay_pq_prekeys AS q
       WHERE q.user_id = ?1 AND q.number > 0 ORDER BY q.number LIMIT 1)";

/// Selects the last-resort prekey of the account `?1`.
const PQ_LAST: &str = "(SELECT stock FROM relay_pq_prekeys WHERE user_id = ?1 AND number = 0)";

/// Takes the first post-quantum one-time prekey of the account `?1` out of the stock. A trigger
/// removes an empty page.
const TAKE_PQ: &str = "UPDATE relay_pq_prekeys SET stock = substr(stock, key_chars + 1)
     WHERE user_id = ?1 AND number = (SELECT MIN(number) FROM relay_pq_prekeys
                                       WHERE user_id = ?1 AND number > 0) AND ";

/// Counts a claim in the hour, unless it repeats a request.
fn counted(claim: &Claim<'_>, now: Timestamp) -> Vec<Statement> {
    let [(pair, _), (requester, _), _] = claim.limits;
    // A caller above a limit of their own does not use up what others may claim of the target.
    let of_target = claim.statement(
        now,
        concatcp!(
            "INSERT INTO relay_counts (subject, hour, count)
             SELECT ?4, ?8, 1 WHERE ?7 > 0 AND NOT EXISTS (
                 SELECT 1 FROM relay_counts
                  WHERE (subject = ?2 AND hour = ?8 AND count > ?5)
                     OR (subject = ?3 AND hour = ?8 AND count > ?6))
                AND NOT EXISTS (SELECT 1 FROM relay_prekey_claims WHERE request = ?10) AND ",
            NOT_BLOCKED,
            " ON CONFLICT (subject) DO UPDATE
                SET count = iif(hour = excluded.hour, count + 1, 1), hour = excluded.hour"
        ),
        vec![claim.request.into()],
    );
    vec![
        counts::add_unless_claimed(pair, claim.request, now),
        counts::add_unless_claimed(requester, claim.request, now),
        of_target,
    ]
}

/// Returns the bundle of an account and takes one of its one-time prekeys out of the stock, and one
/// of its post-quantum ones, unless the claims of this hour are above a limit. `None` if the
/// account has no keys or blocked the requester. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn claim(
    db: &dyn Db,
    claim: &Claim<'_>,
    now: Timestamp,
) -> Result<Option<Bundle>, StoreError> {
    let with = |text: &'static str, more: Vec<Value>| claim.statement(now, text, more);
    let select = with(
        concatcp!(
            "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature, k.signed_prekey_day,
                    NULLIF(substr(p.stock, 1, ",
            KEY_CHARS,
            "), '') AS first, iif(",
            WITHIN_LIMITS,
            ", ",
            PQ_FIRST,
            ", NULL) AS pq_first, ",
            PQ_LAST,
            " AS pq_last
               FROM relay_keys AS k LEFT JOIN relay_prekeys AS p ON p.user_id = k.user_id AND ",
            WITHIN_LIMITS,
            " WHERE k.user_id = ?1 AND ",
            NOT_BLOCKED
        ),
        Vec::new(),
    );
    let mut writes = counted(claim, now);
    let (before, bundle, rest);
    if let Some(request) = claim.request {
        writes.push(with(
            concatcp!(
                "INSERT INTO relay_prekey_claims
                     (request, user_id, claim, prekey, pq_prekey, created_at)
                 SELECT ?10, k.user_id, ?11, NULLIF(substr(p.stock, 1, ",
                KEY_CHARS,
                "), ''), ",
                PQ_FIRST,
                ", ?12
                   FROM relay_keys AS k LEFT JOIN relay_prekeys AS p ON p.user_id = k.user_id
                  WHERE k.user_id = ?1 AND (p.stock <> '' OR ",
                PQ_FIRST,
                " IS NOT NULL) AND ",
                WITHIN_LIMITS,
                " ON CONFLICT (request) DO NOTHING"
            ),
            vec![request.into(), claim.id.into(), now.into()],
        ));
        writes.push(sql(
            concatcp!(
                "UPDATE relay_prekeys SET stock = substr(stock, ",
                KEY_CHARS + 1,
                ") WHERE user_id = ?1 AND stock <> '' AND ",
                CLAIMED
            ),
            [claim.target.into(), request.into(), claim.id.into()],
        ));
        writes.push(sql(
            concatcp!(TAKE_PQ, CLAIMED),
            [claim.target.into(), request.into(), claim.id.into()],
        ));
        before = writes;
        bundle = sql(
            concatcp!(
                "SELECT k.identity_key, k.signed_prekey, k.signed_prekey_signature,
                        k.signed_prekey_day,
                    c.prekey AS first, c.pq_prekey AS pq_first, ",
                PQ_LAST,
                " AS pq_last
               FROM relay_keys AS k
               LEFT JOIN relay_prekey_claims AS c ON c.request = ?2 AND c.user_id = k.user_id
              WHERE k.user_id = ?1
                AND NOT EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?1 AND blocked_id = ?3)"
            ),
            [claim.target.into(), request.into(), claim.requester.into()],
        );
        rest = Vec::new();
    } else {
        before = writes;
        bundle = select;
        rest = vec![
            with(
                concatcp!(
                    "UPDATE relay_prekeys SET stock = substr(stock, ",
                    KEY_CHARS + 1,
                    ") WHERE user_id = ?1 AND stock <> '' AND ",
                    WITHIN_LIMITS
                ),
                Vec::new(),
            ),
            with(concatcp!(TAKE_PQ, WITHIN_LIMITS), Vec::new()),
        ];
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
