//! Tasks: changes that the channel objects may not know yet, and the statements that finish them.

use std::time::Duration;

use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, batch, read_all, run, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::ServerId;

/// How long a request has time to finish its own task before maintenance repeats it.
const OWN_TIME: Duration = Duration::from_secs(30);

/// A change that the channel objects may not know yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RelayTask {
    /// Add a member to all channels of a server.
    Add(ServerMemberKey),
    /// Remove a member from a server, and remember the removal.
    Kick(ServerMemberKey),
    /// Remove a member from a server.
    Leave(ServerMemberKey),
    /// Add one member, or all members, to a channel.
    AddToChannel(ChannelId, Option<UserId>),
    /// Remove a member from a channel.
    LeaveChannel(ChannelMemberKey),
    /// Destroy a channel.
    Destroy(ChannelId),
    /// Delete a server with all of its channels.
    DeleteServer(ServerId),
}

/// A member of a server, between two joinings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerMemberKey {
    /// The server.
    pub server: ServerId,
    /// The member.
    pub user: UserId,
    /// The version of the membership.
    pub version: i64,
}

/// A member of a channel, between two joinings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChannelMemberKey {
    /// The channel.
    pub channel: ChannelId,
    /// The member.
    pub user: UserId,
    /// The version of the membership.
    pub version: i64,
}

impl TryFrom<&Row> for RelayTask {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let member = || -> Result<_, StoreError> {
            Ok(ServerMemberKey {
                server: row.parsed("server_id", ServerId::parse)?,
                user: row.parsed("user_id", UserId::parse)?,
                version: row.integer("version")?,
            })
        };
        let channel = || row.parsed("channel_id", ChannelId::parse);
        Ok(match row.text("task")?.as_str() {
            "add" => Self::Add(member()?),
            "kick" => Self::Kick(member()?),
            "leave" => Self::Leave(member()?),
            "add_to_channel" => Self::AddToChannel(
                channel()?,
                row.parsed("user_id", |id| Some(UserId::parse(id)))?,
            ),
            "leave_channel" => Self::LeaveChannel(ChannelMemberKey {
                channel: channel()?,
                user: row.parsed("user_id", UserId::parse)?,
                version: row.integer("version")?,
            }),
            "destroy" => Self::Destroy(channel()?),
            _ => Self::DeleteServer(row.parsed("server_id", ServerId::parse)?),
        })
    }
}

/// Returns when maintenance repeats a task that a request inserts now.
pub(super) fn due(now: Timestamp) -> Timestamp {
    now.plus(OWN_TIME)
}

/// Reads whether the session of the caller is live, from the column `live` of a first row.
pub(super) fn is_live(rows: &[Row]) -> Result<bool, StoreError> {
    rows.first()
        .map_or(Ok(false), |row| Ok(row.integer("live")? == 1))
}

/// Inserts the task that adds a member, or all members, to a channel, if there is one.
pub(super) fn add_to_channel(
    channel: ChannelId,
    user: Option<UserId>,
    now: Timestamp,
) -> Statement {
    sql(
        "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
         SELECT 'add_to_channel', '', id, COALESCE(?2, ''), 0, ?3 FROM relay_channels WHERE id = ?1
         ON CONFLICT DO NOTHING",
        [channel.into(), user.into(), due(now).into()],
    )
}

/// Returns the values of a task's key and its version.
fn key(task: RelayTask) -> [Value; 5] {
    let none = || Value::from("");
    match task {
        RelayTask::Add(key) | RelayTask::Kick(key) | RelayTask::Leave(key) => {
            let name = match task {
                RelayTask::Add(_) => "add",
                RelayTask::Kick(_) => "kick",
                _ => "leave",
            };
            [
                name.into(),
                key.server.into(),
                none(),
                key.user.into(),
                key.version.into(),
            ]
        }
        RelayTask::AddToChannel(channel, user) => [
            "add_to_channel".into(),
            none(),
            channel.into(),
            user.map_or_else(none, Value::from),
            0_i64.into(),
        ],
        RelayTask::LeaveChannel(key) => [
            "leave_channel".into(),
            none(),
            key.channel.into(),
            key.user.into(),
            key.version.into(),
        ],
        RelayTask::Destroy(channel) => [
            "destroy".into(),
            none(),
            channel.into(),
            none(),
            0_i64.into(),
        ],
        RelayTask::DeleteServer(server) => [
            "delete_server".into(),
            server.into(),
            none(),
            none(),
            0_i64.into(),
        ],
    }
}

/// Removes a task.
pub(super) fn done(task: RelayTask) -> Statement {
    sql(
        "DELETE FROM relay_outbox WHERE task = ?1 AND server_id = ?2 AND channel_id = ?3
            AND user_id = ?4 AND version <= ?5",
        key(task),
    )
}

/// Removes a task that is done. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn finish(db: &dyn Db, task: RelayTask) -> Result<(), StoreError> {
    run(db, done(task)).await.map(drop)
}

/// A task that maintenance repeats, and the number of objects that it calls.
#[derive(Clone, Copy, Debug)]
pub struct DueTask {
    /// The task.
    pub task: RelayTask,
    /// The number of objects.
    pub calls: i64,
}

impl TryFrom<&Row> for DueTask {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            task: RelayTask::try_from(row)?,
            calls: row.integer("calls")?,
        })
    }
}

/// Selects due tasks of a kind: those of requests, or those that the deletion of an account or of a
/// channel inserted, which are due at 0.
fn due_of(task: &str, now: Timestamp, of_deletions: bool, most: i64) -> Statement {
    sql(
        "SELECT task, server_id, channel_id, user_id, version,
                MAX(1, (SELECT COUNT(*) FROM relay_channels AS c
                         WHERE c.server_id = relay_outbox.server_id)) AS calls
           FROM relay_outbox
          WHERE task = ?1 AND due_at <= ?2 AND (due_at <= 0) = ?3 ORDER BY due_at LIMIT ?4",
        [task.into(), now.into(), of_deletions.into(), most.into()],
    )
}

/// Returns tasks that maintenance repeats now, at most `most` of a kind. The removals of requests
/// are first, so that no deletion of an account keeps a member in a channel. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn due_tasks(db: &dyn Db, now: Timestamp, most: i64) -> Result<Vec<DueTask>, StoreError> {
    let kinds = [
        due_of("kick", now, false, most),
        due_of("leave", now, false, most),
        due_of("leave_channel", now, false, most),
        due_of("add", now, false, most),
        due_of("add_to_channel", now, false, most),
        due_of("delete_server", now, false, most),
        due_of("destroy", now, false, most),
        due_of("leave", now, true, most),
        due_of("leave_channel", now, true, most),
        due_of("destroy", now, true, most),
    ];
    let found = batch(db, kinds).await?;
    read_all(&found.concat())
}

/// Lets maintenance repeat a task at `at`. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn postpone(db: &dyn Db, task: RelayTask, at: Timestamp) -> Result<(), StoreError> {
    let [name, server, channel, user, version] = key(task);
    let update = sql(
        "UPDATE relay_outbox SET due_at = ?6 WHERE task = ?1 AND server_id = ?2
            AND channel_id = ?3 AND user_id = ?4 AND version <= ?5",
        [name, server, channel, user, version, at.into()],
    );
    run(db, update).await.map(drop)
}
