//! The namespaces of Durable Objects, and the ports that call them.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use futures_util::future::{Either, select};
use http::{Request, StatusCode, header};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::worker_sys::web_sys;
use worker::{Delay, Env, Headers, Method, ObjectNamespace, RequestInit, Stub};

use crate::kernel::store::StoreError;
use crate::platform::worker::exchange::RawResponse;
use crate::relay::domain::live::calls::{ChannelPush, HubRequest};
use crate::relay::domain::sockets::SocketEntry;
use crate::relay::domain::{Channels, HubOrder, Hubs};
use crate::relay::http::door::{DoorRefusal, SUBPROTOCOL, SocketDoor, offers_subprotocol};
use crate::relay::model::channel::{ChannelReply, ChannelRequest};
use crate::relay::model::slots::HubId;

/// How long an object may take for an attempt.
const PATIENCE: Duration = Duration::from_secs(4);
/// The number of attempts. An object moves between machines, and its first answer can be lost.
const ATTEMPTS: usize = 2;
/// The statuses of replies.
pub(super) const OK: u16 = 200;
pub(super) const UNAVAILABLE: u16 = 503;
pub(super) const BROKEN: u16 = 500;
/// The header with the entry of a socket.
pub(super) const ENTRY: &str = "x-socket-entry";

/// A namespace of objects.
pub(super) struct Objects(ObjectNamespace);

pub(super) fn unavailable(reason: impl Into<worker::Error>) -> StoreError {
    StoreError::Unavailable(reason.into().to_string())
}

impl Objects {
    /// Returns the namespace of a binding in `wrangler.toml`.
    ///
    /// # Errors
    /// A sentence that names the binding, if it is missing.
    pub(super) fn new(env: &Env, binding: &str) -> Result<Self, String> {
        env.durable_object(binding)
            .map(Self)
            .map_err(|_| format!("the Durable Object binding {binding} is missing"))
    }

    /// Returns a stub. Calls on one stub arrive in their order. It is broken after an error.
    pub(super) fn stub(&self, object: &str) -> Result<Stub, StoreError> {
        self.0.get_by_name(object).map_err(unavailable)
    }

    /// Asks an object, and again if it gives no answer. Every request may be repeated, because its
    /// effect is the same as that of one.
    async fn ask(&self, object: &str, path: &str, body: &str) -> Result<String, StoreError> {
        let mut answered = Err(unavailable("an object was not asked"));
        for _ in 0..ATTEMPTS {
            answered =
                SendFuture::new(async { ask_once(&self.stub(object)?, path, body).await }).await;
            if !matches!(answered, Err(StoreError::Unavailable(_))) {
                break;
            }
        }
        answered
    }
}

/// Asks an object once, within the time limit.
pub(super) async fn ask_once(stub: &Stub, path: &str, body: &str) -> Result<String, StoreError> {
    let asked = async {
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_body(Some(JsValue::from_str(body)));
        let address = format!("http://object{path}");
        let request = worker::Request::new_with_init(&address, &init)?;
        let mut response = stub.fetch_with_request(request).await?;
        Ok((response.status_code(), response.text().await?))
    };
    let answered: worker::Result<(u16, String)> =
        match select(pin!(asked), pin!(Delay::from(PATIENCE))).await {
            Either::Left((answered, _)) => answered,
            // The request may still take effect, as with every lost reply.
            Either::Right(_) => Err("an object gave no answer in time".into()),
        };
    match answered.map_err(unavailable)? {
        (OK, reply) => Ok(reply),
        (UNAVAILABLE, reason) => Err(unavailable(reason)),
        (_, reason) => Err(StoreError::Broken(reason)),
    }
}

/// Returns the text of a request or reply.
pub(super) fn text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Broken(error.to_string()))
}

/// The objects of channels.
pub(super) struct ChannelObjects(pub(super) Objects);

#[async_trait]
impl Channels for ChannelObjects {
    async fn call(
        &self,
        object: &str,
        request: ChannelRequest,
    ) -> Result<ChannelReply, StoreError> {
        let reply = self.0.ask(object, "/", &text(&request)?).await?;
        // A newer version of this program may answer in a form that this one does not know.
        serde_json::from_str(&reply).map_err(unavailable)
    }
}

/// Returns the name of a hub's object.
pub(super) fn hub_name(hub: HubId) -> String {
    format!("hub-{}", hub.0)
}

/// The objects of hubs.
pub(super) struct HubObjects(pub(super) Objects);

#[async_trait]
impl Hubs for HubObjects {
    async fn order(&self, hub: HubId, order: HubOrder) -> Result<(), StoreError> {
        self.0
            .ask(&hub_name(hub), "/order", &text(&order)?)
            .await
            .map(drop)
    }
}

#[async_trait]
impl SocketDoor for HubObjects {
    async fn open(
        &self,
        request: Request<Body>,
        entry: SocketEntry,
    ) -> Result<Response, DoorRefusal> {
        let offered = offers_subprotocol(request.headers());
        SendFuture::new(self.opened(offered, entry)).await
    }
}

impl HubObjects {
    async fn opened(&self, offered: bool, entry: SocketEntry) -> Result<Response, DoorRefusal> {
        let response = self.upgrade(offered, &entry).await.map_err(unavailable)?;
        match response.status_code() {
            101 => {
                let mut opened = Response::new(Body::empty());
                *opened.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                let raw: web_sys::Response = response.into();
                opened.extensions_mut().insert(RawResponse::new(raw));
                Ok(opened)
            }
            401 => Err(DoorRefusal::Ended),
            429 => Err(DoorRefusal::TooMany),
            _ => Err(unavailable("a hub opened no socket").into()),
        }
    }

    async fn upgrade(
        &self,
        offered: bool,
        entry: &SocketEntry,
    ) -> worker::Result<worker::Response> {
        let headers = Headers::new();
        headers.set(header::UPGRADE.as_str(), "websocket")?;
        headers.set(ENTRY, &serde_json::to_string(entry)?)?;
        if offered {
            headers.set(header::SEC_WEBSOCKET_PROTOCOL.as_str(), SUBPROTOCOL)?;
        }
        let mut init = RequestInit::new();
        init.with_headers(headers);
        let request = worker::Request::new_with_init("http://object/open", &init)?;
        let stub = self.0.0.get_by_name(&hub_name(entry.hub))?;
        stub.fetch_with_request(request).await
    }
}

/// A push of a channel to the object of a hub.
#[derive(Serialize, Deserialize)]
pub(super) struct PushCall {
    /// The channel.
    pub(super) channel: String,
    /// The push.
    pub(super) push: ChannelPush,
}

/// A request of a hub to the object of a channel.
#[derive(Serialize, Deserialize)]
pub(super) struct HubCall {
    /// The channel.
    pub(super) channel: String,
    /// The request.
    pub(super) request: HubRequest,
}

#[allow(clippy::cast_precision_loss, reason = "times stay below 2^53")]
pub(super) fn millis(time: i64) -> f64 {
    time as f64
}
