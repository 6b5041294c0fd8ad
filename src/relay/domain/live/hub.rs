//! A hub: the sockets of some accounts, and the channels that they follow.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::events::{
    CloseReason, HubEffect, HubInput, SocketId, SocketOwner, Trace,
};
use crate::relay::domain::live::following::Following;
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::domain::live::limits::Buckets;
use crate::relay::domain::live::socket::Socket;
use crate::relay::domain::live::table::{Table, trace};
use crate::relay::domain::live::traces::Traces;
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::ids::{ChannelId, ConnectionId};
use crate::relay::model::slots::HubId;

/// The settings of a hub.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct HubSettings {
    /// How many frames an account may send in a second over all its sockets, on average. `None`:
    /// any number.
    pub frames_per_second: Option<u32>,
}

impl HubSettings {
    /// The settings of a service.
    pub const SERVICE: Self = Self {
        frames_per_second: Some(50),
    };
}

/// A hub. [`Hub::step`] is its only operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hub {
    id: HubId,
    life: u64,
    sockets: BTreeMap<SocketId, Socket>,
    channels: BTreeMap<ChannelId, Following>,
    traces: Traces,
    buckets: Buckets,
    next_call: u64,
    wake: Option<Timestamp>,
}

impl Hub {
    /// Returns a hub without sockets. `life` is greater than in each earlier start of the hub.
    #[must_use]
    pub const fn new(id: HubId, life: u64, settings: HubSettings) -> Self {
        Self {
            id,
            life,
            sockets: BTreeMap::new(),
            channels: BTreeMap::new(),
            traces: Traces::new(),
            buckets: Buckets::new(settings.frames_per_second),
            next_call: 0,
            wake: None,
        }
    }

    /// Returns the time at which the hub needs a tick.
    #[must_use]
    pub const fn wake(&self) -> Option<Timestamp> {
        self.wake
    }

    /// Returns the number of sockets of an account.
    #[must_use]
    pub fn sockets_of(&self, account: UserId) -> usize {
        let sockets = self.sockets.values();
        sockets
            .filter(|socket| socket.owner.account == account)
            .count()
    }

    /// Returns the sessions of all sockets.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let sessions = self.sockets.values().map(|socket| socket.owner.session);
        sessions.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Returns the sessions of the sockets of an account.
    #[must_use]
    pub fn sessions_of(&self, account: UserId) -> Vec<SessionId> {
        let sockets = self.sockets.values();
        let own = sockets.filter(|socket| socket.owner.account == account);
        let sessions: BTreeSet<_> = own.map(|socket| socket.owner.session).collect();
        sessions.into_iter().collect()
    }

    /// Returns true if a sent message has no answer yet.
    #[must_use]
    pub fn owes_answers(&self) -> bool {
        self.sockets.values().any(|socket| socket.awaited() > 0)
    }

    /// Returns what the hub wrote to a socket, up to the last entry. [`HubInput::Restored`] takes
    /// it back.
    #[must_use]
    pub fn trace(&self, socket: SocketId, now: Timestamp) -> Option<Trace> {
        let found = self.sockets.get(&socket)?;
        Some(trace(socket, found, &self.channels, now))
    }

    /// Returns true if the hub has no socket, no call under way and no trace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty() && self.channels.is_empty() && self.traces.is_empty()
    }

    /// Takes an input and returns the effects, to be carried out in their order.
    pub fn step(&mut self, input: HubInput, now: Timestamp) -> Vec<HubEffect> {
        let mut turn = Turn {
            hub: self.id,
            life: self.life,
            now,
            sockets: &mut self.sockets,
            traces: &mut self.traces,
            next_call: &mut self.next_call,
            wake: &mut self.wake,
            effects: Vec::new(),
            released: BTreeSet::new(),
            changed: BTreeSet::new(),
        };
        let mut channels = Table(&mut self.channels);
        match input {
            HubInput::Connected {
                socket,
                owner,
                connection,
                prekeys_left,
            } => {
                connect(socket, owner, connection, prekeys_left, &mut turn);
                channels.go_on(socket, &mut turn);
            }
            HubInput::Frame { socket, frame } => {
                channels.take_frame(socket, frame, &mut self.buckets, &mut turn);
            }
            HubInput::Closed { socket, clean } => channels.end(socket, !clean, &mut turn),
            HubInput::Push { channel, push } => {
                let answer = channels.take_push(channel, push, &mut turn);
                turn.effects.push(HubEffect::Answer(answer));
            }
            HubInput::Reply {
                channel,
                call,
                answer,
            } => {
                if let Some(following) = channels.0.get_mut(&channel) {
                    following.end_call(call, answer, &mut turn);
                }
            }
            HubInput::Restored { socket, trace } => channels.restore(socket, trace, &mut turn),
            HubInput::Kept(trace) => turn.keep(trace, false),
            HubInput::Alive { socket, at } => {
                if let Some(found) = turn.sockets.get_mut(&socket)
                    && found.seen_at < at
                {
                    found.seen_at = at;
                    found.window.note_ping();
                    turn.released.insert(socket);
                }
            }
            HubInput::Notify { accounts, notice } => {
                let sockets = turn.sockets.iter();
                let told = sockets.filter(|(_, one)| accounts.contains(&one.owner.account));
                let told = told.map(|(id, _)| *id).collect();
                turn.write_all(told, ServerFrame::Notice(notice));
            }
            HubInput::Kill(revoked) => channels.kill(revoked, &mut turn),
            HubInput::Tick => {
                self.buckets.prune(now);
                channels.tick(&mut turn);
            }
            HubInput::Stop => {
                let sockets: Vec<SocketId> = turn.sockets.keys().copied().collect();
                for socket in sockets {
                    channels.close(socket, CloseReason::Stopping, &mut turn);
                }
            }
        }
        channels.release(&mut turn);
        channels.end_resumptions(&mut turn);
        channels.keep_changed(&mut turn);
        let effects = turn.effects;
        self.channels.retain(|_, following| !following.is_idle());
        effects
    }
}

fn connect(
    socket: SocketId,
    owner: SocketOwner,
    connection: ConnectionId,
    prekeys_left: u32,
    turn: &mut Turn<'_>,
) {
    let opened = Socket::new(owner, connection, turn.now);
    turn.wake_by(opened.silent_at());
    turn.sockets.insert(socket, opened);
    let hello = ServerFrame::Hello {
        connection,
        prekeys_left,
    };
    turn.write(socket, hello);
    turn.wake_by(owner.valid_until);
}
