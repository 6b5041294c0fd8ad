//! The Durable Object that holds a channel, and the port that calls it.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::{
    Delay, DurableObject, Env, Method, ObjectNamespace, Request, RequestInit, Response, State,
    durable_object,
};

use crate::kernel::domain::Clock;
use crate::kernel::store::StoreError;
use crate::platform::worker::console;
use crate::platform::worker::object_storage::ObjectDatabase;
use crate::platform::worker::ports::{DateNow, WebCryptoEntropy};
use crate::relay::domain::Channels;
use crate::relay::domain::channel_writer;
use crate::relay::model::channel::{ChannelReply, ChannelRequest};

/// The binding of the objects in `wrangler.toml`.
const BINDING: &str = "CHANNELS";
/// The address of a request to an object. Only its body counts.
const ADDRESS: &str = "http://channel/";
/// How long an object may take for an attempt.
const PATIENCE: Duration = Duration::from_secs(4);
/// The number of attempts. An object moves between machines, and its first answer can be lost.
const ATTEMPTS: usize = 2;
/// The milliseconds of a minute, to which alarms are rounded up: one alarm for many messages.
const MINUTE: i64 = 60_000;
/// The statuses of replies.
const OK: u16 = 200;
const UNAVAILABLE: u16 = 503;
const BROKEN: u16 = 500;

/// The namespace of the objects.
pub(super) struct ChannelObjects(ObjectNamespace);

impl ChannelObjects {
    /// Returns the namespace.
    ///
    /// # Errors
    /// The name of the binding, if it is missing.
    pub(super) fn new(env: &Env) -> Result<Self, String> {
        env.durable_object(BINDING)
            .map(Self)
            .map_err(|_| format!("the Durable Object binding {BINDING} is missing"))
    }

    async fn ask(&self, object: &str, body: &str) -> worker::Result<(u16, String)> {
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_body(Some(JsValue::from_str(body)));
        let request = Request::new_with_init(ADDRESS, &init)?;
        // A stub is broken after an error, so each call has its own.
        let stub = self.0.get_by_name(object)?;
        let mut response = stub.fetch_with_request(request).await?;
        Ok((response.status_code(), response.text().await?))
    }
}

impl ChannelObjects {
    /// Asks an object once, within the time limit.
    async fn attempt(&self, object: &str, body: &str) -> Result<(u16, String), StoreError> {
        let (asked, late) = (pin!(self.ask(object, body)), pin!(Delay::from(PATIENCE)));
        match select(asked, late).await {
            Either::Left((answered, _)) => answered.map_err(unavailable),
            // The request may still take effect, as with every lost reply.
            Either::Right(_) => Err(unavailable("a channel gave no answer in time")),
        }
    }
}

fn unavailable(reason: impl Into<worker::Error>) -> StoreError {
    StoreError::Unavailable(reason.into().to_string())
}

#[async_trait]
impl Channels for ChannelObjects {
    async fn call(
        &self,
        object: &str,
        request: ChannelRequest,
    ) -> Result<ChannelReply, StoreError> {
        let body = serde_json::to_string(&request)
            .map_err(|error| StoreError::Broken(error.to_string()))?;
        let mut answered = Err(unavailable("a channel was not asked"));
        for _ in 0..ATTEMPTS {
            answered = SendFuture::new(self.attempt(object, &body)).await;
            // Every request may be repeated, because its effect is the same as that of one.
            if !matches!(answered, Err(_) | Ok((UNAVAILABLE, _))) {
                break;
            }
        }
        let answered = answered?;
        match answered {
            (OK, reply) => serde_json::from_str(&reply).map_err(unavailable),
            (UNAVAILABLE, reason) => Err(unavailable(reason)),
            (_, reason) => Err(StoreError::Broken(reason)),
        }
    }
}

/// The object of a channel: its only writer, with a database of its own.
#[durable_object(alarm)]
pub struct ChannelObject {
    state: State,
    db: ObjectDatabase,
    /// True once the schema is that of this version.
    migrated: Cell<bool>,
    /// When the alarm is set, in milliseconds, if this instance knows.
    alarm: Cell<Option<i64>>,
}

impl DurableObject for ChannelObject {
    fn new(state: State, _env: Env) -> Self {
        console::install();
        Self {
            db: ObjectDatabase::new(&state),
            state,
            migrated: Cell::new(false),
            alarm: Cell::new(None),
        }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.text().await?;
        match self.answer(&body).await {
            Ok(reply) => Response::ok(reply),
            Err(StoreError::Unavailable(reason)) => Response::error(reason, UNAVAILABLE),
            Err(error) => {
                tracing::error!(%error, "a channel failed");
                Response::error(error.to_string(), BROKEN)
            }
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.set(None);
        let worked = async {
            self.migrate().await?;
            channel_writer::remove_due(&self.db, DateNow.now()).await?;
            // What is left is removed at once. Other requests run between two slices.
            self.arm(1).await
        };
        // The runtime repeats an alarm that fails.
        worked
            .await
            .map_err(|error| worker::Error::from(error.to_string()))?;
        Response::empty()
    }
}

impl ChannelObject {
    async fn migrate(&self) -> Result<(), StoreError> {
        if !self.migrated.get() {
            channel_writer::migrate(&self.db).await?;
            self.migrated.set(true);
        }
        Ok(())
    }

    /// Answers a request. The database never waits, so no other request runs until the reply is
    /// decided and stored.
    async fn answer(&self, body: &str) -> Result<String, StoreError> {
        // A newer version of this program may ask in a form that this one does not know.
        let request: ChannelRequest = serde_json::from_str(body).map_err(unavailable)?;
        self.migrate().await?;
        let changes = request.operation.changes_entries();
        let object = channel_writer::ChannelWriter {
            db: &self.db,
            entropy: &WebCryptoEntropy,
        };
        let reply = object.handle(request, DateNow.now()).await?;
        if changes {
            self.arm(MINUTE).await?;
        }
        serde_json::to_string(&reply).map_err(|error| StoreError::Broken(error.to_string()))
    }

    /// Sets the alarm to the first expiry, unless it is set earlier. An expiry in the future is
    /// rounded up to a minute, and one in the past to `unit` milliseconds.
    async fn arm(&self, unit: i64) -> Result<(), StoreError> {
        let now = DateNow.now();
        let Some(due) = channel_writer::due(&self.db, now).await? else {
            return Ok(());
        };
        let unit = if due <= now { unit } else { MINUTE };
        let due = due.millis().max(now.millis());
        let due = (due.saturating_add(unit - 1).div_euclid(unit)).saturating_mul(unit);
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

#[allow(clippy::cast_precision_loss, reason = "times stay below 2^53")]
fn millis(time: i64) -> f64 {
    time as f64
}
