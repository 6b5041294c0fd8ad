//! One hub: direct messages, removals, typing, silence, limits, and connections that go on.

use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::calls::{ChannelAnswer, Eviction, HubOperation, News};
use hamrah_api::relay::domain::live::events::{CloseReason, HubInput, Revoked, SocketId};
use hamrah_api::relay::domain::live::frames::{ClientFrame, FrameError, Notice, ServerFrame};
use hamrah_api::relay::domain::live::hub::{Hub, HubSettings};
use hamrah_api::relay::model::channel::EntryPage;
use hamrah_api::relay::model::ids::ConnectionId;
use hamrah_api::relay::model::slots::HubId;

use crate::client::account;
use crate::driver::{Driver, SECOND, SOCKET, channel, entry};

const THIRD: SocketId = SocketId(3);

fn connection(number: u8) -> ConnectionId {
    ConnectionId::from_random([number; 16])
}

fn evict(driver: &mut Driver, number: u64, accounts: &[u8], everyone: bool) {
    let accounts = accounts.iter().map(|number| account(*number)).collect();
    let eviction = Eviction {
        number,
        accounts,
        everyone,
    };
    driver.push(1, News::Evict(eviction));
}

/// Returns two readers of the channel 1, whose head is 5.
fn readers() -> Driver {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    for socket in [SOCKET, SECOND] {
        driver.subscribe(socket, 1, None);
        driver.answer_pull(5, 9);
    }
    driver.written.clear();
    driver
}

#[test]
fn a_direct_message_needs_no_subscription() {
    let mut driver = Driver::new(&[SOCKET, SECOND, THIRD]);
    driver.push_direct(1, 6, News::Head(7));
    driver.answer_pull(7, 10);
    driver.push_direct(1, 7, News::Entries(vec![entry(8)]));
    assert!(driver.calls.is_empty());
    assert_eq!(driver.numbers(SOCKET), [7, 8]);
    assert_eq!(driver.numbers(SECOND), [7, 8]);
    assert_eq!(driver.written.len(), 4, "nothing else, and once");
}

#[test]
fn an_account_that_only_shares_a_slot_is_asked_about_once_and_hears_nothing() {
    let mut driver = Driver::new(&[SOCKET]);
    driver.push_direct(1, 6, News::Head(7));
    let page = EntryPage {
        entries: Vec::new(),
        gaps: Vec::new(),
        upto: 0,
        head: 0,
    };
    let answer = ChannelAnswer::Page {
        generation: None,
        members: Vec::new(),
        page,
    };
    driver.reply(0, Some(answer));
    driver.push_direct(1, 7, News::Head(8));
    assert!(driver.calls.is_empty() && driver.written.is_empty());
}

#[test]
fn the_other_readers_and_the_removed_one_hear_of_a_removal_once() {
    let mut driver = readers();
    evict(&mut driver, 1, &[2], false);
    evict(&mut driver, 1, &[2], false);
    let removed = ServerFrame::MemberRemoved {
        channel: channel(1),
        account: account(2),
    };
    assert_eq!(
        driver.written,
        [(SECOND, removed.clone()), (SOCKET, removed)]
    );
    driver.written.clear();
    evict(&mut driver, 2, &[], true);
    driver.push(1, News::Entries(vec![entry(6)]));
    assert!(driver.written.is_empty() && driver.calls.is_empty());
}

#[test]
fn typing_is_shown_once_in_three_seconds_to_others_at_the_head() {
    let mut driver = readers();
    let typing = ClientFrame::Typing {
        channel: channel(1),
    };
    driver.frame(SOCKET, typing.clone());
    driver.frame(SOCKET, typing.clone());
    assert_eq!(driver.calls.len(), 1);
    let account = account(1);
    assert_eq!(
        driver.calls[0].2.operation,
        HubOperation::Typing { account }
    );
    let token = Some("token".to_owned());
    driver.reply(0, Some(ChannelAnswer::Typing { token }));
    let told: Vec<SocketId> = driver.written.iter().map(|one| one.0).collect();
    assert_eq!(told, [SECOND]);
    driver.now += 3000;
    driver.frame(SOCKET, typing.clone());
    driver.reply(0, None);
    assert!(driver.calls.is_empty(), "nothing is repeated");
    driver.written.clear();
    driver.push(1, News::Typing("other".to_owned()));
    assert_eq!(driver.written.len(), 2);
    driver.push(1, News::Head(6));
    driver.written.clear();
    driver.push(1, News::Typing("other".to_owned()));
    assert!(driver.written.is_empty(), "both are behind");
    let mut stranger = Driver::new(&[SOCKET]);
    stranger.frame(SOCKET, typing);
    assert!(stranger.calls.is_empty());
}

#[test]
fn a_silent_client_is_closed_and_news_reach_the_others() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    driver.now = 60_000;
    driver.frame(SOCKET, ClientFrame::Ping);
    driver.now = 90_000;
    driver.step(HubInput::Tick);
    assert_eq!(driver.closed, [(SECOND, CloseReason::Silent)]);
    driver.written.clear();
    let notice = Notice::SenderKeysUpdated {
        channel: channel(1),
    };
    let accounts = vec![account(1), account(2)];
    driver.step(HubInput::Notify { accounts, notice });
    assert_eq!(driver.written, [(SOCKET, ServerFrame::Notice(notice))]);
    assert_eq!(driver.hub.sockets_of(account(1)), 1);
    driver.step(HubInput::Stop);
    assert_eq!(driver.closed[1], (SOCKET, CloseReason::Stopping));
}

#[test]
fn a_connection_goes_on_where_the_last_one_ended() {
    let mut driver = readers();
    driver.step(HubInput::Closed {
        socket: SOCKET,
        clean: false,
    });
    driver.push(1, News::Entries((6..=40).map(entry).collect()));
    driver.connect(THIRD, 1);
    assert_eq!(driver.discarded, [connection(1)]);
    driver.written.clear();
    driver.frame(
        THIRD,
        ClientFrame::Resume {
            connection: Some(connection(1)),
        },
    );
    assert!(driver.written.is_empty(), "not before it has everything");
    driver.answer_pull(40, 50);
    assert_eq!(driver.numbers(THIRD), (1..=40).collect::<Vec<_>>());
    let resumed = ServerFrame::Resumed { replayed: 40 };
    assert_eq!(driver.written.last(), Some(&(THIRD, resumed)));
    let connection = Some(connection(2));
    driver.frame(THIRD, ClientFrame::Resume { connection });
    let invalid = (THIRD, ServerFrame::InvalidSession);
    assert_eq!(driver.written.last(), Some(&invalid), "another's");
}

#[test]
fn nothing_is_kept_after_a_clean_end_a_revocation_or_five_minutes() {
    let ends: [fn(&mut Driver); 3] = [
        |driver| {
            driver.step(HubInput::Closed {
                socket: SOCKET,
                clean: true,
            });
        },
        |driver| driver.step(HubInput::Kill(Revoked::Account(account(1)))),
        |driver| {
            driver.step(HubInput::Closed {
                socket: SOCKET,
                clean: false,
            });
            driver.now += 300_000;
            driver.step(HubInput::Tick);
        },
    ];
    for end in ends {
        let mut driver = readers();
        end(&mut driver);
        assert!(driver.discarded.contains(&connection(1)));
        driver.calls.clear();
        driver.connect(THIRD, 1);
        assert!(driver.calls.is_empty());
    }
}

#[test]
fn a_restored_socket_is_asked_about_when_its_channel_pushes() {
    let mut driver = readers();
    let now = Timestamp::from_millis(0);
    let trace = driver.hub.trace(SOCKET, now).expect("a socket");
    assert_eq!(trace.channels.get(&channel(1)), Some(&5));
    assert_eq!(driver.kept.first(), Some(&trace));
    driver.hub = Hub::new(HubId(0), 2, HubSettings::default());
    let socket = SOCKET;
    driver.step(HubInput::Restored { socket, trace });
    driver.step(HubInput::Tick);
    assert!(driver.calls.is_empty() && driver.written.is_empty());
    driver.push(1, News::Entries(vec![entry(6)]));
    assert!(driver.written.is_empty(), "the channel was not asked");
    driver.answer_pull(6, 9);
    assert_eq!(driver.numbers(SOCKET), [6]);
}

#[test]
fn an_account_sends_a_limited_number_of_frames() {
    let mut driver = Driver::new(&[]);
    let frames_per_second = Some(1);
    driver.hub = Hub::new(HubId(0), 1, HubSettings { frames_per_second });
    driver.connect(SOCKET, 1);
    driver.connect(SECOND, 1);
    driver.written.clear();
    for sent in 0..10 {
        driver.send(1, sent);
    }
    driver.send(1, 10);
    assert!(driver.written.is_empty(), "in the order of the frames");
    driver.subscribe(SECOND, 1, None);
    let code = FrameError::TooManyFrames;
    let refused = |reference| ServerFrame::Error { code, reference };
    assert_eq!(driver.written, [(SECOND, refused(None))]);
    driver.frame(SECOND, ClientFrame::Ping);
    driver.answer_append(0, 1);
    driver.answer_append(0, 2);
    let last = (SOCKET, refused(Some("10".to_owned())));
    assert_eq!(driver.written.last(), Some(&last));
    driver.now += 1000;
    driver.subscribe(SECOND, 1, None);
    assert_eq!(driver.calls.len(), 1);
}
