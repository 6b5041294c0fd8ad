//! Pages of the log of a channel: its entries in their order.

use crate::kernel::store::{Db, Row, StoreError, run, sql};
use crate::relay::store::channels::entries::{EntryKind, StoredMessage, kind};

/// An entry with the message that it is or that it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryRow {
    /// The sequence number of the entry.
    pub seq: i64,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// The message. `None` if it has expired and was removed.
    pub stored: Option<StoredMessage>,
    /// True if a later entry edits the message again.
    pub is_replaced: bool,
}

impl TryFrom<&Row> for EntryRow {
    type Error = StoreError;

    fn try_from(row: &Row) -> Result<Self, StoreError> {
        let stored = match row.opt_text("id")? {
            Some(_) => Some(StoredMessage::try_from(row)?),
            None => None,
        };
        Ok(Self {
            seq: row.integer("entry_seq")?,
            kind: kind(row.integer("entry_kind")?)?,
            stored,
            is_replaced: row.opt_integer("is_replaced")? == Some(1),
        })
    }
}

/// The largest page of entries.
#[derive(Clone, Copy, Debug)]
pub struct PageLimit {
    /// The number of entries.
    pub entries: u32,
    /// The bytes of their bodies.
    pub bytes: i64,
}

/// Entries of a channel, the oldest first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FoundEntries {
    /// The entries.
    pub rows: Vec<EntryRow>,
    /// True if more may follow.
    pub is_cut: bool,
}

/// Returns the entries of a channel after a sequence number. One round trip.
///
/// The entries end before one that makes their bodies larger than the limit, unless it is the
/// first. An edit that was replaced by a later one has no body.
///
/// # Errors
/// [`StoreError`]
pub async fn since(
    db: &dyn Db,
    channel: &str,
    since: i64,
    limit: PageLimit,
) -> Result<FoundEntries, StoreError> {
    let select = sql(
        "WITH page AS (
             SELECT e.seq AS entry_seq, e.kind AS entry_kind, m.channel_id, m.seq, m.at, m.kind,
                    m.id, m.sender_token, m.expires_at, m.has_attachments, m.edits,
                    m.edit_key_hash, e.kind = 2 AND m.last_edit > e.seq AS is_replaced,
                    iif(e.kind = 2 AND m.last_edit > e.seq, NULL, m.body) AS body
               FROM channel_entries AS e
               LEFT JOIN channel_entries AS m
                 ON m.channel_id = e.channel_id AND m.seq = COALESCE(e.target, e.seq)
              WHERE e.channel_id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3),
         sized AS (
             SELECT *, SUM(COALESCE(LENGTH(body), 0)) OVER (ORDER BY entry_seq) AS bytes,
                    ROW_NUMBER() OVER (ORDER BY entry_seq) AS number
               FROM page)
         SELECT entry_seq, entry_kind, channel_id, seq, at, kind, id, sender_token, expires_at,
                has_attachments, edits, edit_key_hash, is_replaced, number > 1 AND bytes > ?4 AS
                is_left_out, iif(number > 1 AND bytes > ?4, NULL, body) AS body
           FROM sized ORDER BY entry_seq",
        [
            channel.into(),
            since.into(),
            i64::from(limit.entries).into(),
            limit.bytes.into(),
        ],
    );
    let found = run(db, select).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        if row.integer("is_left_out")? == 1 {
            return Ok(FoundEntries { rows, is_cut: true });
        }
        rows.push(EntryRow::try_from(row)?);
    }
    let is_cut = u32::try_from(rows.len()).is_ok_and(|rows| rows == limit.entries);
    Ok(FoundEntries { rows, is_cut })
}
