//! The channels of a hub, and how it takes frames and pushes.

use std::collections::BTreeMap;

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::{AppendItem, ChannelPush, PushAnswer};
use crate::relay::domain::live::events::{CloseReason, SocketId, Trace};
use crate::relay::domain::live::following::{Following, Outgoing, Progress};
use crate::relay::domain::live::frames::{ClientFrame, FrameError, SendFrame, ServerFrame};
use crate::relay::domain::live::limits::Buckets;
use crate::relay::domain::live::socket::{MOST_CHANNELS, Socket};
use crate::relay::domain::live::turn::Turn;
use crate::relay::model::ids::ChannelId;

/// The sent messages of a socket that may wait for their answers.
const MOST_AWAITED: usize = 256;

/// Returns what the hub wrote to a socket.
pub(super) fn trace(
    id: SocketId,
    socket: &Socket,
    channels: &BTreeMap<ChannelId, Following>,
    now: Timestamp,
) -> Trace {
    let cursors = socket.channels.iter().filter_map(|channel| {
        let subscription = channels.get(channel)?.subscriptions.get(&id)?;
        match subscription.progress {
            Progress::At(cursor) | Progress::Asking(Some(cursor)) => Some((*channel, cursor)),
            Progress::Asking(None) => None,
        }
    });
    Trace {
        connection: socket.connection,
        owner: socket.owner,
        channels: cursors.collect(),
        at: now,
    }
}

/// The channels of a hub.
pub(super) struct Table<'a>(pub(super) &'a mut BTreeMap<ChannelId, Following>);

impl Table<'_> {
    pub(super) fn following(&mut self, channel: ChannelId, turn: &Turn<'_>) -> &mut Following {
        self.0
            .entry(channel)
            .or_insert_with(|| Following::new(channel, turn.now))
    }

    /// Takes a frame, unless the account has sent too many.
    pub(super) fn take_frame(
        &mut self,
        id: SocketId,
        frame: ClientFrame,
        buckets: &mut Buckets,
        turn: &mut Turn<'_>,
    ) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
        if socket.owner.valid_until <= turn.now {
            self.close(id, CloseReason::Ended, turn);
            return;
        }
        socket.seen_at = socket.seen_at.max(turn.now);
        let is_free = matches!(frame, ClientFrame::Ping | ClientFrame::Ack { .. });
        if is_free || buckets.take(socket.owner.account, turn.now) {
            self.carry_out(id, frame, turn);
        } else if let ClientFrame::Send(frame) = frame {
            let ticket = socket.expect(&frame.message.id);
            let error = ServerFrame::Error {
                code: FrameError::TooManyFrames,
                reference: frame.label.reference,
            };
            turn.answer(id, ticket, error);
        } else {
            turn.fail(id, FrameError::TooManyFrames);
        }
    }

    fn carry_out(&mut self, id: SocketId, frame: ClientFrame, turn: &mut Turn<'_>) {
        let Some(socket) = turn.sockets.get_mut(&id) else {
            return;
        };
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
            ClientFrame::Typing { channel } => {
                if let Some(following) = self.0.get_mut(&channel) {
                    following.take_typing(id, turn);
                }
            }
            ClientFrame::Resume { connection } => self.resume(id, connection, turn),
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

    pub(super) fn take_push(
        &mut self,
        channel: ChannelId,
        push: ChannelPush,
        turn: &mut Turn<'_>,
    ) -> PushAnswer {
        self.following(channel, turn).take_push(push, turn)
    }

    /// Goes on with the channels of sockets for which entries may have waited.
    pub(super) fn release(&mut self, turn: &mut Turn<'_>) {
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
