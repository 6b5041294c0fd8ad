//! What a hub's object does by time: ticks, signs of life, and sessions that have ended.

use crate::kernel::domain::Clock;
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::platform::worker::hub_core::HubCore;
use crate::platform::worker::objects::millis;
use crate::platform::worker::objects::unavailable;
use crate::platform::worker::ports::DateNow;
use crate::relay::domain::live::events::HubInput;
use crate::relay::domain::live::events::Revoked;
use crate::relay::domain::live::events::SocketId;
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::store::sockets;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;
use worker::Delay;

/// Ticks that are due within this time run by a timer, and later ones by the alarm.
const SOON: Duration = Duration::from_secs(15);
/// How often a connection is checked again because sessions of its account end at that moment.
const MOST_CHECKS: usize = 8;
/// How often the hub asks the database whether the sessions of its sockets are live.
const SESSION_CHECK: Duration = Duration::from_mins(1);

#[wasm_bindgen]
extern "C" {
    /// The state of an object, with what the worker crate does not bind.
    type RawState;
    #[wasm_bindgen(method, catch, js_name = getWebSocketAutoResponseTimestamp)]
    fn last_ping(this: &RawState, socket: &JsValue) -> Result<JsValue, JsValue>;
}

impl HubCore {
    /// Informs the hub of the pings that the runtime answered.
    pub(super) fn note_pings(self: &Rc<Self>) {
        let raw: JsValue = self.state.as_raw().into();
        let raw: RawState = raw.unchecked_into();
        let sockets: Vec<(SocketId, JsValue)> = match self.live.borrow().as_ref() {
            Some(live) => live
                .sockets
                .iter()
                .map(|(socket, ws)| (*socket, AsRef::<JsValue>::as_ref(ws.as_ref()).clone()))
                .collect(),
            None => Vec::new(),
        };
        for (socket, ws) in sockets {
            let at = raw.last_ping(&ws).ok();
            let at = at.and_then(|at| at.dyn_into::<js_sys::Date>().ok());
            if let Some(at) = at {
                #[allow(clippy::cast_possible_truncation, reason = "times stay below 2^53")]
                let at = Timestamp::from_millis(at.get_time() as i64);
                self.step(HubInput::Alive { socket, at });
            }
        }
    }

    /// Closes the sockets of sessions that ended without an order to the hub.
    pub(super) async fn check_sessions(self: &Rc<Self>) {
        let now = DateNow.now();
        let checked = self.checked_at.get();
        if checked.is_some_and(|at| at.plus(SESSION_CHECK) > now) {
            return;
        }
        let sessions = match self.live.borrow().as_ref() {
            Some(live) => live.hub.sessions(),
            None => return,
        };
        self.checked_at.set(Some(now));
        if let Err(error) = self.end_sessions(&sessions).await {
            tracing::warn!(%error, "sessions of sockets were not checked");
        }
    }

    /// Closes the sockets of those of the sessions that have ended in the database.
    pub(super) async fn end_sessions(
        self: &Rc<Self>,
        sessions: &[SessionId],
    ) -> Result<(), StoreError> {
        for session in self.ended(sessions).await? {
            self.step(HubInput::Kill(Revoked::Session(session)));
        }
        Ok(())
    }

    /// Returns those of the sessions that have ended in the database.
    pub(super) async fn ended(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>, StoreError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let isolate = super::isolate(&self.env);
        let isolate = isolate.ok_or_else(|| unavailable("the Worker cannot start"))?;
        sockets::ended_among(isolate.ports.kernel.db.as_ref(), sessions).await
    }

    /// Returns true once the session of a new socket is known to be live after every check of its
    /// account.
    pub(super) async fn is_live(&self, entry: &SocketEntry) -> Result<bool, StoreError> {
        let check = || match self.live.borrow_mut().as_mut() {
            Some(live) => live.checks.of(entry.owner.account, DateNow.now()),
            None => None,
        };
        let mut checked = None;
        for _ in 0..MOST_CHECKS {
            let latest = check();
            if latest == checked {
                return Ok(true);
            }
            checked = latest;
            if !self.ended(&[entry.owner.session]).await?.is_empty() {
                return Ok(false);
            }
        }
        Err(unavailable("sessions end all the time"))
    }

    pub(super) async fn armed(self: &Rc<Self>) {
        if let Err(error) = self.arm().await {
            tracing::warn!(%error, "the alarm of a hub was not set");
        }
    }

    /// Makes sure that the hub gets its next tick: by a timer if it is due soon, else by the alarm.
    pub(super) async fn arm(self: &Rc<Self>) -> Result<(), StoreError> {
        let wake = match self.live.borrow().as_ref() {
            Some(live) => live.wake,
            None => None,
        };
        let Some(wake) = wake else { return Ok(()) };
        let now = DateNow.now();
        if wake <= now.plus(SOON) {
            self.set_timer(wake, now);
            return Ok(());
        }
        let due = wake.millis();
        let storage = self.state.storage();
        if self.alarm.get().is_none() {
            self.alarm
                .set(storage.get_alarm().await.map_err(unavailable)?);
        }
        if self.alarm.get().is_some_and(|set| set <= due) {
            return Ok(());
        }
        self.alarm.set(Some(due));
        let at = js_sys::Date::new(&JsValue::from_f64(millis(due)));
        let set = worker::ScheduledTime::new(at);
        storage.set_alarm(set).await.map_err(unavailable)
    }

    pub(super) fn set_timer(self: &Rc<Self>, wake: Timestamp, now: Timestamp) {
        if self.timer.get().is_some_and(|at| at <= wake) {
            return;
        }
        self.timer.set(Some(wake));
        let wait = wake.millis().saturating_sub(now.millis());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or_default());
        let core = Rc::clone(self);
        spawn_local(async move {
            Delay::from(wait).await;
            // A later timer may have been replaced by an earlier one.
            if core.timer.get() == Some(wake) {
                core.timer.set(None);
                if let Some(live) = core.live.borrow_mut().as_mut() {
                    live.wake = None;
                }
                core.note_pings();
                core.step(HubInput::Tick);
                core.armed().await;
            }
        });
    }
}
