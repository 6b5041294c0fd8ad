//! What a hub's object does after an input: it writes to sockets and calls channels.

use crate::kernel::domain::Clock;
use crate::kernel::store::StoreError;
use crate::platform::worker::hub_core::HubCore;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::objects::HubCall;
use crate::platform::worker::objects::ask_once;
use crate::platform::worker::objects::text;
use crate::platform::worker::objects::unavailable;
use crate::platform::worker::ports::DateNow;
use crate::relay::domain::live::calls::ChannelAnswer;
use crate::relay::domain::live::calls::HubRequest;
use crate::relay::domain::live::calls::PushAnswer;
use crate::relay::domain::live::events::HubEffect;
use crate::relay::domain::live::events::HubInput;
use crate::relay::domain::live::events::SocketId;
use crate::relay::domain::live::frames::ServerFrame;
use crate::relay::http::frames::write::write;
use crate::relay::model::ids::ChannelId;
use crate::relay::store::hubs;
use std::rc::Rc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;
use worker::Delay;
use worker::Stub;

/// How long the cursors of sockets may differ from their attachments.
const ATTACHMENT_DELAY: Duration = Duration::from_secs(1);

#[wasm_bindgen]
extern "C" {
    /// A socket of which one text can be sent to many without a copy for each.
    type RawSocket;
    #[wasm_bindgen(method, catch)]
    fn send(this: &RawSocket, text: &JsValue) -> Result<(), JsValue>;

}

impl HubCore {
    /// Gives the hub an input and carries out what follows, without waiting.
    pub(super) fn step(self: &Rc<Self>, input: HubInput) -> Option<PushAnswer> {
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
    pub(super) fn store(&self, work: impl AsyncFnOnce(&ObjectDatabase) -> Result<(), StoreError>) {
        use futures_util::FutureExt;
        match work(&self.db).now_or_never() {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::error!(%error, "a trace was not stored"),
            None => tracing::error!("the database of a hub waits"),
        }
    }

    pub(super) fn write(self: &Rc<Self>, sockets: &[SocketId], frame: &ServerFrame) {
        let moves = frame.channel().is_some();
        let text = JsValue::from_str(&write(frame));
        let live = self.live.borrow();
        let Some(live) = live.as_ref() else { return };
        for socket in sockets {
            if let Some(ws) = live.sockets.get(socket) {
                let raw: &RawSocket = AsRef::<JsValue>::as_ref(ws.as_ref()).unchecked_ref();
                // A socket that is closed throws. Its handler informs the hub.
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
    pub(super) fn attach(&self, socket: SocketId) {
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

    pub(super) async fn ask_channel(
        &self,
        channel: ChannelId,
        request: HubRequest,
    ) -> Option<ChannelAnswer> {
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

    pub(super) fn stub(&self, channel: ChannelId) -> Result<Rc<Stub>, StoreError> {
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
}
