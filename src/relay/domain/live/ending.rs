//! How the sockets of a hub end: by their clients, by a revocation, by time, and by silence.

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::events::{CloseReason, HubEffect, Revoked, SocketId};
use crate::relay::domain::live::table::{Table, trace};
use crate::relay::domain::live::turn::Turn;

impl Table<'_> {
    /// Removes a socket. Its messages that are on their way are still stored. A later connection
    /// goes on from the trace, if it is kept.
    pub(super) fn end(&mut self, id: SocketId, keeps: bool, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.get(&id) else {
            return;
        };
        let last = trace(id, socket, self.0, turn.now);
        let channels = socket.channels.clone();
        turn.sockets.remove(&id);
        for channel in channels {
            if let Some(following) = self.0.get_mut(&channel) {
                following.leave(id, turn);
            }
        }
        if keeps {
            turn.keep(last, true);
        } else {
            turn.effects.push(HubEffect::Discard(last.connection));
        }
    }

    /// Closes a socket. A later connection may go on from it.
    pub(super) fn close(&mut self, socket: SocketId, reason: CloseReason, turn: &mut Turn<'_>) {
        self.end(socket, true, turn);
        turn.effects.push(HubEffect::Close { socket, reason });
    }

    /// Closes the sockets of a session or an account, and sends none of their messages any more.
    pub(super) fn kill(&mut self, revoked: Revoked, turn: &mut Turn<'_>) {
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
            self.end(socket, false, turn);
            let reason = CloseReason::Ended;
            turn.effects.push(HubEffect::Close { socket, reason });
        }
        let dropped = turn.traces.remove(|trace| revoked.covers(&trace.owner));
        turn.effects
            .extend(dropped.into_iter().map(HubEffect::Discard));
    }

    /// Closes sockets whose time is over, and lets every channel go on.
    pub(super) fn tick(&mut self, turn: &mut Turn<'_>) {
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
            } else if socket.silent_at() <= now {
                closed.push((*id, CloseReason::Silent));
            } else {
                later.extend([socket.owner.valid_until, socket.silent_at()]);
                later.extend(behind);
                match socket.keep_at() {
                    Some(at) if at <= now => {
                        turn.changed.insert(*id);
                    }
                    at => later.extend(at),
                }
            }
        }
        let dropped = turn.traces.expire(now);
        turn.effects
            .extend(dropped.into_iter().map(HubEffect::Discard));
        later.extend(turn.traces.next_end());
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
}
