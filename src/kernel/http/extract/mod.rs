//! What handlers take as parameters: a parsed body, who calls, where the request came from.
//!
//! A handler that needs to know who calls takes [`CurrentUser`] or [`RecentlyAuthenticated`] and
//! cannot be written without.

mod body;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

pub use body::{AppJson, absent_if_empty, is_form, is_json, lenient_bool};

use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::model::text;

/// The request's id, put there by [`crate::kernel::http::respond`].
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The client's network address, put there by the platform, and only by it: a client's own header
/// never gets here.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

/// The client's country, ISO 3166-1 alpha-2, put there by the platform, and only by it.
#[derive(Clone, Debug)]
pub struct ClientCountry(pub Option<String>);

/// Whether what a request reads may come from a replica: put there by a platform that has any,
/// allowed by the route ([`crate::kernel::http::middleware::replicas`]).
#[derive(Clone, Default, Debug)]
pub struct ReplicaReads(Arc<AtomicBool>);

impl ReplicaReads {
    /// They may.
    pub fn allow(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether they may.
    #[must_use]
    pub fn are_allowed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The internal service that calls, put there by [`crate::kernel::http::middleware::internal_key`].
#[derive(Clone, Debug)]
pub struct InternalService(pub String);

/// Cookies that the answer will set, besides those of the handler.
#[derive(Clone, Default, Debug)]
pub struct OutgoingCookies(Arc<Mutex<Vec<HeaderValue>>>);

impl OutgoingCookies {
    /// Adds one.
    pub fn push(&self, cookie: HeaderValue) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(cookie);
    }

    /// Takes all.
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
            // An internal call comes from the service, not from the person it is about.
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
                .map(|id| id.0.clone())
                .unwrap_or_default(),
        })
    }
}

/// Whether a browser sent it: it says where the page comes from that asked for it.
#[must_use]
pub fn is_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// Whether a browser sent the request.
#[derive(Clone, Copy, Debug)]
pub struct ByBrowser(pub bool);

impl<S: Send + Sync> FromRequestParts<S> for ByBrowser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(is_browser(&parts.headers)))
    }
}
