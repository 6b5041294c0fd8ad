//! The rate limit of refused tokens, per network address.
//!
//! Valid tokens do not count, because a backend sends the requests of many people from one address.
//! So a token counts after it was refused. While an address is over the limit, one of its tokens at
//! a time is looked up, except tokens that were valid before.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::authorization::domain::AuthorizationRejection;
use crate::authorization::http::TOKEN_HEADER;
use crate::kernel::domain::rate_limit::RateClass;
use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::ClientAddress;
use crate::kernel::model::address;
use crate::kernel::model::secret::{PersonToken, TokenHash};
use crate::kernel::model::time::Timestamp;

/// The maximum number of addresses, and of tokens, that are remembered. Beyond it, the memory
/// starts again.
const MOST_REMEMBERED: usize = 4_096;
/// How long a look-up keeps others of its address waiting, at most. A request that was aborted may
/// not report its end.
const LOOK_UP: Duration = Duration::from_secs(2);

/// The state of [`limit_refused_tokens`]. Cheap to clone.
#[derive(Clone)]
pub struct RefusedTokens {
    app: KernelState,
    memory: Arc<Mutex<Memory>>,
}

/// What the process or isolate remembers.
#[derive(Default)]
struct Memory {
    /// The networks over the limit.
    over: HashMap<IpAddr, OverLimit>,
    /// The hashes of tokens that were valid.
    valid: HashSet<String>,
}

/// A network that is over the limit.
#[derive(Clone, Copy)]
struct OverLimit {
    until: Timestamp,
    /// Until when the look-up of one of its tokens may take.
    look_up: Timestamp,
}

impl RefusedTokens {
    /// Returns the state without any memory.
    #[must_use]
    pub fn new(app: KernelState) -> Self {
        Self {
            app,
            memory: Arc::default(),
        }
    }

    fn remember<T>(&self, update: impl FnOnce(&mut Memory) -> T) -> T {
        update(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Memory {
    /// Begins the look-up of a token. Returns false if another one of the network is running, the
    /// network is over the limit, and the token was not valid before.
    fn begin(&mut self, network: IpAddr, token: &TokenHash, now: Timestamp) -> bool {
        if self.valid.contains(token.as_str()) {
            return true;
        }
        match self.over.get_mut(&network) {
            Some(over) if over.until > now => {
                let free = over.look_up <= now;
                if free {
                    over.look_up = now.plus(LOOK_UP);
                }
                free
            }
            Some(_) => {
                self.over.remove(&network);
                true
            }
            None => true,
        }
    }

    /// Ends the look-up of a valid token, or of a request that was refused for another reason.
    fn end(&mut self, network: IpAddr, valid: Option<&TokenHash>, now: Timestamp) {
        if let Some(over) = self.over.get_mut(&network) {
            over.look_up = now;
        }
        if let Some(token) = valid {
            if self.valid.len() >= MOST_REMEMBERED {
                self.valid.clear();
            }
            self.valid.insert(token.as_str().to_owned());
        }
    }

    /// Notes that a network is over the limit for `wait`.
    fn note_over(&mut self, network: IpAddr, wait: Duration, now: Timestamp) {
        if self.over.len() >= MOST_REMEMBERED {
            self.over.clear();
        }
        let over = OverLimit {
            until: now.plus(wait),
            look_up: now,
        };
        self.over.insert(network, over);
    }
}

/// Counts a request whose token was refused, and answers 429 in place of 401 over the limit.
pub async fn limit_refused_tokens(
    State(state): State<RefusedTokens>,
    request: Request,
    next: Next,
) -> Response {
    let client = request.extensions().get::<ClientAddress>();
    let client = client.and_then(|ClientAddress(client)| *client);
    let token = request.headers().get(TOKEN_HEADER);
    let token = token.and_then(|text| PersonToken::parse(text.to_str().ok()?));
    let (Some(client), Some(token)) = (client, token) else {
        return next.run(request).await;
    };
    let (network, hash) = (address::network(client), token.hash());
    let ports = &state.app.ports;

    let now = ports.clock.now();
    if !state.remember(|memory| memory.begin(network, &hash, now)) {
        return ApiError::retry_after(Code::RateLimited, Duration::from_secs(1)).into_response();
    }
    let response = next.run(request).await;
    if !is_refusal(&response) {
        let valid = response.status().is_success().then_some(&hash);
        state.remember(|memory| memory.end(network, valid, ports.clock.now()));
        return response;
    }
    let excess = ports.limiter.excess(RateClass::RefusedToken, network).await;
    let now = ports.clock.now();
    state.remember(|memory| {
        memory.valid.remove(hash.as_str());
        match excess {
            Some(wait) => memory.note_over(network, wait, now),
            None => memory.end(network, None, now),
        }
    });
    match excess {
        Some(wait) => ApiError::retry_after(Code::RateLimited, wait).into_response(),
        None => response,
    }
}

/// Returns true if the token of the request is not valid. A valid token that belongs to another
/// person than the request names is refused too, and does not count.
fn is_refusal(response: &Response) -> bool {
    let of_other_user = AuthorizationRejection::OtherUser.to_string();
    response
        .extensions()
        .get::<ApiError>()
        .is_some_and(|error| {
            matches!(error.code, Code::InvalidToken | Code::ExpiredToken)
                && error.reason.as_deref() != Some(&of_other_user)
        })
}
