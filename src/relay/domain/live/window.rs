//! The credit of a socket: how much the server writes before the client confirms.
//!
//! No platform says how much of a socket's queue is unread, so the hub counts by itself. Above the
//! limit it writes no entries and pulls them later.

use std::collections::VecDeque;
use std::time::Duration;

use crate::kernel::model::time::Timestamp;
use crate::relay::model::channel::ChannelEntry;
use crate::relay::model::ids::ChannelId;

/// The largest number of unconfirmed entries of a client that confirms.
pub(super) const MOST_UNREAD: usize = 256;
/// The largest number of unconfirmed bytes. The last entry may exceed it.
pub(super) const MOST_UNREAD_BYTES: usize = 1024 * 1024;
/// How many bytes an entry counts for at least. It bounds the number of entries of a client that
/// never confirms.
const ENTRY_BYTES: usize = 256;
/// How long a client may be behind without progress.
pub(super) const MOST_BEHIND: Duration = Duration::from_mins(1);

/// An entry that was written and not confirmed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Unread {
    channel: ChannelId,
    seq: i64,
    bytes: usize,
}

/// The unconfirmed entries of a socket.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Window {
    unread: VecDeque<Unread>,
    bytes: usize,
    /// Whether the client confirms entries. Older clients do not.
    confirms: bool,
    behind_since: Option<Timestamp>,
}

impl Window {
    /// Returns true if an entry may be written.
    pub(super) fn is_open(&self) -> bool {
        self.bytes < MOST_UNREAD_BYTES && (!self.confirms || self.unread.len() < MOST_UNREAD)
    }

    /// Counts an entry that was written.
    pub(super) fn count(&mut self, channel: ChannelId, entry: &ChannelEntry) {
        let bytes = match entry {
            ChannelEntry::Message(message) | ChannelEntry::Edited { message, .. } => {
                message.body.0.len() + message.sender_token.0.len()
            }
            ChannelEntry::Removed { .. } => 0,
        };
        let bytes = bytes.max(ENTRY_BYTES);
        self.bytes += bytes;
        self.unread.push_back(Unread {
            channel,
            seq: entry.seq(),
            bytes,
        });
    }

    /// Takes a confirmation of the client.
    pub(super) fn confirm(&mut self, channel: ChannelId, seq: i64) {
        self.confirms = true;
        self.forget(|unread| unread.channel == channel && unread.seq <= seq);
    }

    /// Takes a sign of life. A client that never confirms has read everything by then, as far as
    /// anything shows.
    pub(super) fn note_ping(&mut self) {
        if !self.confirms {
            self.forget(|_| true);
        }
    }

    /// Forgets the entries of a channel that the socket no longer reads.
    pub(super) fn leave(&mut self, channel: ChannelId) {
        self.forget(|unread| unread.channel == channel);
    }

    fn forget(&mut self, read: impl Fn(&Unread) -> bool) {
        let before = self.unread.len();
        self.unread.retain(|unread| !read(unread));
        if self.unread.len() < before {
            self.bytes = self.unread.iter().map(|unread| unread.bytes).sum();
            self.behind_since = None;
        }
    }

    /// Notes that an entry waits for the client. Returns the time at which the client has been
    /// behind for too long.
    pub(super) fn wait(&mut self, now: Timestamp) -> Timestamp {
        self.behind_since.get_or_insert(now).plus(MOST_BEHIND)
    }

    /// Returns the time at which the client has been behind for too long, if it is behind.
    pub(super) fn limit(&self) -> Option<Timestamp> {
        Some(self.behind_since?.plus(MOST_BEHIND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(seq: i64) -> ChannelEntry {
        ChannelEntry::Removed {
            seq,
            message_id: String::new(),
        }
    }

    #[test]
    fn a_client_that_confirms_has_256_entries() {
        let channel = ChannelId::from_random([1; 16]);
        let other = ChannelId::from_random([2; 16]);
        let mut window = Window::default();
        window.confirm(channel, 0);
        for seq in 1..=256 {
            assert!(window.is_open(), "{seq}");
            window.count(channel, &removed(seq));
        }
        assert!(!window.is_open());
        let start = Timestamp::from_millis(5);
        let limit = window.wait(start);
        assert_eq!(limit, start.plus(MOST_BEHIND));
        window.confirm(other, 300);
        window.note_ping();
        assert!(!window.is_open(), "another channel and a ping confirm none");
        assert_eq!(window.wait(Timestamp::from_millis(9)), limit);
        window.confirm(channel, 1);
        assert!(window.is_open());
        assert_eq!(window.limit(), None);
        window.leave(channel);
        assert_eq!((window.unread.len(), window.bytes), (0, 0));
    }

    #[test]
    fn a_client_that_never_confirms_has_a_mebibyte_until_its_next_ping() {
        let channel = ChannelId::from_random([1; 16]);
        let mut window = Window::default();
        for seq in 1..=4096 {
            assert!(window.is_open(), "{seq}");
            window.count(channel, &removed(seq));
        }
        assert!(!window.is_open());
        window.note_ping();
        assert!(window.is_open());
    }
}
