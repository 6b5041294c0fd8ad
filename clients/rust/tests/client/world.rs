//! A client with a scripted transport and a clock that the tests set.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::poll_fn;
use hamrah_authorization_client::{
    Access, Checked, Client, Clock, PostRequest, PostResponse, Settings, Transport, TransportError,
    Unavailable,
};
use serde_json::{Value, json};

pub const START: u64 = 1_800_000_000;
pub const READ: (Access, Option<&str>) = (Access::Read, None);
pub const WRITE: (Access, Option<&str>) = (Access::Write, None);

/// A clock that the tests set, in milliseconds since 1970.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicU64>);

impl Clock for TestClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// The outcome of a request.
type Scripted = Result<PostResponse, &'static str>;

/// A transport that gives the answers in the order of the requests. A request without an answer
/// waits for one.
#[derive(Clone, Default)]
pub struct Script {
    pub answers: Arc<Mutex<Vec<Option<Scripted>>>>,
    pub sent: Arc<Mutex<Vec<PostRequest>>>,
}

impl Transport for Script {
    async fn post(&self, request: PostRequest) -> Result<PostResponse, TransportError> {
        let place = {
            let mut sent = self.sent.lock().unwrap();
            sent.push(request);
            sent.len() - 1
        };
        let given = poll_fn(|_| {
            match self
                .answers
                .lock()
                .unwrap()
                .get_mut(place)
                .and_then(Option::take)
            {
                Some(given) => Poll::Ready(given),
                None => Poll::Pending,
            }
        });
        given.await.map_err(Into::into)
    }
}

pub struct World {
    pub client: Client<Script, TestClock>,
    pub clock: TestClock,
    pub script: Script,
}

pub type Outcome = Result<Checked, Unavailable>;

impl World {
    pub fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("https://auth.example", "Stock");
        settings.client_id = Some("stock-1".to_owned());
        change(&mut settings);
        let (script, clock) = (
            Script::default(),
            TestClock(Arc::new(AtomicU64::new(START * 1000))),
        );
        let client = Client::with_clock(settings, script.clone(), clock.clone()).expect("settings");
        Self {
            client,
            clock,
            script,
        }
    }

    pub fn at(&self, seconds: f64) {
        let millis = u64::try_from(Duration::from_secs_f64(seconds.abs()).as_millis()).unwrap();
        let start = START * 1000;
        self.clock.0.store(
            if seconds < 0.0 {
                start - millis
            } else {
                start + millis
            },
            Ordering::Relaxed,
        );
    }

    /// Adds the next answer.
    pub fn give(&self, status: u16, body: &Value) {
        self.script
            .answers
            .lock()
            .unwrap()
            .push(Some(Ok(reply(status, body))));
    }

    /// Leaves the next request without an answer and returns its position.
    pub fn hold(&self) -> usize {
        let mut answers = self.script.answers.lock().unwrap();
        answers.push(None);
        answers.len() - 1
    }

    pub fn release(&self, place: usize, status: u16, body: &Value) {
        self.script.answers.lock().unwrap()[place] = Some(Ok(reply(status, body)));
    }

    pub fn sent(&self) -> usize {
        self.script.sent.lock().unwrap().len()
    }

    pub fn begin(
        &self,
        token: &str,
        (access, permission): (Access, Option<&'static str>),
    ) -> Pin<Box<dyn Future<Output = Outcome>>> {
        let (client, token) = (self.client.clone(), token.to_owned());
        let mut begun: Pin<Box<dyn Future<Output = Outcome>>> =
            Box::pin(async move { client.check(Some(&token), access, permission).await });
        assert!(
            poll(begun.as_mut()).is_none(),
            "the check is already complete"
        );
        begun
    }

    pub fn check(&self, token: &str, (access, permission): (Access, Option<&str>)) -> Outcome {
        poll(pin!(self.client.check(Some(token), access, permission))).expect("an answer")
    }

    /// Returns whether the check was allowed, and the number of requests so far.
    pub fn ok(&self, token: &str, how: (Access, Option<&str>)) -> (bool, usize) {
        (
            matches!(self.check(token, how), Ok(Checked::Allowed { .. })),
            self.sent(),
        )
    }
}

pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

pub fn reply(status: u16, body: &Value) -> PostResponse {
    PostResponse {
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

pub fn good_in(service: i64, version: i64, permissions: &[&str]) -> Value {
    json!({
        "valid": true,
        "payload": {"user_id": 7, "username": "ada", "name": "Ada"},
        "renewed": false,
        "expires_at": START + 300,
        "access": {
            "service_id": service,
            "roles": ["Keeper"],
            "permissions": permissions,
            "policy_version": version,
            "max_age": 1_000,
        },
    })
}

pub fn good() -> Value {
    good_in(1, 1, &["read"])
}

pub fn refusal() -> Value {
    json!({"valid": false, "error": "invalid_token"})
}
