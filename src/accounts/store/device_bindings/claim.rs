//! The claim of a key by a live session, and its outcome.

use super::claimant::{BindingRules, KeyClaimant};
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys::{MOST_KEYS, NewKey};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Rows, Statement, StoreError, batch_around, sql};

/// A bound above every counter: Apple's counters have 32 bits.
const ANY_COUNTER: i64 = 1 << 40;

/// The outcome of a claim.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyClaim {
    /// The key belongs to the account.
    Claimed,
    /// The account does not exist, and none could be created.
    NoAccount,
    /// The key belongs to another account, or was revoked.
    Taken,
    /// The account has the maximum number of keys, and none of them could make room.
    TooMany,
    /// The caller's session is no longer live.
    SignedOut,
    /// The caller's session belongs to another device, or its owner signed in too long ago.
    OtherDevice,
}

/// Selects the owner of a key and the time of its revocation.
pub(in crate::accounts::store) fn select_key(id: &KeyId) -> Statement {
    sql(
        "SELECT user_id, revoked_at FROM attest_keys WHERE id = ?1",
        [id.text().as_str().into()],
    )
}

/// Reads the outcome of a claim from the account's id and the rows of [`select_key`].
pub(in crate::accounts::store) fn read_claim(
    account: Option<&str>,
    key: &Rows,
) -> Result<KeyClaim, StoreError> {
    let owner = |row: &Row| row.opt_text("user_id");
    let revoked = |row: &Row| row.opt_time("revoked_at");
    let row = key.first();
    let is_revoked = row.map(revoked).transpose()?.flatten().is_some();
    let owner = row.map(owner).transpose()?.flatten();

    Ok(match (account, owner) {
        (_, _) if is_revoked => KeyClaim::Taken,
        (Some(account), Some(owner)) if account == owner => KeyClaim::Claimed,
        (_, Some(_)) => KeyClaim::Taken,
        (Some(_), None) => KeyClaim::TooMany,
        (None, None) => KeyClaim::NoAccount,
    })
}

/// Claims a key for the account of the live session `by`. A recent session of the iOS app without a
/// key is bound to it. Safe to repeat. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn keep(
    db: &dyn Db,
    by: Caller,
    new: &NewKey,
    rules: &BindingRules,
    context: &EventContext,
) -> Result<KeyClaim, StoreError> {
    let claim = KeyClaimant::of_caller(by).claim(new, rules, true, context);
    let bind = bind(by, &new.id, rules.fresh_since, ANY_COUNTER);
    let ([session], [key, _]) = batch_around(
        db,
        [select_session(by, &new.id, rules)],
        claim,
        [select_key(&new.id), bind],
    )
    .await?;

    match session.first() {
        None => Ok(KeyClaim::SignedOut),
        Some(row) if row.integer("may_claim")? == 0 => Ok(KeyClaim::OtherDevice),
        Some(_) => read_claim(Some(&by.user.to_string()), &key),
    }
}

/// Selects the caller's session if it is live, and whether it may have the key.
fn select_session(by: Caller, key: &KeyId, rules: &BindingRules) -> Statement {
    sql(
        "SELECT id, EXISTS (
                SELECT 1 FROM sessions AS s
                 WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL
                   AND (?3 = 0 OR s.platform <> 'ios' OR s.attest_key = ?5
                        OR (s.attest_key IS NULL AND s.authenticated_at > ?4))) AS may_claim
           FROM sessions WHERE id = ?1 AND user_id = ?2 AND revoked_at IS NULL",
        [
            by.session.into(),
            by.user.into(),
            rules.strict.into(),
            rules.fresh_since.into(),
            key.text().as_str().into(),
        ],
    )
}

/// Binds a recent session of the iOS app without a key to `key`, if the key belongs to the account
/// or can be claimed by it. From then on the session requires this key.
pub(super) fn bind(by: Caller, key: &KeyId, fresh_since: Timestamp, counter: i64) -> Statement {
    sql(
        "UPDATE sessions SET attest_key = ?3
          WHERE id = ?1 AND user_id = ?2 AND attest_key IS NULL AND platform = 'ios'
            AND revoked_at IS NULL AND authenticated_at > ?4
            AND EXISTS (
                SELECT 1 FROM attest_keys AS k
                 WHERE k.id = ?3 AND k.revoked_at IS NULL AND k.counter < ?5
                   AND (k.user_id = ?2 OR (k.user_id IS NULL AND (
                        SELECT COUNT(*) FROM attest_keys AS o
                         WHERE o.user_id = ?2 AND o.revoked_at IS NULL AND o.id <> ?3) < ?6)))",
        [
            by.session.into(),
            by.user.into(),
            key.text().as_str().into(),
            fresh_since.into(),
            counter.into(),
            MOST_KEYS.into(),
        ],
    )
}
