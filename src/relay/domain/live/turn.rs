//! One step of a hub: the sockets that it may change, and the effects that it collects.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::HubRequest;
use crate::relay::domain::live::events::{CallId, HubEffect, SocketId};
use crate::relay::domain::live::frames::{FrameError, ServerFrame};
use crate::relay::domain::live::socket::{Socket, Ticket};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;

/// The state of a step.
pub(super) struct Turn<'a> {
    pub(super) hub: HubId,
    pub(super) life: u64,
    pub(super) now: Timestamp,
    pub(super) sockets: &'a mut BTreeMap<SocketId, Socket>,
    pub(super) next_call: &'a mut u64,
    pub(super) wake: &'a mut Option<Timestamp>,
    pub(super) effects: Vec<HubEffect>,
    /// The sockets that got an answer to a sent message. Entries may have waited for it.
    pub(super) released: BTreeSet<SocketId>,
}

impl Turn<'_> {
    /// Writes a frame to one socket.
    pub(super) fn write(&mut self, socket: SocketId, frame: ServerFrame) {
        self.write_all(vec![socket], frame);
    }

    /// Writes a frame to sockets.
    pub(super) fn write_all(&mut self, sockets: Vec<SocketId>, frame: ServerFrame) {
        if !sockets.is_empty() {
            self.effects.push(HubEffect::Write { sockets, frame });
        }
    }

    /// Writes an error that answers no sent message.
    pub(super) fn fail(&mut self, socket: SocketId, code: FrameError) {
        let reference = None;
        self.write(socket, ServerFrame::Error { code, reference });
    }

    /// Answers a sent message. The answer is written after those of earlier messages.
    pub(super) fn answer(&mut self, socket: SocketId, ticket: Ticket, answer: ServerFrame) {
        let Some(found) = self.sockets.get_mut(&socket) else {
            return;
        };
        let ready = found.resolve(ticket, answer);
        if !ready.is_empty() {
            self.released.insert(socket);
        }
        for frame in ready {
            self.write(socket, frame);
        }
    }

    /// Calls a channel.
    pub(super) fn call(&mut self, channel: ChannelId, request: HubRequest) -> CallId {
        let call = CallId(*self.next_call);
        *self.next_call = self.next_call.saturating_add(1);
        self.effects.push(HubEffect::Call {
            channel,
            call,
            request,
        });
        call
    }

    /// Asks for a tick at a time, unless there is one earlier.
    pub(super) fn wake_by(&mut self, at: Timestamp) {
        if self.wake.is_none_or(|wake| at < wake) {
            *self.wake = Some(at);
            self.effects.push(HubEffect::Wake(at));
        }
    }
}
