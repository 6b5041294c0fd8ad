//! Servers.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, StoreError, batch, read_all, read_first, run, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{MOST_SERVERS, ServerId, ServerRecord};
use crate::relay::store::membership::{OWNS, ServerStanding, in_server};
use crate::relay::store::outbox;

impl TryFrom<&Row> for ServerRecord {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id", ServerId::parse)?,
            encrypted_meta: row.text("encrypted_meta")?,
            owner: row.parsed("owner_id", UserId::parse)?,
            created_at: row.time("created_at")?,
        })
    }
}

/// A server to make, with its first channel.
#[derive(Clone, Copy, Debug)]
pub struct NewServer<'a> {
    /// The id of the server.
    pub id: ServerId,
    /// The id of the first channel.
    pub channel: ChannelId,
    /// The sealed metadata, base64url.
    pub meta: &'a str,
}

/// The outcome of making an object that has a quota.
#[derive(Clone, Debug)]
pub enum Made<T> {
    /// The object is stored.
    Stored(T),
    /// The quota is reached.
    Full,
    /// The caller is signed out.
    SignedOut,
}

/// Makes a server with its owner, a first channel of the type `text`, and a task that adds the
/// owner to the object of the channel. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    by: Caller,
    new: NewServer<'_>,
    now: Timestamp,
) -> Result<Made<ServerRecord>, StoreError> {
    let server = sql(
        concatcp!(
            "INSERT INTO relay_servers (id, owner_id, encrypted_meta, version, created_at)
             SELECT ?3, ?2, ?4, 1, ?5
              WHERE (SELECT COUNT(*) FROM relay_members WHERE user_id = ?2) < ?6 AND ",
            IS_LIVE,
            " RETURNING id, owner_id, encrypted_meta, created_at"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.id.into(),
            new.meta.into(),
            now.into(),
            MOST_SERVERS.into(),
        ],
    );
    let owner = sql(
        "INSERT INTO relay_members (server_id, user_id, role, version, joined_at)
         SELECT id, owner_id, 'owner', version, created_at FROM relay_servers WHERE id = ?1",
        [new.id.into()],
    );
    let channel = sql(
        "INSERT INTO relay_channels
             (id, server_id, encrypted_meta, channel_type, position, created_at)
         SELECT ?2, id, '', 'text', 0, created_at FROM relay_servers WHERE id = ?1",
        [new.id.into(), new.channel.into()],
    );
    let task = outbox::add_to_channel(new.channel, None, now);
    let live = sql(
        concatcp!("SELECT ", IS_LIVE, " AS live"),
        [by.session.into(), by.user.into()],
    );
    let [made, _, _, _, live] = batch(db, [server, owner, channel, task, live]).await?;
    Ok(match read_first(&made)? {
        Some(server) => Made::Stored(server),
        None if outbox::is_live(&live)? => Made::Full,
        None => Made::SignedOut,
    })
}

/// Returns the servers of an account, the newest first. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_user(db: &dyn Db, user: UserId) -> Result<Vec<ServerRecord>, StoreError> {
    let select = sql(
        "SELECT s.id, s.owner_id, s.encrypted_meta, s.created_at
           FROM relay_members AS m JOIN relay_servers AS s ON s.id = m.server_id
          WHERE m.user_id = ?1 ORDER BY s.created_at DESC, s.id LIMIT ?2",
        [user.into(), MOST_SERVERS.into()],
    );
    read_all(&run(db, select).await?)
}

/// Returns a server to its members. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn get(
    db: &dyn Db,
    user: UserId,
    server: ServerId,
) -> Result<Option<ServerRecord>, StoreError> {
    let select = sql(
        "SELECT s.id, s.owner_id, s.encrypted_meta, s.created_at
           FROM relay_members AS m JOIN relay_servers AS s ON s.id = m.server_id
          WHERE m.user_id = ?1 AND m.server_id = ?2",
        [user.into(), server.into()],
    );
    read_first(&run(db, select).await?)
}

/// Changes the metadata of a server if the caller owns it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn update(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    meta: &str,
) -> Result<(ServerStanding, Option<ServerRecord>), StoreError> {
    let update = sql(
        concatcp!(
            "UPDATE relay_servers SET encrypted_meta = ?4 WHERE id = ?3 AND ",
            OWNS,
            " RETURNING id, owner_id, encrypted_meta, created_at"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            meta.into(),
        ],
    );
    let [standing, updated] = batch(db, [in_server(by, server), update]).await?;
    Ok((ServerStanding::read(&standing)?, read_first(&updated)?))
}

/// Inserts the task that deletes a server if the caller owns it. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_deletion(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    now: Timestamp,
) -> Result<ServerStanding, StoreError> {
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'delete_server', ?3, '', '', 0, ?4 WHERE ",
            OWNS,
            " ON CONFLICT DO NOTHING"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            outbox::due(now).into(),
        ],
    );
    let [standing, _] = batch(db, [in_server(by, server), task]).await?;
    ServerStanding::read(&standing)
}
