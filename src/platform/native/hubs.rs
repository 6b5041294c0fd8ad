//! The hubs natively: state machines behind locks, and a task for each socket.

use crate::kernel::domain::Clock;
use crate::kernel::store::StoreError;
use crate::platform::native::channels::LocalChannels;
use crate::platform::native::hub_states::{AllHubs, HubState, LocalHub};
use crate::platform::native::patience::ConnectionHold;
use crate::platform::native::socket::MOST_MESSAGE_BYTES;
use crate::platform::native::socket::serve;
use crate::relay::domain::HubOrder;
use crate::relay::domain::Hubs;
use crate::relay::domain::Ports;
use crate::relay::domain::live::checks::RecentChecks;
use crate::relay::domain::live::events::HubInput;
use crate::relay::domain::live::hub::Hub;
use crate::relay::domain::live::hub::HubSettings;
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::http::door::DoorRefusal;
use crate::relay::http::door::SUBPROTOCOL;
use crate::relay::http::door::SocketDoor;
use crate::relay::model::slots::HubId;
use async_trait::async_trait;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use http::Request;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::Weak;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio::time::timeout;

/// How often a hub asks the database whether the sessions of its sockets are live.
const SESSION_CHECK: Duration = Duration::from_mins(1);
/// How long sent messages may wait for their answers when the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// The hubs of this process. Cloning is cheap.
#[derive(Clone)]
pub struct LocalHubs(Arc<AllHubs>);

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
