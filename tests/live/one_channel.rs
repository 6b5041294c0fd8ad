//! The side of a channel, with the hubs that a test says.

use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::calls::{
    ChannelAnswer, ChannelPush, DirectReaders, HubOperation, HubRequest, News, PushAnswer,
};
use hamrah_api::relay::domain::live::fanout::{Fanout, FanoutEffect};
use hamrah_api::relay::model::channel::ChannelEntry;
use hamrah_api::relay::model::slots::{HubId, Slot};

use crate::client::account;

const HUB: HubId = HubId(7);
const DAY: i64 = 86_400_000;

fn pull(generation: Option<u64>) -> HubRequest {
    HubRequest {
        hub: HUB,
        life: 1,
        readers: 1,
        generation,
        evicted_upto: 0,
        head: 0,
        operation: HubOperation::Pull {
            accounts: Vec::new(),
            since: 0,
            limit: 1,
        },
    }
}

fn entry(seq: i64) -> ChannelEntry {
    ChannelEntry::Removed {
        seq,
        message_id: String::new(),
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn pushes(effects: Vec<FanoutEffect>) -> Vec<ChannelPush> {
    let effects = effects.into_iter();
    effects
        .filter_map(|effect| match effect {
            FanoutEffect::Push { push, .. } => Some(push),
            _ => None,
        })
        .collect()
}

/// Returns a channel that a hub follows, and the generation.
fn followed() -> (Fanout, u64) {
    let mut fanout = Fanout::default();
    let generation = fanout.admit(&pull(None), at(0), &mut Vec::new());
    let generation = generation.expect("admitted").expect("follows");
    (fanout, generation)
}

/// Rings every alarm until there is none. Returns the seconds between the pushes.
fn ring(fanout: &mut Fanout, mut now: i64, most: usize) -> Vec<i64> {
    let mut pauses = Vec::new();
    let mut last = now;
    while let Some(wake) = fanout.wake().filter(|_| pauses.len() < most) {
        now = wake.millis();
        if !pushes(fanout.alarm(wake)).is_empty() {
            pauses.push((now - last) / 1000);
            last = now;
        }
    }
    pauses
}

#[test]
fn a_silent_hub_gets_the_head_again_and_is_forgotten_after_two_minutes() {
    let (mut fanout, generation) = followed();
    let now = DAY;
    assert_eq!(
        pushes(fanout.publish(&[entry(1)], None, &[], at(now))).len(),
        1
    );
    assert_eq!(ring(&mut fanout, now, 99), [1, 2, 4, 8, 16, 32]);
    let again = fanout.admit(&pull(Some(generation)), at(now), &mut Vec::new());
    assert_eq!(again, Err(ChannelAnswer::Forgotten));
    let first = fanout.admit(&pull(None), at(now), &mut Vec::new());
    assert_ne!(first, Ok(Some(generation)), "a new generation");
    assert!(first.is_ok());
}

#[test]
fn a_hub_with_an_open_eviction_is_never_forgotten_and_gets_nothing_else() {
    let (mut fanout, generation) = followed();
    let mut effects = Vec::new();
    let number = fanout.evict(Some(account(1)), at(0), &mut effects);
    assert!(!effects.contains(&FanoutEffect::Evicted(number)));
    assert!(pushes(fanout.publish(&[entry(1)], None, &[], at(0))).is_empty());
    assert_eq!(
        ring(&mut fanout, 0, 12).len(),
        12,
        "for as long as it takes"
    );
    let mut fanout = Fanout::from_record(fanout.record(), 1, at(0));
    let refused = fanout.admit(&pull(Some(generation)), at(DAY), &mut Vec::new());
    assert!(
        matches!(refused, Err(ChannelAnswer::EvictFirst(_))),
        "{refused:?}"
    );
    let answer = PushAnswer {
        touch: 0,
        readers: 1,
        head: 0,
        evicted_upto: number,
    };
    let effects = fanout.take_answer(HUB, answer, at(DAY));
    assert!(effects.contains(&FanoutEffect::Evicted(number)));
    let news: Vec<News> = pushes(effects).into_iter().map(|push| push.news).collect();
    assert_eq!(news, [News::Head(1)], "the entries that were withheld");
}

#[test]
fn an_earlier_life_of_a_hub_is_refused() {
    let (mut fanout, _) = followed();
    let later = HubRequest {
        life: 2,
        ..pull(None)
    };
    assert!(fanout.admit(&later, at(0), &mut Vec::new()).is_ok());
    let earlier = fanout.admit(&pull(None), at(0), &mut Vec::new());
    assert_eq!(earlier, Err(ChannelAnswer::Forgotten));
}

#[test]
fn a_hub_without_readers_is_forgotten_by_its_answer() {
    let (mut fanout, generation) = followed();
    let answer = PushAnswer {
        touch: 1,
        readers: 0,
        head: 0,
        evicted_upto: 0,
    };
    fanout.take_answer(HUB, answer, at(0));
    assert!(pushes(fanout.publish(&[entry(1)], None, &[], at(0))).is_empty());
    let again = fanout.admit(&pull(Some(generation)), at(0), &mut Vec::new());
    assert_eq!(again, Err(ChannelAnswer::Forgotten));
    assert!(fanout.admit(&pull(None), at(0), &mut Vec::new()).is_ok());
    // The same answer again is older than the last request.
    fanout.take_answer(HUB, answer, at(0));
    assert_eq!(
        pushes(fanout.publish(&[entry(2)], None, &[], at(0))).len(),
        1
    );
}

#[test]
fn a_direct_message_reaches_hubs_that_do_not_follow_and_no_removal_waits_for_them() {
    let (mut fanout, _) = followed();
    let other = HubId(8);
    let direct = [(HUB, Slot(1)), (other, Slot(2))];
    let all = pushes(fanout.publish(&[entry(1)], None, &direct, at(0)));
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].news, News::Entries(vec![entry(1)]));
    assert_eq!(all[1].news, News::Head(1), "it asks first");
    for (push, slot) in all.iter().zip([Slot(1), Slot(2)]) {
        let slots = vec![slot];
        assert_eq!(push.direct, Some(DirectReaders { slots, since: 0 }));
    }
    let again = pushes(fanout.alarm(at(1000)));
    assert!(again.iter().all(|push| push.direct.is_some()));
    assert_eq!(again.len(), 2, "until they answer");
    let record = fanout.record();
    assert_eq!(record.hubs.len(), 1, "it has never called");
    let mut effects = Vec::new();
    let number = fanout.evict(None, at(1000), &mut effects);
    let answer = PushAnswer {
        touch: 1,
        readers: 0,
        head: 1,
        evicted_upto: number,
    };
    let effects = fanout.take_answer(HUB, answer, at(1000));
    assert!(effects.contains(&FanoutEffect::Evicted(number)));
    let answer = PushAnswer { touch: 0, ..answer };
    fanout.take_answer(other, answer, at(1000));
    assert_eq!(fanout.wake(), None);
    assert!(fanout.record().hubs.is_empty() && fanout.is_changed());
}

#[test]
fn the_record_has_what_a_removal_needs() {
    let (mut fanout, generation) = followed();
    assert!(fanout.is_changed());
    fanout.note_stored();
    fanout.publish(&[entry(1)], None, &[], at(0));
    assert!(!fanout.is_changed(), "entries change nothing in it");
    let number = fanout.evict(None, at(0), &mut Vec::new());
    assert!(fanout.is_changed());
    let mut fanout = Fanout::from_record(fanout.record(), 1, at(0));
    let refused = fanout.admit(&pull(Some(generation)), at(0), &mut Vec::new());
    let Err(ChannelAnswer::EvictFirst(eviction)) = refused else {
        panic!("{refused:?}");
    };
    assert!(eviction.everyone && eviction.number == number);
}

#[test]
fn typing_reaches_other_hubs_without_an_open_eviction_up_to_200_readers() {
    let (mut fanout, _) = followed();
    let from = HubId(8);
    let mut request = HubRequest {
        hub: from,
        readers: 199,
        ..pull(None)
    };
    assert!(fanout.admit(&request, at(0), &mut Vec::new()).is_ok());
    assert_eq!(fanout.readers(), 200);
    let told = pushes(fanout.typing("token", from));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].news, News::Typing("token".to_owned()));
    assert_eq!(fanout.wake(), None, "nothing is repeated");
    request.readers = 200;
    assert!(fanout.admit(&request, at(0), &mut Vec::new()).is_ok());
    assert!(fanout.typing("token", from).is_empty());
    request.readers = 1;
    assert!(fanout.admit(&request, at(0), &mut Vec::new()).is_ok());
    fanout.evict(Some(account(1)), at(0), &mut Vec::new());
    assert!(fanout.typing("token", from).is_empty());
}
