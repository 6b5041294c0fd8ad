//! All orders of events around one channel, within small bounds, by a model checker.
//!
//! The object is the real one. The model has its clients: two senders who repeat their requests,
//! readers with a cursor, and the service, which removes one of the senders. The network loses and
//! doubles requests and answers, and delivers them in any order. An object that crashes loses the
//! request before its write, or the answer after it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use stateright::{Checker, Model, Property};

use crate::machine::{Machine, RowsId};
use crate::work::{BOBS, Page, Reader, Reply, Work, join};

/// A request or an answer on its way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Wire {
    Append(usize),
    Appended(usize, i64),
    /// A late repetition of the request that made Bob a member.
    Join,
    Remove,
    Removed,
    Page(Page),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Removal {
    No,
    Asked,
    Confirmed,
}

/// The state of the object, the network and the clients.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct World {
    rows: RowsId,
    now: i64,
    wire: BTreeSet<Wire>,
    faults: u8,
    /// The number that the object gave to each message.
    given: [Option<i64>; 3],
    /// The number that each sender knows.
    acked: [Option<i64>; 3],
    removal: Removal,
    readers: Vec<Reader>,
    /// A promise that the last event broke.
    broken: Option<&'static str>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Event {
    Send(usize),
    AskRemoval,
    Pull(usize),
    Deliver(Wire),
    DeliverAndKeep(Wire),
    Lose(Wire),
    Tick,
    Sweep,
}

struct Channel {
    machine: Mutex<Machine<Work, Reply>>,
    bounds: Bounds,
}

/// The bounds of a model.
#[derive(Clone, Copy)]
struct Bounds {
    /// The messages that are sent.
    messages: &'static [usize],
    readers: usize,
    /// How often the network loses or doubles a request or an answer.
    faults: u8,
    /// Whether Bob is removed.
    removes: bool,
    /// Whether time passes.
    expires: bool,
}

impl Channel {
    fn machine(&self) -> MutexGuard<'_, Machine<Work, Reply>> {
        self.machine.lock().expect("no panic while it is held")
    }

    /// The object takes a step.
    fn step(&self, world: &mut World, work: &Work) -> Reply {
        let taken = self.machine().take(world.rows, world.now, work);
        world.rows = taken.rows;
        taken.reply
    }

    /// The object or a client takes what the network delivers.
    fn deliver(&self, world: &mut World, wire: Wire) {
        match wire {
            Wire::Append(index) => self.append(world, index),
            Wire::Appended(index, seq) => world.acked[index] = Some(seq),
            Wire::Join => _ = self.step(world, &Work::Join),
            Wire::Remove => {
                self.step(world, &Work::Remove);
                world.wire.insert(Wire::Removed);
            }
            Wire::Removed => world.removal = Removal::Confirmed,
            Wire::Page(page) => world.readers[0].take(&page),
        }
    }

    fn append(&self, world: &mut World, index: usize) {
        let before = world.rows;
        let Reply::Placed(seq) = self.step(world, &Work::Append(index)) else {
            return;
        };
        let changed = world.rows != before;
        if index == BOBS && changed && world.removal == Removal::Confirmed {
            world.broken = Some("a removed member sent a message");
        }
        if *world.given[index].get_or_insert(seq) != seq {
            world.broken = Some("a message has two numbers");
        }
        world.wire.insert(Wire::Appended(index, seq));
    }

    /// A reader pulls. The page of the first reader goes through the network, those of the others
    /// arrive at once.
    fn pull(&self, world: &mut World, reader: usize) {
        let since = world.readers[reader].upto;
        match self.step(world, &Work::Since(since)) {
            Reply::Page(page) if reader == 0 => _ = world.wire.insert(Wire::Page(page)),
            Reply::Page(page) => world.readers[reader].take(&page),
            _ => world.broken = Some("a page has not each number once"),
        }
    }
}

impl Model for Channel {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            rows: self.machine().begin(vec![join(&["ada", "bob"])]),
            now: 0,
            wire: self
                .bounds
                .removes
                .then_some(Wire::Join)
                .into_iter()
                .collect(),
            faults: self.bounds.faults,
            given: [None; 3],
            acked: [None; 3],
            removal: Removal::No,
            readers: vec![Reader::default(); self.bounds.readers],
            broken: None,
        }]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        let on_its_way = |one: &dyn Fn(&Wire) -> bool| world.wire.iter().any(one);
        for &index in self.bounds.messages {
            let waits = |wire: &Wire| match wire {
                Wire::Append(one) | Wire::Appended(one, _) => *one == index,
                _ => false,
            };
            if world.acked[index].is_none() && !on_its_way(&waits) {
                events.push(Event::Send(index));
            }
        }
        let removes = |wire: &Wire| matches!(wire, Wire::Remove | Wire::Removed);
        if self.bounds.removes && world.removal != Removal::Confirmed && !on_its_way(&removes) {
            events.push(Event::AskRemoval);
        }
        for reader in 0..world.readers.len() {
            if reader > 0 || !on_its_way(&|wire| matches!(wire, Wire::Page(_))) {
                events.push(Event::Pull(reader));
            }
        }
        for wire in &world.wire {
            events.push(Event::Deliver(wire.clone()));
            if world.faults > 0 {
                events.push(Event::DeliverAndKeep(wire.clone()));
                events.push(Event::Lose(wire.clone()));
            }
        }
        if self.bounds.expires {
            events.push(if world.now == 0 {
                Event::Tick
            } else {
                Event::Sweep
            });
        }
    }

    fn next_state(&self, before: &World, event: Event) -> Option<World> {
        let mut world = before.clone();
        match event {
            Event::Send(index) => _ = world.wire.insert(Wire::Append(index)),
            Event::AskRemoval => {
                world.removal = Removal::Asked;
                world.wire.insert(Wire::Remove);
            }
            Event::Pull(reader) => self.pull(&mut world, reader),
            Event::Deliver(wire) => {
                world.wire.remove(&wire);
                self.deliver(&mut world, wire);
            }
            Event::DeliverAndKeep(wire) => {
                world.faults -= 1;
                self.deliver(&mut world, wire);
            }
            Event::Lose(wire) => {
                world.faults -= 1;
                world.wire.remove(&wire);
            }
            Event::Tick => world.now = 1,
            Event::Sweep => _ = self.step(&mut world, &Work::Sweep),
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no event breaks a promise", |_, world: &World| {
                world.broken.is_none()
            }),
            Property::always("no number is given twice", |_, world: &World| {
                let given: Vec<i64> = world.given.iter().flatten().copied().collect();
                given.len() == given.iter().collect::<BTreeSet<_>>().len()
            }),
            Property::always(
                "a reader knows each sent message or its gap",
                |_, world: &World| {
                    let mut sent = world.acked.iter().enumerate();
                    sent.all(|(index, seq)| {
                        seq.is_none_or(|seq| world.readers.iter().all(|one| one.knows(seq, index)))
                    })
                },
            ),
            Property::always("readers agree", |_, world: &World| {
                world.readers.iter().all(|one| {
                    one.messages.iter().all(|(seq, index)| {
                        world.given[*index] == Some(*seq)
                            && world.readers.iter().all(|other| other.knows(*seq, *index))
                    })
                })
            }),
            Property::sometimes(
                "every reader reads every message",
                |model, world: &World| {
                    let sent = model.bounds.messages.len();
                    world.readers.iter().all(|one| one.messages.len() == sent)
                },
            ),
            Property::sometimes("a reader finds a gap", |model, world: &World| {
                let mut readers = world.readers.iter();
                !model.bounds.expires || readers.any(|one| !one.gaps.is_empty())
            }),
            Property::sometimes("a removed member never sends", |model, world: &World| {
                let never = world.removal == Removal::Confirmed && world.given[BOBS].is_none();
                !model.bounds.removes || never
            }),
        ]
    }
}

/// Checks every order of events within the bounds.
fn check(bounds: Bounds) {
    let machine = Mutex::new(Machine::new());
    let checker = Channel { machine, bounds }.checker().spawn_bfs().join();
    checker.assert_properties();
    println!(
        "{} states, {} steps of the object",
        checker.unique_state_count(),
        checker.model().machine().known()
    );
}

#[test]
fn a_removed_member_sends_nothing_in_any_order_of_faults() {
    check(Bounds {
        messages: &[0, 2],
        readers: 1,
        faults: 3,
        removes: true,
        expires: false,
    });
}

#[test]
fn a_reader_knows_what_expired_in_any_order_of_faults() {
    check(Bounds {
        messages: &[0, 1],
        readers: 1,
        faults: 3,
        removes: false,
        expires: true,
    });
}

#[test]
fn two_readers_agree_in_any_order_of_events() {
    check(Bounds {
        messages: &[0, 1, 2],
        readers: 2,
        faults: 0,
        removes: false,
        expires: true,
    });
}
