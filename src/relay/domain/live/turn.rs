//! One step of a hub: the sockets that it may change, and the effects that it collects.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::calls::HubRequest;
use crate::relay::domain::live::events::{CallId, HubEffect, SocketId, Trace};
use crate::relay::domain::live::frames::{FrameError, ServerFrame};
use crate::relay::domain::live::socket::{Socket, Ticket};
use crate::relay::domain::live::traces::{Traces, trace_end};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;

/// The state of a step.
pub(super) struct Turn<'a> {
    pub(super) hub: HubId,
    pub(super) life: u64,
    pub(super) now: Timestamp,
    pub(super) sockets: &'a mut BTreeMap<SocketId, Socket>,
    pub(super) traces: &'a mut Traces,
    pub(super) next_call: &'a mut u64,
    pub(super) wake: &'a mut Option<Timestamp>,
    pub(super) effects: Vec<HubEffect>,
    /// The sockets that got an answer to a sent message. Entries may have waited for it.
    pub(super) released: BTreeSet<SocketId>,
    /// The sockets whose trace has to be stored.
    pub(super) changed: BTreeSet<SocketId>,
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

    /// Keeps the trace of a connection without a socket, and stores it if it is not stored.
    pub(super) fn keep(&mut self, trace: Trace, stores: bool) {
        let end = trace_end(&trace);
        let mut sockets = self.sockets.values();
        if sockets.any(|socket| socket.connection == trace.connection) {
            return;
        }
        if end <= self.now {
            self.effects.push(HubEffect::Discard(trace.connection));
            return;
        }
        if stores {
            self.effects.push(HubEffect::Keep(trace.clone()));
        }
        let dropped = self.traces.add(trace);
        let dropped = dropped.into_iter().map(HubEffect::Discard);
        self.effects.extend(dropped);
        self.wake_by(end);
    }

    /// Notes that a subscription of a socket begins or ends, if the stored trace does not say so.
    pub(super) fn note_subscription(&mut self, socket: SocketId, channel: ChannelId, is: bool) {
        let found = self.sockets.get(&socket);
        if found.is_some_and(|one| one.keeps(channel) != is) {
            self.changed.insert(socket);
        }
    }

    /// Asks for a tick at a time, unless there is one earlier.
    pub(super) fn wake_by(&mut self, at: Timestamp) {
        if self.wake.is_none_or(|wake| at < wake) {
            *self.wake = Some(at);
            self.effects.push(HubEffect::Wake(at));
        }
    }
}
