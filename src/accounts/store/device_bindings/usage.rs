//! The use of a key by a live session.

use const_format::concatcp;

use super::claim::bind;
use super::claimant::{BindingRules, KeyClaimant, RoomRules};
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys::MOST_KEYS;
use crate::accounts::store::events;
use crate::accounts::store::events::INSERT_SUBJECT_EVENT;
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, batch_around, sql};

/// A use of a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyUse<'a> {
    /// The key.
    pub key: &'a KeyId,
    /// The key's new counter.
    pub counter: u32,
    /// True if a key without an account is claimed for the account, and a recent session without a
    /// key is bound to the key.
    pub binds: bool,
}

/// The outcome of a use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyUseOutcome {
    /// The key's counter moved on.
    Used,
    /// A concurrent call used the counter, revoked the key, or claimed it for another account.
    Conflict,
    /// The session belongs to another device.
    OtherDevice,
    /// The session has no device, and its owner signed in too long ago to bind one.
    TooOld,
    /// The key has no account, and the caller's account has the maximum number of keys.
    TooMany,
    /// The session is no longer live.
    SignedOut,
}

/// Uses a key for the session `by`: its counter moves on, and a key without an account is bound if
/// `used` says so. Of concurrent callers with one counter, one gets [`KeyUseOutcome::Used`]. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn use_for(
    db: &dyn Db,
    by: Caller,
    used: KeyUse<'_>,
    rules: &BindingRules,
    context: &EventContext,
) -> Result<KeyUseOutcome, StoreError> {
    let binding = bind_key(by, used, rules, true, context);
    let last = [
        count_use(by, used, context.at),
        select_refusal(by, used, rules),
    ];
    let ([], [counted, refusal]) = batch_around(db, [], binding, last).await?;

    if !counted.is_empty() {
        return Ok(KeyUseOutcome::Used);
    }
    match refusal.first() {
        None => Ok(KeyUseOutcome::SignedOut),
        Some(row) => read_refusal(row, used.key),
    }
}

/// Returns the statements of a use, for a batch that creates the session.
pub(super) fn use_statements(
    by: Caller,
    used: KeyUse<'_>,
    rules: &BindingRules,
    context: &EventContext,
) -> Vec<Statement> {
    let mut statements = bind_key(by, used, rules, false, context);
    statements.push(count_use(by, used, context.at));
    statements
}

/// Returns the statements that make room for a key without an account, write the event about it,
/// and bind the session to it. Returns none if `used` does not bind. [`count_use`] claims the key.
fn bind_key(
    by: Caller,
    used: KeyUse<'_>,
    rules: &BindingRules,
    spares_unused: bool,
    context: &EventContext,
) -> Vec<Statement> {
    if !used.binds {
        return Vec::new();
    }
    let counter = i64::from(used.counter);
    let room = RoomRules {
        spares_unused,
        counter: Some(counter),
    };
    let claimant = KeyClaimant::of_caller(by);
    let mut statements = Vec::from(claimant.make_room(used.key, rules, room, context));
    statements.push(about_added_key(by, used, rules, context));
    statements.push(bind(by, used.key, rules.fresh_since, counter));
    statements
}

/// Returns the event about a key that [`count_use`] claims for the account.
fn about_added_key(
    by: Caller,
    used: KeyUse<'_>,
    rules: &BindingRules,
    context: &EventContext,
) -> Statement {
    events::event(
        concatcp!(
            INSERT_SUBJECT_EVENT,
            "s.user_id, s.id, k.id FROM attest_keys AS k JOIN sessions AS s ON s.id = ?8
              WHERE k.id = ?10 AND k.user_id IS NULL AND k.revoked_at IS NULL AND k.counter < ?11
                AND (SELECT COUNT(*) FROM attest_keys AS o
                      WHERE o.user_id = ?9 AND o.revoked_at IS NULL AND o.id <> ?10) < ?12
                AND s.user_id = ?9 AND s.revoked_at IS NULL
                AND (s.attest_key = ?10 OR (s.attest_key IS NULL AND s.platform = 'ios'
                                            AND s.authenticated_at > ?13))"
        ),
        &context.with_id(rules.added_event),
        EventKind::DeviceKeyAdded,
        [
            by.session.into(),
            by.user.into(),
            used.key.text().as_str().into(),
            i64::from(used.counter).into(),
            MOST_KEYS.into(),
            rules.fresh_since.into(),
        ],
    )
}

/// Moves the key's counter on, and claims the key for the account if `used` binds. Returns a row if
/// the counter moved on.
fn count_use(by: Caller, used: KeyUse<'_>, now: Timestamp) -> Statement {
    sql(
        "UPDATE attest_keys SET counter = ?2, last_used_at = ?3,
                user_id = CASE WHEN ?7 = 1 THEN ?4 ELSE user_id END
          WHERE id = ?1 AND counter < ?2 AND revoked_at IS NULL
            AND (user_id = ?4 OR (user_id IS NULL AND (
                 SELECT COUNT(*) FROM attest_keys AS o
                  WHERE o.user_id = ?4 AND o.revoked_at IS NULL AND o.id <> ?1) < ?6))
            AND EXISTS (
                SELECT 1 FROM sessions AS s
                 WHERE s.id = ?5 AND s.user_id = ?4 AND s.revoked_at IS NULL
                   AND (s.attest_key = ?1 OR (?7 = 0 AND s.attest_key IS NULL)))
         RETURNING id",
        [
            used.key.text().as_str().into(),
            i64::from(used.counter).into(),
            now.into(),
            by.user.into(),
            by.session.into(),
            MOST_KEYS.into(),
            used.binds.into(),
        ],
    )
}

/// Selects the facts that tell why [`count_use`] did nothing.
fn select_refusal(by: Caller, used: KeyUse<'_>, rules: &BindingRules) -> Statement {
    sql(
        "SELECT s.attest_key, s.authenticated_at > ?4 AS is_fresh,
                k.user_id IS NULL AND k.revoked_at IS NULL AND k.counter < ?5 AS is_free,
                (SELECT COUNT(*) FROM attest_keys AS o
                  WHERE o.user_id = ?2 AND o.revoked_at IS NULL AND o.id <> ?3) >= ?6 AS is_full
           FROM sessions AS s LEFT JOIN attest_keys AS k ON k.id = ?3
          WHERE s.id = ?1 AND s.user_id = ?2 AND s.revoked_at IS NULL",
        [
            by.session.into(),
            by.user.into(),
            used.key.text().as_str().into(),
            rules.fresh_since.into(),
            i64::from(used.counter).into(),
            MOST_KEYS.into(),
        ],
    )
}

fn read_refusal(row: &Row, key: &KeyId) -> Result<KeyUseOutcome, StoreError> {
    let flag = |column: &str| Ok::<_, StoreError>(row.integer(column)? == 1);
    Ok(match row.opt_text("attest_key")? {
        Some(bound) if bound != key.text() => KeyUseOutcome::OtherDevice,
        None if !flag("is_fresh")? => KeyUseOutcome::TooOld,
        _ if flag("is_free")? && flag("is_full")? => KeyUseOutcome::TooMany,
        _ => KeyUseOutcome::Conflict,
    })
}
