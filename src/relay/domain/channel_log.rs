//! The rules of a channel's log, without I/O: places, repeated messages, and pages with gaps.

use std::collections::HashMap;

use crate::kernel::model::time::Timestamp;
use crate::relay::model::channel::{
    Appended, ChannelEntry, EntryPage, Gap, GapReason, NewMessage, Placed,
};
use crate::relay::model::micros::Micros;
use crate::relay::store::channels::entries::{EntryKind, KnownMessage};
use crate::relay::store::channels::log::EntryRow;

/// The largest number of messages of one request.
pub const MOST_APPENDED: usize = 64;

/// Returns the place after `last`. The sequence number and the time rise, also if the clock does
/// not.
#[must_use]
pub fn next(last: Placed, now: Timestamp) -> Placed {
    let after_last = Micros(last.at.0.saturating_add(1));
    Placed {
        seq: last.seq.saturating_add(1),
        at: Micros::from(now).max(after_last),
    }
}

/// The outcomes of appending messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppendPlan<'a> {
    /// The outcome for each message.
    pub outcomes: Vec<Appended>,
    /// The messages to insert, at their places.
    pub inserts: Vec<(&'a NewMessage, Placed)>,
}

/// Decides the outcomes of appending `messages` after `last`. `known` has the stored message of
/// each id.
///
/// A message that is stored gets its stored place. Of two messages with one id in the request, the
/// second is compared with the first.
#[must_use]
pub fn plan<'a>(
    last: Placed,
    messages: &'a [NewMessage],
    known: &[Option<KnownMessage>],
    now: Timestamp,
) -> AppendPlan<'a> {
    let mut last = last;
    let mut placed_here: HashMap<&str, (&NewMessage, Placed)> = HashMap::new();
    let mut outcomes = Vec::with_capacity(messages.len());
    let stored = known.iter().copied().chain(std::iter::repeat(None));
    for (message, stored) in messages.iter().zip(stored) {
        let here = placed_here.get(message.id.as_str()).copied();
        let known = stored.or(here.map(|(first, placed)| KnownMessage {
            placed,
            expires_at: first.expires_at,
            same: first.fingerprint() == message.fingerprint(),
        }));
        outcomes.push(match known {
            Some(known) if known.same => Appended::Stored {
                placed: known.placed,
                expires_at: known.expires_at,
            },
            Some(_) => Appended::Conflict,
            None if message.expires_at.is_some_and(|at| at <= now.millis()) => Appended::Expired,
            None => {
                last = next(last, now);
                placed_here.insert(&message.id, (message, last));
                Appended::Stored {
                    placed: last,
                    expires_at: message.expires_at,
                }
            }
        });
    }
    let mut inserts: Vec<(&NewMessage, Placed)> = placed_here.into_values().collect();
    inserts.sort_unstable_by_key(|(_, placed)| placed.seq);
    AppendPlan { outcomes, inserts }
}

/// The bounds of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageBounds {
    /// The last sequence number that the reader has.
    pub since: i64,
    /// The last sequence number of the channel.
    pub head: i64,
    /// True if the rows end before the head, because of a limit.
    pub is_cut: bool,
}

/// Returns the page of the entries after `since`, from their rows in order. Each sequence number up
/// to the end of the page is in an entry or in a gap.
pub(super) fn page(rows: Vec<EntryRow>, bounds: PageBounds, now: Timestamp) -> EntryPage {
    let mut page = EntryPage {
        entries: Vec::with_capacity(rows.len()),
        gaps: Vec::new(),
        upto: bounds.since.min(bounds.head),
        head: bounds.head,
    };
    for row in rows {
        let (before, seq) = (page.upto, row.seq);
        // Only expiry leaves a number without a row.
        add_gap(&mut page.gaps, before + 1, seq - 1, GapReason::Expired);
        match entry(row, now) {
            Ok(entry) => page.entries.push(entry),
            Err(reason) => add_gap(&mut page.gaps, seq, seq, reason),
        }
        page.upto = seq;
    }
    if !bounds.is_cut && page.upto < bounds.head {
        let from = page.upto + 1;
        add_gap(&mut page.gaps, from, bounds.head, GapReason::Expired);
        page.upto = bounds.head;
    }
    page
}

/// Adds a gap, unless it is empty. A gap that follows another one for the same reason extends it.
fn add_gap(gaps: &mut Vec<Gap>, from: i64, to: i64, reason: GapReason) {
    if from > to {
        return;
    }
    match gaps.last_mut() {
        Some(last) if last.reason == reason && last.to + 1 == from => last.to = to,
        _ => gaps.push(Gap { from, to, reason }),
    }
}

/// Returns the entry of a row, or the reason why there is none to read.
fn entry(row: EntryRow, now: Timestamp) -> Result<ChannelEntry, GapReason> {
    let seq = row.seq;
    let stored = row.stored.ok_or(GapReason::Expired)?;
    if !stored.removed && !stored.is_readable(now) {
        return Err(GapReason::Expired);
    }
    match row.kind {
        EntryKind::Edit if row.is_replaced => Err(GapReason::Replaced),
        EntryKind::Message if !stored.removed => Ok(ChannelEntry::Message(stored.message)),
        EntryKind::Edit if !stored.removed => Ok(ChannelEntry::Edited {
            seq,
            message: stored.message,
        }),
        EntryKind::Removal => Ok(ChannelEntry::Removed {
            seq,
            message_id: stored.message.id,
        }),
        EntryKind::Message | EntryKind::RemovedMessage | EntryKind::Edit => Err(GapReason::Removed),
    }
}

#[cfg(test)]
mod tests;
