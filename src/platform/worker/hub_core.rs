//! The state of a hub's object, and the inputs that come from outside.

use crate::kernel::domain::{Clock, Entropy};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::objects::ENTRY;
use crate::platform::worker::objects::Objects;
use crate::platform::worker::objects::PushCall;
use crate::platform::worker::objects::UNAVAILABLE;
use crate::platform::worker::objects::text;
use crate::platform::worker::objects::unavailable;
use crate::platform::worker::ports::DateNow;
use crate::platform::worker::ports::WebCryptoEntropy;
use crate::relay::domain::HubOrder;
use crate::relay::domain::live::calls::PushAnswer;
use crate::relay::domain::live::checks::RecentChecks;
use crate::relay::domain::live::events::CloseReason;
use crate::relay::domain::live::events::HubInput;
use crate::relay::domain::live::events::SocketId;
use crate::relay::domain::live::events::Trace;
use crate::relay::domain::live::hub::Hub;
use crate::relay::domain::live::hub::HubSettings;
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::http::door::SUBPROTOCOL;
use crate::relay::http::received::Received;
use crate::relay::http::received::receive;
use crate::relay::model::ids::ChannelId;
use crate::relay::model::slots::HubId;
use crate::relay::store::hubs;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::rc::Rc;
use worker::Env;
use worker::Request;
use worker::Response;
use worker::ResponseBuilder;
use worker::State;
use worker::Stub;
use worker::WebSocket;
use worker::WebSocketIncomingMessage;
use worker::WebSocketPair;
use worker::worker_sys::WebSocketRequestResponsePair;

/// The state of a hub's object.
pub(super) struct HubCore {
    pub(super) state: State,
    pub(super) env: Env,
    pub(super) db: ObjectDatabase,
    pub(super) channels: Result<Objects, String>,
    pub(super) live: RefCell<Option<Live>>,
    /// When the alarm is set, in milliseconds, if this instance knows.
    pub(super) alarm: Cell<Option<i64>>,
    /// When the next timer ends.
    pub(super) timer: Cell<Option<Timestamp>>,
    /// When the sessions were checked last.
    pub(super) checked_at: Cell<Option<Timestamp>>,
    /// The sockets whose attachments are old, and whether a timer will write them.
    pub(super) moved: RefCell<BTreeSet<SocketId>>,
    pub(super) will_attach: Cell<bool>,
}

/// What an object has in memory while it is awake.
pub(super) struct Live {
    pub(super) hub: Hub,
    pub(super) sockets: HashMap<SocketId, WebSocket>,
    pub(super) checks: RecentChecks,
    /// A stub for each channel, so that its calls arrive in their order.
    pub(super) stubs: HashMap<ChannelId, Rc<Stub>>,
    pub(super) wake: Option<Timestamp>,
}

impl HubCore {
    /// Loads the state after a start or after hibernation. The database never waits, so no other
    /// event runs in between.
    pub(super) async fn start(self: &Rc<Self>) -> Result<(), StoreError> {
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
    pub(super) fn number(&self, ws: &WebSocket) -> Option<SocketId> {
        let tags = self.state.get_tags(ws);
        tags.first()?.parse().ok().map(SocketId)
    }

    /// Opens a socket, or says by the status why not.
    pub(super) async fn open(self: &Rc<Self>, request: &Request) -> worker::Result<Response> {
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

    pub(super) async fn closed(self: &Rc<Self>, ws: &WebSocket, clean: bool) -> worker::Result<()> {
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

    pub(super) async fn take_push(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
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

    pub(super) async fn take_order(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
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

    pub(super) fn take_message(
        self: &Rc<Self>,
        ws: &WebSocket,
        message: &WebSocketIncomingMessage,
    ) {
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
    pub(super) fn refuse(self: &Rc<Self>, socket: SocketId, ws: &WebSocket, reason: CloseReason) {
        let _ = ws.close(Some(reason.code()), Some(reason.text()));
        if let Some(live) = self.live.borrow_mut().as_mut() {
            live.sockets.remove(&socket);
        }
        self.step(HubInput::Closed {
            socket,
            clean: false,
        });
    }
}
