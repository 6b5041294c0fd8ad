//! Channels and their members. An account is a tag: a hash of its id under a key of the channel.

use crate::kernel::store::{Db, Statement, StoreError, batch, run, sql};
use crate::relay::model::channel::Placed;
use crate::relay::model::micros::Micros;
use crate::relay::model::slots::Slot;

/// A channel that exists.
#[derive(Clone, Debug)]
pub struct ChannelState {
    /// The key of the tags of members.
    pub tag_key: Vec<u8>,
    /// True if the channel was removed.
    pub destroyed: bool,
    /// The last place that the channel ever gave out. The sequence number is 0 before the first.
    pub last: Placed,
    /// In a direct message, the slots of its members. Empty in other channels.
    pub direct: Vec<Slot>,
}

/// Returns a channel, or `None` if it is unknown. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn state(db: &dyn Db, channel: &str) -> Result<Option<ChannelState>, StoreError> {
    let state = sql(
        "SELECT tag_key, head_floor, time_floor, destroyed, direct FROM channel_states
          WHERE channel_id = ?1",
        [channel.into()],
    );
    let tail = sql(
        "SELECT seq, at FROM channel_entries WHERE channel_id = ?1 ORDER BY seq DESC LIMIT 1",
        [channel.into()],
    );
    let [state, tail] = batch(db, [state, tail]).await?;
    let Some(row) = state.first() else {
        return Ok(None);
    };
    let mut last = Placed {
        seq: row.integer("head_floor")?,
        at: Micros(row.integer("time_floor")?),
    };
    if let Some(tail) = tail.first() {
        last.seq = last.seq.max(tail.integer("seq")?);
        last.at = last.at.max(Micros(tail.integer("at")?));
    }
    Ok(Some(ChannelState {
        tag_key: row.bytes("tag_key")?,
        destroyed: row.integer("destroyed")? != 0,
        last,
        direct: match row.opt_text("direct")? {
            Some(slots) => serde_json::from_str(&slots)
                .map_err(|error| StoreError::Broken(error.to_string()))?,
            None => Vec::new(),
        },
    }))
}

/// Makes a channel with the key of its tags, unless it exists.
#[must_use]
pub fn create(channel: &str, tag_key: &[u8]) -> Statement {
    sql(
        "INSERT INTO channel_states (channel_id, tag_key, head_floor, time_floor, destroyed)
         VALUES (?1, ?2, 0, 0, 0) ON CONFLICT DO NOTHING",
        [channel.into(), tag_key.into()],
    )
}

/// Sets the slots of the members of a direct message.
#[must_use]
pub fn set_direct(channel: &str, slots: &[Slot]) -> Statement {
    let list = serde_json::to_string(slots).unwrap_or_default();
    sql(
        "UPDATE channel_states SET direct = ?2 WHERE channel_id = ?1",
        [channel.into(), list.as_str().into()],
    )
}

/// A change of a membership.
#[derive(Clone, Copy, Debug)]
pub struct MemberChange<'a> {
    /// The tag of the account.
    pub tag: &'a [u8],
    /// The version of the membership.
    pub version: i64,
    /// True if the member is removed.
    pub removed: bool,
}

/// Adds or removes a member. The higher version stays, and of equal versions the removal.
#[must_use]
pub fn set_member(channel: &str, change: MemberChange<'_>) -> Statement {
    sql(
        "INSERT INTO channel_members (channel_id, tag, version, removed) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel_id, tag) DO UPDATE
            SET version = excluded.version, removed = excluded.removed
          WHERE excluded.version > version
             OR (excluded.version = version AND excluded.removed > removed)",
        [
            channel.into(),
            change.tag.into(),
            change.version.into(),
            change.removed.into(),
        ],
    )
}

/// Returns whether the account of a tag is a member. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn is_member(db: &dyn Db, channel: &str, tag: &[u8]) -> Result<bool, StoreError> {
    let select = sql(
        "SELECT removed FROM channel_members WHERE channel_id = ?1 AND tag = ?2 AND removed = 0",
        [channel.into(), tag.into()],
    );
    Ok(!run(db, select).await?.is_empty())
}

/// Returns for each tag whether its account is a member. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn among(db: &dyn Db, channel: &str, tags: &[Vec<u8>]) -> Result<Vec<bool>, StoreError> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let selects = tags.iter().map(|tag| {
        sql(
            "SELECT removed FROM channel_members
              WHERE channel_id = ?1 AND tag = ?2 AND removed = 0",
            [channel.into(), tag.as_slice().into()],
        )
    });
    let found = db.batch(selects.collect()).await?;
    Ok(found.iter().map(|rows| !rows.is_empty()).collect())
}

/// Removes a channel with its members. Its entries are removed later, in slices.
#[must_use]
pub fn destroy(channel: &str, tag_key: &[u8]) -> [Statement; 2] {
    [
        sql(
            "INSERT INTO channel_states (channel_id, tag_key, head_floor, time_floor, destroyed)
             VALUES (?1, ?2, 0, 0, 1)
             ON CONFLICT (channel_id) DO UPDATE SET destroyed = 1 WHERE destroyed = 0",
            [channel.into(), tag_key.into()],
        ),
        sql(
            "DELETE FROM channel_members WHERE channel_id = ?1",
            [channel.into()],
        ),
    ]
}
