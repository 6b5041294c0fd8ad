//! Converts requests and responses between JavaScript and axum, each in one call. The worker
//! crate's own conversions take several calls per header.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use worker::send::SendWrapper;
use worker::worker_sys::web_sys;

use crate::kernel::http::extract::{ClientAddress, ClientCountry};

#[wasm_bindgen(module = "/src/platform/worker/exchange.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn read(request: &web_sys::Request) -> Result<String, JsValue>;
    #[wasm_bindgen(catch)]
    fn answer(status: u16, headers: &str, body: &[u8]) -> Result<web_sys::Response, JsValue>;
}

/// Returns the request with the client's address and country, or `None` if the request is
/// malformed.
pub(super) fn incoming(request: &web_sys::Request) -> Option<Request<Body>> {
    let text = read(request).ok()?;
    let mut lines = text.split('\n');
    let mut incoming = Request::builder().method(lines.next()?).uri(lines.next()?);
    let country = lines
        .next()
        .filter(|country| !country.is_empty())
        .map(str::to_owned);
    let headers = incoming.headers_mut()?;
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        headers
            .try_append(
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_bytes(value.as_bytes()).ok()?,
            )
            .ok()?;
    }
    // Cloudflare sets this header and overwrites the client's.
    let address = headers
        .get("cf-connecting-ip")
        .and_then(|address| address.to_str().ok()?.parse().ok());
    let body = request
        .body()
        .map_or_else(Body::empty, |body| Body::new(worker::Body::new(body)));
    incoming
        .extension(ClientAddress(address))
        .extension(ClientCountry(country))
        .body(body)
        .ok()
}

/// A response that JavaScript made, which goes out as it is: the upgrade to a WebSocket.
#[derive(Clone)]
pub(super) struct RawResponse(Arc<SendWrapper<web_sys::Response>>);

impl RawResponse {
    pub(super) fn new(response: web_sys::Response) -> Self {
        Self(Arc::new(SendWrapper::new(response)))
    }
}

/// Returns the response with its body in one piece.
///
/// The worker crate makes a stream of a body, which doubles the work of workerd for each response.
pub(super) async fn outgoing(response: Response) -> worker::Result<web_sys::Response> {
    let (parts, body) = response.into_parts();
    if let Some(RawResponse(raw)) = parts.extensions.get::<RawResponse>() {
        let raw: &JsValue = (***raw).as_ref();
        return Ok(raw.clone().unchecked_into());
    }
    let body = body
        .collect()
        .await
        .map_err(|error| worker::Error::from(error.to_string()))?
        .to_bytes();
    let mut headers = String::with_capacity(512);
    for (name, value) in &parts.headers {
        let value = value
            .to_str()
            .map_err(|_| worker::Error::from("a header is not text"))?;
        for part in [name.as_str(), "\n", value, "\n"] {
            headers.push_str(part);
        }
    }
    Ok(answer(parts.status.as_u16(), &headers, &body)?)
}
