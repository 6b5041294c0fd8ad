//! Two hubs, a channel, their clients, and a network that loses, doubles and delays calls.

use std::collections::BTreeSet;

use hamrah_api::kernel::model::time::Timestamp;
use hamrah_api::relay::domain::live::calls::{
    ChannelAnswer, ChannelPush, HubRequest, News, PushAnswer,
};
use hamrah_api::relay::domain::live::events::{CallId, HubEffect, HubInput, Revoked, SocketId};
use hamrah_api::relay::domain::live::fanout::FanoutEffect;
use hamrah_api::relay::domain::live::frames::ServerFrame;
use hamrah_api::relay::domain::live::hub::{Hub, HubSettings};
use hamrah_api::relay::model::channel::ChannelEntry;
use hamrah_api::relay::model::ids::ConnectionId;
use hamrah_api::relay::model::slots::HubId;

use crate::channel::Channel;
use crate::client::{Client, account, channel};
use crate::planted::Planted;

/// A call or an answer on its way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wire {
    Request(CallId, HubRequest),
    Answer {
        hub: usize,
        life: u64,
        call: CallId,
        answer: ChannelAnswer,
    },
    Push {
        hub: usize,
        /// The life of the channel's object.
        life: u8,
        push: ChannelPush,
    },
    Pushed {
        hub: usize,
        life: u8,
        answer: PushAnswer,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Removal {
    No,
    /// It waits for the eviction with this number.
    Asked(u64),
    Ended,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub now: i64,
    pub hubs: Vec<Hub>,
    pub lives: Vec<u64>,
    pub channel: Channel,
    pub clients: Vec<Client>,
    pub wire: BTreeSet<Wire>,
    pub faults: u8,
    pub crashes: u8,
    pub channel_crashes: u8,
    pub removal: Removal,
    /// A promise that the last event broke.
    pub broken: Option<&'static str>,
}

impl World {
    pub const fn time(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    /// A hub takes an input, and the effects happen. Returns the answer to a push.
    pub fn hub(&mut self, hub: usize, input: HubInput, planted: Planted) -> Option<PushAnswer> {
        let now = self.time();
        let mut effects = self.hubs[hub].step(input, now);
        let is_ack = |effect: &HubEffect| match effect {
            HubEffect::Write { frame, .. } => matches!(frame, ServerFrame::MessageAck { .. }),
            _ => false,
        };
        if planted == Planted::EchoBeforeAck {
            effects.sort_by_key(is_ack);
        }
        if planted == Planted::AcksReversed {
            let places: Vec<usize> = (0..effects.len())
                .filter(|place| is_ack(&effects[*place]))
                .collect();
            for (one, other) in places.iter().zip(places.iter().rev()) {
                if one < other {
                    effects.swap(*one, *other);
                }
            }
        }
        let mut answered = None;
        for effect in effects {
            match effect {
                HubEffect::Write { sockets, frame } => {
                    for socket in sockets {
                        self.write(hub, socket, &frame);
                    }
                }
                HubEffect::Close { socket, .. } => {
                    for client in &mut self.clients {
                        if client.hub == hub && client.socket == Some(socket) {
                            client.socket = None;
                        }
                    }
                }
                HubEffect::Call { call, request, .. } => {
                    self.wire.insert(Wire::Request(call, request));
                }
                HubEffect::Answer(answer) => answered = Some(answer),
                HubEffect::Wake(_)
                | HubEffect::Keep(_)
                | HubEffect::Discard(_)
                | HubEffect::TakeBack { .. } => {}
            }
        }
        answered
    }

    fn write(&mut self, hub: usize, socket: SocketId, frame: &ServerFrame) {
        let mut clients = self.clients.iter_mut();
        let found = clients.find(|one| one.hub == hub && one.socket == Some(socket));
        let broken = match found {
            Some(client) => client.take(frame, &self.channel),
            None => Some("a frame for a closed socket"),
        };
        self.broken = self.broken.or(broken);
    }

    fn take_effects(&mut self, effects: Vec<FanoutEffect>) {
        for effect in effects {
            match effect {
                FanoutEffect::Push { hub, push } => {
                    let hub = usize::try_from(hub.0).expect("a small number");
                    let life = self.channel.life;
                    self.wire.insert(Wire::Push { hub, life, push });
                }
                FanoutEffect::Evicted(number) => {
                    if self.removal == Removal::Asked(number) {
                        self.end_removal();
                    }
                }
                FanoutEffect::Wake(_) => {}
            }
        }
    }

    fn end_removal(&mut self) {
        self.removal = Removal::Ended;
        for client in &mut self.clients {
            client.removed |= client.removed_at.is_some();
        }
    }

    /// Delivers a call or an answer.
    pub fn deliver(&mut self, wire: Wire, planted: Planted) {
        match wire {
            Wire::Request(call, request) => {
                let hub = usize::try_from(request.hub.0).expect("a small number");
                let life = request.life;
                let mut effects = Vec::new();
                let now = self.time();
                let answer = self.channel.take(&request, now, planted, &mut effects);
                self.take_effects(effects);
                if life == self.lives[hub] {
                    self.wire.insert(Wire::Answer {
                        hub,
                        life,
                        call,
                        answer,
                    });
                }
            }
            Wire::Answer {
                hub,
                life,
                call,
                answer,
            } => {
                if life == self.lives[hub] {
                    let mut calls = vec![call];
                    if planted == Planted::OldAnswersCount {
                        calls.extend((call.0 + 1..call.0 + 4).map(CallId));
                    }
                    for call in calls {
                        let answer = Some(answer.clone());
                        let channel = channel();
                        let input = HubInput::Reply {
                            channel,
                            call,
                            answer,
                        };
                        self.hub(hub, input, planted);
                    }
                }
            }
            Wire::Push { hub, life, push } => {
                let push = self.fill(hub, push, planted);
                let channel = channel();
                let answer = self.hub(hub, HubInput::Push { channel, push }, planted);
                if let Some(answer) = answer.filter(|_| life == self.channel.life) {
                    self.wire.insert(Wire::Pushed { hub, life, answer });
                }
            }
            Wire::Pushed { hub, life, answer } => {
                if life == self.channel.life {
                    let now = self.time();
                    let id = HubId(u32::try_from(hub).expect("a small number"));
                    let mut answers = vec![answer];
                    if planted == Planted::ForgetsByOldAnswer {
                        answers.extend((0..9).map(|touch| PushAnswer { touch, ..answer }));
                    }
                    for answer in answers {
                        let effects = self.channel.fanout.take_answer(id, answer, now);
                        self.take_effects(effects);
                    }
                }
            }
        }
    }

    /// Plants a fault: the entries of a push get the numbers that the clients of the hub expect.
    fn fill(&self, hub: usize, mut push: ChannelPush, planted: Planted) -> ChannelPush {
        let mut clients = self.clients.iter().filter(|client| client.hub == hub);
        let next = clients.next().map_or(0, |client| client.cursor) + 1;
        if let (Planted::NumbersFilled, News::Entries(entries)) = (planted, &mut push.news) {
            for entry in entries {
                if let ChannelEntry::Message(message) = entry {
                    message.placed.seq = next.min(message.placed.seq);
                }
            }
        }
        push
    }

    /// Loses a call or an answer. The caller sees that there is no answer.
    pub fn lose(&mut self, wire: Wire, planted: Planted) {
        let (hub, life, call) = match wire {
            Wire::Request(call, request) => {
                let hub = usize::try_from(request.hub.0).expect("a small number");
                (hub, request.life, call)
            }
            Wire::Answer {
                hub, life, call, ..
            } => (hub, life, call),
            Wire::Push { .. } | Wire::Pushed { .. } => return,
        };
        if life == self.lives[hub] && planted != Planted::NoRepetition {
            let channel = channel();
            let answer = None;
            let input = HubInput::Reply {
                channel,
                call,
                answer,
            };
            self.hub(hub, input, planted);
        }
    }

    /// A client opens a socket, subscribes, and repeats its messages without an answer.
    pub fn connect(&mut self, index: usize, planted: Planted) {
        let client = &mut self.clients[index];
        let socket = SocketId(u64::from(client.account) * 100 + u64::from(client.sockets));
        let (hub, owner) = (client.hub, client.owner());
        let frames = client.connect(socket);
        let number = u128::from(socket.0);
        let input = HubInput::Connected {
            socket,
            owner,
            connection: ConnectionId::from_random(number.to_be_bytes()),
            prekeys_left: 0,
        };
        self.hub(hub, input, planted);
        // The client answers every ping, so it is never silent.
        let at = Timestamp::from_millis(1 << 52);
        self.hub(hub, HubInput::Alive { socket, at }, planted);
        for frame in frames {
            self.hub(hub, HubInput::Frame { socket, frame }, planted);
        }
    }

    /// A client subscribes again after a refusal.
    pub fn subscribe_again(&mut self, index: usize, planted: Planted) {
        let client = &mut self.clients[index];
        client.asks_again = false;
        let (hub, frame) = (client.hub, client.subscribe());
        if let Some(socket) = client.socket {
            self.hub(hub, HubInput::Frame { socket, frame }, planted);
        }
    }

    /// A client sends its next message.
    pub fn send(&mut self, index: usize, planted: Planted) {
        let client = &mut self.clients[index];
        let hub = client.hub;
        if let (Some(socket), Some(frame)) = (client.socket, client.send()) {
            self.hub(hub, HubInput::Frame { socket, frame }, planted);
        }
    }

    /// A hub starts again without its sockets.
    pub fn crash(&mut self, hub: usize) {
        self.lives[hub] += 1;
        let id = HubId(u32::try_from(hub).expect("a small number"));
        self.hubs[hub] = Hub::new(id, self.lives[hub], HubSettings::default());
        for client in &mut self.clients {
            if client.hub == hub {
                client.socket = None;
            }
        }
        let is_old = |wire: &Wire| matches!(wire, Wire::Answer { hub: one, .. } if *one == hub);
        self.wire.retain(|wire| !is_old(wire));
    }

    /// The channel's object starts again. The calls of hubs that it had are lost.
    pub fn crash_channel(&mut self) {
        self.channel.crash(Timestamp::from_millis(self.now));
        self.wire
            .retain(|wire| !matches!(wire, Wire::Pushed { .. }));
    }

    /// The service removes the account of a client from the members.
    pub fn remove(&mut self, index: usize, planted: Planted) {
        let number = self.clients[index].account;
        let head = self.channel.head();
        self.clients[index].removed_at = Some(head);
        self.channel.members.remove(&account(number));
        let mut effects = Vec::new();
        let now = self.time();
        let eviction = self
            .channel
            .fanout
            .evict(Some(account(number)), now, &mut effects);
        self.removal = Removal::Asked(eviction);
        self.take_effects(effects);
        if planted == Planted::EndsRemovalAtOnce {
            self.end_removal();
        }
    }

    /// The service revokes the session of a client.
    pub fn kill(&mut self, index: usize, planted: Planted) {
        let (hub, owner) = (self.clients[index].hub, self.clients[index].owner());
        if planted != Planted::KillsNothing {
            let revoked = Revoked::Session(owner.session);
            self.hub(hub, HubInput::Kill(revoked), planted);
        }
        self.clients[index].killed = true;
    }

    /// The alarm of the channel rings.
    pub fn ring(&mut self) {
        let effects = self.channel.fanout.alarm(self.time());
        self.take_effects(effects);
    }
}
