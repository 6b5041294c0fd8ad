//! The traces of connections without a socket. A later connection of the session goes on from one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::relay::domain::live::events::{SocketId, SocketOwner, Trace};
use crate::relay::model::ids::ConnectionId;

/// How long a trace is kept.
const TRACE_LIFE: Duration = Duration::from_mins(5);
/// The traces of a session.
const MOST_OF_A_SESSION: usize = 5;
/// The traces of a hub.
const MOST_TRACES: usize = 10_000;

/// The traces of a hub.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Traces {
    kept: BTreeMap<ConnectionId, Trace>,
    /// The sockets that have not got everything that an earlier connection missed.
    pub(super) resuming: BTreeSet<SocketId>,
}

fn is_of(trace: &Trace, owner: &SocketOwner) -> bool {
    trace.owner.session == owner.session && trace.owner.account == owner.account
}

impl Traces {
    pub(super) const fn new() -> Self {
        Self {
            kept: BTreeMap::new(),
            resuming: BTreeSet::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds a trace. Returns those that it displaces.
    pub(super) fn add(&mut self, trace: Trace) -> Vec<ConnectionId> {
        let session = trace.owner.session;
        self.kept.insert(trace.connection, trace);
        let mut dropped = Vec::new();
        let of_session = |one: &Trace| one.owner.session == session;
        if self.kept.values().filter(|one| of_session(one)).count() > MOST_OF_A_SESSION {
            dropped.extend(self.oldest(Some(session)));
        } else if self.kept.len() > MOST_TRACES {
            dropped.extend(self.oldest(None));
        }
        for connection in &dropped {
            self.kept.remove(connection);
        }
        dropped
    }

    fn oldest(&self, session: Option<SessionId>) -> Option<ConnectionId> {
        let traces = self.kept.values();
        let traces = traces.filter(|one| session.is_none_or(|is| one.owner.session == is));
        Some(traces.min_by_key(|trace| trace.at)?.connection)
    }

    /// Takes the newest trace of the owner's session.
    pub(super) fn take_newest(&mut self, owner: &SocketOwner) -> Option<Trace> {
        let traces = self.kept.values().filter(|trace| is_of(trace, owner));
        let connection = traces.max_by_key(|trace| trace.at)?.connection;
        self.kept.remove(&connection)
    }

    /// Takes the trace of a connection of the owner's session.
    pub(super) fn take(&mut self, connection: ConnectionId, owner: &SocketOwner) -> Option<Trace> {
        let found = self.kept.get(&connection)?;
        is_of(found, owner)
            .then(|| self.kept.remove(&connection))
            .flatten()
    }

    /// Removes traces. Returns their connections.
    pub(super) fn remove(&mut self, is_over: impl Fn(&Trace) -> bool) -> Vec<ConnectionId> {
        let removed = self.kept.extract_if(.., |_, trace| is_over(trace));
        removed.map(|(connection, _)| connection).collect()
    }

    /// Removes the traces that are too old. Returns their connections.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<ConnectionId> {
        self.remove(|trace| trace_end(trace) <= now)
    }

    /// Returns the time at which a trace becomes too old.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.kept.values().map(trace_end).min()
    }
}

/// Returns the time at which a trace is too old.
pub(super) fn trace_end(trace: &Trace) -> Timestamp {
    trace.at.plus(TRACE_LIFE)
}
