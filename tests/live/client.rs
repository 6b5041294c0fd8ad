//! The clients of the model. Each of them checks its frames against the promises.

use std::collections::{BTreeSet, VecDeque};

use hamrah_api::kernel::model::ids::{SessionId, UserId};
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::events::{SocketId, SocketOwner};
use hamrah_api::relay::domain::live::frames::{ClientFrame, SendFrame, SendLabel, ServerFrame};
use hamrah_api::relay::model::channel::{ChannelEntry, NewMessage, SealedBytes};
use hamrah_api::relay::model::ids::ChannelId;

use crate::channel::Channel;

/// The number of a message. It decides the id.
pub type Sent = u8;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Client {
    pub account: u8,
    pub hub: usize,
    /// The socket, unless the client has none.
    pub socket: Option<SocketId>,
    pub sockets: u8,
    /// The messages that it sends later.
    pub script: VecDeque<Sent>,
    /// The messages without an answer, in the order of the frames.
    pub outstanding: VecDeque<Sent>,
    pub acked: BTreeSet<Sent>,
    pub refused: BTreeSet<Sent>,
    /// The last sequence number that it has.
    pub cursor: i64,
    /// Whether it got `Subscribed` on this socket.
    pub subscribed: bool,
    /// Whether it subscribes again, after its first subscription was refused.
    pub asks_again: bool,
    pub was_refused: bool,
    /// The head when the account was removed.
    pub removed_at: Option<i64>,
    /// Whether the removal has ended.
    pub removed: bool,
    /// Whether the session was revoked, and the hub has confirmed it.
    pub killed: bool,
}

pub fn channel() -> ChannelId {
    ChannelId::from_random([1; 16])
}

pub fn account(number: u8) -> UserId {
    UserId::from_random([number; 16])
}

pub fn message(sent: Sent) -> NewMessage {
    NewMessage {
        id: format!("{sent}"),
        sender_token: SealedBytes(Vec::new()),
        body: SealedBytes(Vec::new()),
        expires_at: None,
        has_attachments: false,
        edit_key_hash: None,
    }
}

impl Client {
    pub fn new(account: u8, hub: usize, script: &[Sent]) -> Self {
        Self {
            account,
            hub,
            socket: None,
            sockets: 0,
            script: script.iter().copied().collect(),
            outstanding: VecDeque::new(),
            acked: BTreeSet::new(),
            refused: BTreeSet::new(),
            cursor: 0,
            subscribed: false,
            asks_again: false,
            was_refused: false,
            removed_at: None,
            removed: false,
            killed: false,
        }
    }

    pub fn owner(&self) -> SocketOwner {
        SocketOwner {
            account: account(self.account),
            session: SessionId::from_random([self.account; 16]),
            valid_until: Timestamp::from_millis(i64::MAX),
        }
    }

    /// Opens a socket, and returns the first frames of the client. It goes on where the last socket
    /// ended.
    pub fn connect(&mut self, socket: SocketId) -> Vec<ClientFrame> {
        self.socket = Some(socket);
        self.sockets += 1;
        self.subscribed = false;
        self.asks_again = false;
        let subscribe = self.subscribe();
        let repeated = self.outstanding.iter().map(|sent| frame(*sent));
        std::iter::once(subscribe).chain(repeated).collect()
    }

    /// Returns the frame that subscribes from where the client is.
    pub fn subscribe(&self) -> ClientFrame {
        ClientFrame::Subscribe {
            channel: channel(),
            since: Some(self.cursor),
        }
    }

    /// Sends the next message of the script.
    pub fn send(&mut self) -> Option<ClientFrame> {
        let sent = self.script.pop_front()?;
        self.outstanding.push_back(sent);
        Some(frame(sent))
    }

    /// Takes a frame. Returns the promise that the frame breaks.
    pub fn take(&mut self, frame: &ServerFrame, stored: &Channel) -> Option<&'static str> {
        if self.killed {
            return Some("a frame after a confirmed revocation");
        }
        match frame {
            ServerFrame::Hello { .. }
            | ServerFrame::Typing { .. }
            | ServerFrame::MemberRemoved { .. }
            | ServerFrame::Resumed { .. }
            | ServerFrame::InvalidSession
            | ServerFrame::Notice(_)
            | ServerFrame::Pong => None,
            ServerFrame::MessageAck {
                message_id, seq, ..
            } => self.take_ack(message_id, *seq, stored),
            ServerFrame::Error { reference, .. } => {
                let Some(reference) = reference else {
                    self.asks_again = !self.was_refused;
                    self.was_refused = true;
                    return None;
                };
                let sent = self.outstanding.pop_front()?;
                if *reference != format!("{sent}") {
                    return Some("an error out of the order of the frames");
                }
                if self.removed_at.is_some() {
                    self.refused.insert(sent);
                } else {
                    self.script.push_front(sent);
                }
                None
            }
            _ if self.removed => Some("a frame after a confirmed eviction"),
            ServerFrame::Gap { gap, .. } => {
                let is_true = (gap.from..=gap.to).all(|seq| entry(stored, seq).is_none());
                let follows = gap.from == self.cursor + 1;
                self.cursor = gap.to;
                (!is_true || !follows).then_some("a false gap, or one after a hole")
            }
            ServerFrame::Subscribed { head, .. } => {
                self.subscribed = true;
                (*head != self.cursor).then_some("a head without the entries before it")
            }
            ServerFrame::Entry { entry, .. } => self.take_entry(entry, stored),
        }
    }

    fn take_ack(&mut self, id: &str, seq: i64, stored: &Channel) -> Option<&'static str> {
        let Some(sent) = self.outstanding.pop_front() else {
            return Some("an answer to no message");
        };
        self.acked.insert(sent);
        if id != format!("{sent}") {
            Some("an answer out of the order of the frames")
        } else if stored.find(id) != Some(seq) {
            Some("an answer for an unstored message")
        } else {
            None
        }
    }

    fn take_entry(&mut self, taken: &ChannelEntry, stored: &Channel) -> Option<&'static str> {
        let ChannelEntry::Message(message) = taken else {
            return Some("an entry without a message");
        };
        let seq = message.placed.seq;
        let follows = seq == self.cursor + 1;
        self.cursor = seq;
        let mut outstanding = self.outstanding.iter();
        if self.removed_at.is_some_and(|head| seq > head) {
            Some("an entry from after the removal")
        } else if !follows {
            Some("a number twice, or after a hole that no gap shows")
        } else if entry(stored, seq).is_none_or(|one| one != message.id) {
            Some("an unstored entry")
        } else if outstanding.any(|sent| format!("{sent}") == message.id) {
            Some("an echo before the answer")
        } else {
            None
        }
    }
}

fn frame(sent: Sent) -> ClientFrame {
    ClientFrame::Send(SendFrame {
        channel: channel(),
        message: message(sent),
        label: SendLabel {
            client_id: None,
            reference: Some(format!("{sent}")),
        },
    })
}

/// Returns the id of a stored message.
fn entry(stored: &Channel, seq: i64) -> Option<&str> {
    let index = usize::try_from(seq - 1).ok()?;
    Some(stored.log.get(index)?.as_ref()?.id.as_str())
}
