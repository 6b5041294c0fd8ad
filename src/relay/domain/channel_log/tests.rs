use proptest::prelude::*;

use super::*;
use crate::relay::model::channel::{ChannelMessage, SealedBytes};
use crate::relay::store::channels::entries::StoredMessage;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

const START: Placed = Placed {
    seq: 0,
    at: Micros(0),
};

fn message(id: u8, body: u8) -> NewMessage {
    NewMessage {
        id: format!("message {id}"),
        sender_token: SealedBytes(vec![body]),
        body: SealedBytes(vec![body]),
        expires_at: None,
        has_attachments: false,
        edit_key_hash: None,
    }
}

fn stored(seq: i64, removed: bool, expires_at: Option<i64>) -> StoredMessage {
    StoredMessage {
        channel: "channel".to_owned(),
        message: ChannelMessage {
            id: format!("message {seq}"),
            placed: Placed {
                seq,
                at: Micros(seq),
            },
            sender_token: SealedBytes::default(),
            body: SealedBytes::default(),
            expires_at,
            has_attachments: false,
            edited: false,
        },
        removed,
        edit_key_hash: None,
        edits: 0,
    }
}

fn kept(placed: Placed) -> Appended {
    Appended::Stored {
        placed,
        expires_at: None,
    }
}

fn row(seq: i64, kind: EntryKind, stored: Option<StoredMessage>) -> EntryRow {
    EntryRow {
        seq,
        kind,
        stored,
        is_replaced: false,
    }
}

fn gap(from: i64, to: i64, reason: GapReason) -> Gap {
    Gap { from, to, reason }
}

#[test]
fn places_rise_although_the_clock_does_not() {
    let first = next(START, at(5));
    assert_eq!((first.seq, first.at), (1, Micros(5_000)));
    let second = next(first, at(5));
    assert_eq!((second.seq, second.at), (2, Micros(5_001)));
    let third = next(second, at(1));
    assert_eq!((third.seq, third.at), (3, Micros(5_002)));
    assert_eq!(next(third, at(6)).at, Micros(6_000));
}

#[test]
fn a_repeated_id_gets_its_place_or_a_conflict() {
    let place = Placed {
        seq: 3,
        at: Micros(30),
    };
    let last = Placed {
        seq: 9,
        at: Micros(90),
    };
    let messages = [message(1, 1), message(2, 1), message(3, 1), message(3, 1)];
    let again = message(3, 2);
    let messages: Vec<NewMessage> = messages.into_iter().chain([again]).collect();
    let known = [true, false].map(|same| {
        Some(KnownMessage {
            placed: place,
            expires_at: None,
            same,
        })
    });
    let known: Vec<Option<KnownMessage>> = known.into_iter().chain([None; 3]).collect();
    let plan = plan(last, &messages, &known, at(1));
    let new = next(last, at(1));
    assert_eq!(
        plan.outcomes,
        [
            kept(place),
            Appended::Conflict,
            kept(new),
            kept(new),
            Appended::Conflict,
        ]
    );
    assert_eq!(plan.inserts, [(&messages[2], new)]);
}

#[test]
fn only_a_new_message_must_expire_later() {
    let late = NewMessage {
        expires_at: Some(10),
        ..message(1, 1)
    };
    let known = KnownMessage {
        placed: START,
        expires_at: Some(10),
        same: true,
    };
    let messages = [late];
    let outcomes = |known, millis| plan(START, &messages, &[known], at(millis)).outcomes;
    assert_eq!(outcomes(None, 10), [Appended::Expired]);
    assert_eq!(
        outcomes(Some(known), 10),
        [Appended::Stored {
            placed: START,
            expires_at: Some(10)
        }]
    );
    assert_ne!(outcomes(None, 9), [Appended::Expired]);
}

#[test]
fn a_page_lists_its_gaps_with_their_reasons() {
    let rows = vec![
        row(3, EntryKind::Message, Some(stored(3, false, None))),
        row(4, EntryKind::RemovedMessage, Some(stored(4, true, None))),
        row(5, EntryKind::RemovedMessage, Some(stored(5, true, None))),
        row(6, EntryKind::Message, Some(stored(6, false, Some(50)))),
        row(7, EntryKind::Edit, Some(stored(3, false, None))),
        row(8, EntryKind::Edit, Some(stored(4, true, None))),
        row(9, EntryKind::Removal, Some(stored(4, true, None))),
        row(10, EntryKind::Removal, None),
    ];
    let bounds = PageBounds {
        since: 1,
        head: 12,
        is_cut: false,
    };
    let page = page(rows, bounds, at(50));
    assert_eq!(
        page.gaps,
        [
            gap(2, 2, GapReason::Expired),
            gap(4, 5, GapReason::Removed),
            gap(6, 6, GapReason::Expired),
            gap(8, 8, GapReason::Removed),
            gap(10, 12, GapReason::Expired),
        ]
    );
    assert_eq!(
        page.entries,
        [
            ChannelEntry::Message(stored(3, false, None).message),
            ChannelEntry::Edited {
                seq: 7,
                message: stored(3, false, None).message
            },
            ChannelEntry::Removed {
                seq: 9,
                message_id: "message 4".to_owned()
            },
        ]
    );
    assert_eq!((page.upto, page.head), (12, 12));
}

#[test]
fn a_reader_ahead_of_the_channel_gets_the_head() {
    let bounds = PageBounds {
        since: 20,
        head: 12,
        is_cut: false,
    };
    let page = page(Vec::new(), bounds, at(0));
    assert_eq!((page.upto, page.head), (12, 12));
    assert!(page.gaps.is_empty());
}

proptest! {
    /// Every sequence number of a page is in exactly one entry or gap, also across pages.
    #[test]
    fn pages_cover_every_number(
        present in proptest::collection::vec(0_u8..4, 0..40),
        limit in 1_usize..7,
    ) {
        let head = i64::try_from(present.len()).expect("fits");
        let all: Vec<EntryRow> = (1..).zip(&present).filter_map(|(seq, state)| match state {
            0 => None,
            1 => Some(row(seq, EntryKind::RemovedMessage, Some(stored(seq, true, None)))),
            2 => Some(row(seq, EntryKind::Message, Some(stored(seq, false, Some(1))))),
            _ => Some(row(seq, EntryKind::Message, Some(stored(seq, false, None)))),
        }).collect();
        let (mut since, mut told) = (0, Vec::new());
        loop {
            let rows: Vec<EntryRow> =
                all.iter().filter(|row| row.seq > since).take(limit).cloned().collect();
            let is_cut = rows.len() == limit;
            let page = page(rows, PageBounds { since, head, is_cut }, at(5));
            told.extend(page.gaps.iter().flat_map(|gap| gap.from..=gap.to));
            told.extend(page.entries.iter().map(|entry| match entry {
                ChannelEntry::Message(message) => message.placed.seq,
                ChannelEntry::Edited { seq, .. } | ChannelEntry::Removed { seq, .. } => *seq,
            }));
            prop_assert!(is_cut || page.upto == head);
            since = page.upto;
            if !is_cut {
                break;
            }
        }
        told.sort_unstable();
        prop_assert_eq!(told, (1..=head).collect::<Vec<i64>>());
    }

    /// Whatever is repeated, places rise without a hole, and one id has one place.
    #[test]
    fn new_messages_get_the_next_places(
        ids in proptest::collection::vec((0_u8..6, 0_u8..2), 0..30),
        clock in proptest::collection::vec(0_i64..3, 30),
    ) {
        let (mut last, mut log): (Placed, Vec<(NewMessage, Placed)>) = (START, Vec::new());
        for ((id, body), now) in ids.into_iter().zip(clock) {
            let messages = [message(id, body)];
            let known = log.iter().find(|(stored, _)| stored.id == messages[0].id);
            let known = known.map(|(stored, placed)| KnownMessage {
                placed: *placed,
                expires_at: None,
                same: stored.body == messages[0].body,
            });
            let plan = plan(last, &messages, &[known], at(now));
            match known {
                None => {
                    prop_assert_eq!(plan.inserts.len(), 1);
                    let placed = plan.inserts[0].1;
                    prop_assert_eq!(placed.seq, last.seq + 1);
                    prop_assert!(placed.at > last.at);
                    last = placed;
                    log.push((messages[0].clone(), placed));
                }
                Some(known) => {
                    prop_assert!(plan.inserts.is_empty());
                    let expected = if known.same {
                        kept(known.placed)
                    } else {
                        Appended::Conflict
                    };
                    prop_assert_eq!(plan.outcomes, [expected]);
                }
            }
        }
    }
}
