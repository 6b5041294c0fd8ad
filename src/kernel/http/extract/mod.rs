//! Extractors that every system uses: the parsed body and the origin of a request.

mod authorization;
mod body;
mod form;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

pub use authorization::has_bearer;
pub use body::{
    AppJson, absent_if_empty, bool_claim, is_form, is_json, read_text, text_claim, text_claim_only,
};
pub use form::{parameter, parameters};

use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::model::text;

/// The request's id, set by [`crate::kernel::http::respond`].
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The client's network address. Only the platform sets it, never a header of the client.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

/// The client's country, ISO 3166-1 alpha-2. Only the platform sets it.
#[derive(Clone, Debug)]
pub struct ClientCountry(pub Option<String>);

/// Whether the client has hung up. A platform adds it if it runs such a request to its end.
#[derive(Clone)]
pub struct HangUp(Arc<dyn Fn() -> bool + Send + Sync>);

impl HangUp {
    /// Creates the answer from a function that looks at the connection.
    pub fn new(has_happened: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(has_happened))
    }

    /// Returns true if no client reads the response any more.
    #[must_use]
    pub fn has_happened(&self) -> bool {
        (self.0)()
    }
}

/// Whether the request may read from a replica. A platform with replicas adds it, and the route
/// allows the reads ([`crate::kernel::http::middleware::replicas`]).
#[derive(Clone, Default, Debug)]
pub struct ReplicaReads(Arc<AtomicBool>);

impl ReplicaReads {
    /// Allows the request to read from a replica.
    pub fn allow(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns true if the request may read from a replica.
    #[must_use]
    pub fn are_allowed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The name of the calling internal service, set by
/// [`crate::kernel::http::middleware::internal_key`].
#[derive(Clone, Debug)]
pub struct InternalService(pub String);

/// Cookies that the response sets in addition to those of the handler.
#[derive(Clone, Default, Debug)]
pub struct OutgoingCookies(Arc<Mutex<Vec<HeaderValue>>>);

impl OutgoingCookies {
    /// Adds a `Set-Cookie` value.
    pub fn push(&self, cookie: HeaderValue) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cookie);
    }

    /// Removes and returns all values.
    #[must_use]
    pub fn take(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let service = parts.extensions.get::<InternalService>();
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        Ok(Self {
            actor: service.map_or_else(
                || "user".to_owned(),
                |service| format!("service:{}", service.0),
            ),
            // An internal request comes from the service, not from the user whom it concerns.
            address: if service.is_some() {
                None
            } else {
                parts
                    .extensions
                    .get::<ClientAddress>()
                    .and_then(|address| address.0)
            },
            country: if service.is_some() {
                None
            } else {
                parts
                    .extensions
                    .get::<ClientCountry>()
                    .and_then(|country| country.0.clone())
            },
            user_agent: if service.is_some() {
                None
            } else {
                user_agent.and_then(text::user_agent)
            },
            request_id: parts
                .extensions
                .get::<RequestId>()
                .map(|id| id.0.chars().take(text::STORED_CHARACTERS).collect())
                .unwrap_or_default(),
        })
    }
}

/// Returns true if a browser sent the request, because only browsers send these headers.
#[must_use]
pub fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}
