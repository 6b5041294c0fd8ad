//! Invites to servers.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{
    CLEANUP_BATCH, Db, Row, Statement, StoreError, batch, read_all, read_first, remove_in_batches,
    run, sql,
};
use crate::relay::model::servers::{
    InviteId, InviteRecord, MOST_INVITES, MOST_MEMBERS, MOST_SERVERS, ServerId, ServerRecord,
};
use crate::relay::store::membership::{IS_LEAVING, MANAGES, ServerStanding, in_server};
use crate::relay::store::outbox;
use crate::relay::store::outbox::ServerMemberKey;

impl TryFrom<&Row> for InviteRecord {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id", InviteId::parse)?,
            code: row.text("code")?,
            server: row.parsed("server_id", ServerId::parse)?,
            max_uses: row.opt_integer("max_uses")?,
            use_count: row.integer("use_count")?,
            expires_at: row.opt_time("expires_at")?,
            created_at: row.time("created_at")?,
        })
    }
}

/// An invite to make.
#[derive(Clone, Copy, Debug)]
pub struct NewInvite<'a> {
    /// The id.
    pub id: InviteId,
    /// The server.
    pub server: ServerId,
    /// The code.
    pub code: &'a str,
    /// The largest number of uses.
    pub max_uses: Option<i64>,
    /// The end.
    pub expires_at: Option<Timestamp>,
}

/// Makes an invite if the caller manages the server. `None` in the place of the invite if the
/// caller may not, or the quota is reached. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    by: Caller,
    new: NewInvite<'_>,
    now: Timestamp,
) -> Result<(ServerStanding, Option<InviteRecord>), StoreError> {
    let insert = sql(
        concatcp!(
            "INSERT INTO relay_invites
                 (id, server_id, code, max_uses, use_count, version, expires_at, created_at)
             SELECT ?4, id, ?5, ?6, 0, version, ?7, ?8 FROM relay_servers
              WHERE id = ?3
                AND (SELECT COUNT(*) FROM relay_invites WHERE server_id = ?3) < ?9 AND ",
            MANAGES,
            " RETURNING id, server_id, code, max_uses, use_count, expires_at, created_at"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.server.into(),
            new.id.into(),
            new.code.into(),
            new.max_uses.into(),
            new.expires_at.into(),
            now.into(),
            MOST_INVITES.into(),
        ],
    );
    let [standing, made] = batch(db, [in_server(by, new.server), insert]).await?;
    Ok((ServerStanding::read(&standing)?, read_first(&made)?))
}

/// Returns the caller's standing in a server, and its invites if the caller manages it, the newest
/// first. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_server(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
) -> Result<(ServerStanding, Vec<InviteRecord>), StoreError> {
    let select = sql(
        concatcp!(
            "SELECT id, server_id, code, max_uses, use_count, expires_at, created_at
               FROM relay_invites WHERE server_id = ?3 AND ",
            MANAGES,
            " ORDER BY created_at DESC, id LIMIT ?4"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            MOST_INVITES.into(),
        ],
    );
    let [standing, invites] = batch(db, [in_server(by, server), select]).await?;
    Ok((ServerStanding::read(&standing)?, read_all(&invites)?))
}

/// Removes an invite if the caller manages the server. Returns the standing, and whether the invite
/// was removed. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn remove(
    db: &dyn Db,
    by: Caller,
    server: ServerId,
    invite: InviteId,
) -> Result<(ServerStanding, bool), StoreError> {
    let delete = sql(
        concatcp!(
            "DELETE FROM relay_invites WHERE id = ?4 AND server_id = ?3 AND ",
            MANAGES,
            " RETURNING id"
        ),
        [
            by.session.into(),
            by.user.into(),
            server.into(),
            invite.into(),
        ],
    );
    let [standing, removed] = batch(db, [in_server(by, server), delete]).await?;
    Ok((ServerStanding::read(&standing)?, !removed.is_empty()))
}

/// The outcome of joining a server by an invite.
#[derive(Clone, Debug)]
pub enum Joined {
    /// The account is a member, now or since before, with the membership that the channels may not
    /// know yet.
    Member(ServerRecord, Option<ServerMemberKey>),
    /// No invite has the code, or it is used up, has expired, is as old as the caller's removal,
    /// or a kick of the caller waits.
    Unknown,
    /// The caller leaves the server, and an object of a channel does not know it yet.
    Leaving,
    /// The server or the account has as many memberships as it may.
    Full,
    /// The caller is signed out.
    SignedOut,
}

/// True if an account that joins no server yet may use the invite at `?2`: it has uses left, and
/// its server has fewer than `?3` members.
const HAS_ROOM: &str = "(max_uses IS NULL OR use_count < max_uses)
    AND (expires_at IS NULL OR expires_at > ?2)
    AND (SELECT COUNT(*) FROM relay_members AS m
          WHERE m.server_id = relay_invites.server_id) < ?3";

/// True if the invite may be used by the account `?2` at `?5`.
const IS_USABLE: &str = "(max_uses IS NULL OR use_count < max_uses)
    AND (expires_at IS NULL OR expires_at > ?5)
    AND NOT EXISTS (SELECT 1 FROM relay_removals AS r
                     WHERE r.server_id = relay_invites.server_id AND r.user_id = ?2
                       AND r.version > relay_invites.version)";

/// Makes the account a member if the use `attempt` of the invite was counted before in the batch,
/// with the task that adds the member to the channels.
fn entry(user: UserId, code: &str, attempt: &str, now: Timestamp) -> [Statement; 4] {
    let bump = sql(
        "UPDATE relay_servers SET version = version + 1
          WHERE id = (SELECT server_id FROM relay_invites WHERE code = ?1 AND last_use = ?2)",
        [code.into(), attempt.into()],
    );
    let member = sql(
        "INSERT INTO relay_members (server_id, user_id, role, version, joined_at)
         SELECT s.id, ?3, 'member', s.version, ?4
           FROM relay_invites AS i JOIN relay_servers AS s ON s.id = i.server_id
          WHERE i.code = ?1 AND i.last_use = ?2",
        [code.into(), attempt.into(), user.into(), now.into()],
    );
    let forget = sql(
        "DELETE FROM relay_removals
          WHERE user_id = ?3
            AND server_id = (SELECT server_id FROM relay_invites
                              WHERE code = ?1 AND last_use = ?2)",
        [code.into(), attempt.into(), user.into()],
    );
    let task = sql(
        "INSERT INTO relay_outbox (task, server_id, channel_id, user_id, version, due_at)
         SELECT 'add', m.server_id, '', m.user_id, m.version, ?3
           FROM relay_invites AS i
           JOIN relay_members AS m ON m.server_id = i.server_id AND m.user_id = ?2
          WHERE i.code = ?1 AND i.last_use = ?4
         ON CONFLICT DO UPDATE SET version = excluded.version, due_at = excluded.due_at",
        [
            code.into(),
            user.into(),
            outbox::due(now).into(),
            attempt.into(),
        ],
    );
    [bump, member, forget, task]
}

/// Joins the server of an invite, with the task that adds the member to the channels. A use is
/// counted in the same statement that checks the count. A member joins again without a use. One
/// round trip.
///
/// `attempt` is a random id of the call.
///
/// # Errors
/// [`StoreError`]
pub async fn join(
    db: &dyn Db,
    by: Caller,
    code: &str,
    attempt: &str,
    now: Timestamp,
) -> Result<Joined, StoreError> {
    let count = sql(
        concatcp!(
            "UPDATE relay_invites SET use_count = use_count + 1, last_use = ?4
              WHERE code = ?3 AND ",
            IS_USABLE,
            " AND NOT EXISTS (SELECT 1 FROM relay_members AS m
                               WHERE m.server_id = relay_invites.server_id AND m.user_id = ?2)
              AND (SELECT COUNT(*) FROM relay_members WHERE user_id = ?2) < ?6
              AND (SELECT COUNT(*) FROM relay_members AS m
                    WHERE m.server_id = relay_invites.server_id) < ?7 AND ",
            IS_LIVE
        ),
        [
            by.session.into(),
            by.user.into(),
            code.into(),
            attempt.into(),
            now.into(),
            MOST_SERVERS.into(),
            MOST_MEMBERS.into(),
        ],
    );
    let [bump, member, forget, task] = entry(by.user, code, attempt, now);
    let joined = sql(
        concatcp!(
            "SELECT s.id, s.owner_id, s.encrypted_meta, s.created_at
               FROM relay_invites AS i
               JOIN relay_servers AS s ON s.id = i.server_id
               JOIN relay_members AS g ON g.server_id = i.server_id AND g.user_id = ?2
              WHERE i.code = ?1 AND NOT ",
            IS_LEAVING
        ),
        [code.into(), by.user.into()],
    );
    let waiting = sql(
        "SELECT w.server_id, w.user_id, w.version
           FROM relay_invites AS i JOIN relay_outbox AS w ON w.server_id = i.server_id
          WHERE i.code = ?1 AND w.task = 'add' AND w.channel_id = '' AND w.user_id = ?2",
        [code.into(), by.user.into()],
    );
    let state = sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live,
                EXISTS (SELECT 1 FROM relay_invites WHERE code = ?3 AND ",
            IS_USABLE,
            " AND NOT EXISTS (SELECT 1 FROM relay_members AS g
                               WHERE g.server_id = relay_invites.server_id AND g.user_id = ?2)
                ) AS usable,
                (SELECT group_concat(w.task) FROM relay_invites
                   JOIN relay_outbox AS w ON w.server_id = relay_invites.server_id
                  WHERE code = ?3 AND w.task IN ('kick', 'leave') AND w.channel_id = ''
                    AND w.user_id = ?2 AND ",
            IS_USABLE,
            ") IS 'leave' AS leaving, ?4 AS attempt"
        ),
        [
            by.session.into(),
            by.user.into(),
            code.into(),
            attempt.into(),
            now.into(),
        ],
    );
    let statements = [count, bump, member, forget, task, joined, waiting, state];
    let [_, _, _, _, _, joined, waiting, state] = batch(db, statements).await?;
    if let Some(server) = read_first(&joined)? {
        return Ok(Joined::Member(server, read_first(&waiting)?));
    }
    if !outbox::is_live(&state)? {
        return Ok(Joined::SignedOut);
    }
    let is_true = |column| state.first().map_or(Ok(0), |row| row.integer(column));
    Ok(if is_true("usable")? == 1 {
        Joined::Full
    } else if is_true("leaving")? == 1 {
        Joined::Leaving
    } else {
        Joined::Unknown
    })
}

/// Returns whether an account that does not exist yet may use an invite. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn is_open(db: &dyn Db, code: &str, now: Timestamp) -> Result<bool, StoreError> {
    let select = sql(
        concatcp!(
            "SELECT 1 AS one FROM relay_invites WHERE code = ?1 AND ",
            HAS_ROOM
        ),
        [code.into(), now.into(), MOST_MEMBERS.into()],
    );
    Ok(!run(db, select).await?.is_empty())
}

/// Makes an account that the same batch creates a member of the server of an invite.
///
/// The batch fails by [`Subject`](crate::kernel::store::Precondition::Subject) if the invite may
/// not be used. The statements do nothing if the account does not exist.
#[must_use]
pub fn join_as_new(user: UserId, code: &str, attempt: &str, now: Timestamp) -> Vec<Statement> {
    let count = sql(
        concatcp!(
            "UPDATE relay_invites SET use_count = use_count + 1, last_use = ?4
              WHERE code = ?1 AND ",
            HAS_ROOM,
            " AND EXISTS (SELECT 1 FROM users WHERE id = ?5)"
        ),
        [
            code.into(),
            now.into(),
            MOST_MEMBERS.into(),
            attempt.into(),
            user.into(),
        ],
    );
    let precondition = sql(
        "INSERT INTO preconditions (subject)
         SELECT 1 WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1) AND NOT EXISTS (
             SELECT 1 FROM relay_invites WHERE code = ?2 AND last_use = ?3)",
        [user.into(), code.into(), attempt.into()],
    );
    let mut statements = vec![count, precondition];
    statements.extend(entry(user, code, attempt, now));
    statements
}

/// Returns the membership of an account in the server of an invite. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn membership(
    db: &dyn Db,
    user: UserId,
    code: &str,
) -> Result<Option<ServerMemberKey>, StoreError> {
    let select = sql(
        "SELECT m.server_id, m.user_id, m.version
           FROM relay_invites AS i
           JOIN relay_members AS m ON m.server_id = i.server_id AND m.user_id = ?2
          WHERE i.code = ?1",
        [code.into(), user.into()],
    );
    read_first(&run(db, select).await?)
}

/// Removes invites that have expired. Returns their number.
///
/// # Errors
/// [`StoreError`]
pub async fn remove_expired(db: &dyn Db, now: Timestamp) -> Result<usize, StoreError> {
    let delete = sql(
        "DELETE FROM relay_invites WHERE id IN (
             SELECT id FROM relay_invites WHERE expires_at <= ?1 LIMIT ?2) RETURNING 1 AS one",
        [now.into(), CLEANUP_BATCH.into()],
    );
    remove_in_batches(db, delete, CLEANUP_BATCH).await
}
