//! Channels of servers.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_all, read_first, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ChannelRecord, MOST_CHANNELS, ServerId};
use crate::relay::store::membership::{
    ChannelStanding, IS_LEAVING, MANAGES, MANAGES_CHANNEL, ServerStanding, in_channel, in_server,
};
use crate::relay::store::outbox;
use crate::relay::store::outbox::ChannelMemberKey;

impl TryFrom<&Row> for ChannelRecord {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let server = row.opt_text("server_id")?;
        Ok(Self {
            id: row.parsed("id", ChannelId::parse)?,
            server: server
                .map(|_| row.parsed("server_id", ServerId::parse))
                .transpose()?,
            encrypted_meta: row.text("encrypted_meta")?,
            channel_type: row.text("channel_type")?,
            position: row.integer("position")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// A channel to make in a server.
#[derive(Clone, Copy, Debug)]
pub struct NewChannel<'a> {
    /// The id.
    pub id: ChannelId,
    /// The server.
    pub server: ServerId,
    /// The sealed metadata, base64url.
    pub meta: &'a str,
    /// The kind.
    pub channel_type: &'a str,
    /// The place. `None`: the last one.
    pub position: Option<i64>,
}

/// Makes a channel if the caller manages the server, with the task that adds the members to its
/// object. `None` in the place of the channel if the caller may not, or the quota is reached. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    by: Caller,
    new: NewChannel<'_>,
    now: Timestamp,
) -> Result<(ServerStanding, Option<ChannelRecord>), StoreError> {
    let insert = sql(
        concatcp!(
            "INSERT INTO relay_channels
                 (id, server_id, encrypted_meta, channel_type, position, created_at)
             SELECT ?4, ?3, ?5, ?6,
                    COALESCE(?7, (SELECT MAX(position) + 1 FROM relay_channels
                                   WHERE server_id = ?3), 0), ?8
              WHERE (SELECT COUNT(*) FROM relay_channels WHERE server_id = ?3) < ?9 AND ",
            MANAGES,
            " RETURNING id, server_id, encrypted_meta, channel_type, position, created_at"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.server.into(),
            new.id.into(),
            new.meta.into(),
            new.channel_type.into(),
            new.position.into(),
            now.into(),
            MOST_CHANNELS.into(),
        ],
    );
    let task = outbox::add_to_channel(new.id, None, now);
    let [standing, made, _] = batch(db, [in_server(by, new.server), insert, task]).await?;
    Ok((ServerStanding::read(&standing)?, read_first(&made)?))
}

/// Returns the caller's standing in a server, and its channels by position if the caller is a
/// member. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_server(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
) -> Result<(ServerStanding, Vec<ChannelRecord>), StoreError> {
    let select = sql(
        "SELECT c.id, c.server_id, c.encrypted_meta, c.channel_type, c.position, c.created_at
           FROM relay_members AS g JOIN relay_channels AS c ON c.server_id = g.server_id
          WHERE g.server_id = ?1 AND g.user_id = ?2
          ORDER BY c.position, c.created_at, c.id LIMIT ?3",
        [server.into(), by.user.into(), MOST_CHANNELS.into()],
    );
    let [standing, channels] = batch(db, [in_server(by, server), select]).await?;
    Ok((ServerStanding::read(&standing)?, read_all(&channels)?))
}

/// Returns the caller's standing in a channel. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn standing(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
) -> Result<Option<ChannelStanding>, StoreError> {
    let [standing] = batch(db, [in_channel(by, channel)]).await?;
    read_first(&standing)
}

/// Changes the metadata of a channel if the caller manages its server. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn update(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    meta: &str,
) -> Result<(Option<ChannelStanding>, Option<ChannelRecord>), StoreError> {
    let update = sql(
        concatcp!(
            "UPDATE relay_channels SET encrypted_meta = ?4 WHERE id = ?3 AND ",
            MANAGES_CHANNEL,
            " RETURNING id, server_id, encrypted_meta, channel_type, position, created_at"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            meta.into(),
        ],
    );
    let [standing, updated] = batch(db, [in_channel(by, channel), update]).await?;
    Ok((read_first(&standing)?, read_first(&updated)?))
}

/// Inserts the task that destroys a channel if the caller manages its server. Returns the standing,
/// and whether the task is inserted. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_deletion(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    now: Timestamp,
) -> Result<(Option<ChannelStanding>, bool), StoreError> {
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'destroy', '', ?3, '', 0, ?4 WHERE ",
            MANAGES_CHANNEL,
            " ON CONFLICT DO UPDATE SET due_at = excluded.due_at RETURNING task"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            outbox::due(now).into(),
        ],
    );
    let [standing, inserted] = batch(db, [in_channel(by, channel), task]).await?;
    Ok((read_first(&standing)?, !inserted.is_empty()))
}

/// True while the removal of the account `?2` from the server of the channel `?3` waits for the
/// objects of channels.
const LEAVES_SERVER_OF: &str = concatcp!(
    "EXISTS (SELECT 1 FROM relay_channels AS o JOIN relay_members AS g ON g.server_id = o.server_id
              WHERE o.id = ?3 AND g.user_id = ?2 AND ",
    IS_LEAVING,
    ")"
);

/// Lets a member of the server come back to a channel, with the task that adds them to its object.
/// A member whose removal waits is answered as an account that is not a member. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn join(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    now: Timestamp,
) -> Result<Option<ChannelStanding>, StoreError> {
    let bump = sql(
        concatcp!(
            "UPDATE relay_servers SET version = version + 1
              WHERE id = (SELECT server_id FROM relay_channel_choices
                           WHERE channel_id = ?3 AND user_id = ?2 AND away = 1)
                AND NOT ",
            LEAVES_SERVER_OF,
            " AND ",
            IS_LIVE
        ),
        [by.session.into(), by.user.into(), channel.into()],
    );
    let back = sql(
        concatcp!(
            "UPDATE relay_channel_choices
                SET away = 0, joined_at = ?4,
                    version = (SELECT version FROM relay_servers AS r
                                WHERE r.id = relay_channel_choices.server_id)
              WHERE channel_id = ?3 AND user_id = ?2 AND away = 1
                AND NOT ",
            LEAVES_SERVER_OF,
            " AND ",
            IS_LIVE
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            now.into(),
        ],
    );
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'add_to_channel', '', channel_id, user_id, 0, ?4 FROM relay_seats
              WHERE channel_id = ?3 AND user_id = ?2 AND NOT ",
            LEAVES_SERVER_OF,
            " AND ",
            IS_LIVE,
            " ON CONFLICT DO NOTHING"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            outbox::due(now).into(),
        ],
    );
    let leaving = sql(
        concatcp!(
            "SELECT 1 AS one WHERE ?1 IS NOT NULL AND ",
            LEAVES_SERVER_OF
        ),
        [by.session.into(), by.user.into(), channel.into()],
    );
    let statements = [bump, back, task, leaving, in_channel(by, channel)];
    let [_, _, _, leaving, standing] = batch(db, statements).await?;
    let standing: Option<ChannelStanding> = read_first(&standing)?;
    Ok(standing.filter(|it| !it.live || leaving.is_empty()))
}

/// Inserts the task that removes the caller from a channel of a server. Returns the standing, and
/// the membership that ends. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_leaving(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    now: Timestamp,
) -> Result<(Option<ChannelStanding>, Option<ChannelMemberKey>), StoreError> {
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'leave_channel', '', channel_id, user_id, version, ?4
               FROM relay_seats WHERE channel_id = ?3 AND user_id = ?2 AND ",
            IS_LIVE,
            " ON CONFLICT DO UPDATE SET version = excluded.version, due_at = excluded.due_at
             RETURNING channel_id, user_id, version"
        ),
        [
            by.session.into(),
            by.user.into(),
            channel.into(),
            outbox::due(now).into(),
        ],
    );
    let [standing, ending] = batch(db, [in_channel(by, channel), task]).await?;
    Ok((read_first(&standing)?, read_first(&ending)?))
}
