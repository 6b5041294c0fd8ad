//! The HTTP client of the Worker: `fetch`.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::{
    AbortController, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response,
};

use crate::kernel::domain::{GetRequest, HttpClient, NoResponse, PostRequest};

/// The platform's `fetch`.
pub(super) struct Fetcher;

fn request<'a>(
    method: Method,
    url: &str,
    headers: impl Iterator<Item = (&'a str, &'a str)>,
    body: Option<&str>,
) -> worker::Result<Request> {
    let named = Headers::new();
    for (name, value) in headers {
        named.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(method)
        .with_headers(named)
        .with_body(body.map(JsValue::from_str));
    init.with_redirect(RequestRedirect::Manual);
    Request::new_with_init(url, &init)
}

/// Sends a request and reads the response with `take`, all within the time limit.
async fn exchanged<T>(
    request: worker::Result<Request>,
    timeout: Duration,
    take: impl AsyncFnOnce(Response) -> Result<T, NoResponse>,
) -> Result<T, NoResponse> {
    let fetch = Fetch::Request(request.map_err(|_| NoResponse::Unreachable)?);
    let controller = AbortController::default();
    let signal = controller.signal();
    let taken = async {
        take(
            fetch
                .send_with_signal(&signal)
                .await
                .map_err(|_| NoResponse::Unreachable)?,
        )
        .await
    };
    let answer = match select(pin!(taken), pin!(Delay::from(timeout))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(NoResponse::Timeout),
    };
    // Ends a request that still runs, and drops a body that remains unread. Either would keep its
    // connection open.
    controller.abort();
    answer
}

// Promises of JavaScript are not Send, but the Worker has one thread.
#[async_trait]
impl HttpClient for Fetcher {
    async fn post(&self, post: PostRequest<'_>) -> Result<u16, NoResponse> {
        let headers = post
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        let request = request(Method::Post, post.url, headers, Some(&post.body));
        SendFuture::new(exchanged(request, post.timeout, async |answer| {
            Ok(answer.status_code())
        }))
        .await
    }

    async fn get(&self, get: GetRequest<'_>) -> Result<String, NoResponse> {
        let request = request(Method::Get, get.url, get.headers.iter().copied(), None);
        let read = async |mut answer: Response| {
            if answer.status_code() != 200 {
                return Err(NoResponse::Unreachable);
            }
            let mut chunks = answer.stream().map_err(|_| NoResponse::Unreachable)?;
            let mut text = Vec::new();
            while let Some(chunk) = chunks.next().await {
                text.extend(chunk.map_err(|_| NoResponse::Unreachable)?);
                if text.len() > get.max_bytes {
                    return Err(NoResponse::Unreachable);
                }
            }
            String::from_utf8(text).map_err(|_| NoResponse::Unreachable)
        };
        SendFuture::new(exchanged(request, get.timeout, read)).await
    }
}
