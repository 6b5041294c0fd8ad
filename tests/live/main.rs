//! Hubs and a channel in all orders of events, within small bounds, by a model checker.
//!
//! The hubs and the channel's side are the real ones. The model has their network, which loses,
//! doubles and delays calls and answers, and their clients, who check each frame.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::struct_excessive_bools,
    reason = "a test binary has no API, and panics are how it fails"
)]

mod channel;
mod client;
mod driver;
mod model;
mod one_channel;
mod one_hub;
mod one_session;
mod planted;
mod world;

use crate::model::{Bounds, Person, check, find};
use crate::planted::Planted;

/// A sender at the first hub, and a reader at the second one.
const PAIR: &[Person] = &[(1, 0, &[1]), (2, 1, &[])];
/// A reader alone.
const READER: &[Person] = &[(1, 0, &[])];
/// Senders at both hubs.
const SENDERS: &[Person] = &[(1, 0, &[1]), (2, 1, &[2])];
/// A sender of two messages, and a reader.
const TWICE: &[Person] = &[(1, 0, &[1, 2]), (2, 1, &[])];
/// A sender of three messages.
const THRICE: &[Person] = &[(1, 0, &[1, 2, 3])];
/// A sender, and two readers at the other hub.
const READERS: &[Person] = &[(1, 0, &[1]), (2, 1, &[]), (3, 1, &[])];
/// A sender and a reader at one hub.
const NEIGHBOURS: &[Person] = &[(1, 1, &[1]), (2, 1, &[])];

fn after_subscribing(people: &'static [Person]) -> Bounds {
    Bounds {
        people,
        subscribed: true,
        ..Bounds::default()
    }
}

fn from_the_start(people: &'static [Person]) -> Bounds {
    Bounds {
        people,
        ..Bounds::default()
    }
}

#[test]
fn subscribers_go_on_without_a_hole() {
    check(Bounds {
        faults: 1,
        ..from_the_start(PAIR)
    });
    check(Bounds {
        crashes: 1,
        ..from_the_start(PAIR)
    });
}

#[test]
fn a_message_reaches_everyone_after_three_faults() {
    check(Bounds {
        faults: 3,
        ..after_subscribing(PAIR)
    });
}

#[test]
fn messages_of_two_senders_have_one_order() {
    check(Bounds {
        faults: 1,
        ..after_subscribing(SENDERS)
    });
}

#[test]
fn messages_of_a_socket_ride_together_and_are_answered_in_order() {
    check(Bounds {
        faults: 1,
        ..after_subscribing(TWICE)
    });
    check(after_subscribing(THRICE));
}

#[test]
fn objects_that_start_again_lose_nothing() {
    check(Bounds {
        faults: 1,
        crashes: 1,
        channel_crashes: 1,
        ..after_subscribing(PAIR)
    });
    check(Bounds {
        faults: 2,
        channel_crashes: 1,
        ..after_subscribing(PAIR)
    });
}

#[test]
fn a_removed_reader_gets_nothing_more() {
    check(Bounds {
        faults: 1,
        removes: Some(1),
        ..after_subscribing(PAIR)
    });
    check(Bounds {
        removes: Some(1),
        ..after_subscribing(READERS)
    });
    check(Bounds {
        removes: Some(1),
        ..after_subscribing(NEIGHBOURS)
    });
}

#[test]
fn a_removal_outlives_hubs_and_the_channels_object() {
    check(Bounds {
        crashes: 1,
        removes: Some(1),
        ..after_subscribing(PAIR)
    });
    check(Bounds {
        channel_crashes: 1,
        removes: Some(1),
        ..after_subscribing(PAIR)
    });
}

#[test]
fn a_removed_account_subscribes_no_more() {
    check(Bounds {
        removes: Some(1),
        ..from_the_start(NEIGHBOURS)
    });
    check(Bounds {
        faults: 1,
        removes: Some(0),
        ..from_the_start(READER)
    });
}

#[test]
fn a_removed_sender_is_refused() {
    check(Bounds {
        removes: Some(1),
        ..after_subscribing(SENDERS)
    });
}

#[test]
fn a_revoked_session_gets_nothing_more() {
    check(Bounds {
        kills: Some(1),
        ..after_subscribing(SENDERS)
    });
}

/// Each planted fault breaks a promise, so the properties can fail.
#[test]
fn the_properties_find_planted_faults() {
    let in_the_end = "everything arrives in the end";
    let lossy = |people| Bounds {
        faults: 1,
        ..after_subscribing(people)
    };
    let removal = |people| Bounds {
        removes: Some(1),
        ..after_subscribing(people)
    };
    let after_removal = "an entry from after the removal";
    let evicted = "a frame after a confirmed eviction";
    let faults = [
        (Planted::AnswersAnyway, removal(NEIGHBOURS), after_removal),
        (Planted::PushesAnyway, removal(PAIR), after_removal),
        (Planted::EndsRemovalAtOnce, removal(PAIR), evicted),
        (
            Planted::OldAnswersCount,
            Bounds {
                removes: Some(1),
                ..from_the_start(PAIR)
            },
            evicted,
        ),
        (Planted::PushBeforeStore, lossy(PAIR), "an unstored entry"),
        (
            Planted::NewNumberAtRepeat,
            lossy(PAIR),
            "an answer for an unstored message",
        ),
        (
            Planted::EchoBeforeAck,
            lossy(PAIR),
            "an echo before the answer",
        ),
        (
            Planted::AcksReversed,
            lossy(THRICE),
            "an answer out of the order of the frames",
        ),
        (Planted::NoAlarm, lossy(PAIR), in_the_end),
        (Planted::NoRepetition, lossy(PAIR), in_the_end),
        (
            Planted::ForgetsByOldAnswer,
            Bounds {
                crashes: 1,
                ..after_subscribing(TWICE)
            },
            in_the_end,
        ),
        (Planted::NumbersFilled, lossy(TWICE), "an unstored entry"),
        (
            Planted::KillsNothing,
            Bounds {
                kills: Some(1),
                ..after_subscribing(PAIR)
            },
            "a frame after a confirmed revocation",
        ),
    ];
    for (planted, bounds, promise) in faults {
        let found = find(Bounds { planted, ..bounds });
        assert_eq!(found, promise, "{planted:?}");
    }
}
