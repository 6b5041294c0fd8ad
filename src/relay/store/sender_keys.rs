//! Sealed sender keys that wait for their receivers, and the identity keys for which senders seal
//! them.

use std::time::Duration;

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, batch, read_all, read_first, remove_in_batches,
    sql,
};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ListPage, SenderKeyRecord};
use crate::relay::store::counts;
use crate::relay::store::membership::{ChannelStanding, IN_CHANNEL, in_channel};

/// How long a key that was read is given again, because an answer may be lost.
const GIVEN_AGAIN: Duration = Duration::from_mins(1);
/// How long a key waits for its receiver.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// The largest number of keys in one answer.
const MOST_IN_ANSWER: i64 = 1_000;

impl TryFrom<&Row> for SenderKeyRecord {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.text("id")?,
            from: row.parsed("from_user_id", UserId::parse)?,
            distribution: row.text("distribution_id")?,
            encrypted_skdm: row.text("encrypted_skdm")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// The keys that a sender distributes to members of a channel.
#[derive(Clone, Copy, Debug)]
pub struct Distribution<'a> {
    /// The channel.
    pub channel: ChannelId,
    /// A JSON list of objects with `to`, `distribution`, `skdm` and `id`.
    pub list: &'a str,
    /// The subject under which the keys of the sender are counted.
    pub subject: &'a str,
    /// The number of keys as they count.
    pub number: i64,
    /// The largest number of keys of a sender in an hour.
    pub most: i64,
}

/// The outcome of a distribution.
#[derive(Clone, Copy, Debug)]
pub struct Distributed {
    /// The caller's standing in the channel.
    pub standing: Option<ChannelStanding>,
    /// The number of keys that the sender distributed in this hour, as they count.
    pub of_hour: i64,
    /// The number of stored keys.
    pub stored: usize,
}

/// Stores sealed sender keys for other members of a channel. A key replaces an older one of the
/// same sender, receiver and distribution. One round trip.
///
/// `CROSS JOIN` keeps the order of the tables, so the list is parsed once and not for each member.
///
/// # Errors
/// [`StoreError`]
pub async fn distribute(
    db: &dyn Db,
    by: Caller,
    keys: Distribution<'_>,
    now: Timestamp,
) -> Result<Distributed, StoreError> {
    let count = counts::add_many(keys.subject, keys.number, now);
    let insert = sql(
        concatcp!(
            "INSERT INTO relay_sender_keys
                 (channel_id, to_user_id, from_user_id, distribution_id, id, encrypted_skdm,
                  created_at)
             SELECT ?3, m.user_id, ?2, json_each.value ->> 'distribution', json_each.value ->> 'id',
                    json_each.value ->> 'skdm', ?5
               FROM json_each(?4)
              CROSS JOIN relay_seats AS m
                    ON m.channel_id = ?3 AND m.user_id = json_each.value ->> 'to'
              WHERE (SELECT count FROM relay_counts WHERE subject = ?6) <= ?7 AND ",
            IN_CHANNEL,
            " UNION ALL
             SELECT ?3, m.user_id, ?2, json_each.value ->> 'distribution', json_each.value ->> 'id',
                    json_each.value ->> 'skdm', ?5
               FROM json_each(?4)
              CROSS JOIN relay_direct_members AS m
                    ON m.channel_id = ?3 AND m.user_id = json_each.value ->> 'to'
              WHERE (SELECT count FROM relay_counts WHERE subject = ?6) <= ?7 AND ",
            IN_CHANNEL,
            " ON CONFLICT DO UPDATE
                 SET id = excluded.id, encrypted_skdm = excluded.encrypted_skdm,
                     created_at = excluded.created_at, read_at = NULL
             RETURNING 1 AS one"
        ),
        [
            by.session.into(),
            by.user.into(),
            keys.channel.into(),
            keys.list.into(),
            now.into(),
            keys.subject.into(),
            keys.most.into(),
        ],
    );
    let statements = [in_channel(by, keys.channel), count, insert];
    let [standing, count, stored] = batch(db, statements).await?;
    Ok(Distributed {
        standing: read_first(&standing)?,
        of_hour: count.first().map_or(Ok(0), |row| row.integer("count"))?,
        stored: stored.len(),
    })
}

/// Returns the sealed sender keys that wait for the caller in a channel, the oldest first. A key is
/// given until it was read, and for a minute longer. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn read(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    now: Timestamp,
) -> Result<(Option<ChannelStanding>, Vec<SenderKeyRecord>), StoreError> {
    let forget = sql(
        concatcp!(
            "DELETE FROM relay_sender_keys
              WHERE channel_id = ?3 AND to_user_id = ?2 AND read_at <= ?4 AND ",
            IS_LIVE
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            now.minus(GIVEN_AGAIN).into(),
        ],
    );
    let select = sql(
        concatcp!(
            "SELECT distribution_id, from_user_id, id, encrypted_skdm, created_at
               FROM relay_sender_keys
              WHERE channel_id = ?3 AND to_user_id = ?2 AND ",
            IN_CHANNEL,
            " ORDER BY created_at, id LIMIT ?4"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            MOST_IN_ANSWER.into(),
        ],
    );
    let mark = sql(
        concatcp!(
            "UPDATE relay_sender_keys SET read_at = ?4
              WHERE channel_id = ?3 AND to_user_id = ?2 AND read_at IS NULL
                AND id IN (SELECT id FROM relay_sender_keys
                            WHERE channel_id = ?3 AND to_user_id = ?2
                            ORDER BY created_at, id LIMIT ?5) AND ",
            IN_CHANNEL
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            now.into(),
            MOST_IN_ANSWER.into(),
        ],
    );
    let statements = [in_channel(by, channel), forget, select, mark];
    let [standing, _, waiting, _] = batch(db, statements).await?;
    Ok((read_first(&standing)?, read_all(&waiting)?))
}

/// Returns the identity keys of the other members of a channel, base64url, by the id of the
/// account. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn identity_keys(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    page: ListPage,
) -> Result<(Option<ChannelStanding>, Vec<(UserId, String)>), StoreError> {
    let select = sql(
        concatcp!(
            "SELECT m.user_id, k.identity_key
               FROM relay_seats AS m JOIN relay_keys AS k ON k.user_id = m.user_id
              WHERE m.channel_id = ?3 AND m.user_id > ?4 AND m.user_id <> ?2 AND ",
            IN_CHANNEL,
            " UNION ALL
             SELECT m.user_id, k.identity_key
               FROM relay_direct_members AS m JOIN relay_keys AS k ON k.user_id = m.user_id
              WHERE m.channel_id = ?3 AND m.user_id > ?4 AND m.user_id <> ?2 AND ",
            IN_CHANNEL,
            " ORDER BY 1 LIMIT ?5"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            page.after_text().as_str().into(),
            page.limit.into(),
        ],
    );
    let [standing, found] = batch(db, [in_channel(by, channel), select]).await?;
    let keys = found.iter().map(|row| {
        Ok((
            row.parsed("user_id", UserId::parse)?,
            row.text("identity_key")?,
        ))
    });
    Ok((
        read_first(&standing)?,
        keys.collect::<Result<_, StoreError>>()?,
    ))
}

/// Removes the sender keys from and to the caller if the identity key differs from the stored one:
/// `?3` in the batch that changes it.
pub(super) fn drop_if_identity_changes(by: Caller, identity_key: &str) -> Statement {
    sql(
        concatcp!(
            "DELETE FROM relay_sender_keys
              WHERE (to_user_id = ?2 OR from_user_id = ?2) AND EXISTS (
                 SELECT 1 FROM relay_keys AS k WHERE k.user_id = ?2 AND k.identity_key <> ?3) AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), identity_key.into()],
    )
}

/// Removes keys that waited for too long, and keys that were read. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM relay_sender_keys
          WHERE (channel_id, to_user_id, from_user_id, distribution_id) IN (
                SELECT channel_id, to_user_id, from_user_id, distribution_id
                  FROM relay_sender_keys WHERE created_at <= ?1 OR read_at <= ?3 LIMIT ?2)
         RETURNING 1 AS one",
        [
            now.minus(KEPT).into(),
            CLEANUP_BATCH.into(),
            now.minus(GIVEN_AGAIN).into(),
        ],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
