//! The account page and the admin page natively: the files that Cloudflare serves as static assets at the edge, with the headers of the same `_headers` file.
//!
//! They are built by `make pages`. Without them the API does all it does, and neither `/account` nor `/admin` is there.

use std::path::Path;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::kernel::model::base64;

/// Path, file and type. An HTML file is found without its ending, as at the edge.
const FILES: [(&str, &str, &str); 6] = [
    ("/account", "account.html", "text/html; charset=utf-8"),
    ("/account.js", "account.js", "text/javascript; charset=utf-8"),
    ("/account.css", "account.css", "text/css; charset=utf-8"),
    ("/admin", "admin.html", "text/html; charset=utf-8"),
    ("/admin.js", "admin.js", "text/javascript; charset=utf-8"),
    ("/admin.css", "admin.css", "text/css; charset=utf-8"),
];

/// The pages that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages(Vec<Page>);

#[derive(Clone, Debug)]
struct Page {
    path: &'static str,
    headers: HeaderMap,
    content: Vec<u8>,
}

impl Pages {
    /// Reads the folder; nothing if it lacks a file, or one of them its policy.
    pub(super) fn read(folder: &Path) -> Self {
        let rules = std::fs::read_to_string(folder.join("_headers")).unwrap_or_default();
        let read = |(path, file, kind): &(&'static str, &str, &'static str)| {
            let content = std::fs::read(folder.join(file)).ok()?;
            let mut headers = headers_of(&rules, path);
            // A page without its policy is no page.
            headers.get(header::CONTENT_SECURITY_POLICY)?;
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            let tag = base64::encode(Sha256::digest(&content).get(..12)?);
            headers.insert(header::ETAG, HeaderValue::from_str(&format!("\"{tag}\"")).ok()?);
            Some(Page { path, headers, content })
        };
        Self(FILES.iter().map(read).collect::<Option<Vec<_>>>().unwrap_or_default())
    }

    /// Whether there is anything.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer to a request for a page, if it is one.
    pub(super) fn answer<B>(&self, request: &Request<B>) -> Option<Response> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let path = request.uri().path();
        // As at the edge, where a page has one address.
        let elsewhere = match path {
            "/account/" | "/account.html" => Some("/account"),
            "/admin/" | "/admin.html" => Some("/admin"),
            _ => None,
        };
        if let Some(address) = elsewhere.filter(|_| !self.is_empty()) {
            return Some((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address)]).into_response());
        }
        let page = self.0.iter().find(|page| page.path == path)?;
        let known = request.headers().get(header::IF_NONE_MATCH).is_some_and(|tag| Some(tag) == page.headers.get(header::ETAG));
        // hyper leaves the body out of an answer to HEAD.
        let body = if known { Body::empty() } else { Body::from(page.content.clone()) };
        let mut response = body.into_response();
        *response.status_mut() = if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        *response.headers_mut() = page.headers.clone();
        Some(response)
    }
}

/// The headers that Cloudflare's `_headers` file gives a path: a line with the path, then indented lines of `Name: value`.
fn headers_of(rules: &str, path: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut applies = false;
    for line in rules.lines().filter(|line| !line.trim_start().starts_with('#')) {
        if line.starts_with('/') {
            applies = line.trim() == path;
        } else if let (true, Some((name, value))) = (applies, line.split_once(':'))
            && let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.trim().as_bytes()), HeaderValue::from_str(value.trim()))
        {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_those_of_the_path() {
        let rules = "# why\n/account\n  A: 1\n  # not this\n  B: x: y\n\n/account.js\n  A: 2\n";
        let headers = headers_of(rules, "/account");
        assert_eq!((headers.len(), headers.get("a").map(HeaderValue::as_bytes)), (2, Some(b"1".as_slice())));
        assert_eq!(headers.get("b").map(HeaderValue::as_bytes), Some(b"x: y".as_slice()));
        assert!(headers_of(rules, "/").is_empty());
    }
}
