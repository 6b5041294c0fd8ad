//! The events of the model, their bounds, and its properties.

use std::collections::BTreeSet;

use hamrah_api::relay::domain::live::events::{HubEffect, HubInput};
use hamrah_api::relay::domain::live::hub::{Hub, HubSettings};
use hamrah_api::relay::model::slots::HubId;
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::channel::Channel;
use crate::client::{Client, Sent, account, message};
use crate::planted::Planted;
use crate::world::{Removal, Wire, World};

/// How long a hub waits at most before it repeats a call, in milliseconds.
const PAUSE: i64 = 2_000;
/// How far the model looks for a timer when nothing is on its way, in milliseconds. Later timers
/// ask a silent channel for news.
const HORIZON: i64 = 120_000;
const OLD: Sent = 99;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    Send(usize),
    Connect(usize),
    SubscribeAgain(usize),
    Deliver(Wire),
    DeliverAndKeep(Wire),
    Lose(Wire),
    HubTimer(usize),
    ChannelTimer,
    Crash(usize),
    CrashChannel,
    Remove(usize),
    Kill(usize),
}

/// A client: its account, its hub, and the messages that it sends.
pub type Person = (u8, usize, &'static [Sent]);

/// The bounds of a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds {
    pub people: &'static [Person],
    /// How often the network loses, doubles or delays a call or an answer.
    pub faults: u8,
    pub crashes: u8,
    pub channel_crashes: u8,
    /// The client that loses its membership.
    pub removes: Option<usize>,
    /// The client that loses its session.
    pub kills: Option<usize>,
    pub planted: Planted,
    /// Whether the clients subscribed before the first event.
    pub subscribed: bool,
}

/// Returns whether an effect is more than a note of the hub for itself.
const fn is_event(effect: &HubEffect) -> bool {
    !matches!(
        effect,
        HubEffect::Wake(_) | HubEffect::Keep(_) | HubEffect::Discard(_)
    )
}

impl World {
    fn is_connected(&self) -> bool {
        let mut clients = self.clients.iter();
        clients.all(|client| client.socket.is_some() || client.killed)
    }

    /// Returns the time at which a hub does something by itself, if it comes within `limit`.
    fn hub_timer(&self, hub: usize, limit: i64) -> Option<i64> {
        let mut hub = self.hubs[hub].clone();
        loop {
            let at = hub.wake().filter(|at| at.millis() <= self.now + limit)?;
            let effects = hub.step(HubInput::Tick, at);
            if effects.iter().any(is_event) {
                return Some(at.millis().max(self.now));
            }
        }
    }

    fn channel_timer(&self) -> Option<i64> {
        Some(self.channel.fanout.wake()?.millis())
    }

    /// Returns whether every promise to a client is kept.
    fn is_complete(&self) -> bool {
        let removal = !matches!(self.removal, Removal::Asked(_));
        removal
            && self.clients.iter().all(|client| {
                let reads = client.subscribed && client.cursor == self.channel.head();
                let answered = client.outstanding.is_empty() && client.script.is_empty();
                client.killed || (answered && (reads || client.removed_at.is_some()))
            })
    }
}

impl Bounds {
    /// Adds the events that happen without a fault.
    fn free_events(&self, world: &World, events: &mut Vec<Event>) {
        for (index, client) in world.clients.iter().enumerate() {
            if client.killed {
                continue;
            }
            if client.socket.is_none() {
                events.push(Event::Connect(index));
            } else if client.asks_again {
                events.push(Event::SubscribeAgain(index));
            } else if !client.script.is_empty() {
                events.push(Event::Send(index));
            }
        }
        events.extend(world.wire.iter().cloned().map(Event::Deliver));
        let is_still = world.wire.is_empty() && world.is_connected();
        for hub in 0..world.hubs.len() {
            let limit = if is_still { HORIZON } else { PAUSE };
            if self.planted != Planted::NoRepetition && world.hub_timer(hub, limit).is_some() {
                events.push(Event::HubTimer(hub));
            }
        }
        if is_still && self.planted != Planted::NoAlarm && world.channel_timer().is_some() {
            events.push(Event::ChannelTimer);
        }
    }

    /// Adds the events that happen as often as the bounds allow.
    fn bounded_events(&self, world: &World, events: &mut Vec<Event>) {
        if world.faults > 0 {
            for wire in &world.wire {
                events.push(Event::DeliverAndKeep(wire.clone()));
                events.push(Event::Lose(wire.clone()));
            }
        }
        if world.crashes > 0 {
            events.extend((0..world.hubs.len()).map(Event::Crash));
        }
        if world.channel_crashes > 0 {
            events.push(Event::CrashChannel);
        }
        if let Some(index) = self.removes.filter(|_| world.removal == Removal::No) {
            events.push(Event::Remove(index));
        }
        let kills = self.kills.filter(|index| !world.clients[*index].killed);
        events.extend(kills.map(Event::Kill));
    }

    fn is_quiet(&self, world: &World) -> bool {
        let mut events = Vec::new();
        self.free_events(world, &mut events);
        events.is_empty()
    }
}

impl Model for Bounds {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        let clients = self.people.iter();
        let clients: Vec<Client> = clients
            .map(|(account, hub, script)| Client::new(*account, *hub, script))
            .collect();
        let members: BTreeSet<_> = clients.iter().map(|one| account(one.account)).collect();
        let mut world = World {
            now: 0,
            hubs: [HubId(0), HubId(1)]
                .map(|id| Hub::new(id, 1, HubSettings::default()))
                .to_vec(),
            lives: vec![1, 1],
            channel: Channel::new(members, &message(OLD)),
            clients,
            wire: BTreeSet::new(),
            faults: self.faults,
            crashes: self.crashes,
            channel_crashes: self.channel_crashes,
            removal: Removal::No,
            broken: None,
        };
        if self.subscribed {
            for index in 0..world.clients.len() {
                world.connect(index, Planted::Nothing);
                while let Some(wire) = world.wire.pop_first() {
                    world.deliver(wire, Planted::Nothing);
                }
            }
        }
        vec![world]
    }

    fn actions(&self, world: &World, events: &mut Vec<Event>) {
        if world.broken.is_none() {
            self.free_events(world, events);
            self.bounded_events(world, events);
        }
    }

    fn next_state(&self, before: &World, event: Event) -> Option<World> {
        let mut world = before.clone();
        let planted = self.planted;
        match event {
            Event::Send(index) => world.send(index, planted),
            Event::Connect(index) => world.connect(index, planted),
            Event::SubscribeAgain(index) => world.subscribe_again(index, planted),
            Event::Deliver(wire) => {
                world.wire.remove(&wire);
                world.deliver(wire, planted);
            }
            Event::DeliverAndKeep(wire) => {
                world.faults -= 1;
                world.deliver(wire, planted);
            }
            Event::Lose(wire) => {
                world.faults -= 1;
                world.wire.remove(&wire);
                world.lose(wire, planted);
            }
            Event::HubTimer(hub) => {
                world.now = world.hub_timer(hub, HORIZON)?;
                world.hub(hub, HubInput::Tick, planted);
            }
            Event::ChannelTimer => {
                world.now = world.now.max(world.channel_timer()?);
                world.ring();
            }
            Event::Crash(hub) => {
                world.crashes -= 1;
                world.crash(hub);
            }
            Event::CrashChannel => {
                world.channel_crashes -= 1;
                world.crash_channel();
            }
            Event::Remove(index) => world.remove(index, planted),
            Event::Kill(index) => world.kill(index, planted),
        }
        (world != *before).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no event breaks a promise", |_, world: &World| {
                world.broken.is_none()
            }),
            Property::always("a message has one number", |_, world: &World| {
                let ids: Vec<&str> = world
                    .channel
                    .log
                    .iter()
                    .flatten()
                    .map(|one| one.id.as_str())
                    .collect();
                ids.len() == ids.iter().collect::<BTreeSet<_>>().len()
            }),
            Property::always("everything arrives in the end", |model, world: &World| {
                world.broken.is_some() || !model.is_quiet(world) || world.is_complete()
            }),
            Property::sometimes("everything was sent and read", |model, world: &World| {
                let sent: usize = model.people.iter().map(|one| one.2.len()).sum();
                let all = world.channel.log.len() == sent + 2;
                all && model.is_quiet(world) && world.is_complete()
            }),
            Property::sometimes("a removed member is refused", |model, world: &World| {
                let mut clients = world.clients.iter();
                let sends = model
                    .removes
                    .is_some_and(|one| !model.people[one].2.is_empty());
                !sends || clients.any(|client| !client.refused.is_empty())
            }),
            Property::sometimes("the last fault is used up", |_, world: &World| {
                world.faults == 0 && world.crashes == 0 && world.channel_crashes == 0
            }),
        ]
    }
}

/// Checks every order of events within the bounds.
pub fn check(bounds: Bounds) {
    let checker = bounds.checker().spawn_bfs().join();
    println!("{} states, {bounds:?}", checker.unique_state_count());
    checker.assert_properties();
}

/// Checks that a planted fault breaks a promise. Returns the promise.
pub fn find(bounds: Bounds) -> String {
    let checker = bounds.checker().finish_when(HasDiscoveries::AnyFailures);
    let checker = checker.spawn_bfs().join();
    let found = checker.discoveries();
    let broken = found.get("no event breaks a promise");
    let promise = broken.and_then(|path| path.last_state().broken);
    let names = ["a message has one number", "everything arrives in the end"];
    let name = names.iter().find(|name| found.contains_key(**name));
    let promise = promise.or(name.copied()).unwrap_or("nothing");
    println!(
        "{} states, {:?}: {promise}",
        checker.unique_state_count(),
        bounds.planted
    );
    promise.to_owned()
}
