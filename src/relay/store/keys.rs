//! Identity keys and signed prekeys.

use const_format::concatcp;

use crate::accounts::face::{Caller, INSERT_EVENT_OF_CALLER, IS_LIVE, event};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, batch, sql};
use crate::relay::model::keys::IdentityKeys;
use crate::relay::store::{pq_prekeys, sender_keys};

/// The milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// Returns the day of a time, in milliseconds. The exact time of an upload is not stored.
#[must_use]
pub const fn day(now: Timestamp) -> i64 {
    now.millis() - now.millis().rem_euclid(DAY_MILLIS)
}

/// Returns the number of days between a stored day and now.
#[must_use]
pub const fn age_in_days(day: i64, now: Timestamp) -> i64 {
    (now.millis() - day).div_euclid(DAY_MILLIS)
}

/// Inserts the identity of an account that the same batch creates.
#[must_use]
pub fn insert_for_new(
    user: UserId,
    identity: &IdentityKeys,
    email_hash: Option<&str>,
    now: Timestamp,
) -> Statement {
    sql(
        "INSERT INTO relay_keys (user_id, identity_key, signed_prekey, signed_prekey_signature,
                                 signed_prekey_day, email_hash)
         SELECT id, ?2, ?3, ?4, ?5, ?6 FROM users WHERE id = ?1",
        [
            user.into(),
            identity.identity_key.stored().as_str().into(),
            identity.signed_prekey.stored().as_str().into(),
            identity.signature.stored().as_str().into(),
            day(now).into(),
            email_hash.into(),
        ],
    )
}

/// Sets the identity of the caller's account. A changed identity key removes all prekeys of the old
/// one, the answers that still hold one, and the sender keys from and to the account. Returns
/// `false` if the caller is signed out. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn set(
    db: &dyn Db,
    by: Caller,
    identity: &IdentityKeys,
    context: &EventContext,
) -> Result<bool, StoreError> {
    let key = identity.identity_key.stored();
    let event = event(
        concatcp!(
            INSERT_EVENT_OF_CALLER,
            "EXISTS (SELECT 1 FROM relay_keys AS k WHERE k.user_id = ?9 AND k.identity_key <> ?10)"
        ),
        context,
        EventKind::IdentityKeyChanged,
        [by.session.into(), by.user.into(), key.as_str().into()],
    );
    let drop_stock = sql(
        concatcp!(
            "DELETE FROM relay_prekeys WHERE user_id = ?2 AND EXISTS (
                 SELECT 1 FROM relay_keys AS k WHERE k.user_id = ?2 AND k.identity_key <> ?3) AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), key.as_str().into()],
    );
    let drop_claims = sql(
        concatcp!(
            "DELETE FROM relay_prekey_claims WHERE user_id = ?2 AND EXISTS (
                 SELECT 1 FROM relay_keys AS k WHERE k.user_id = ?2 AND k.identity_key <> ?3) AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), key.as_str().into()],
    );
    let upsert = sql(
        concatcp!(
            "INSERT INTO relay_keys (user_id, identity_key, signed_prekey, signed_prekey_signature,
                                     signed_prekey_day)
             SELECT ?2, ?3, ?4, ?5, ?6 WHERE ",
            IS_LIVE,
            " ON CONFLICT (user_id) DO UPDATE
                 SET identity_key = excluded.identity_key, signed_prekey = excluded.signed_prekey,
                     signed_prekey_signature = excluded.signed_prekey_signature,
                     signed_prekey_day = excluded.signed_prekey_day
              RETURNING user_id"
        ),
        [
            by.session.into(),
            by.user.into(),
            key.as_str().into(),
            identity.signed_prekey.stored().as_str().into(),
            identity.signature.stored().as_str().into(),
            day(context.at).into(),
        ],
    );
    let drop_sender_keys = sender_keys::drop_if_identity_changes(by, &key);
    let drop_pq = pq_prekeys::drop_if_identity_changes(by, &key);
    let statements = [
        event,
        drop_stock,
        drop_pq,
        drop_claims,
        drop_sender_keys,
        upsert,
    ];
    let [.., set] = batch(db, statements).await?;
    Ok(!set.is_empty())
}
