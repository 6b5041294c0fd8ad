//! A client of the authorization service for backends.
//!
//! It checks a user's token and returns the user, with their roles and permissions in the backend's
//! service.
//!
//! ```
//! use hamrah_authorization_client::{
//!     Access, Checked, Client, PostRequest, PostResponse, Settings, Transport, TransportError,
//! };
//!
//! struct Http; // holds your HTTP client
//!
//! impl Transport for Http {
//!     async fn post(&self, request: PostRequest) -> Result<PostResponse, TransportError> {
//!         // Send the request here, within `request.timeout` and without following redirects.
//! #       let access = r#"{"service_id":1,"policy_version":1,"max_age":60,"roles":[],
//! #           "permissions":["read"]}"#;
//! #       let user = r#"{"user_id":7,"username":"ada","name":"Ada"}"#;
//! #       let body = format!(
//! #           r#"{{"valid":true,"payload":{user},"expires_at":9000000000,"access":{access}}}"#
//! #       );
//! #       Ok(PostResponse { status: 200, retry_after: None, body: body.into_bytes() })
//!     }
//! }
//!
//! let client = Client::new(Settings::new("https://api.hamrah.app", "Stock"), Http)?;
//!
//! # futures_util::FutureExt::now_or_never(async {
//! # let token = Some("hmp_token");
//! match client.check(token, Access::Read, Some("read")).await {
//!     Ok(Checked::Allowed { answer, .. }) => println!("200, hello {}", answer.user.name),
//!     Ok(Checked::Unauthorized(error)) => println!("401 {}", error.code()),
//!     Ok(Checked::Forbidden) => println!("403 forbidden"),
//!     Err(unavailable) => println!("503 {}", unavailable.code),
//! }
//! # let again = client.check(token, Access::Read, Some("read")).await;
//! # assert!(matches!(again, Ok(Checked::Allowed { cached: true, .. })));
//! # }).expect("an answer");
//! # Ok::<(), hamrah_authorization_client::InvalidSetting>(())
//! ```
//!
//! Positive answers are cached for reads, for at most a minute. A write always asks the service.
//! `docs/CLIENTS.md` in the repository describes the whole sequence, and `examples/check.rs` has a
//! transport with hyper.
//!
//! The crate has no HTTP library, no runtime and no timer. A [`Transport`] sends the requests and
//! enforces the timeout.

mod answer;
mod answer_cache;
mod in_flight;
mod settings;
mod transport;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use sha2::{Digest, Sha256};

pub use answer::{Answer, TokenError, Unavailable, User};
use answer::{Verdict, read};
use answer_cache::{AnswerCache, Sent};
use in_flight::{Running, SharedRequest, State};
use settings::origin;
pub use settings::{InvalidSetting, MAX_AGE, Settings};
pub use transport::{PostRequest, PostResponse, Transport, TransportError};

/// The SHA-256 of a token. The token itself is never stored.
type Key = [u8; 32];

const MAX_TOKEN_BYTES: usize = 256;

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// Returns the time since 1970.
    fn now(&self) -> Duration;
}

/// The clock of the machine.
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

/// The kind of the request that the backend handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The request only reads, so an answer from the cache is enough.
    Read,
    /// The request changes something, so the service is always asked.
    Write,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The token is valid, and its user has the permission.
    Allowed {
        /// The answer from the service.
        answer: Arc<Answer>,
        /// True if the answer came from the cache.
        cached: bool,
    },
    /// The token is not valid. Respond with a 401.
    Unauthorized(TokenError),
    /// The token is valid, but its user does not have the permission. Respond with a 403.
    Forbidden,
}

/// A client that checks the tokens of one backend's users. Clones share one cache.
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
    /// Creates a client with the clock of the machine.
    ///
    /// # Errors
    /// Returns [`InvalidSetting`] if a setting has an invalid value.
    pub fn new(settings: Settings, transport: T) -> Result<Self, InvalidSetting> {
        Self::with_clock(settings, transport, SystemClock)
    }
}

impl<T: Transport, C: Clock> Client<T, C> {
    /// Creates a client with another clock.
    ///
    /// # Errors
    /// Returns [`InvalidSetting`] if a setting has an invalid value.
    pub fn with_clock(settings: Settings, transport: T, clock: C) -> Result<Self, InvalidSetting> {
        let Some(origin) = origin(&settings.url) else {
            let rule = "url must be like https://api.hamrah.app; only localhost may use http";
            return Err(InvalidSetting(rule));
        };
        if settings.service.is_empty() {
            return Err(InvalidSetting("service must be a name or a number"));
        }
        if settings.timeout.is_zero() || settings.max_entries == 0 {
            return Err(InvalidSetting("timeout and max_entries must be positive"));
        }
        let is_printable = |id: &String| id.bytes().all(|byte| byte.is_ascii_graphic());
        if !settings.client_id.as_ref().is_none_or(is_printable) {
            return Err(InvalidSetting(
                "client_id must be printable ASCII without spaces",
            ));
        }

        let max_age = settings.max_age.min(MAX_AGE);
        let cache = AnswerCache::new(max_age, settings.max_entries, settings.renew_within);
        Ok(Self(Arc::new(Inner {
            transport,
            clock,
            url: format!("{origin}/check-token"),
            client_id: settings.client_id,
            body: serde_json::json!({ "service_id": settings.service }).to_string(),
            timeout: settings.timeout,
            state: Arc::new(Mutex::new(State::new(cache))),
        })))
    }

    /// Checks a token from the `token` header and, if given, a permission.
    ///
    /// # Errors
    /// Returns [`Unavailable`] if the service does not answer. The backend must then refuse the
    /// request with a 503.
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

        let is_allowed = |answer: &Answer| {
            permission.is_none_or(|name| answer.permissions.iter().any(|each| each == name))
        };
        let key = key_of(token);
        if access == Access::Read {
            let cached = self.0.state().cache.get(&key, self.0.clock.now());
            // A cached answer is used only if it has the permission, so a new grant takes effect at
            // once.
            if let Some(answer) = cached.filter(|answer| is_allowed(answer)) {
                return Ok(Checked::Allowed {
                    answer,
                    cached: true,
                });
            }
        }

        match self.ask(key, token, access).await? {
            Verdict::Refused(error) => Ok(Checked::Unauthorized(error)),
            Verdict::Valid(answer) if is_allowed(&answer) => Ok(Checked::Allowed {
                answer,
                cached: false,
            }),
            Verdict::Valid(_) => Ok(Checked::Forbidden),
        }
    }

    /// Forgets a token after its logout. Later reads with it ask the service again.
    pub fn forget(&self, token: &str) {
        self.0.state().refuse(&key_of(token));
    }

    /// Asks the service. A read may join a request in flight. A write may not, because that request
    /// may have been answered before a change that the write must respect.
    fn ask(&self, key: Key, token: &str, access: Access) -> SharedRequest {
        let mut state = self.0.state();
        // The handle is returned and not dropped here. Dropping the last handle ends the request,
        // which locks the state.
        if access == Access::Read
            && let Some(in_flight) = state.shared(&key)
        {
            return in_flight;
        }

        let sent = Sent {
            order: state.begin(key),
            at: self.0.clock.now(),
        };
        let running = Running {
            state: Arc::clone(&self.0.state),
            key,
            order: sent.order,
        };
        let (inner, token) = (Arc::clone(&self.0), token.to_owned());
        let request = async move {
            let _running = running;
            inner.request(key, sent, token).await
        };
        let shared = request.boxed().shared();
        state.share(&key, sent.order, &shared);
        shared
    }
}

impl<T: Transport, C: Clock> Inner<T, C> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self, key: Key, sent: Sent, token: String) -> Result<Verdict, Unavailable> {
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
        ];
        headers.extend(self.client_id.clone().map(|id| ("x-client-id", id)));
        headers.push(("token", token));
        let request = PostRequest {
            url: self.url.clone(),
            headers,
            body: self.body.clone(),
            timeout: self.timeout,
        };

        let response = self.transport.post(request).await;
        let verdict = response
            .map_err(Unavailable::network)
            .and_then(|response| read(&response));
        let now = self.clock.now();
        let mut state = self.state();
        match &verdict {
            Ok(Verdict::Valid(answer)) => state.learn(&key, answer, sent, now),
            Ok(Verdict::Refused(_)) => state.refuse(&key),
            Err(error) if error.is_service_not_found() => state.refuse_all(),
            Err(_) => {}
        }
        verdict
    }
}

fn key_of(token: &str) -> Key {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns true if the text has the length and the characters of a token. Any other text could
/// break out of the header.
fn may_be_token(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte);
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(is_allowed)
}
