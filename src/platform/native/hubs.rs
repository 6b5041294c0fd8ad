//! The hubs natively: state machines behind locks, and a task for each socket.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::{Utf8Bytes, WebSocketUpgrade};
use axum::response::Response;
use http::Request;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::kernel::domain::Clock;
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::platform::native::channels::{Local, LocalChannels, PushTarget};
use crate::platform::native::patience::ConnectionHold;
use crate::platform::native::socket::{Connection, MOST_MESSAGE_BYTES, serve};
use crate::platform::native::socket_queue::{QueuedFrame, SocketQueue};
use crate::relay::domain::live::calls::{ChannelPush, PushAnswer};
use crate::relay::domain::live::checks::RecentChecks;
use crate::relay::domain::live::events::{CloseReason, HubEffect, HubInput, Revoked, SocketId};
use crate::relay::domain::live::hub::{Hub, HubSettings};
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::domain::{HubOrder, Hubs, Ports};
use crate::relay::http::frames::write::write;
use crate::relay::http::sockets::{DoorRefusal, SUBPROTOCOL, SocketDoor};
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;
use crate::relay::store::sockets;

/// How often a hub asks the database whether the sessions of its sockets are live.
const SESSION_CHECK: Duration = Duration::from_mins(1);
/// How often a connection is checked again because sessions of its account end at that moment.
const MOST_CHECKS: usize = 8;
/// How long sent messages may wait for their answers when the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The hubs of this process. Cloning is cheap.
#[derive(Clone)]
pub struct LocalHubs(Arc<AllHubs>);

pub(super) struct AllHubs {
    hubs: Vec<LocalHub>,
    channels: Arc<Local>,
    clock: Arc<dyn Clock>,
    most_sockets: usize,
    next_socket: AtomicU64,
    /// What reading a frame needs. Set before the first connection.
    ports: OnceLock<Ports>,
}

struct LocalHub {
    id: HubId,
    state: Mutex<HubState>,
    /// Wakes the task of the hub's ticks.
    sooner: Notify,
}

struct HubState {
    hub: Hub,
    sockets: HashMap<SocketId, Arc<SocketQueue>>,
    checks: RecentChecks,
    wake: Option<Timestamp>,
}

impl LocalHubs {
    /// Returns the hubs over the channels of this process.
    #[must_use]
    pub fn over(
        channels: &LocalChannels,
        clock: Arc<dyn Clock>,
        hubs: u32,
        most_sockets: usize,
    ) -> Self {
        let life = u64::try_from(clock.now().millis()).unwrap_or_default();
        let all = Arc::new_cyclic(|all: &Weak<AllHubs>| AllHubs {
            hubs: (0..hubs.max(1))
                .map(|id| LocalHub {
                    id: HubId(id),
                    state: Mutex::new(HubState {
                        hub: Hub::new(HubId(id), life, HubSettings::SERVICE),
                        sockets: HashMap::new(),
                        checks: RecentChecks::default(),
                        wake: None,
                    }),
                    sooner: Notify::new(),
                })
                .collect(),
            channels: channels.connect(all.clone()),
            clock,
            most_sockets,
            next_socket: AtomicU64::new(1),
            ports: OnceLock::new(),
        });
        Self(all)
    }

    /// Starts the tasks of the hubs. `ports` are what frames of clients need.
    pub fn start(&self, ports: Ports) {
        if self.0.ports.set(ports).is_err() {
            return;
        }
        for number in 0..self.0.hubs.len() {
            tokio::spawn(tick(Arc::downgrade(&self.0), number));
            tokio::spawn(check_sessions(Arc::downgrade(&self.0), number));
        }
    }

    /// Closes every socket, after the answers to messages that were sent before.
    pub async fn stop(&self) {
        let all = &self.0;
        let answered = async {
            while all.hubs.iter().any(|hub| hub.state().hub.owes_answers()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = timeout(LAST_ANSWERS, answered).await;
        for hub in &all.hubs {
            all.step(hub, HubInput::Stop);
        }
        let closed = async {
            while Arc::strong_count(all) > 1 && all.has_sockets() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = timeout(LAST_ANSWERS, closed).await;
    }
}

impl LocalHub {
    fn state(&self) -> MutexGuard<'_, HubState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AllHubs {
    fn hub(&self, id: HubId) -> Option<&LocalHub> {
        self.hubs.iter().find(|hub| hub.id == id)
    }

    fn has_sockets(&self) -> bool {
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

    fn step(self: &Arc<Self>, hub: &LocalHub, input: HubInput) -> Option<PushAnswer> {
        self.step_in(hub, &mut hub.state(), input)
    }

    fn step_in(
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

    /// Adds a socket, unless the account has as many as it may. If the account was checked since its
    /// session was known to be live, it returns the number of the check, and adds none.
    fn connect(
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
    async fn admitted(self: &Arc<Self>, entry: &SocketEntry) -> Result<Connection, DoorRefusal> {
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
    async fn end_sessions(
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

#[async_trait]
impl Hubs for LocalHubs {
    async fn order(&self, id: HubId, order: HubOrder) -> Result<(), StoreError> {
        let hub = self.0.hub(id);
        let hub = hub.ok_or_else(|| StoreError::Broken("a hub is missing".to_owned()))?;
        match order {
            HubOrder::Check(account) => {
                let sessions = {
                    let mut state = hub.state();
                    state.checks.note(account, self.0.clock.now());
                    state.hub.sessions_of(account)
                };
                self.0.end_sessions(hub, &sessions).await
            }
            HubOrder::Notify { accounts, notice } => {
                self.0.step(hub, HubInput::Notify { accounts, notice });
                Ok(())
            }
        }
    }
}

#[async_trait]
impl SocketDoor for LocalHubs {
    async fn open(
        &self,
        request: Request<Body>,
        entry: SocketEntry,
    ) -> Result<Response, DoorRefusal> {
        let (mut parts, _) = request.into_parts();
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
            .await
            .map_err(|_| DoorRefusal::NoHandshake)?;
        let connection = Arc::new(self.0.admitted(&entry).await?);
        let hold = parts.extensions.remove::<ConnectionHold>();
        let (all, failed) = (Arc::clone(&self.0), Arc::clone(&connection));
        let opened = upgrade
            .protocols([SUBPROTOCOL])
            .max_message_size(MOST_MESSAGE_BYTES)
            .max_frame_size(MOST_MESSAGE_BYTES)
            .on_failed_upgrade(move |error| {
                tracing::info!(%error, "a socket was not opened");
                all.closed(&failed, false);
            });
        let all = Arc::clone(&self.0);
        Ok(opened.on_upgrade(async move |socket| {
            if let Some(hold) = &hold {
                hold.upgraded().note();
            }
            serve(all, connection, socket).await;
            drop(hold);
        }))
    }
}

/// Gives a hub its ticks.
async fn tick(all: Weak<AllHubs>, number: usize) {
    loop {
        let Some(hubs) = all.upgrade() else { return };
        let Some(hub) = hubs.hubs.get(number) else {
            return;
        };
        let wake = hub.state().wake;
        let now = hubs.clock.now();
        if wake.is_some_and(|wake| wake <= now) {
            let mut state = hub.state();
            state.wake = None;
            hubs.step_in(hub, &mut state, HubInput::Tick);
            continue;
        }
        let wait = wake.map_or(SESSION_CHECK, |wake| {
            let left = wake.millis().saturating_sub(now.millis());
            Duration::from_millis(u64::try_from(left).unwrap_or(1)).min(SESSION_CHECK)
        });
        let _ = timeout(wait, hub.sooner.notified()).await;
    }
}

/// Closes the sockets of sessions that ended without an order to the hub, such as by a command on
/// the machine.
async fn check_sessions(all: Weak<AllHubs>, number: usize) {
    loop {
        sleep(SESSION_CHECK).await;
        let Some(hubs) = all.upgrade() else { return };
        let Some(hub) = hubs.hubs.get(number) else {
            return;
        };
        let sessions = hub.state().hub.sessions();
        if let Err(error) = hubs.end_sessions(hub, &sessions).await {
            tracing::warn!(%error, "sessions of sockets were not checked");
        }
    }
}
