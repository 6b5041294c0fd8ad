//! One hub with numbers that the model does not reach: groups, pauses, credit and many entries.

use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::calls::{ChannelAnswer, HubOperation, News};
use hamrah_api::relay::domain::live::events::{CloseReason, HubInput};
use hamrah_api::relay::domain::live::frames::{ClientFrame, FrameError, ServerFrame};
use hamrah_api::relay::model::channel::EntryPage;
use proptest::prelude::*;

use crate::client::account;
use crate::driver::{Driver, END, SECOND, SOCKET, channel, entry};

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
fn a_forgotten_hub_asks_about_its_readers_before_it_writes() {
    let mut driver = Driver::new(&[SOCKET, SECOND]);
    driver.subscribe(SECOND, 1, None);
    driver.answer_pull(0, 1);
    driver.send(1, 1);
    assert_eq!(driver.calls[0].2.generation, Some(1));
    driver.reply(0, Some(ChannelAnswer::Forgotten));
    assert_eq!(driver.appended(0), ["1"], "the append is repeated");
    assert!(driver.calls.iter().all(|call| call.2.generation.is_none()));
    let HubOperation::Pull { accounts, .. } = &driver.calls[1].2.operation else {
        panic!("no pull");
    };
    assert_eq!(*accounts, [account(2)]);
    driver.push(1, News::Entries(vec![entry(1)]));
    let page = EntryPage {
        entries: vec![entry(1)],
        gaps: Vec::new(),
        upto: 1,
        head: 1,
    };
    let answer = ChannelAnswer::Page {
        generation: Some(2),
        members: Vec::new(),
        page,
    };
    driver.reply(1, Some(answer));
    driver.push(1, News::Entries(vec![entry(2)]));
    assert!(driver.numbers(SECOND).is_empty());
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
fn a_token_that_expires_closes_its_socket() {
    let mut driver = Driver::new(&[SOCKET]);
    let at = Timestamp::from_millis(END);
    driver.step(HubInput::Alive { socket: SOCKET, at });
    driver.step(HubInput::Tick);
    assert_eq!(driver.hub.wake(), Some(at));
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
