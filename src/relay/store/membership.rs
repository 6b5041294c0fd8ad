//! Who may do something in a server or a channel. Every use case reads it here.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::store::{Row, Statement, StoreError, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ServerId, ServerRole};

/// True while a removal of the member `g` of a server waits for the objects of channels.
pub(super) const IS_LEAVING: &str = "EXISTS (
    SELECT 1 FROM relay_outbox AS w
     WHERE w.task IN ('kick', 'leave') AND w.server_id = g.server_id AND w.channel_id = ''
       AND w.user_id = g.user_id AND w.version >= g.version)";

/// The role of the member `g` of a server. A member whose removal waits manages nothing.
const ROLE: &str = concatcp!(
    "CASE WHEN g.role = 'admin' AND ",
    IS_LEAVING,
    " THEN 'member' ELSE g.role END"
);

/// True while the live caller, session `?1` and account `?2`, may manage the server `?3`.
pub(super) const MANAGES: &str = concatcp!(
    "EXISTS (SELECT 1 FROM relay_members AS g
              WHERE g.server_id = ?3 AND g.user_id = ?2 AND g.role IN ('admin', 'owner')
                AND NOT ",
    IS_LEAVING,
    ") AND ",
    IS_LIVE
);

/// True while the live caller, session `?1` and account `?2`, owns the server `?3`.
pub(super) const OWNS: &str = concatcp!(
    "EXISTS (SELECT 1 FROM relay_members AS g
              WHERE g.server_id = ?3 AND g.user_id = ?2 AND g.role = 'owner') AND ",
    IS_LIVE
);

/// True while the live caller, session `?1` and account `?2`, may manage the channel `?3` of a
/// server.
pub(super) const MANAGES_CHANNEL: &str = concatcp!(
    "EXISTS (SELECT 1 FROM relay_channels AS o
               JOIN relay_members AS g ON g.server_id = o.server_id
              WHERE o.id = ?3 AND g.user_id = ?2 AND g.role IN ('admin', 'owner')
                AND NOT ",
    IS_LEAVING,
    ") AND ",
    IS_LIVE
);

/// True while the account `?2` is a member of the channel `?3`.
pub(super) const IS_MEMBER: &str =
    "(EXISTS (SELECT 1 FROM relay_seats AS g WHERE g.channel_id = ?3 AND g.user_id = ?2)
      OR EXISTS (SELECT 1 FROM relay_direct_members AS g
                  WHERE g.channel_id = ?3 AND g.user_id = ?2))";

/// True while the live caller, session `?1` and account `?2`, is a member of the channel `?3`.
pub(super) const IN_CHANNEL: &str = concatcp!(IS_MEMBER, " AND ", IS_LIVE);

/// The caller in a server.
#[derive(Clone, Copy, Debug)]
pub struct ServerStanding {
    /// Whether the session of the caller is live.
    pub live: bool,
    /// The role. `None`: no member, or no such server.
    pub role: Option<ServerRole>,
}

/// Selects the caller's standing in a server. Read it with [`ServerStanding::read`].
#[must_use]
pub fn in_server(by: Caller, server: ServerId) -> Statement {
    sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live, (SELECT ",
            ROLE,
            " FROM relay_members AS g WHERE g.server_id = ?3 AND g.user_id = ?2) AS role"
        ),
        [by.session.into(), by.user.into(), server.into()],
    )
}

/// Reads a role that may be NULL.
fn read_role(row: &Row) -> Result<Option<ServerRole>, StoreError> {
    row.opt_text("role")?
        .map(|_| row.parsed("role", ServerRole::parse))
        .transpose()
}

impl ServerStanding {
    /// Reads the rows of [`in_server`].
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn read(rows: &[Row]) -> Result<Self, StoreError> {
        let row = rows
            .first()
            .ok_or_else(|| StoreError::Broken("a standing has no row".to_owned()))?;
        Ok(Self {
            live: row.integer("live")? == 1,
            role: read_role(row)?,
        })
    }
}

/// The caller in a channel.
#[derive(Clone, Copy, Debug)]
pub struct ChannelStanding {
    /// Whether the session of the caller is live.
    pub live: bool,
    /// The server. `None`: a direct message.
    pub server: Option<ServerId>,
    /// The role in the server. `None`: no member of the server.
    pub role: Option<ServerRole>,
    /// Whether the caller is a member of the channel.
    pub member: bool,
}

/// Selects the caller's standing in a channel: no row if there is no such channel.
#[must_use]
pub fn in_channel(by: Caller, channel: ChannelId) -> Statement {
    sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live, c.server_id, ",
            ROLE,
            " AS role, ",
            IS_MEMBER,
            " AS member
               FROM relay_channels AS c
               LEFT JOIN relay_members AS g ON g.server_id = c.server_id AND g.user_id = ?2
              WHERE c.id = ?3"
        ),
        [by.session.into(), by.user.into(), channel.into()],
    )
}

impl TryFrom<&Row> for ChannelStanding {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let server = row.opt_text("server_id")?;
        Ok(Self {
            live: row.integer("live")? == 1,
            server: server
                .map(|_| row.parsed("server_id", ServerId::parse))
                .transpose()?,
            role: read_role(row)?,
            member: row.integer("member")? == 1,
        })
    }
}
