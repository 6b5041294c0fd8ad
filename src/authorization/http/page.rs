//! Lists in pages.

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, Uri, header};
use serde::Serialize;

use crate::authorization::http::App;
use crate::authorization::model::names;
use crate::authorization::model::page::PageRequest;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{AppJson, parameters};

/// The number of entries on a page if the request does not say it.
const DEFAULT_ENTRIES: i64 = 100;
/// The maximum number of entries on a page.
const MAX_ENTRIES: i64 = 500;

/// The query of a list: `limit`, from 1 to 500 and by default 100, and `after`, the last id of the
/// previous page.
#[derive(Clone, Debug)]
pub struct PageQuery {
    limit: i64,
    after: i64,
    uri: Uri,
}

impl FromRequestParts<App> for PageQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let (mut limit, mut after) = (DEFAULT_ENTRIES, 0);
        for (name, value) in parameters(&parts.uri) {
            let number = || names::id(&value).ok_or(Code::InvalidQuery);
            match &*name {
                "limit" => limit = number()?,
                "after" => after = number()?,
                _ => {}
            }
        }
        if limit > MAX_ENTRIES {
            return Err(ApiError::detailed(
                Code::InvalidQuery,
                "limit is a whole number from 1 to 500.",
            ));
        }
        Ok(Self {
            limit,
            after,
            uri: parts.uri.clone(),
        })
    }
}

impl PageQuery {
    /// Returns the page with one entry more, which shows whether another page follows.
    #[must_use]
    pub const fn page(&self) -> PageRequest {
        PageRequest {
            after: self.after,
            limit: self.limit.saturating_add(1),
        }
    }

    /// Responds with the entries as a JSON list, and with the address of the next page in `Link`
    /// (RFC 8288).
    pub fn respond<T, W: Serialize>(
        &self,
        mut entries: Vec<T>,
        id: impl Fn(&T) -> i64,
        to_wire: impl Fn(T) -> W,
    ) -> Response {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_next = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| has_next).map(|last| {
            let (path, after) = (self.uri.path(), id(last));
            format!("<{path}?after={after}&limit={limit}>; rel=\"next\"")
        });
        let wire: Vec<W> = entries.into_iter().map(to_wire).collect();
        let mut response = AppJson(wire).into_response();
        if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
            response.headers_mut().insert(header::LINK, next);
        }
        response
    }
}
