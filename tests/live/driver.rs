//! One hub without a model: a test plays its clients and its channels.

use hamrah_api::kernel::model::ids::SessionId;
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::calls::{
    ChannelAnswer, ChannelPush, DirectReaders, HubOperation, HubRequest, News,
};
use hamrah_api::relay::domain::live::events::{
    CallId, CloseReason, HubEffect, HubInput, SocketId, SocketOwner, Trace,
};
use hamrah_api::relay::domain::live::frames::{ClientFrame, SendFrame, SendLabel, ServerFrame};
use hamrah_api::relay::domain::live::hub::{Hub, HubSettings};
use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelMessage, EntryPage, Placed,
};
use hamrah_api::relay::model::ids::{ChannelId, ConnectionId};
use hamrah_api::relay::model::micros::Micros;
use hamrah_api::relay::model::slots::{HubId, Slot};

use crate::client::{account, message};

pub const SOCKET: SocketId = SocketId(1);
pub const SECOND: SocketId = SocketId(2);
pub const END: i64 = 10_000_000;

pub fn channel(number: u8) -> ChannelId {
    ChannelId::from_random([number; 16])
}

/// A hub, the calls that it made last, and what it wrote to each socket.
pub struct Driver {
    pub hub: Hub,
    pub now: i64,
    pub calls: Vec<(ChannelId, CallId, HubRequest)>,
    pub written: Vec<(SocketId, ServerFrame)>,
    pub closed: Vec<(SocketId, CloseReason)>,
    pub kept: Vec<Trace>,
    pub discarded: Vec<ConnectionId>,
}

impl Driver {
    pub fn new(sockets: &[SocketId]) -> Self {
        let mut driver = Self {
            hub: Hub::new(HubId(0), 1, HubSettings::default()),
            now: 0,
            calls: Vec::new(),
            written: Vec::new(),
            closed: Vec::new(),
            kept: Vec::new(),
            discarded: Vec::new(),
        };
        for socket in sockets {
            let number = u8::try_from(socket.0).expect("a small number");
            driver.connect(*socket, number);
        }
        driver.written.clear();
        driver
    }

    /// Opens a socket of an account, whose connection has the socket's number.
    pub fn connect(&mut self, socket: SocketId, owner: u8) {
        let number = u8::try_from(socket.0).expect("a small number");
        self.step(HubInput::Connected {
            socket,
            owner: SocketOwner {
                account: account(owner),
                session: SessionId::from_random([owner; 16]),
                valid_until: Timestamp::from_millis(END),
            },
            connection: ConnectionId::from_random([number; 16]),
            prekeys_left: 3,
        });
    }

    pub fn step(&mut self, input: HubInput) {
        for effect in self.hub.step(input, Timestamp::from_millis(self.now)) {
            match effect {
                HubEffect::Write { sockets, frame } => {
                    let sockets = sockets.into_iter();
                    self.written
                        .extend(sockets.map(|socket| (socket, frame.clone())));
                }
                HubEffect::Close { socket, reason } => self.closed.push((socket, reason)),
                HubEffect::Call {
                    channel,
                    call,
                    request,
                } => self.calls.push((channel, call, request)),
                HubEffect::Keep(trace) => self.kept.push(trace),
                HubEffect::Discard(connection) => self.discarded.push(connection),
                HubEffect::Answer(_) | HubEffect::TakeBack { .. } | HubEffect::Wake(_) => {}
            }
        }
    }

    pub fn frame(&mut self, socket: SocketId, frame: ClientFrame) {
        self.step(HubInput::Frame { socket, frame });
    }

    pub fn send(&mut self, number: u8, sent: u8) {
        let frame = SendFrame {
            channel: channel(number),
            message: message(sent),
            label: SendLabel {
                client_id: None,
                reference: Some(format!("{sent}")),
            },
        };
        self.frame(SOCKET, ClientFrame::Send(frame));
    }

    pub fn subscribe(&mut self, socket: SocketId, number: u8, since: Option<i64>) {
        let channel = channel(number);
        self.frame(socket, ClientFrame::Subscribe { channel, since });
    }

    /// Pushes to the readers of a direct message between the accounts 1 and 2.
    pub fn push_direct(&mut self, number: u8, since: i64, news: News) {
        let slots = vec![Slot::of(account(1)), Slot::of(account(2))];
        let push = ChannelPush {
            touch: 1,
            direct: Some(DirectReaders { slots, since }),
            news,
        };
        let channel = channel(number);
        self.step(HubInput::Push { channel, push });
    }

    pub fn push(&mut self, number: u8, news: News) {
        let push = ChannelPush {
            touch: 1,
            direct: None,
            news,
        };
        let channel = channel(number);
        self.step(HubInput::Push { channel, push });
    }

    pub fn reply(&mut self, place: usize, answer: Option<ChannelAnswer>) {
        let (channel, call, _) = self.calls.remove(place);
        self.step(HubInput::Reply {
            channel,
            call,
            answer,
        });
    }

    /// Answers the only call, which is a pull, from a log of `head` messages.
    pub fn answer_pull(&mut self, head: i64, page: i64) {
        assert_eq!(self.calls.len(), 1, "{:?}", self.calls);
        let HubOperation::Pull {
            accounts, since, ..
        } = self.calls[0].2.operation.clone()
        else {
            panic!("no pull");
        };
        let since = since.min(head);
        let upto = (since + page).min(head);
        let answer = ChannelAnswer::Page {
            generation: Some(1),
            members: accounts,
            page: EntryPage {
                entries: (since + 1..=upto).map(entry).collect(),
                gaps: Vec::new(),
                upto,
                head,
            },
        };
        self.reply(0, Some(answer));
    }

    /// Returns the messages of the call at a place.
    pub fn appended(&self, place: usize) -> Vec<String> {
        match &self.calls[place].2.operation {
            HubOperation::Append(items) => {
                items.iter().map(|item| item.message.id.clone()).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Answers an append: the first message gets the number `first`.
    pub fn answer_append(&mut self, place: usize, first: i64) {
        let count = self.appended(place).len();
        let numbers = (first..).take(count);
        let outcomes = numbers.clone().map(|seq| {
            Ok(Appended::Stored {
                placed: placed(seq),
                expires_at: None,
            })
        });
        let answer = ChannelAnswer::Appended {
            outcomes: outcomes.collect(),
            head: numbers.last().unwrap_or(first),
            direct: Vec::new(),
        };
        self.reply(place, Some(answer));
    }

    /// Returns the sequence numbers that a socket got.
    pub fn numbers(&self, socket: SocketId) -> Vec<i64> {
        let frames = self.written.iter().filter(|(one, _)| *one == socket);
        frames
            .filter_map(|(_, frame)| match frame {
                ServerFrame::Entry { entry, .. } => Some(entry.seq()),
                _ => None,
            })
            .collect()
    }

    /// Returns the ids of the messages that were answered, and `-` before each echo.
    pub fn acks_and_echoes(&self) -> Vec<String> {
        let frames = self.written.iter();
        frames
            .filter_map(|(_, frame)| match frame {
                ServerFrame::MessageAck { message_id, .. } => Some(message_id.clone()),
                ServerFrame::Entry { entry, .. } => Some(format!("-{}", entry.seq())),
                _ => None,
            })
            .collect()
    }
}

pub fn placed(seq: i64) -> Placed {
    let at = Micros(seq);
    Placed { seq, at }
}

pub fn entry(seq: i64) -> ChannelEntry {
    let sent = message(0);
    ChannelEntry::Message(ChannelMessage {
        id: format!("entry {seq}"),
        placed: placed(seq),
        sender_token: sent.sender_token,
        body: sent.body,
        expires_at: None,
        has_attachments: false,
        edited: false,
    })
}
