//! A client for backends of the authorization service: who a user's token is of, and what they may do in this backend's service.
//!
//! Good answers are kept for a minute at most, for reads. A write always asks. `docs/CLIENTS.md` in the repository has the whole sequence,
//! `examples/check.rs` a transport by hyper.
//!
//! The crate brings no HTTP library, no runtime and no timer: a [`Transport`] sends, and ends what takes too long.

mod answer;
mod answer_cache;
mod in_flight;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

pub use answer::{Answer, TokenError, Unavailable, User};
use answer::{Said, read};
use answer_cache::Asked;
use in_flight::{Running, Shared, State};

/// A token's hash: the token itself is kept nowhere.
type Key = [u8; 32];

/// The longest that a good answer is kept.
pub const MOST_AGE: Duration = Duration::from_mins(1);
const MOST_TOKEN_BYTES: usize = 256;

/// What is to be posted.
#[derive(Clone)]
pub struct Question {
    /// Where.
    pub url: String,
    /// With which headers. The token is among them: do not log them.
    pub headers: Vec<(&'static str, String)>,
    /// The body, JSON.
    pub body: String,
    /// After which time the transport gives up, the body of the answer included.
    pub timeout: Duration,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// Its header `Retry-After`.
    pub retry_after: Option<String>,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
pub type TransportError = Box<dyn std::error::Error + Send + Sync>;

/// What sends requests. It must keep [`Question::timeout`], follow no redirect, which could carry the token to another host, and take no
/// [`Reply::body`] without a bound.
pub trait Transport: Send + Sync + 'static {
    /// Posts.
    fn post(
        &self,
        question: Question,
    ) -> impl Future<Output = Result<Reply, TransportError>> + Send;
}

/// What tells the time.
pub trait Clock: Send + Sync + 'static {
    /// The time since 1970.
    fn now(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Duration {
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
    }
}

/// What a client needs to know; [`Settings::new`] has what is usual.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The service's URL, such as `https://api.hamrah.app`.
    pub url: String,
    /// This backend's service, by its name or its number.
    pub service: String,
    /// Logged by the service, nothing else.
    pub client_id: Option<String>,
    /// How long a good answer is kept for reads: [`MOST_AGE`] at most, zero keeps nothing.
    pub max_age: Duration,
    /// A token with so much time left or less is always asked about, which renews it: as the service's `TOKEN_RENEW_THRESHOLD_SECONDS`.
    pub renew_within: Duration,
    /// After which time an answer comes too late.
    pub timeout: Duration,
    /// How many answers are kept.
    pub max_entries: usize,
}

impl Settings {
    /// A minute, of it not the token's last 30 seconds; five seconds for an answer; ten thousand answers.
    #[must_use]
    pub fn new(url: impl Into<String>, service: impl Into<String>) -> Self {
        let (renew_within, timeout) = (Duration::from_secs(30), Duration::from_secs(5));
        let (url, service) = (url.into(), service.into());
        Self {
            url,
            service,
            client_id: None,
            max_age: MOST_AGE,
            renew_within,
            timeout,
            max_entries: 10_000,
        }
    }
}

/// A setting that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongSetting(&'static str);

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It only reads: what is known for less than a minute will do.
    Read,
    /// It changes something: the service is asked, whatever is known.
    Write,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The token is good, and whoever has it may do that.
    Allowed {
        /// What the service said.
        answer: Arc<Answer>,
        /// Whether that was known, or has just been asked.
        cached: bool,
    },
    /// The token is not good: a 401.
    Unauthorized(TokenError),
    /// The token is good, but whoever has it may not do that here: a 403.
    Forbidden,
}

/// Checks tokens. Clones share what they know.
pub struct Client<T, C = SystemClock>(Arc<Inner<T, C>>);

impl<T, C> Clone for Client<T, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<T, C> {
    transport: T,
    clock: C,
    url: String,
    client_id: Option<String>,
    body: String,
    timeout: Duration,
    state: Arc<Mutex<State>>,
}

impl<T: Transport> Client<T> {
    /// A client by the machine's clock.
    ///
    /// # Errors
    /// [`WrongSetting`]
    pub fn new(settings: Settings, transport: T) -> Result<Self, WrongSetting> {
        Self::with_clock(settings, transport, SystemClock)
    }
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// A client by another clock.
    ///
    /// # Errors
    /// [`WrongSetting`]
    pub fn with_clock(settings: Settings, transport: T, clock: C) -> Result<Self, WrongSetting> {
        let Settings {
            url,
            service,
            client_id,
            max_age,
            renew_within,
            timeout,
            max_entries,
        } = settings;
        let origin = origin(&url).ok_or(WrongSetting(
            "url must be like https://api.hamrah.app; http only on this machine",
        ))?;
        if service.is_empty() {
            return Err(WrongSetting("service must be a name or a number"));
        }
        if timeout.is_zero() || max_entries == 0 {
            return Err(WrongSetting("timeout and max_entries must be positive"));
        }
        if client_id
            .iter()
            .any(|id| !id.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(WrongSetting("client_id must be printable"));
        }
        let state = Arc::new(Mutex::new(State::new(
            max_age.min(MOST_AGE),
            max_entries,
            renew_within,
        )));
        let body = serde_json::json!({ "service_id": service }).to_string();
        let url = format!("{origin}/check-token");
        Ok(Self(Arc::new(Inner {
            transport,
            clock,
            url,
            client_id,
            body,
            timeout,
            state,
        })))
    }

    /// Whether a token, as it came in the header `token`, is good, and whether whoever has it may do that.
    ///
    /// # Errors
    /// [`Unavailable`] where that cannot be known: the request must be refused, with a 503.
    pub async fn check(
        &self,
        token: Option<&str>,
        access: Access,
        permission: Option<&str>,
    ) -> Result<Checked, Unavailable> {
        let Some(token) = token else {
            return Ok(Checked::Unauthorized(TokenError::MissingTokenHeader));
        };
        if !may_be_token(token) {
            return Ok(Checked::Unauthorized(TokenError::InvalidToken));
        }
        let may = |answer: &Answer| {
            permission.is_none_or(|name| answer.permissions.iter().any(|each| each == name))
        };
        let key: Key = Sha256::digest(token.as_bytes()).into();
        if access == Access::Read {
            let known = self.0.state().kept.get(&key, self.0.clock.now());
            // Only what is allowed is taken from what is kept: a new grant is good at once.
            if let Some(answer) = known.filter(|answer| may(answer)) {
                return Ok(Checked::Allowed {
                    answer,
                    cached: true,
                });
            }
        }
        match self.ask(key, token, access).await? {
            Said::Refused(error) => Ok(Checked::Unauthorized(error)),
            Said::Good(answer) if may(&answer) => Ok(Checked::Allowed {
                answer,
                cached: false,
            }),
            Said::Good(_) => Ok(Checked::Forbidden),
        }
    }

    /// Forgets a token, after its logout: from here on no read is answered from what was known.
    pub fn forget(&self, token: &str) {
        self.0
            .state()
            .refuse(&Sha256::digest(token.as_bytes()).into());
    }

    /// A write shares nothing: a request that is under way may have been answered before what the write must not miss.
    fn ask(&self, key: Key, token: &str, access: Access) -> Shared {
        let mut state = self.0.state();
        // Asked for only to be given away: the last handle must not be dropped under the lock, which ending a request takes.
        if access == Access::Read
            && let Some(under_way) = state.shared(&key)
        {
            return under_way;
        }
        let asked = Asked {
            order: state.begin(key),
            at: self.0.clock.now(),
        };
        let running = Running {
            state: Arc::clone(&self.0.state),
            key,
            order: asked.order,
        };
        let (inner, token) = (Arc::clone(&self.0), token.to_owned());
        let answer = async move {
            let _running = running;
            inner.request(key, asked, token).await
        };
        let shared = answer.boxed().shared();
        state.share(&key, asked.order, &shared);
        shared
    }
}

impl<T: Transport, C: Clock> Inner<T, C> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self, key: Key, asked: Asked, token: String) -> Result<Said, Unavailable> {
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        headers.extend(self.client_id.clone().map(|id| ("x-client-id", id)));
        headers.push(("token", token));
        let question = Question {
            url: self.url.clone(),
            headers,
            body: self.body.clone(),
            timeout: self.timeout,
        };
        let said = self
            .transport
            .post(question)
            .await
            .map_err(Unavailable::network)
            .and_then(|reply| read(&reply));
        let now = self.clock.now();
        let mut state = self.state();
        match &said {
            Ok(Said::Good(answer)) => state.learn(&key, answer, asked, now),
            Ok(Said::Refused(_)) => state.refuse(&key),
            Err(error) if error.is_service_not_found() => state.refuse_all(),
            Err(_) => {}
        }
        said
    }
}

/// Anything else cannot be a token, and could end a header.
fn may_be_token(text: &str) -> bool {
    (1..=MOST_TOKEN_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte))
}

/// The origin, if the URL is nothing else. The token travels in a header: in the clear only on this machine.
fn origin(url: &str) -> Option<&str> {
    let origin = url.strip_suffix('/').unwrap_or(url);
    let (scheme, authority) = origin.split_once("://")?;
    let is_host = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(authority, |(host, _)| host);
    let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    (is_host && (scheme == "https" || (scheme == "http" && is_here))).then_some(origin)
}
