//! The state of the hubs of this process: a machine and the queues of its sockets behind a lock.

use crate::kernel::domain::Clock;
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::ids::UserId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::platform::native::channels::Local;
use crate::platform::native::channels::PushTarget;
use crate::platform::native::socket_queue::QueuedFrame;
use crate::platform::native::socket_queue::SocketQueue;
use crate::relay::domain::Ports;
use crate::relay::domain::live::calls::ChannelPush;
use crate::relay::domain::live::calls::PushAnswer;
use crate::relay::domain::live::checks::RecentChecks;
use crate::relay::domain::live::events::CloseReason;
use crate::relay::domain::live::events::HubEffect;
use crate::relay::domain::live::events::HubInput;
use crate::relay::domain::live::events::Revoked;
use crate::relay::domain::live::events::SocketId;
use crate::relay::domain::live::hub::Hub;
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::http::door::DoorRefusal;
use crate::relay::http::frames::write::write;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;
use crate::relay::store::sockets;
use axum::extract::ws::Utf8Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// How often a connection is checked again because sessions of its account end at that moment.
const MOST_CHECKS: usize = 8;

/// A socket of a hub.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) hub: HubId,
    pub(super) socket: SocketId,
    pub(super) account: UserId,
    pub(super) queue: Arc<SocketQueue>,
}

pub(super) struct AllHubs {
    pub(super) hubs: Vec<LocalHub>,
    pub(super) channels: Arc<Local>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) most_sockets: usize,
    pub(super) next_socket: AtomicU64,
    /// What reading a frame needs. Set before the first connection.
    pub(super) ports: OnceLock<Ports>,
}

pub(super) struct LocalHub {
    pub(super) id: HubId,
    pub(super) state: Mutex<HubState>,
    /// Wakes the task of the hub's ticks.
    pub(super) sooner: Notify,
}

pub(super) struct HubState {
    pub(super) hub: Hub,
    pub(super) sockets: HashMap<SocketId, Arc<SocketQueue>>,
    pub(super) checks: RecentChecks,
    pub(super) wake: Option<Timestamp>,
}

impl LocalHub {
    pub(super) fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AllHubs {
    pub(super) fn hub(&self, id: HubId) -> Option<&LocalHub> {
        self.hubs.iter().find(|hub| hub.id == id)
    }

    pub(super) fn has_sockets(&self) -> bool {
        self.hubs.iter().any(|hub| !hub.state().sockets.is_empty())
    }

    pub(super) fn ports(&self) -> Option<&Ports> {
        self.ports.get()
    }

    /// Gives a hub an input.
    pub(super) fn give(self: &Arc<Self>, id: HubId, input: HubInput) {
        if let Some(hub) = self.hub(id) {
            self.step(hub, input);
        }
    }

    pub(super) fn step(self: &Arc<Self>, hub: &LocalHub, input: HubInput) -> Option<PushAnswer> {
        self.step_in(hub, &mut hub.state(), input)
    }

    pub(super) fn step_in(
        self: &Arc<Self>,
        hub: &LocalHub,
        state: &mut HubState,
        input: HubInput,
    ) -> Option<PushAnswer> {
        let now = self.clock.now();
        let effects = state.hub.step(input, now);
        let mut answered = None;
        for effect in effects {
            match effect {
                HubEffect::Write { sockets, frame } => {
                    let channel = frame.channel();
                    let text = Utf8Bytes::from(write(&frame));
                    for socket in sockets {
                        if let Some(queue) = state.sockets.get(&socket) {
                            let text = text.clone();
                            queue.push(QueuedFrame { channel, text });
                        }
                    }
                }
                HubEffect::Close { socket, reason } => {
                    if let Some(queue) = state.sockets.remove(&socket) {
                        match reason {
                            CloseReason::Ended => queue.kill(reason),
                            _ => queue.close(reason),
                        }
                    }
                }
                HubEffect::TakeBack { socket, channel } => {
                    if let Some(queue) = state.sockets.get(&socket) {
                        queue.take_back(channel);
                    }
                }
                HubEffect::Call {
                    channel,
                    call,
                    request,
                } => {
                    let (all, id) = (Arc::clone(self), hub.id);
                    tokio::spawn(async move {
                        let reply = |answer| {
                            let input = HubInput::Reply {
                                channel,
                                call,
                                answer,
                            };
                            all.give(id, input);
                        };
                        all.channels.handle_hub(channel, &request, reply).await;
                    });
                }
                HubEffect::Answer(answer) => answered = Some(answer),
                // A process keeps its traces in the machine, and a new process has no sockets.
                HubEffect::Keep(_) | HubEffect::Discard(_) => {}
                HubEffect::Wake(at) => {
                    state.wake = Some(state.wake.map_or(at, |wake| wake.min(at)));
                    hub.sooner.notify_one();
                }
            }
        }
        answered
    }

    /// Adds a socket, unless the account has as many as it may. If the account was checked since
    /// its session was known to be live, it returns the number of the check, and adds none.
    pub(super) fn connect(
        self: &Arc<Self>,
        entry: &SocketEntry,
        checked: Option<u64>,
    ) -> Result<Result<Connection, Option<u64>>, DoorRefusal> {
        let hub = self.hub(entry.hub);
        let hub = hub.ok_or_else(|| StoreError::Broken("a hub is missing".to_owned()))?;
        let mut state = hub.state();
        let check = state.checks.of(entry.owner.account, self.clock.now());
        if check != checked {
            return Ok(Err(check));
        }
        if state.hub.sockets_of(entry.owner.account) >= self.most_sockets {
            return Err(DoorRefusal::TooMany);
        }
        let socket = SocketId(self.next_socket.fetch_add(1, Ordering::Relaxed));
        let queue = Arc::new(SocketQueue::default());
        state.sockets.insert(socket, Arc::clone(&queue));
        let connected = HubInput::Connected {
            socket,
            owner: entry.owner,
            connection: entry.connection,
            prekeys_left: entry.prekeys_left,
        };
        self.step_in(hub, &mut state, connected);
        Ok(Ok(Connection {
            hub: hub.id,
            socket,
            account: entry.owner.account,
            queue,
        }))
    }

    /// Adds a socket whose session is live.
    pub(super) async fn admitted(
        self: &Arc<Self>,
        entry: &SocketEntry,
    ) -> Result<Connection, DoorRefusal> {
        let mut checked = None;
        for _ in 0..MOST_CHECKS {
            match self.connect(entry, checked)? {
                Ok(connection) => return Ok(connection),
                Err(check) => checked = check,
            }
            let Some(ports) = self.ports() else { break };
            let session = [entry.owner.session];
            if !sockets::ended_among(ports.db.as_ref(), &session)
                .await?
                .is_empty()
            {
                return Err(DoorRefusal::Ended);
            }
        }
        Err(StoreError::Unavailable("sessions end all the time".to_owned()).into())
    }

    /// Closes the sockets of those of the sessions that have ended in the database.
    pub(super) async fn end_sessions(
        self: &Arc<Self>,
        hub: &LocalHub,
        sessions: &[SessionId],
    ) -> Result<(), StoreError> {
        let Some(ports) = self.ports().filter(|_| !sessions.is_empty()) else {
            return Ok(());
        };
        for session in sockets::ended_among(ports.db.as_ref(), sessions).await? {
            self.step(hub, HubInput::Kill(Revoked::Session(session)));
        }
        Ok(())
    }

    /// Notes that a socket is closed.
    pub(super) fn closed(self: &Arc<Self>, connection: &Connection, clean: bool) {
        let Some(hub) = self.hub(connection.hub) else {
            return;
        };
        let mut state = hub.state();
        state.sockets.remove(&connection.socket);
        let socket = connection.socket;
        self.step_in(hub, &mut state, HubInput::Closed { socket, clean });
    }
}

impl PushTarget for AllHubs {
    fn push(self: Arc<Self>, id: HubId, channel: ChannelId, push: ChannelPush) -> PushAnswer {
        let touch = push.touch;
        let answer = self
            .hub(id)
            .and_then(|hub| self.step(hub, HubInput::Push { channel, push }));
        answer.unwrap_or(PushAnswer {
            touch,
            readers: 0,
            head: 0,
            evicted_upto: u64::MAX,
        })
    }

    fn count(&self) -> u32 {
        u32::try_from(self.hubs.len()).unwrap_or(1)
    }
}
