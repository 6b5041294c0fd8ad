//! Members of servers and channels.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, batch, read_all, read_first, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ListPage, ListedAccount, ServerId};
use crate::relay::store::membership::{
    ChannelStanding, IS_LEAVING, IS_MEMBER, OWNS, ServerStanding, in_channel, in_server,
};
use crate::relay::store::outbox;
use crate::relay::store::outbox::ServerMemberKey;

impl TryFrom<&Row> for ListedAccount {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            user: row.parsed("user_id", UserId::parse)?,
            username: row.opt_text("username")?,
            display_name: row.opt_text("name")?,
            role: row.opt_text("role")?,
            at: row.time("at")?,
        })
    }
}

impl TryFrom<&Row> for ServerMemberKey {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            server: row.parsed("server_id", ServerId::parse)?,
            user: row.parsed("user_id", UserId::parse)?,
            version: row.integer("version")?,
        })
    }
}

/// Returns the caller's standing in a server, and a page of its members if the caller is one. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_server(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    page: ListPage,
) -> Result<(ServerStanding, Vec<ListedAccount>), StoreError> {
    let select = sql(
        "SELECT m.user_id, p.username, u.name, m.role, m.joined_at AS at
           FROM relay_members AS g
           JOIN relay_members AS m ON m.server_id = g.server_id
           JOIN users AS u ON u.id = m.user_id
           LEFT JOIN people AS p ON p.user_id = m.user_id
          WHERE g.server_id = ?1 AND g.user_id = ?2 AND m.user_id > ?3
          ORDER BY m.user_id LIMIT ?4",
        [
            server.into(),
            by.user.into(),
            page.after_text().as_str().into(),
            page.limit.into(),
        ],
    );
    let [standing, members] = batch(db, [in_server(by, server), select]).await?;
    Ok((ServerStanding::read(&standing)?, read_all(&members)?))
}

/// Returns the caller's standing in a channel, and a page of its members if the caller is one. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_channel(
    db: &dyn Db,
    by: Caller,
    channel: ChannelId,
    page: ListPage,
) -> Result<(Option<ChannelStanding>, Vec<ListedAccount>), StoreError> {
    let select = sql(
        concatcp!(
            "SELECT m.user_id, p.username, u.name, m.role, m.joined_at AS at
               FROM relay_seats AS m
               JOIN users AS u ON u.id = m.user_id
               LEFT JOIN people AS p ON p.user_id = m.user_id
              WHERE m.channel_id = ?3 AND m.user_id > ?4 AND ",
            IS_MEMBER,
            " UNION ALL
             SELECT m.user_id, p.username, u.name, NULL, m.opened_at
               FROM relay_direct_members AS m
               JOIN users AS u ON u.id = m.user_id
               LEFT JOIN people AS p ON p.user_id = m.user_id
              WHERE m.channel_id = ?3 AND m.user_id > ?4 AND ?1 IS NOT NULL AND ",
            IS_MEMBER,
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
    let [standing, members] = batch(db, [in_channel(by, channel), select]).await?;
    Ok((read_first(&standing)?, read_all(&members)?))
}

/// What a statement about another member found.
#[derive(Clone, Copy, Debug)]
pub struct OnMember {
    /// The caller's standing.
    pub standing: ServerStanding,
    /// Whether the account is a member.
    pub is_member: bool,
    /// The membership on which the statement acted. `None`: the caller may not.
    pub acted_on: Option<ServerMemberKey>,
}

/// Selects a member of a server.
fn member(server: ServerId, user: UserId) -> Statement {
    sql(
        "SELECT 1 AS one FROM relay_members WHERE server_id = ?1 AND user_id = ?2",
        [server.into(), user.into()],
    )
}

/// Inserts the task that removes another member. The owner removes every other member, and an
/// administrator removes members without a role. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_kick(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    user: UserId,
    now: Timestamp,
) -> Result<OnMember, StoreError> {
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'kick', m.server_id, '', m.user_id, m.version, ?5
               FROM relay_members AS g JOIN relay_members AS m ON m.server_id = g.server_id
              WHERE g.server_id = ?3 AND g.user_id = ?2 AND m.user_id = ?4
                AND (g.role = 'owner' AND m.role <> 'owner'
                     OR g.role = 'admin' AND m.role = 'member')
                AND NOT ",
            IS_LEAVING,
            " AND ",
            IS_LIVE,
            " ON CONFLICT DO UPDATE SET version = excluded.version, due_at = excluded.due_at
             RETURNING server_id, user_id, version"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            user.into(),
            outbox::due(now).into(),
        ],
    );
    let statements = [in_server(by, server), member(server, user), task];
    let [standing, found, acted] = batch(db, statements).await?;
    Ok(OnMember {
        standing: ServerStanding::read(&standing)?,
        is_member: !found.is_empty(),
        acted_on: read_first(&acted)?,
    })
}

/// Inserts the task that removes the caller from a server that they do not own. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn begin_leaving(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    now: Timestamp,
) -> Result<OnMember, StoreError> {
    let task = sql(
        concatcp!(
            "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
             SELECT 'leave', server_id, '', user_id, version, ?4 FROM relay_members
              WHERE server_id = ?3 AND user_id = ?2 AND role <> 'owner' AND ",
            IS_LIVE,
            " ON CONFLICT DO UPDATE SET version = excluded.version, due_at = excluded.due_at
             RETURNING server_id, user_id, version"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            outbox::due(now).into(),
        ],
    );
    let [standing, acted] = batch(db, [in_server(by, server), task]).await?;
    let standing = ServerStanding::read(&standing)?;
    Ok(OnMember {
        standing,
        is_member: standing.role.is_some(),
        acted_on: read_first(&acted)?,
    })
}

/// Sets the role of another member if the caller owns the server. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn set_role(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    user: UserId,
    role: &str,
) -> Result<OnMember, StoreError> {
    let update = sql(
        concatcp!(
            "UPDATE relay_members SET role = ?5
              WHERE server_id = ?3 AND user_id = ?4 AND role <> 'owner' AND ",
            OWNS,
            " RETURNING server_id, user_id, version"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            user.into(),
            role.into(),
        ],
    );
    let statements = [in_server(by, server), member(server, user), update];
    let [standing, found, acted] = batch(db, statements).await?;
    Ok(OnMember {
        standing: ServerStanding::read(&standing)?,
        is_member: !found.is_empty(),
        acted_on: read_first(&acted)?,
    })
}
