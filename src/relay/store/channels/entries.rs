//! The entries of channels: messages, edits and removals, each with a sequence number.

use const_format::concatcp;

use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Row, Statement, StoreError, Value, read_all, read_first, run, sql};
use crate::relay::model::channel::{ChannelMessage, NewMessage, Placed, SealedBytes};
use crate::relay::model::micros::Micros;

/// The kinds of entries, as numbers.
const MESSAGE: i64 = 0;
/// A message that was removed: its row keeps the id and the hash, without the body.
const REMOVED: i64 = 1;
/// An edit of the message `target`.
const EDIT: i64 = 2;
/// A removal of the message `target`.
const REMOVAL: i64 = 3;

/// The kind of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A message.
    Message,
    /// A message that was removed.
    RemovedMessage,
    /// An edit of a message.
    Edit,
    /// A removal of a message.
    Removal,
}

pub(super) fn kind(number: i64) -> Result<EntryKind, StoreError> {
    match number {
        MESSAGE => Ok(EntryKind::Message),
        REMOVED => Ok(EntryKind::RemovedMessage),
        EDIT => Ok(EntryKind::Edit),
        REMOVAL => Ok(EntryKind::Removal),
        other => Err(StoreError::Broken(format!("an entry has the kind {other}"))),
    }
}

/// A message that is stored under an id, compared with a message to append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KnownMessage {
    /// Its place.
    pub placed: Placed,
    /// When it expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// True if the stored message was sent with the same bytes, also if it was edited or removed
    /// later.
    pub same: bool,
}

impl TryFrom<&Row> for KnownMessage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            placed: placed(row)?,
            expires_at: row.opt_integer("expires_at")?,
            same: row.integer("same")? == 1,
        })
    }
}

fn placed(row: &Row) -> Result<Placed, StoreError> {
    Ok(Placed {
        seq: row.integer("seq")?,
        at: Micros(row.integer("at")?),
    })
}

/// Selects the message of the id of `message`, and compares it with `message`.
fn known(channel: &str, message: &NewMessage) -> Statement {
    sql(
        "SELECT seq, at, expires_at, channel_id = ?2 AND fingerprint = ?3 AS same
           FROM channel_entries WHERE id = ?1",
        [
            message.id.as_str().into(),
            channel.into(),
            message.fingerprint().as_slice().into(),
        ],
    )
}

/// Returns for each message the stored message of its id, if there is one. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn find_known(
    db: &dyn Db,
    channel: &str,
    messages: &[NewMessage],
) -> Result<Vec<Option<KnownMessage>>, StoreError> {
    let selects = messages.iter().map(|message| known(channel, message));
    let results = db.batch(selects.collect()).await?;
    results.iter().map(|rows| read_first(rows)).collect()
}

/// Inserts a message at its place. Writes two rows, and a third for a message that expires.
#[must_use]
pub fn insert(channel: &str, message: &NewMessage, placed: Placed) -> Statement {
    let hash = message.edit_key_hash.as_ref();
    sql(
        "INSERT INTO channel_entries (channel_id, seq, at, kind, id, sender_token, body, expires_at,
                                      has_attachments, edits, edit_key_hash, fingerprint)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10)",
        [
            channel.into(),
            placed.seq.into(),
            placed.at.0.into(),
            message.id.as_str().into(),
            message.sender_token.0.as_slice().into(),
            message.body.0.as_slice().into(),
            message.expires_at.into(),
            message.has_attachments.into(),
            hash.map_or(Value::Null, |hash| hash.0.as_slice().into()),
            message.fingerprint().as_slice().into(),
        ],
    )
}

/// The columns of a message.
const COLUMNS: &str = "channel_id, seq, at, kind, id, sender_token, body, expires_at, \
                       has_attachments, edits, edit_key_hash";

/// A stored message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredMessage {
    /// The channel.
    pub channel: String,
    /// The message.
    pub message: ChannelMessage,
    /// True if the message was removed. Its token and body are empty then.
    pub removed: bool,
    /// The hash of the secret that edits and removes the message.
    pub edit_key_hash: Option<Vec<u8>>,
    /// The number of edits.
    pub edits: i64,
}

impl TryFrom<&Row> for StoredMessage {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let edits = row.integer("edits")?;
        Ok(Self {
            channel: row.text("channel_id")?,
            message: ChannelMessage {
                id: row.text("id")?,
                placed: placed(row)?,
                sender_token: SealedBytes(row.opt_bytes("sender_token")?.unwrap_or_default()),
                body: SealedBytes(row.opt_bytes("body")?.unwrap_or_default()),
                expires_at: row.opt_integer("expires_at")?,
                has_attachments: row.integer("has_attachments")? == 1,
                edited: edits > 0,
            },
            removed: row.integer("kind")? == REMOVED,
            edit_key_hash: row.opt_bytes("edit_key_hash")?,
            edits,
        })
    }
}

impl StoredMessage {
    /// Returns true if the message can be read: it was not removed and has not expired.
    #[must_use]
    pub fn is_readable(&self, now: Timestamp) -> bool {
        let expired = self.message.expires_at.is_some_and(|at| at <= now.millis());
        !self.removed && !expired
    }
}

/// Returns the message of an id. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn by_id(db: &dyn Db, id: &str) -> Result<Option<StoredMessage>, StoreError> {
    let select = sql(
        concatcp!("SELECT ", COLUMNS, " FROM channel_entries WHERE id = ?1"),
        [id.into()],
    );
    read_first(&run(db, select).await?)
}

/// A change of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageChange<'a> {
    /// The message.
    pub stored: &'a StoredMessage,
    /// The place of the entry that changes it.
    pub placed: Placed,
}

impl MessageChange<'_> {
    /// Inserts the entry of the change. It expires with its message.
    fn entry(&self, kind: i64) -> Statement {
        sql(
            "INSERT INTO channel_entries (channel_id, seq, at, kind, target, expires_at,
                                          has_attachments, edits)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
            [
                self.stored.channel.as_str().into(),
                self.placed.seq.into(),
                self.placed.at.0.into(),
                kind.into(),
                self.stored.message.placed.seq.into(),
                self.stored.message.expires_at.into(),
            ],
        )
    }

    /// Replaces the body of the message.
    #[must_use]
    pub fn edit(&self, body: &[u8]) -> [Statement; 2] {
        let update = sql(
            "UPDATE channel_entries SET body = ?3, edits = edits + 1, last_edit = ?4
              WHERE channel_id = ?1 AND seq = ?2",
            [
                self.stored.channel.as_str().into(),
                self.stored.message.placed.seq.into(),
                body.into(),
                self.placed.seq.into(),
            ],
        );
        [update, self.entry(EDIT)]
    }

    /// Removes the message. Its id stays, so that a repeated append does not bring it back.
    #[must_use]
    pub fn remove(&self) -> [Statement; 2] {
        let update = sql(
            "UPDATE channel_entries SET kind = 1, sender_token = NULL, body = NULL
              WHERE channel_id = ?1 AND seq = ?2",
            [
                self.stored.channel.as_str().into(),
                self.stored.message.placed.seq.into(),
            ],
        );
        [update, self.entry(REMOVAL)]
    }
}

/// The largest number of bytes of the bodies in a page of the log. A page has at least one entry.
pub const MOST_PAGE_BYTES: i64 = 256 * 1024;
/// The largest number of bytes of the bodies in a page of history. Existing clients ask for one
/// page of 50 messages and no further one, so it is larger.
const MOST_HISTORY_BYTES: usize = 1024 * 1024;

/// Begins a statement that selects a page of messages. More conditions may follow, and then
/// [`PAGE_END`].
const PAGE: &str = concatcp!(
    "SELECT ",
    COLUMNS,
    " FROM channel_entries
      WHERE channel_id = ?1 AND kind = 0 AND (expires_at IS NULL OR expires_at > ?2)"
);
/// Ends a statement that begins with [`PAGE`].
const PAGE_END: &str = " ORDER BY seq DESC LIMIT ?3";

/// Ends a page of history before its bodies are too large. It has at least one message.
fn page_of(rows: &[Row]) -> Result<Vec<StoredMessage>, StoreError> {
    let mut messages: Vec<StoredMessage> = read_all(rows)?;
    let mut bytes = 0;
    let fit = messages.iter().take_while(|stored| {
        bytes += stored.message.body.0.len();
        bytes <= MOST_HISTORY_BYTES
    });
    let fit = fit.count().max(1);
    messages.truncate(fit);
    Ok(messages)
}

/// Returns the newest messages of a channel. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn newest(
    db: &dyn Db,
    channel: &str,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<StoredMessage>, StoreError> {
    let select = sql(
        concatcp!(PAGE, PAGE_END),
        [channel.into(), now.into(), i64::from(limit).into()],
    );
    page_of(&run(db, select).await?)
}

/// A position in a channel.
#[derive(Clone, Copy, Debug)]
pub struct Position {
    /// The time.
    pub at: Micros,
    /// The last sequence number of the channel.
    pub head: i64,
}

/// Returns the newest messages of a channel before a time. One round trip.
///
/// Times rise with sequence numbers. So the statement searches the last sequence number before the
/// time bit by bit, and the table needs no index by time.
///
/// # Errors
/// [`StoreError`]
pub async fn before(
    db: &dyn Db,
    channel: &str,
    position: Position,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<StoredMessage>, StoreError> {
    // The highest bit of the head.
    let step = position.head.checked_ilog2().map_or(0, |bit| 1_i64 << bit);
    let select = sql(
        concatcp!(
            PAGE,
            " AND seq <= (
                    WITH RECURSIVE search (upto, step) AS (
                        SELECT 0, ?5
                        UNION ALL
                        SELECT upto + iif(COALESCE((
                                              SELECT e.at FROM channel_entries AS e
                                               WHERE e.channel_id = ?1 AND e.seq <= upto + step
                                               ORDER BY e.seq DESC LIMIT 1), 0) < ?4, step, 0),
                               step / 2
                          FROM search WHERE step > 0)
                    SELECT upto FROM search WHERE step = 0)",
            PAGE_END
        ),
        [
            channel.into(),
            now.into(),
            i64::from(limit).into(),
            position.at.0.into(),
            step.into(),
        ],
    );
    page_of(&run(db, select).await?)
}
