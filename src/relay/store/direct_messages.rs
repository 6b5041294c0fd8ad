//! Direct messages: one for each pair of accounts.

use const_format::concatcp;

use crate::accounts::face::{Caller, IS_LIVE};
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, StoreError, Value, batch, read_all, read_first, run, sql};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::servers::{ChannelRecord, MOST_DIRECT_MESSAGES};
use crate::relay::store::outbox;

/// The largest metadata of a page of direct messages, in characters of base64url: 1 MiB.
const MOST_META_CHARS: usize = 1024 * 1024 * 4 / 3;

/// A direct message to open.
#[derive(Clone, Copy, Debug)]
pub struct NewDirectMessage<'a> {
    /// The id, unless the pair has a direct message.
    pub id: ChannelId,
    /// The other account.
    pub target: UserId,
    /// The hash of the pair.
    pub pair: &'a str,
    /// The sealed metadata, base64url.
    pub meta: &'a str,
}

/// The outcome of opening a direct message.
#[derive(Clone, Debug)]
pub enum OpenedDirectMessage {
    /// The direct message of the pair.
    Open(ChannelRecord),
    /// The other account does not exist, has no keys, or blocked the caller.
    Unknown,
    /// The caller opened as many as an account may.
    Full,
    /// The caller is signed out.
    SignedOut,
}

/// Opens the direct message of a pair, or returns the one that the pair has. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn open(
    db: &dyn Db,
    by: Caller,
    new: NewDirectMessage<'_>,
    now: Timestamp,
) -> Result<OpenedDirectMessage, StoreError> {
    let insert = sql(
        concatcp!(
            "INSERT INTO relay_channels
                 (id, pair, encrypted_meta, channel_type, position, created_at)
             SELECT ?4, ?5, ?6, 'dm', 0, ?7
              WHERE EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?3)
                AND NOT EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?3 AND blocked_id = ?2)
                AND (SELECT COUNT(*) FROM relay_direct_members
                      WHERE user_id = ?2 AND opener = 1) < ?8 AND ",
            IS_LIVE,
            " ON CONFLICT (pair) DO NOTHING"
        ),
        [
            by.session.into(),
            by.user.into(),
            new.target.into(),
            new.id.into(),
            new.pair.into(),
            new.meta.into(),
            now.into(),
            MOST_DIRECT_MESSAGES.into(),
        ],
    );
    let member = |user: UserId, opener: bool| {
        sql(
            "INSERT INTO relay_direct_members (user_id, channel_id, opener, opened_at)
             SELECT ?2, id, ?3, created_at FROM relay_channels WHERE id = ?1",
            [new.id.into(), user.into(), opener.into()],
        )
    };
    let task = outbox::add_to_channel(new.id, None, now);
    let found = sql(
        "SELECT c.id, NULL AS server_id, c.encrypted_meta, c.channel_type, c.position, c.created_at
           FROM relay_channels AS c
           JOIN relay_direct_members AS g ON g.channel_id = c.id AND g.user_id = ?2
           JOIN relay_direct_members AS m ON m.channel_id = c.id AND m.user_id = ?3
          WHERE c.pair = ?1",
        [new.pair.into(), by.user.into(), new.target.into()],
    );
    let state = sql(
        concatcp!(
            "SELECT ",
            IS_LIVE,
            " AS live,
                EXISTS (SELECT 1 FROM relay_keys WHERE user_id = ?3)
                AND NOT EXISTS (SELECT 1 FROM relay_blocks WHERE user_id = ?3 AND blocked_id = ?2)
                    AS open"
        ),
        [by.session.into(), by.user.into(), new.target.into()],
    );
    let (mine, theirs) = (member(by.user, true), member(new.target, false));
    let [_, _, _, _, found, state] = batch(db, [insert, mine, theirs, task, found, state]).await?;
    if !outbox::is_live(&state)? {
        return Ok(OpenedDirectMessage::SignedOut);
    }
    if let Some(channel) = read_first(&found)? {
        return Ok(OpenedDirectMessage::Open(channel));
    }
    let open = state.first().map_or(Ok(0), |row| row.integer("open"))?;
    Ok(if open == 1 {
        OpenedDirectMessage::Full
    } else {
        OpenedDirectMessage::Unknown
    })
}

/// Returns the direct messages of an account, the newest first, after the one in which a page
/// before ended. A page ends before it has more than 1 MiB of metadata. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn of_user(
    db: &dyn Db,
    user: UserId,
    after: Option<ChannelId>,
    limit: i64,
) -> Result<Vec<ChannelRecord>, StoreError> {
    let select = sql(
        "SELECT c.id, NULL AS server_id, c.encrypted_meta, c.channel_type, c.position, c.created_at
           FROM relay_direct_members AS m JOIN relay_channels AS c ON c.id = m.channel_id
          WHERE m.user_id = ?1
            AND (?2 IS NULL OR (m.opened_at, m.channel_id) <
                 (SELECT e.opened_at, e.channel_id FROM relay_direct_members AS e
                   WHERE e.user_id = ?1 AND e.channel_id = ?2))
          ORDER BY m.opened_at DESC, m.channel_id DESC LIMIT ?3",
        [
            user.into(),
            after.map_or(Value::Null, Value::from),
            limit.into(),
        ],
    );
    let mut page: Vec<ChannelRecord> = read_all(&run(db, select).await?)?;
    let mut chars = 0;
    let fit = page.iter().take_while(|channel| {
        chars += channel.encrypted_meta.len();
        chars <= MOST_META_CHARS
    });
    let fit = fit.count();
    page.truncate(fit);
    Ok(page)
}
