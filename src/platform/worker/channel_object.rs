//! The Durable Object that holds a channel.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use worker::{Delay, DurableObject, Env, Request, Response, State, Stub, durable_object};

use crate::kernel::domain::Clock;
use crate::kernel::store::StoreError;
use crate::platform::worker::console;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::objects::{
    BROKEN, HubCall, Objects, PushCall, UNAVAILABLE, ask_once, hub_name, millis, text, unavailable,
};
use crate::platform::worker::ports::{DateNow, WebCryptoEntropy};
use crate::relay::domain::channel_host::{ChannelHost, Fanouts, HubCalls};
use crate::relay::domain::channel_writer;
use crate::relay::domain::live::calls::{ChannelPush, PushAnswer};
use crate::relay::domain::live::fanout::FanoutEffect;
use crate::relay::model::channel::ChannelRequest;
use crate::relay::model::slots::HubId;

/// How long hubs may take to evict a removed member.
const EVICTION_TIME: Duration = Duration::from_secs(3);
/// The milliseconds of a minute, to which alarms for expiry are rounded up: one alarm for many
/// messages.
const MINUTE: i64 = 60_000;

/// The object of a channel: its only writer, with a database of its own.
#[durable_object(alarm)]
pub struct ChannelObject(Rc<ChannelCore>);

struct ChannelCore {
    state: State,
    db: ObjectDatabase,
    /// The namespace of the hubs. A missing binding fails the calls that need it.
    hubs: Result<Objects, String>,
    /// The number of hubs.
    count: u32,
    fanouts: Fanouts,
    /// A stub for each hub, so that its pushes arrive in their order.
    stubs: RefCell<HashMap<HubId, Rc<Stub>>>,
    /// Who waits for the end of an eviction.
    evictions: RefCell<HashMap<(String, u64), oneshot::Sender<()>>>,
    /// True once the schema is that of this version.
    migrated: Cell<bool>,
    /// When the alarm is set, in milliseconds, if this instance knows.
    alarm: Cell<Option<i64>>,
}

impl DurableObject for ChannelObject {
    fn new(state: State, env: Env) -> Self {
        console::install();
        let count = super::isolate(&env).map_or(1, |isolate| isolate.ports.relay.config.hubs);
        Self(Rc::new(ChannelCore {
            db: ObjectDatabase::new(&state),
            state,
            hubs: Objects::new(&env, "HUBS"),
            count,
            fanouts: Fanouts::default(),
            stubs: RefCell::default(),
            evictions: RefCell::default(),
            migrated: Cell::new(false),
            alarm: Cell::new(None),
        }))
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let is_hub = request.path() == "/hub";
        let body = request.text().await?;
        let answer = if is_hub {
            ChannelCore::answer_hub(&self.0, &body).await
        } else {
            ChannelCore::answer(&self.0, &body).await
        };
        match answer {
            Ok(reply) => Response::ok(reply),
            Err(StoreError::Unavailable(reason)) => Response::error(reason, UNAVAILABLE),
            Err(error) => {
                tracing::error!(%error, "a channel failed");
                Response::error(error.to_string(), BROKEN)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let core = &self.0;
        core.alarm.set(None);
        let worked = async {
            core.migrate().await?;
            let now = DateNow.now();
            channel_writer::remove_due(&core.db, now).await?;
            for calls in core.host().alarm(now).await? {
                ChannelCore::carry_out(core, calls);
            }
            // What is left is removed at once. Other requests run between two slices.
            core.arm(1).await
        };
        // The runtime repeats an alarm that fails.
        worked
            .await
            .map_err(|error| worker::Error::from(error.to_string()))?;
        Response::empty()
    }
}

impl ChannelCore {
    async fn migrate(&self) -> Result<(), StoreError> {
        if !self.migrated.get() {
            channel_writer::migrate(&self.db).await?;
            self.migrated.set(true);
        }
        Ok(())
    }

    fn host(&self) -> ChannelHost<'_> {
        ChannelHost {
            writer: channel_writer::ChannelWriter {
                db: &self.db,
                entropy: &WebCryptoEntropy,
            },
            fanouts: &self.fanouts,
            hubs: self.count,
            stores: true,
        }
    }

    /// Answers a request. The database never waits, so no other request runs until the reply is
    /// decided and stored.
    async fn answer(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
        // A newer version of this program may ask in a form that this one does not know.
        let request: ChannelRequest = serde_json::from_str(body).map_err(unavailable)?;
        self.migrate().await?;
        let changes = request.operation.changes_entries();
        let (reply, calls) = self.host().handle(request, DateNow.now()).await?;
        let evicted = calls.eviction.map(|number| {
            let (done, evicted) = oneshot::channel();
            let key = (calls.channel.clone(), number);
            self.evictions.borrow_mut().insert(key, done);
            evicted
        });
        Self::carry_out(self, calls);
        if changes || evicted.is_some() {
            self.arm(MINUTE).await?;
        }
        if let Some(evicted) = evicted {
            match select(pin!(evicted), pin!(Delay::from(EVICTION_TIME))).await {
                Either::Left((Ok(()), _)) => {}
                _ => return Err(unavailable("a hub keeps a removed member")),
            }
        }
        text(&reply)
    }

    async fn answer_hub(self: &Rc<Self>, body: &str) -> Result<String, StoreError> {
        let call: HubCall = serde_json::from_str(body).map_err(unavailable)?;
        self.migrate().await?;
        let now = DateNow.now();
        let (answer, calls) = self
            .host()
            .handle_hub(&call.channel, &call.request, now)
            .await?;
        Self::carry_out(self, calls);
        self.arm(MINUTE).await?;
        text(&answer)
    }

    /// Begins the calls to hubs. Nothing leaves the object before what it wrote is stored.
    fn carry_out(self: &Rc<Self>, calls: HubCalls) {
        let HubCalls {
            channel, effects, ..
        } = calls;
        for effect in effects {
            match effect {
                FanoutEffect::Push { hub, push } => {
                    let (core, channel) = (Rc::clone(self), channel.clone());
                    spawn_local(async move { core.push(channel, hub, push).await });
                }
                FanoutEffect::Evicted(number) => {
                    let waits = self
                        .evictions
                        .borrow_mut()
                        .remove(&(channel.clone(), number));
                    if let Some(done) = waits {
                        // Who waited may have given up.
                        let _ = done.send(());
                    }
                }
                // The alarm is set when the request ends.
                FanoutEffect::Wake(_) => {}
            }
        }
    }

    async fn push(self: Rc<Self>, channel: String, hub: HubId, push: ChannelPush) {
        match self.ask_hub(&channel, hub, push).await {
            Ok(answer) => {
                let taken = self
                    .host()
                    .take_answer(&channel, hub, answer, DateNow.now())
                    .await;
                match taken {
                    Ok(calls) => Self::carry_out(&self, calls),
                    Err(error) => tracing::error!(%error, "an answer of a hub was lost"),
                }
            }
            Err(error) => {
                self.stubs.borrow_mut().remove(&hub);
                tracing::info!(%error, "a hub did not answer a push");
            }
        }
    }

    async fn ask_hub(
        &self,
        channel: &str,
        hub: HubId,
        push: ChannelPush,
    ) -> Result<PushAnswer, StoreError> {
        let known = self.stubs.borrow().get(&hub).cloned();
        let stub = if let Some(stub) = known {
            stub
        } else {
            let hubs = self.hubs.as_ref();
            let hubs = hubs.map_err(|problem| unavailable(problem.as_str()))?;
            let stub = Rc::new(hubs.stub(&hub_name(hub))?);
            self.stubs.borrow_mut().insert(hub, Rc::clone(&stub));
            stub
        };
        let call = PushCall {
            channel: channel.to_owned(),
            push,
        };
        let answer = ask_once(&stub, "/push", &text(&call)?).await?;
        serde_json::from_str(&answer).map_err(unavailable)
    }

    /// Sets the alarm to the first expiry or the next push, unless it is set earlier. An expiry in
    /// the future is rounded up to a minute, and one in the past to `unit` milliseconds.
    async fn arm(&self, unit: i64) -> Result<(), StoreError> {
        let now = DateNow.now();
        let expiry = channel_writer::due(&self.db, now).await?.map(|due| {
            let unit = if due <= now { unit } else { MINUTE };
            let due = due.millis().max(now.millis());
            (due.saturating_add(unit - 1).div_euclid(unit)).saturating_mul(unit)
        });
        let push = self.fanouts.wake().map(|at| at.millis().max(now.millis()));
        let Some(due) = expiry.into_iter().chain(push).min() else {
            return Ok(());
        };
        let storage = self.state.storage();
        if self.alarm.get().is_none() {
            self.alarm
                .set(storage.get_alarm().await.map_err(unavailable)?);
        }
        if self.alarm.get().is_some_and(|set| set <= due) {
            return Ok(());
        }
        let at = js_sys::Date::new(&JsValue::from_f64(millis(due)));
        let set = worker::ScheduledTime::new(at);
        storage.set_alarm(set).await.map_err(unavailable)?;
        self.alarm.set(Some(due));
        Ok(())
    }
}
