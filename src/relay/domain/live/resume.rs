//! How a connection goes on from an earlier one, and what is kept for that.

use crate::relay::domain::live::events::{HubEffect, SocketId, Trace};
use crate::relay::domain::live::following::Progress;
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::domain::live::socket::{MOST_CHANNELS, Resumption, Socket};
use crate::relay::domain::live::table::{Table, trace};
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::ids::ConnectionId;

/// How many entries before the last written one are written again, because they may be lost.
const OVERLAP: i64 = 32;

impl Table<'_> {
    /// Lets a new socket go on from the newest trace of its session.
    pub(super) fn go_on(&mut self, id: SocketId, turn: &mut Turn<'_>) {
        let owner = turn.sockets.get(&id).map(|socket| socket.owner);
        if let Some(earlier) = owner.and_then(|owner| turn.traces.take_newest(&owner)) {
            self.claim(id, earlier, false, turn);
        }
    }

    /// Subscribes a socket to the channels of an earlier connection.
    fn claim(&mut self, id: SocketId, earlier: Trace, asked: bool, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
        let mut resumption = Resumption::new(earlier.connection, asked);
        let mut channels = Vec::new();
        for (channel, cursor) in earlier.channels {
            if socket.channels.len() < MOST_CHANNELS || socket.channels.contains(&channel) {
                socket.channels.insert(channel);
                resumption.pending.insert(channel);
                channels.push((channel, cursor));
            }
        }
        socket.resumption = Some(resumption);
        for (channel, cursor) in channels {
            let following = self.following(channel, turn);
            following.join(id, cursor.saturating_sub(OVERLAP).max(0));
            following.is_dormant = false;
            following.settle(turn);
        }
        turn.traces.resuming.insert(id);
        if let Some(socket) = turn.sockets.get(&id) {
            let first = trace(id, socket, self.0, turn.now);
            Self::store(id, first, turn);
        }
        turn.effects.push(HubEffect::Discard(earlier.connection));
    }

    fn store(id: SocketId, stored: Trace, turn: &mut Turn<'_>) {
        if let Some(socket) = turn.sockets.get_mut(&id) {
            socket.note_kept(stored.channels.keys().copied().collect(), turn.now);
            turn.effects.push(HubEffect::Keep(stored));
        }
    }

    /// Answers `Resume`: when the socket has everything, or at once if the connection is unknown.
    pub(super) fn resume(
        &mut self,
        id: SocketId,
        connection: Option<ConnectionId>,
        turn: &mut Turn<'_>,
    ) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
        let owner = socket.owner;
        let claimed = socket.resumption.as_mut();
        if let Some(claimed) = claimed.filter(|one| Some(one.connection) == connection) {
            claimed.asked = true;
            turn.traces.resuming.insert(id);
            return;
        }
        let earlier = connection.and_then(|connection| turn.traces.take(connection, &owner));
        match earlier {
            Some(earlier) => self.claim(id, earlier, true, turn),
            None => turn.write(id, ServerFrame::InvalidSession),
        }
    }

    /// Writes `Resumed` to the sockets that have everything that an earlier connection missed.
    pub(super) fn end_resumptions(&self, turn: &mut Turn<'_>) {
        for id in turn.traces.resuming.clone() {
            let socket = turn.sockets.get_mut(&id);
            let Some((socket, mut resumption)) = socket.and_then(|socket| {
                let resumption = socket.resumption.take()?;
                Some((socket, resumption))
            }) else {
                turn.traces.resuming.remove(&id);
                continue;
            };
            resumption.pending.retain(|channel| {
                let following = self.0.get(channel);
                following.is_some_and(|following| {
                    let subscription = following.subscriptions.get(&id);
                    subscription.is_some_and(|one| match one.progress {
                        Progress::At(cursor) => cursor < following.head,
                        Progress::Asking(_) => true,
                    })
                })
            });
            let is_over = resumption.pending.is_empty();
            let (asked, replayed) = (resumption.asked, resumption.replayed);
            if !is_over || !asked {
                socket.resumption = Some(resumption);
            }
            if is_over {
                turn.traces.resuming.remove(&id);
                if asked {
                    turn.write(id, ServerFrame::Resumed { replayed });
                }
            }
        }
    }

    /// Stores what changed about the subscriptions of sockets.
    pub(super) fn keep_changed(&self, turn: &mut Turn<'_>) {
        for id in std::mem::take(&mut turn.changed) {
            if let Some(socket) = turn.sockets.get(&id) {
                let last = trace(id, socket, self.0, turn.now);
                Self::store(id, last, turn);
            }
        }
    }

    /// Adds a socket that survived a restart of the hub, with the cursors that it had.
    pub(super) fn restore(&mut self, id: SocketId, last: Trace, turn: &mut Turn<'_>) {
        let mut socket = Socket::new(last.owner, last.connection, turn.now);
        socket.channels = last.channels.keys().copied().collect();
        socket.note_kept(socket.channels.clone(), last.at);
        turn.wake_by(socket.silent_at());
        turn.wake_by(socket.owner.valid_until);
        turn.sockets.insert(id, socket);
        for (channel, cursor) in last.channels {
            let is_new = !self.0.contains_key(&channel);
            let following = self.following(channel, turn);
            following.is_dormant |= is_new;
            following.join(id, cursor);
            following.settle(turn);
        }
    }
}
