//! A hub: the sockets of some accounts, and the channels that they follow.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{AppendItem, ChannelPush, PushAnswer};
use crate::relay::domain::live::events::{
    CloseReason, HubEffect, HubInput, Revoked, SocketId, SocketOwner,
};
use crate::relay::domain::live::following::{Following, Outgoing};
use crate::relay::domain::live::frames::{ClientFrame, FrameError, SendFrame, ServerFrame};
use crate::relay::domain::live::socket::Socket;
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::ids::{ChannelId, ConnectionId};
use crate::relay::model::slots::HubId;

/// The sent messages of a socket that may wait for their answers.
const MOST_AWAITED: usize = 256;
/// The subscriptions of a socket.
const MOST_CHANNELS: usize = 1000;

/// A hub. [`Hub::step`] is its only operation.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Hub {
    id: HubId,
    life: u64,
    sockets: BTreeMap<SocketId, Socket>,
    channels: BTreeMap<ChannelId, Following>,
    next_call: u64,
    wake: Option<Timestamp>,
}

impl Hub {
    /// Returns a hub without sockets. `life` is greater than in each earlier start of the hub.
    #[must_use]
    pub const fn new(id: HubId, life: u64) -> Self {
        Self {
            id,
            life,
            sockets: BTreeMap::new(),
            channels: BTreeMap::new(),
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

    /// STUB
    pub fn trace(&self, _: SocketId) -> Option<crate::relay::domain::live::events::Trace> {
        None
    }

    /// Returns true if a sent message has no answer yet.
    #[must_use]
    pub fn owes_answers(&self) -> bool {
        self.sockets.values().any(|socket| socket.awaited() > 0)
    }

    /// Takes an input and returns the effects, to be carried out in their order.
    pub fn step(&mut self, input: HubInput, now: Timestamp) -> Vec<HubEffect> {
        let mut turn = Turn {
            hub: self.id,
            life: self.life,
            now,
            sockets: &mut self.sockets,
            next_call: &mut self.next_call,
            wake: &mut self.wake,
            effects: Vec::new(),
            released: BTreeSet::new(),
        };
        let mut channels = Table(&mut self.channels);
        match input {
            HubInput::Connected {
                socket,
                owner,
                connection,
                prekeys_left,
            } => connect(socket, owner, connection, prekeys_left, &mut turn),
            HubInput::Frame { socket, frame } => channels.take_frame(socket, frame, &mut turn),
            HubInput::Closed { socket, .. } => channels.remove_socket(socket, &mut turn),
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
            HubInput::Kill(revoked) => channels.kill(revoked, &mut turn),
            HubInput::Tick => channels.tick(&mut turn),
            HubInput::Restored { .. }
            | HubInput::Kept(_)
            | HubInput::Alive { .. }
            | HubInput::Notify { .. }
            | HubInput::Stop => {}
        }
        channels.release(&mut turn);
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
    turn.sockets.insert(socket, Socket::new(owner));
    let hello = ServerFrame::Hello {
        connection,
        prekeys_left,
    };
    turn.write(socket, hello);
    turn.wake_by(owner.valid_until);
}

/// The channels of a hub.
struct Table<'a>(&'a mut BTreeMap<ChannelId, Following>);

impl Table<'_> {
    fn following(&mut self, channel: ChannelId, turn: &Turn<'_>) -> &mut Following {
        self.0
            .entry(channel)
            .or_insert_with(|| Following::new(channel, turn.now))
    }

    fn take_frame(&mut self, id: SocketId, frame: ClientFrame, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
        if socket.owner.valid_until <= turn.now {
            self.close(id, CloseReason::Ended, turn);
            return;
        }
        match frame {
            ClientFrame::Send(frame) => self.send(id, frame, turn),
            ClientFrame::Subscribe { channel, since } => {
                if socket.channels.len() >= MOST_CHANNELS && !socket.channels.contains(&channel) {
                    turn.fail(id, FrameError::Busy);
                    return;
                }
                socket.channels.insert(channel);
                self.following(channel, turn).subscribe(id, since, turn);
            }
            ClientFrame::Unsubscribe { channel } => {
                if let Some(following) = self.0.get_mut(&channel) {
                    following.leave(id, turn);
                }
                turn.released.insert(id);
            }
            ClientFrame::Ack { channel, seq } => {
                socket.window.confirm(channel, seq);
                turn.released.insert(id);
            }
            ClientFrame::Typing { .. } | ClientFrame::Resume { .. } => {}
            ClientFrame::Ping => {
                socket.window.note_ping();
                turn.released.insert(id);
                turn.write(id, ServerFrame::Pong);
            }
        }
    }

    fn send(&mut self, id: SocketId, frame: SendFrame, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
        let is_full = socket.awaited() >= MOST_AWAITED;
        let account = socket.owner.account;
        let ticket = socket.expect(&frame.message.id);
        if is_full {
            let error = ServerFrame::Error {
                code: FrameError::Busy,
                reference: frame.label.reference,
            };
            turn.answer(id, ticket, error);
            return;
        }
        let outgoing = Outgoing {
            socket: id,
            ticket,
            label: frame.label,
            item: AppendItem {
                account,
                message: frame.message,
            },
            revoked: false,
        };
        self.following(frame.channel, turn).send(outgoing, turn);
    }

    fn take_push(
        &mut self,
        channel: ChannelId,
        push: ChannelPush,
        turn: &mut Turn<'_>,
    ) -> PushAnswer {
        self.following(channel, turn).take_push(push, turn)
    }

    /// Removes a socket. Its messages that are on their way are still stored.
    fn remove_socket(&mut self, id: SocketId, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.remove(&id) else {
            return;
        };
        for channel in socket.channels {
            if let Some(following) = self.0.get_mut(&channel) {
                following.leave(id, turn);
            }
        }
    }

    fn close(&mut self, socket: SocketId, reason: CloseReason, turn: &mut Turn<'_>) {
        self.remove_socket(socket, turn);
        turn.effects.push(HubEffect::Close { socket, reason });
    }

    /// Closes the sockets of a session or an account, and sends none of their messages any more.
    fn kill(&mut self, revoked: Revoked, turn: &mut Turn<'_>) {
        let sockets = turn.sockets.iter();
        let killed: Vec<SocketId> = sockets
            .filter(|(_, socket)| revoked.covers(&socket.owner))
            .map(|(id, _)| *id)
            .collect();
        for following in self.0.values_mut() {
            let waiting = &mut following.waiting;
            waiting.retain(|outgoing| !killed.contains(&outgoing.socket));
            let append = following.append.iter_mut();
            for outgoing in append.flat_map(|append| &mut append.items) {
                outgoing.revoked |= killed.contains(&outgoing.socket);
            }
        }
        for socket in killed {
            self.close(socket, CloseReason::Ended, turn);
        }
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        *turn.wake = None;
        let mut closed: Vec<(SocketId, CloseReason)> = Vec::new();
        let mut later: Vec<Timestamp> = Vec::new();
        for (id, socket) in turn.sockets.iter() {
            let behind = socket.window.limit();
            if socket.owner.valid_until <= now {
                closed.push((*id, CloseReason::Ended));
            } else if behind.is_some_and(|limit| limit <= now) {
                closed.push((*id, CloseReason::Behind));
            } else {
                later.extend(
                    [Some(socket.owner.valid_until), behind]
                        .into_iter()
                        .flatten(),
                );
            }
        }
        if let Some(earliest) = later.into_iter().min() {
            turn.wake_by(earliest);
        }
        for (socket, reason) in closed {
            self.close(socket, reason, turn);
        }
        for following in self.0.values_mut() {
            following.tick(turn);
        }
    }

    /// Goes on with the channels of sockets for which entries may have waited.
    fn release(&mut self, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut turn.released) {
            let socket = turn.sockets.get(&id);
            let channels = socket.map(|socket| socket.channels.clone());
            for channel in channels.unwrap_or_default() {
                let Some(following) = self.0.get_mut(&channel) else {
                    continue;
                };
                if let Some(subscription) = following.subscriptions.get_mut(&id) {
                    subscription.held = false;
                }
                following.settle(turn);
            }
        }
    }
}
