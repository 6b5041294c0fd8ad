//! One hub, with the channels and the clients that a test says.

use hamrah_api::kernel::model::ids::SessionId;
use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::events::{
    CallId, ChannelAnswer, ChannelPush, ClientFrame, CloseReason, FrameError, HubEffect, HubId,
    HubInput, HubOperation, HubRequest, News, SendFrame, SendLabel, ServerFrame, SocketId,
    SocketOwner,
};
use hamrah_api::relay::domain::live::hub::Hub;
use hamrah_api::relay::model::channel::{
    Appended, ChannelEntry, ChannelMessage, EntryPage, Placed,
};
use hamrah_api::relay::model::ids::ChannelId;
use hamrah_api::relay::model::micros::Micros;
use proptest::prelude::*;

use crate::client::{account, message};

const SOCKET: SocketId = SocketId(1);
const SECOND: SocketId = SocketId(2);
const END: i64 = 10_000_000;

fn channel(number: u8) -> ChannelId {
    ChannelId::from_random([number; 16])
}

/// A hub, the calls that it made last, and what it wrote to each socket.
struct Driver {
    hub: Hub,
    now: i64,
    calls: Vec<(ChannelId, CallId, HubRequest)>,
    written: Vec<(SocketId, ServerFrame)>,
    closed: Vec<(SocketId, CloseReason)>,
}

impl Driver {
    fn new(sockets: &[SocketId]) -> Self {
        let mut driver = Self {
            hub: Hub::new(HubId(0), 1),
            now: 0,
            calls: Vec::new(),
            written: Vec::new(),
            closed: Vec::new(),
        };
        for socket in sockets {
            let number = u8::try_from(socket.0).expect("a small number");
            driver.step(HubInput::Connected {
                socket: *socket,
                owner: SocketOwner {
                    account: account(number),
                    session: SessionId::from_random([number; 16]),
                    valid_until: Timestamp::from_millis(END),
                },
            });
        }
        driver.written.clear();
        driver
    }

    fn step(&mut self, input: HubInput) {
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
                HubEffect::Answer(_) | HubEffect::Wake(_) => {}
            }
        }
    }

    fn frame(&mut self, socket: SocketId, frame: ClientFrame) {
        self.step(HubInput::Frame { socket, frame });
    }

    fn send(&mut self, number: u8, sent: u8) {
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

    fn subscribe(&mut self, socket: SocketId, number: u8, since: Option<i64>) {
        let channel = channel(number);
        self.frame(socket, ClientFrame::Subscribe { channel, since });
    }

    fn push(&mut self, number: u8, news: News) {
        let push = ChannelPush { touch: 1, news };
        let channel = channel(number);
        self.step(HubInput::Push { channel, push });
    }

    fn reply(&mut self, place: usize, answer: Option<ChannelAnswer>) {
        let (channel, call, _) = self.calls.remove(place);
        self.step(HubInput::Reply {
            channel,
            call,
            answer,
        });
    }

    /// Answers the only call, which is a pull, from a log of `head` messages.
    fn answer_pull(&mut self, head: i64, page: i64) {
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
    fn appended(&self, place: usize) -> Vec<String> {
        match &self.calls[place].2.operation {
            HubOperation::Append(items) => {
                items.iter().map(|item| item.message.id.clone()).collect()
            }
            HubOperation::Pull { .. } => panic!("a pull"),
        }
    }

    /// Answers an append: the first message gets the number `first`.
    fn answer_append(&mut self, place: usize, first: i64) {
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
        };
        self.reply(place, Some(answer));
    }

    /// Returns the sequence numbers that a socket got.
    fn numbers(&self, socket: SocketId) -> Vec<i64> {
        let frames = self.written.iter().filter(|(one, _)| *one == socket);
        frames
            .filter_map(|(_, frame)| match frame {
                ServerFrame::Entry { entry, .. } => Some(entry.seq()),
                _ => None,
            })
            .collect()
    }

    /// Returns the ids of the messages that were answered, and `-` before each echo.
    fn acks_and_echoes(&self) -> Vec<String> {
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

fn placed(seq: i64) -> Placed {
    let at = Micros(seq);
    Placed { seq, at }
}

fn entry(seq: i64) -> ChannelEntry {
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

#[test]
fn messages_ride_in_groups_of_64() {
    let mut driver = Driver::new(&[SOCKET]);
    for sent in 0..=70 {
        driver.send(1, sent);
    }
    assert_eq!(driver.calls.len(), 1);
    assert_eq!(driver.appended(0), ["0"]);
    driver.answer_append(0, 1);
    assert_eq!(driver.appended(0).len(), 64);
    driver.answer_append(0, 2);
    assert_eq!(driver.appended(0).len(), 6);
    driver.answer_append(0, 66);
    assert!(driver.calls.is_empty());
    let acks: Vec<String> = (0..=70).map(|sent| format!("{sent}")).collect();
    assert_eq!(driver.acks_and_echoes(), acks);
}

#[test]
fn an_append_without_an_answer_is_repeated_and_fails_in_the_end() {
    let mut driver = Driver::new(&[SOCKET]);
    driver.send(1, 7);
    for pause in [100, 400, 1600] {
        driver.reply(0, None);
        driver.now += pause - 1;
        driver.step(HubInput::Tick);
        assert!(driver.calls.is_empty(), "{pause}");
        driver.now += 1;
        driver.step(HubInput::Tick);
        assert_eq!(driver.appended(0), ["7"], "the same id");
    }
    assert!(driver.written.is_empty());
    driver.reply(0, None);
    let error = ServerFrame::Error {
        code: FrameError::Unavailable,
        reference: Some("7".to_owned()),
    };
    assert_eq!(driver.written, [(SOCKET, error)]);
    assert!(driver.closed.is_empty() && driver.calls.is_empty());
}

#[test]
fn a_message_that_may_be_stored_is_pulled_for_the_other_readers() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    driver.subscribe(SECOND, 1, None);
    driver.answer_pull(0, 1);
    driver.send(1, 1);
    driver.reply(0, None);
    driver.answer_pull(1, 1);
    assert_eq!(driver.numbers(SECOND), [1]);
}

#[test]
fn answers_keep_the_order_of_the_frames_over_channels() {
    let mut driver = Driver::new(&[SOCKET]);
    driver.subscribe(SOCKET, 2, None);
    driver.answer_pull(4, 10);
    driver.send(1, 1);
    driver.send(2, 2);
    driver.answer_append(1, 5);
    assert!(driver.acks_and_echoes().is_empty(), "the first has none");
    driver.answer_append(0, 1);
    assert_eq!(driver.acks_and_echoes(), ["1", "2"]);
    driver.answer_pull(5, 10);
    assert_eq!(driver.acks_and_echoes(), ["1", "2", "-5"]);
}

#[test]
fn a_pull_serves_every_socket_that_waits() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    driver.subscribe(SOCKET, 1, Some(2));
    driver.subscribe(SECOND, 1, Some(4));
    driver.answer_pull(6, 3);
    assert_eq!(driver.numbers(SOCKET), [3, 4, 5]);
    driver.answer_pull(6, 3);
    assert_eq!(driver.numbers(SOCKET), [3, 4, 5, 6]);
    assert_eq!(driver.numbers(SECOND), [5, 6]);
    assert!(driver.calls.is_empty());
    let heads = driver.written.iter();
    let heads = heads.filter(|(_, frame)| matches!(frame, ServerFrame::Subscribed { head: 6, .. }));
    assert_eq!(heads.count(), 2);
    // The hub knows the members now, so a repetition costs no call.
    driver.subscribe(SECOND, 1, Some(0));
    assert!(driver.calls.is_empty());
    assert_eq!(driver.numbers(SECOND), [5, 6], "no number twice");
}

#[test]
fn a_slow_reader_is_behind_catches_up_or_is_closed() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    let ack = |seq| ClientFrame::Ack {
        channel: channel(1),
        seq,
    };
    for socket in [SOCKET, SECOND] {
        driver.subscribe(socket, 1, None);
        driver.answer_pull(0, 1);
        driver.frame(socket, ack(0));
    }
    for seq in 1..=300 {
        driver.push(1, News::Entries(vec![entry(seq)]));
        driver.frame(SECOND, ack(seq));
    }
    assert_eq!(driver.numbers(SOCKET), (1..=256).collect::<Vec<_>>());
    assert_eq!(driver.numbers(SECOND), (1..=300).collect::<Vec<_>>());
    assert!(driver.calls.is_empty(), "nothing is pulled for it yet");
    driver.now = 59_999;
    driver.step(HubInput::Tick);
    assert!(driver.closed.is_empty());
    driver.frame(SOCKET, ack(100));
    driver.answer_pull(300, 200);
    assert_eq!(driver.numbers(SOCKET), (1..=300).collect::<Vec<_>>());
    for seq in 301..=400 {
        driver.push(1, News::Entries(vec![entry(seq)]));
        driver.frame(SECOND, ack(seq));
    }
    driver.now += 60_000;
    driver.step(HubInput::Tick);
    assert_eq!(driver.closed, [(SOCKET, CloseReason::Behind)]);
    assert_eq!(driver.closed[0].1.code(), 1013);
}

#[test]
fn a_direct_message_needs_no_subscription() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    let join = HubInput::Join {
        account: account(1),
        channel: channel(1),
        since: Some(6),
    };
    driver.step(join.clone());
    driver.answer_pull(7, 10);
    driver.step(join);
    driver.push(1, News::Entries(vec![entry(8)]));
    assert_eq!(driver.numbers(SOCKET), [7, 8]);
    assert_eq!(driver.written.len(), 2, "nothing else, and once");
    assert!(driver.numbers(SECOND).is_empty());
}

#[test]
fn a_token_that_expires_closes_its_socket() {
    let mut driver = Driver::new(&[SOCKET]);
    assert_eq!(driver.hub.wake(), Some(Timestamp::from_millis(END)));
    driver.now = END;
    driver.send(1, 1);
    assert_eq!(driver.closed, [(SOCKET, CloseReason::Ended)]);
    assert_eq!(driver.closed[0].1.code(), 1008);
    assert!(driver.calls.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Pushes arrive in any order, twice or never, and pulls have pages of any size.
    #[test]
    fn readers_get_each_number_once(
        pushes in proptest::collection::vec((1_i64..40, 0_i64..3, any::<bool>()), 0..60),
        since in proptest::option::of(0_i64..8),
        page in 1_i64..7,
    ) {
        let mut driver = Driver::new(&[SOCKET, SECOND]);
        driver.subscribe(SOCKET, 1, Some(0));
        driver.subscribe(SECOND, 1, since);
        let head = |pushes: &[(i64, i64, bool)]| {
            pushes.iter().map(|(seq, more, _)| seq + more).max().unwrap_or(5)
        };
        let mut first = None;
        for (index, (seq, more, answers)) in pushes.iter().enumerate() {
            driver.push(1, News::Entries((*seq..=seq + more).map(entry).collect()));
            if *answers && !driver.calls.is_empty() {
                first.get_or_insert(head(&pushes[..=index]));
                driver.answer_pull(head(&pushes[..=index]), page);
            }
        }
        let head = head(&pushes);
        driver.push(1, News::Head(head));
        while !driver.calls.is_empty() {
            driver.answer_pull(head, page);
        }
        prop_assert_eq!(driver.numbers(SOCKET), (1..=head).collect::<Vec<_>>());
        let numbers = driver.numbers(SECOND);
        let begin = since.map_or(head + 1 - i64::try_from(numbers.len()).expect("few"), |one| {
            one.min(head) + 1
        });
        if since.is_none_or(|since| first.is_none_or(|head| since <= head)) {
            prop_assert_eq!(numbers, (begin..=head).collect::<Vec<_>>());
        }
    }
}
