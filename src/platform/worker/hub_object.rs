//! The Durable Object that holds the sockets of some accounts.
//!
//! Its sockets hibernate: the object may leave memory while they stay open. What it needs to go on
//! is in the attachment of each socket. A client's ping is answered without waking the object.

use crate::kernel::store::StoreError;
use crate::platform::worker::console;
use crate::platform::worker::hub_core::HubCore;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::objects::BROKEN;
use crate::platform::worker::objects::Objects;
use crate::platform::worker::objects::UNAVAILABLE;
use crate::relay::domain::live::events::HubInput;
use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use worker::DurableObject;
use worker::Env;
use worker::Request;
use worker::Response;
use worker::State;
use worker::WebSocket;
use worker::WebSocketIncomingMessage;
use worker::durable_object;

/// The object of a hub.
#[durable_object]
pub struct HubObject(Rc<HubCore>);

impl DurableObject for HubObject {
    fn new(state: State, env: Env) -> Self {
        console::install();
        Self(Rc::new(HubCore {
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
