//! The memberships that tasks read, and the statements that end tasks after the channel objects
//! answered.

use const_format::concatcp;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, Value, batch, read_all, run, sql,
};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::ServerId;
use crate::relay::store::outbox::{ChannelMemberKey, RelayTask, ServerMemberKey, done};

/// Returns the ids of the channels of a server. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn channels_of(db: &dyn Db, server: ServerId) -> Result<Vec<ChannelId>, StoreError> {
    let select = sql(
        "SELECT id FROM relay_channels WHERE server_id = ?1 LIMIT ?2",
        [server.into(), CLEANUP_BATCH.into()],
    );
    let rows = run(db, select).await?;
    rows.iter()
        .map(|row| row.parsed("id", ChannelId::parse))
        .collect()
}

impl TryFrom<&Row> for ChannelMemberKey {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            channel: row.parsed("channel_id", ChannelId::parse)?,
            user: row.parsed("user_id", UserId::parse)?,
            version: row.integer("version")?,
        })
    }
}

/// Returns the memberships of an account in the channels of a server. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn memberships_of(
    db: &dyn Db,
    server: ServerId,
    user: UserId,
) -> Result<Vec<ChannelMemberKey>, StoreError> {
    let select = sql(
        "SELECT v.channel_id, v.user_id, v.version
           FROM relay_channels AS c
           JOIN relay_seats AS v ON v.channel_id = c.id AND v.user_id = ?2
          WHERE c.server_id = ?1 LIMIT ?3",
        [server.into(), user.into(), CLEANUP_BATCH.into()],
    );
    read_all(&run(db, select).await?)
}

/// The members of a channel.
#[derive(Clone, Debug)]
pub struct MembersOfChannel {
    /// The members.
    pub members: Vec<ChannelMemberKey>,
    /// Whether the channel is a direct message.
    pub direct: bool,
}

/// Returns the memberships of a channel: of one account, or of all. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn members_of(
    db: &dyn Db,
    channel: ChannelId,
    user: Option<UserId>,
) -> Result<MembersOfChannel, StoreError> {
    let select = sql(
        "SELECT channel_id, user_id, version, 0 AS direct FROM relay_seats
          WHERE channel_id = ?1 AND (?2 IS NULL OR user_id = ?2)
         UNION ALL
         SELECT channel_id, user_id, 1, 1 FROM relay_direct_members
          WHERE channel_id = ?1 AND (?2 IS NULL OR user_id = ?2)",
        [channel.into(), user.into()],
    );
    let rows = run(db, select).await?;
    let direct = match rows.first() {
        Some(row) => row.integer("direct")? == 1,
        None => false,
    };
    Ok(MembersOfChannel {
        members: read_all(&rows)?,
        direct,
    })
}

/// Deletes a channel that its object destroyed. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn finish_destruction(db: &dyn Db, channel: ChannelId) -> Result<(), StoreError> {
    let delete = sql("DELETE FROM relay_channels WHERE id = ?1", [channel.into()]);
    let [_, _] = batch(db, [delete, done(RelayTask::Destroy(channel))]).await?;
    Ok(())
}

/// Returns the ids as the list that a statement reads.
fn list(channels: &[ChannelId]) -> String {
    let ids: Vec<String> = channels.iter().map(ChannelId::to_string).collect();
    serde_json::to_string(&ids).unwrap_or_default()
}

/// Deletes a server if it has no other channels than `destroyed`. Returns `false` if it has. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn finish_server(
    db: &dyn Db,
    server: ServerId,
    destroyed: &[ChannelId],
) -> Result<bool, StoreError> {
    let seen = list(destroyed);
    let delete = sql(
        "DELETE FROM relay_servers WHERE id = ?1 AND NOT EXISTS (
             SELECT 1 FROM relay_channels
              WHERE server_id = ?1 AND id NOT IN (SELECT value FROM json_each(?2)))",
        [server.into(), seen.as_str().into()],
    );
    let objects = sql(
        "DELETE FROM relay_outbox
          WHERE task = 'destroy' AND server_id = '' AND user_id = ''
            AND channel_id IN (SELECT value FROM json_each(?2))
            AND NOT EXISTS (SELECT 1 FROM relay_servers WHERE id = ?1)",
        [server.into(), seen.as_str().into()],
    );
    let tasks = sql(
        "DELETE FROM relay_outbox
          WHERE task IN ('add', 'delete_server', 'kick', 'leave') AND server_id = ?1
            AND NOT EXISTS (SELECT 1 FROM relay_servers WHERE id = ?1)",
        [server.into()],
    );
    let left = sql(
        "SELECT 1 AS one FROM relay_servers WHERE id = ?1",
        [server.into()],
    );
    let [_, _, _, left] = batch(db, [delete, objects, tasks, left]).await?;
    Ok(left.is_empty())
}

/// What the objects of channels removed of a member.
#[derive(Clone, Copy, Debug)]
pub struct Removed<'a> {
    /// The channels whose objects removed the member.
    pub channels: &'a [ChannelId],
    /// The version up to which they did.
    pub up_to: i64,
}

/// True if the member `?2` of the server `?1` still has the version `?3`, the server has no other
/// channels than `?4`, and the member has not joined one again after the version `?5`.
const IS_REMOVED_FROM_ALL: &str = "EXISTS (
        SELECT 1 FROM relay_members WHERE server_id = ?1 AND user_id = ?2 AND version = ?3)
    AND NOT EXISTS (SELECT 1 FROM relay_channels
                     WHERE server_id = ?1 AND id NOT IN (SELECT value FROM json_each(?4)))
    AND NOT EXISTS (SELECT 1 FROM relay_channel_choices
                     WHERE server_id = ?1 AND user_id = ?2 AND away = 0 AND version > ?5)";

/// Deletes a member of a server whom the objects of all channels removed. Remembers the removal if
/// the task is a kick, or a kick waits. Returns `false` if one of the objects may still know the
/// member. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn finish_removal(
    db: &dyn Db,
    task: RelayTask,
    member: ServerMemberKey,
    removed: Removed<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let seen = list(removed.channels);
    let with = |text: &'static str, more: Vec<Value>| {
        let mut params: Vec<Value> = vec![
            member.server.into(),
            member.user.into(),
            member.version.into(),
            seen.as_str().into(),
            removed.up_to.into(),
        ];
        params.extend(more);
        Statement { sql: text, params }
    };
    let bump = with(
        concatcp!(
            "UPDATE relay_servers SET version = version + 1 WHERE id = ?1 AND ",
            IS_REMOVED_FROM_ALL
        ),
        Vec::new(),
    );
    let remember = with(
        concatcp!(
            "INSERT INTO relay_removals (server_id, user_id, version, removed_at)
             SELECT id, ?2, version, ?6 FROM relay_servers WHERE id = ?1
                AND (?7 = 1 OR EXISTS (
                     SELECT 1 FROM relay_outbox
                      WHERE task = 'kick' AND server_id = ?1 AND channel_id = ''
                        AND user_id = ?2 AND version <= ?3)) AND ",
            IS_REMOVED_FROM_ALL,
            " ON CONFLICT DO UPDATE
                 SET version = excluded.version, removed_at = excluded.removed_at"
        ),
        vec![now.into(), matches!(task, RelayTask::Kick(_)).into()],
    );
    let keys = with(
        concatcp!(
            "DELETE FROM relay_sender_keys
              WHERE (to_user_id = ?2 OR from_user_id = ?2)
                AND channel_id IN (SELECT value FROM json_each(?4)) AND ",
            IS_REMOVED_FROM_ALL
        ),
        Vec::new(),
    );
    let delete = with(
        concatcp!(
            "DELETE FROM relay_members WHERE server_id = ?1 AND user_id = ?2 AND ",
            IS_REMOVED_FROM_ALL
        ),
        Vec::new(),
    );
    let left = sql(
        "SELECT 1 AS one FROM relay_members WHERE server_id = ?1 AND user_id = ?2 AND version = ?3",
        [
            member.server.into(),
            member.user.into(),
            member.version.into(),
        ],
    );
    let tasks = sql(
        "DELETE FROM relay_outbox
          WHERE task IN ('add', 'kick', 'leave') AND server_id = ?1 AND channel_id = ''
            AND user_id = ?2 AND version <= ?3
            AND NOT EXISTS (SELECT 1 FROM relay_members
                             WHERE server_id = ?1 AND user_id = ?2 AND version <= ?3)",
        [
            member.server.into(),
            member.user.into(),
            member.version.into(),
        ],
    );
    let [_, _, _, _, left, _] = batch(db, [bump, remember, keys, delete, left, tasks]).await?;
    Ok(left.is_empty())
}

/// Records that a member left a channel whose object removed them. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn finish_leaving(
    db: &dyn Db,
    member: ChannelMemberKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let params = || -> [Value; 3] {
        [
            member.channel.into(),
            member.user.into(),
            member.version.into(),
        ]
    };
    let keys = sql(
        "DELETE FROM relay_sender_keys
          WHERE channel_id = ?1 AND (to_user_id = ?2 OR from_user_id = ?2)
            AND EXISTS (SELECT 1 FROM relay_seats
                         WHERE channel_id = ?1 AND user_id = ?2 AND version = ?3)",
        params(),
    );
    let [channel, user, version] = params();
    let away = sql(
        "INSERT INTO relay_channel_choices
             (channel_id, user_id, server_id, away, version, joined_at)
         SELECT channel_id, user_id, server_id, 1, version, ?4 FROM relay_seats
          WHERE channel_id = ?1 AND user_id = ?2 AND version = ?3
         ON CONFLICT (channel_id, user_id) DO UPDATE SET away = 1",
        [channel, user, version, now.into()],
    );
    let [_, _, _] = batch(db, [keys, away, done(RelayTask::LeaveChannel(member))]).await?;
    Ok(())
}
