//! The rate limit per network address. The platform names the address. Requests without a known
//! address are not counted.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::kernel::domain::rate_limit::RateClass;
use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::ClientAddress;
use crate::kernel::model::address;

/// The state of [`limit_rate`].
#[derive(Clone)]
pub struct RateLimit {
    /// The shared state.
    pub app: KernelState,
    /// The class in which the route's requests count.
    pub class: RateClass,
}

/// Refuses a request over the limit, before any query.
pub async fn limit_rate(State(limit): State<RateLimit>, request: Request, next: Next) -> Response {
    let client = request
        .extensions()
        .get::<ClientAddress>()
        .and_then(|ClientAddress(client)| *client);
    let Some(client) = client else {
        return next.run(request).await;
    };
    match limit
        .app
        .ports
        .limiter
        .excess(limit.class, address::network(client))
        .await
    {
        None => next.run(request).await,
        Some(wait) => ApiError::retry_after(Code::RateLimited, wait).into_response(),
    }
}
