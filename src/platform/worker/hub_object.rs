//! The Durable Object that holds the sockets of some accounts.
//!
//! Its sockets hibernate: the object may leave memory while they stay open. What it needs to go on
//! is in the attachment of each socket. A client's ping is answered without waking the object.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use worker::worker_sys::WebSocketRequestResponsePair;
use worker::{
    Delay, DurableObject, Env, Request, Response, ResponseBuilder, State, Stub, WebSocket,
    WebSocketIncomingMessage, WebSocketPair, durable_object,
};

use crate::kernel::domain::{Clock, Entropy};
use crate::kernel::model::ids::SessionId;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::platform::worker::channel_object::{HubCall, millis};
use crate::platform::worker::console;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::objects::{
    BROKEN, ENTRY, Objects, UNAVAILABLE, ask_once, text, unavailable,
};
use crate::platform::worker::ports::{DateNow, WebCryptoEntropy};
use crate::relay::domain::HubOrder;
use crate::relay::domain::live::calls::{ChannelAnswer, ChannelPush, HubRequest, PushAnswer};
use crate::relay::domain::live::checks::RecentChecks;
use crate::relay::domain::live::events::{
    CloseReason, HubEffect, HubInput, Revoked, SocketId, Trace,
};
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::domain::live::hub::{Hub, HubSettings};
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::http::frames::write::write;
use crate::relay::http::received::{Received, receive};
use crate::relay::http::sockets::SUBPROTOCOL;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;
use crate::relay::store::{hubs, sockets};

/// Ticks that are due within this time run by a timer, and later ones by the alarm.
const SOON: Duration = Duration::from_secs(15);
/// How often a connection is checked again because sessions of its account end at that moment.
const MOST_CHECKS: usize = 8;
/// How long the cursors of sockets may differ from their attachments.
const ATTACHMENT_DELAY: Duration = Duration::from_secs(1);
/// How often the hub asks the database whether the sessions of its sockets are live.
const SESSION_CHECK: Duration = Duration::from_mins(1);

#[wasm_bindgen]
extern "C" {
    /// A socket of which one text can be sent to many without a copy for each.
    type RawSocket;
    #[wasm_bindgen(method, catch)]
    fn send(this: &RawSocket, text: &JsValue) -> Result<(), JsValue>;

    /// The state of an object, with what the worker crate does not bind.
    type RawState;
    #[wasm_bindgen(method, catch, js_name = getWebSocketAutoResponseTimestamp)]
    fn last_ping(this: &RawState, socket: &JsValue) -> Result<JsValue, JsValue>;
}

/// A push of a channel to the object of a hub.
#[derive(Serialize, Deserialize)]
pub(super) struct PushCall {
    /// The channel.
    pub(super) channel: String,
    /// The push.
    pub(super) push: ChannelPush,
}

/// The object of a hub.
#[durable_object]
pub struct HubObject(Rc<Core>);

struct Core {
    state: State,
    env: Env,
    db: ObjectDatabase,
    channels: Result<Objects, String>,
    live: RefCell<Option<Live>>,
    /// When the alarm is set, in milliseconds, if this instance knows.
    alarm: Cell<Option<i64>>,
    /// When the next timer ends.
    timer: Cell<Option<Timestamp>>,
    /// When the sessions were checked last.
    checked_at: Cell<Option<Timestamp>>,
    /// The sockets whose attachments are old, and whether a timer will write them.
    moved: RefCell<BTreeSet<SocketId>>,
    will_attach: Cell<bool>,
}

/// What an object has in memory while it is awake.
struct Live {
    hub: Hub,
    sockets: HashMap<SocketId, WebSocket>,
    checks: RecentChecks,
    /// A stub for each channel, so that its calls arrive in their order.
    stubs: HashMap<ChannelId, Rc<Stub>>,
    wake: Option<Timestamp>,
}

impl DurableObject for HubObject {
    fn new(state: State, env: Env) -> Self {
        console::install();
        Self(Rc::new(Core {
            db: ObjectDatabase::new(&state),
            state,
            channels: Objects::new(&env, "CHANNELS"),
            env,
            live: RefCell::new(None),
            alarm: Cell::new(None),
            timer: Cell::new(None),
            checked_at: Cell::new(None),
            moved: RefCell::default(),
            will_attach: Cell::new(false),
        }))
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let core = &self.0;
        let answer = match request.path().as_str() {
            "/open" => return core.open(&request).await,
            "/push" => core.take_push(&request.text().await?).await,
            _ => core.take_order(&request.text().await?).await,
        };
        match answer {
            Ok(reply) => Response::ok(reply),
            Err(StoreError::Unavailable(reason)) => Response::error(reason, UNAVAILABLE),
            Err(error) => {
                tracing::error!(%error, "a hub failed");
                Response::error(error.to_string(), BROKEN)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let core = &self.0;
        core.alarm.set(None);
        let worked = async {
            core.start().await?;
            if let Some(live) = core.live.borrow_mut().as_mut() {
                live.wake = None;
            }
            core.note_pings();
            core.step(HubInput::Tick);
            core.check_sessions().await;
            core.arm().await
        };
        worked
            .await
            .map_err(|error| worker::Error::from(error.to_string()))?;
        Response::empty()
    }

    async fn websocket_message(
        &self,
        ws: WebSocket,
        message: WebSocketIncomingMessage,
    ) -> worker::Result<()> {
        let core = &self.0;
        let worked = async {
            core.start().await?;
            core.take_message(&ws, &message);
            core.arm().await
        };
        let worked: Result<(), StoreError> = worked.await;
        worked.map_err(|error| worker::Error::from(error.to_string()))
    }

    async fn websocket_close(
        &self,
        ws: WebSocket,
        code: usize,
        _reason: String,
        was_clean: bool,
    ) -> worker::Result<()> {
        // The runtime does not answer the handshake by itself. A socket may be closed already.
        let _ = ws.close(Some(1000), Some(""));
        // 1001: a browser leaves the page, and 1006: the connection broke.
        let clean = was_clean && code != 1001 && code != 1006;
        self.0.closed(&ws, clean).await
    }

    async fn websocket_error(&self, ws: WebSocket, _error: worker::Error) -> worker::Result<()> {
        self.0.closed(&ws, false).await
    }
}

impl Core {
    /// Loads the state after a start or after hibernation. The database never waits, so no other
    /// event runs in between.
    async fn start(self: &Rc<Self>) -> Result<(), StoreError> {
        if self.live.borrow().is_some() {
            return Ok(());
        }
        let now = DateNow.now();
        let life = hubs::start(&self.db, now).await?;
        let traces = hubs::traces(&self.db).await?;
        let ping = WebSocketRequestResponsePair::new(r#"{"type":"Ping"}"#, r#"{"type":"Pong"}"#);
        if let Ok(ping) = ping {
            self.state.set_websocket_auto_response(&ping);
        }
        let mut sockets = HashMap::new();
        let mut restored = Vec::new();
        for ws in self.state.get_websockets() {
            let Some(socket) = self.number(&ws) else {
                continue;
            };
            // A socket that is closed is listed until its handshake has ended.
            match ws.deserialize_attachment::<String>() {
                Ok(Some(text)) => {
                    if let Ok(trace) = serde_json::from_str::<Trace>(&text) {
                        restored.push((socket, trace));
                        sockets.insert(socket, ws);
                    }
                }
                _ => {
                    let _ = ws.close(Some(1001), Some("Connect again."));
                }
            }
        }
        let id = self.state.id().name().unwrap_or_default();
        let number = id
            .strip_prefix("hub-")
            .and_then(|number| number.parse().ok());
        let hub = Hub::new(
            HubId(number.unwrap_or_default()),
            life,
            HubSettings::SERVICE,
        );
        *self.live.borrow_mut() = Some(Live {
            hub,
            sockets,
            checks: RecentChecks::default(),
            stubs: HashMap::new(),
            wake: None,
        });
        let open: BTreeSet<_> = restored.iter().map(|(_, trace)| trace.connection).collect();
        for (socket, trace) in restored {
            self.step(HubInput::Restored { socket, trace });
        }
        for text in traces {
            let trace = serde_json::from_str::<Trace>(&text).ok();
            if let Some(trace) = trace.filter(|trace| !open.contains(&trace.connection)) {
                self.step(HubInput::Kept(trace));
            }
        }
        Ok(())
    }

    /// Returns the number of a socket, which is its tag.
    fn number(&self, ws: &WebSocket) -> Option<SocketId> {
        let tags = self.state.get_tags(ws);
        tags.first()?.parse().ok().map(SocketId)
    }

    /// Opens a socket, or says by the status why not.
    async fn open(self: &Rc<Self>, request: &Request) -> worker::Result<Response> {
        let headers = request.headers();
        let Some(entry) = headers.get(ENTRY)? else {
            return Response::error("no entry", 400);
        };
        let entry: SocketEntry = serde_json::from_str(&entry)?;
        let offered = headers.get("sec-websocket-protocol")?.is_some();
        self.start()
            .await
            .map_err(|error| worker::Error::from(error.to_string()))?;
        let most = super::isolate(&self.env).map(|isolate| isolate.ports.relay.config.most_sockets);
        match self.is_live(&entry).await {
            Ok(true) => {}
            Ok(false) => return Response::error("the session has ended", 401),
            Err(error) => return Response::error(error.to_string(), UNAVAILABLE),
        }
        {
            let live = self.live.borrow();
            let Some(live) = live.as_ref() else {
                return Response::error("the hub has no state", UNAVAILABLE);
            };
            if live.hub.sockets_of(entry.owner.account) >= most.unwrap_or_default() {
                return Response::error("too many sockets", 429);
            }
        }
        let mut random = [0; 8];
        if WebCryptoEntropy.fill(&mut random).is_err() {
            return Response::error("no random bytes", UNAVAILABLE);
        }
        // A number that JavaScript could hold.
        let socket = SocketId(u64::from_be_bytes(random) >> 11);
        let pair = WebSocketPair::new()?;
        let tag = socket.0.to_string();
        self.state.accept_websocket_with_tags(&pair.server, &[&tag]);
        if let Some(live) = self.live.borrow_mut().as_mut() {
            live.sockets.insert(socket, pair.server);
        }
        self.step(HubInput::Connected {
            socket,
            owner: entry.owner,
            connection: entry.connection,
            prekeys_left: entry.prekeys_left,
        });
        self.attach(socket);
        self.arm()
            .await
            .map_err(|error| worker::Error::from(error.to_string()))?;
        let mut response = ResponseBuilder::new().with_websocket(pair.client);
        if offered {
            response = response.with_header("sec-websocket-protocol", SUBPROTOCOL)?;
        }
        Ok(response.with_status(101).empty())
    }

    async fn closed(self: &Rc<Self>, ws: &WebSocket, clean: bool) -> worker::Result<()> {
        let worked = async {
            self.start().await?;
            if let Some(socket) = self.number(ws) {
                if let Some(live) = self.live.borrow_mut().as_mut() {
                    live.sockets.remove(&socket);
                }
                self.step(HubInput::Closed { socket, clean });
            }
            self.arm().await
        };
        let worked: Result<(), StoreError> = worked.await;
        worked.map_err(|error| worker::Error::from(error.to_string()))
    }

    async fn take_push(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
        // A newer version of this program may push in a form that this one does not know.
        let call: PushCall = serde_json::from_str(body).map_err(unavailable)?;
        let channel = ChannelId::parse(&call.channel);
        let channel = channel.ok_or_else(|| StoreError::Broken("no channel".to_owned()))?;
        self.start().await?;
        let push = call.push;
        let answer = self.step(HubInput::Push { channel, push });
        self.arm().await?;
        let answer: PushAnswer = answer.ok_or_else(|| unavailable("a hub has no answer"))?;
        text(&answer)
    }

    async fn take_order(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
        let order: HubOrder = serde_json::from_str(body).map_err(unavailable)?;
        self.start().await?;
        match order {
            HubOrder::Check(account) => {
                let sessions = match self.live.borrow_mut().as_mut() {
                    Some(live) => {
                        live.checks.note(account, DateNow.now());
                        live.hub.sessions_of(account)
                    }
                    None => Vec::new(),
                };
                self.end_sessions(&sessions).await?;
            }
            HubOrder::Notify { accounts, notice } => {
                self.step(HubInput::Notify { accounts, notice });
            }
        }
        self.arm().await?;
        Ok(String::new())
    }

    fn take_message(self: &Rc<Self>, ws: &WebSocket, message: &WebSocketIncomingMessage) {
        let Some(socket) = self.number(ws) else {
            return;
        };
        let account = match self.live.borrow().as_ref() {
            Some(live) => live
                .hub
                .trace(socket, DateNow.now())
                .map(|trace| trace.owner.account),
            None => None,
        };
        // A socket that the hub closed may still have frames on their way.
        let Some(account) = account else { return };
        let Some(isolate) = super::isolate(&self.env) else {
            return;
        };
        let text = match message {
            WebSocketIncomingMessage::String(text) => text,
            WebSocketIncomingMessage::Binary(_) => {
                return self.refuse(socket, ws, CloseReason::Binary);
            }
        };
        match receive(&isolate.ports.relay, socket, account, text) {
            Received::Input(input) => {
                self.step(input);
            }
            Received::Answer(text) => {
                let _ = ws.send_with_str(text);
            }
            Received::Nothing => {
                let at = DateNow.now();
                self.step(HubInput::Alive { socket, at });
            }
            Received::TooLarge => self.refuse(socket, ws, CloseReason::TooLarge),
        }
    }

    /// Closes a socket whose client does not keep to the protocol.
    fn refuse(self: &Rc<Self>, socket: SocketId, ws: &WebSocket, reason: CloseReason) {
        let _ = ws.close(Some(reason.code()), Some(reason.text()));
        if let Some(live) = self.live.borrow_mut().as_mut() {
            live.sockets.remove(&socket);
        }
        self.step(HubInput::Closed {
            socket,
            clean: false,
        });
    }

    /// Gives the hub an input and carries out what follows, without waiting.
    fn step(self: &Rc<Self>, input: HubInput) -> Option<PushAnswer> {
        let effects = match self.live.borrow_mut().as_mut() {
            Some(live) => live.hub.step(input, DateNow.now()),
            None => Vec::new(),
        };
        let mut answered = None;
        for effect in effects {
            match effect {
                HubEffect::Write { sockets, frame } => self.write(&sockets, &frame),
                HubEffect::Close { socket, reason } => {
                    let ws = match self.live.borrow_mut().as_mut() {
                        Some(live) => live.sockets.remove(&socket),
                        None => None,
                    };
                    if let Some(ws) = ws {
                        let _ = ws.close(Some(reason.code()), Some(reason.text()));
                    }
                }
                // What a socket was given is on its way already.
                HubEffect::TakeBack { .. } => {}
                HubEffect::Call {
                    channel,
                    call,
                    request,
                } => {
                    let core = Rc::clone(self);
                    spawn_local(async move {
                        let answer = core.ask_channel(channel, request).await;
                        core.step(HubInput::Reply {
                            channel,
                            call,
                            answer,
                        });
                        core.armed().await;
                    });
                }
                HubEffect::Answer(answer) => answered = Some(answer),
                HubEffect::Keep(trace) => {
                    let connection = trace.connection.to_string();
                    if let Ok(trace) = text(&trace) {
                        self.store(async |db| hubs::keep(db, &connection, &trace).await);
                    }
                }
                HubEffect::Discard(connection) => {
                    let connection = connection.to_string();
                    self.store(async |db| hubs::discard(db, &connection).await);
                }
                HubEffect::Wake(at) => {
                    if let Some(live) = self.live.borrow_mut().as_mut() {
                        live.wake = Some(live.wake.map_or(at, |wake| wake.min(at)));
                    }
                }
            }
        }
        answered
    }

    /// Writes to the hub's database, which never waits.
    fn store(&self, work: impl AsyncFnOnce(&ObjectDatabase) -> Result<(), StoreError>) {
        use futures_util::FutureExt;
        match work(&self.db).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!(%error, "a trace was not stored"),
            None => tracing::error!("the database of a hub waits"),
        }
    }

    fn write(self: &Rc<Self>, sockets: &[SocketId], frame: &ServerFrame) {
        let moves = frame.channel().is_some();
        let text = JsValue::from_str(&write(frame));
        let live = self.live.borrow();
        let Some(live) = live.as_ref() else { return };
        for socket in sockets {
            if let Some(ws) = live.sockets.get(socket) {
                let raw: &RawSocket = AsRef::<JsValue>::as_ref(ws.as_ref()).unchecked_ref();
                // A socket that is closed throws. Its handler tells the hub.
                let _ = raw.send(&text);
                if moves {
                    self.moved.borrow_mut().insert(*socket);
                }
            }
        }
        if moves && !self.will_attach.replace(true) {
            let core = Rc::clone(self);
            spawn_local(async move {
                Delay::from(ATTACHMENT_DELAY).await;
                core.will_attach.set(false);
                for socket in core.moved.take() {
                    core.attach(socket);
                }
            });
        }
    }

    /// Writes the cursors of a socket to its attachment, which survives hibernation.
    fn attach(&self, socket: SocketId) {
        let live = self.live.borrow();
        let Some(live) = live.as_ref() else { return };
        let (Some(trace), Some(ws)) = (
            live.hub.trace(socket, DateNow.now()),
            live.sockets.get(&socket),
        ) else {
            return;
        };
        // A socket with more channels than fit goes on from its stored trace.
        if let Ok(text) = text(&trace) {
            let _ = ws.serialize_attachment(text);
        }
    }

    async fn ask_channel(&self, channel: ChannelId, request: HubRequest) -> Option<ChannelAnswer> {
        let asked = async {
            let stub = self.stub(channel)?;
            let call = HubCall {
                channel: channel.to_string(),
                request,
            };
            let answer = ask_once(&stub, "/hub", &text(&call)?).await?;
            serde_json::from_str(&answer).map_err(unavailable)
        };
        let asked: Result<ChannelAnswer, StoreError> = asked.await;
        match asked {
            Ok(answer) => Some(answer),
            Err(error) => {
                if let Some(live) = self.live.borrow_mut().as_mut() {
                    live.stubs.remove(&channel);
                }
                tracing::info!(%error, "a channel did not answer a hub");
                None
            }
        }
    }

    fn stub(&self, channel: ChannelId) -> Result<Rc<Stub>, StoreError> {
        let mut live = self.live.borrow_mut();
        let live = live
            .as_mut()
            .ok_or_else(|| unavailable("the hub has no state"))?;
        if let Some(stub) = live.stubs.get(&channel) {
            return Ok(Rc::clone(stub));
        }
        let channels = self.channels.as_ref();
        let channels = channels.map_err(|problem| unavailable(problem.as_str()))?;
        let stub = Rc::new(channels.stub(&channel.object())?);
        live.stubs.insert(channel, Rc::clone(&stub));
        Ok(stub)
    }

    /// Tells the hub which clients sent a ping that the runtime answered.
    fn note_pings(self: &Rc<Self>) {
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
    async fn check_sessions(self: &Rc<Self>) {
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
    async fn end_sessions(self: &Rc<Self>, sessions: &[SessionId]) -> Result<(), StoreError> {
        for session in self.ended(sessions).await? {
            self.step(HubInput::Kill(Revoked::Session(session)));
        }
        Ok(())
    }

    /// Returns those of the sessions that have ended in the database.
    async fn ended(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>, StoreError> {
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let isolate = super::isolate(&self.env);
        let isolate = isolate.ok_or_else(|| unavailable("the Worker cannot start"))?;
        sockets::ended_among(isolate.ports.kernel.db.as_ref(), sessions).await
    }

    /// Returns true once the session of a new socket is known to be live after every check of its
    /// account.
    async fn is_live(&self, entry: &SocketEntry) -> Result<bool, StoreError> {
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

    async fn armed(self: &Rc<Self>) {
        if let Err(error) = self.arm().await {
            tracing::warn!(%error, "the alarm of a hub was not set");
        }
    }

    /// Makes sure that the hub gets its next tick: by a timer if it is due soon, else by the alarm.
    async fn arm(self: &Rc<Self>) -> Result<(), StoreError> {
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

    fn set_timer(self: &Rc<Self>, wake: Timestamp, now: Timestamp) {
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
