//! A socket: its owner, the answers that it waits for, and its credit.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::events::SocketOwner;
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::domain::live::window::Window;
use crate::relay::model::ids::{ChannelId, ConnectionId};
use crate::relay::model::slots::Slot;

/// The subscriptions of a socket.
pub(super) const MOST_CHANNELS: usize = 1000;
/// How long a client may show no sign of life.
const MOST_SILENT: Duration = Duration::from_secs(90);
/// How often the trace of a socket is stored at most, if only its cursors moved.
const KEEP_PAUSE: Duration = Duration::from_mins(1);

/// How far a socket is with the channels of an earlier connection.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Resumption {
    pub(super) connection: ConnectionId,
    /// Whether the client wants to hear of the end.
    pub(super) asked: bool,
    /// The channels of which the socket does not have everything.
    pub(super) pending: BTreeSet<ChannelId>,
    /// The number of entries that were written.
    pub(super) replayed: u32,
}

impl Resumption {
    pub(super) const fn new(connection: ConnectionId, asked: bool) -> Self {
        Self {
            connection,
            asked,
            pending: BTreeSet::new(),
            replayed: 0,
        }
    }
}

/// The place of a sent message in the queue of its socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Ticket(u64);

/// A sent message without a written answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct AwaitedAnswer {
    ticket: Ticket,
    message_id: String,
    answer: Option<ServerFrame>,
}

/// A socket.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Socket {
    pub(super) owner: SocketOwner,
    pub(super) connection: ConnectionId,
    /// The slot of the account.
    pub(super) slot: Slot,
    /// When the client last showed that it lives.
    pub(super) seen_at: Timestamp,
    pub(super) resumption: Option<Resumption>,
    /// The channels of the trace that was stored last, and when that was.
    kept: BTreeSet<ChannelId>,
    kept_at: Timestamp,
    /// Whether a cursor moved since then.
    moved: bool,
    /// The channels with a subscription.
    pub(super) channels: BTreeSet<ChannelId>,
    pub(super) window: Window,
    /// The sent messages of all channels, in the order of their frames.
    awaited: VecDeque<AwaitedAnswer>,
    next_ticket: u64,
}

impl Socket {
    pub(super) fn new(owner: SocketOwner, connection: ConnectionId, now: Timestamp) -> Self {
        Self {
            owner,
            connection,
            slot: Slot::of(owner.account),
            seen_at: now,
            resumption: None,
            kept: BTreeSet::new(),
            kept_at: now,
            moved: false,
            channels: BTreeSet::new(),
            window: Window::default(),
            awaited: VecDeque::new(),
            next_ticket: 0,
        }
    }

    /// Returns the time at which the client has been silent for too long.
    pub(super) fn silent_at(&self) -> Timestamp {
        self.seen_at.plus(MOST_SILENT)
    }

    /// Returns the time at which the trace has to be stored, if a cursor moved.
    pub(super) fn keep_at(&self) -> Option<Timestamp> {
        self.moved.then(|| self.kept_at.plus(KEEP_PAUSE))
    }

    /// Returns true if the stored trace has a channel.
    pub(super) fn keeps(&self, channel: ChannelId) -> bool {
        self.kept.contains(&channel)
    }

    /// Notes that the trace was stored.
    pub(super) fn note_kept(&mut self, channels: BTreeSet<ChannelId>, at: Timestamp) {
        self.kept = channels;
        self.kept_at = at;
        self.moved = false;
    }

    /// Notes that a cursor moved by an entry of a channel.
    pub(super) fn note_entry(&mut self, channel: ChannelId) {
        self.moved = true;
        let resumption = self.resumption.as_mut();
        if let Some(resumption) = resumption.filter(|one| one.pending.contains(&channel)) {
            resumption.replayed = resumption.replayed.saturating_add(1);
        }
    }

    /// Adds a sent message to the queue.
    pub(super) fn expect(&mut self, message_id: &str) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.saturating_add(1);
        self.awaited.push_back(AwaitedAnswer {
            ticket,
            message_id: message_id.to_owned(),
            answer: None,
        });
        ticket
    }

    /// Returns true if the message is the socket's own and its answer was not written. The socket
    /// must not get the message before.
    pub(super) fn awaits(&self, message_id: &str) -> bool {
        let mut awaited = self.awaited.iter();
        awaited.any(|awaited| awaited.message_id == message_id)
    }

    /// Returns the number of sent messages without a written answer.
    pub(super) fn awaited(&self) -> usize {
        self.awaited.len()
    }

    /// Sets the answer of a sent message, and returns the answers to write now: those without an
    /// earlier message that has none.
    pub(super) fn resolve(&mut self, ticket: Ticket, answer: ServerFrame) -> Vec<ServerFrame> {
        let mut awaited = self.awaited.iter_mut();
        if let Some(awaited) = awaited.find(|awaited| awaited.ticket == ticket) {
            awaited.answer = Some(answer);
        }
        let mut ready = Vec::new();
        while let Some(answer) = self.awaited.front_mut().and_then(|one| one.answer.take()) {
            self.awaited.pop_front();
            ready.push(answer);
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::model::ids::{SessionId, UserId};
    use crate::kernel::model::time::Timestamp;
    use crate::relay::domain::live::frames::SendLabel;

    fn ack(number: usize) -> ServerFrame {
        ServerFrame::MessageAck {
            message_id: format!("{number}"),
            seq: 0,
            label: SendLabel::default(),
        }
    }

    proptest! {
        /// Answers arrive in any order, and are written in the order of the frames.
        #[test]
        fn answers_are_written_in_the_order_of_the_frames(
            order in Just((0..12_usize).collect::<Vec<_>>()).prop_shuffle(),
        ) {
            let mut socket = Socket::new(SocketOwner {
                account: UserId::from_random([1; 16]),
                session: SessionId::from_random([1; 16]),
                valid_until: Timestamp::from_millis(0),
            }, ConnectionId::from_random([1; 16]), Timestamp::from_millis(0));
            let tickets: Vec<Ticket> =
                (0..order.len()).map(|number| socket.expect(&format!("{number}"))).collect();
            let mut written = Vec::new();
            for (answered, number) in order.iter().enumerate() {
                let ready = socket.resolve(tickets[*number], ack(*number));
                written.extend(ready);
                let arrived = &order[..=answered];
                let expected = (0..order.len()).take_while(|one| arrived.contains(one)).count();
                prop_assert_eq!(written.len(), expected);
                prop_assert_eq!(socket.awaited(), order.len() - expected);
                prop_assert_eq!(socket.awaits("0"), expected == 0);
            }
            prop_assert_eq!(written, (0..order.len()).map(ack).collect::<Vec<_>>());
        }
    }
}
