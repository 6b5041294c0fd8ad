//! The way out: `fetch`.

use std::pin::pin;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use wasm_bindgen::JsValue;
use worker::send::SendFuture;
use worker::{AbortController, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::domain::{NoAnswer, Outgoing, Post};

/// The platform's `fetch`.
pub(super) struct Fetcher;

fn request(post: &Post<'_>) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in post.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_body(Some(JsValue::from_str(&post.body)));
    init.with_redirect(RequestRedirect::Manual);
    Request::new_with_init(post.url, &init)
}

#[async_trait]
impl Outgoing for Fetcher {
    async fn post(&self, post: Post<'_>) -> Result<u16, NoAnswer> {
        // JavaScript's promises are not Send; the Worker has one thread.
        SendFuture::new(async {
            let fetch = Fetch::Request(request(&post).map_err(|_| NoAnswer::Unreachable)?);
            let controller = AbortController::default();
            let signal = controller.signal();
            let answer = match select(pin!(fetch.send_with_signal(&signal)), pin!(Delay::from(post.patience))).await {
                Either::Left((answer, _)) => answer.map(|answer| answer.status_code()).map_err(|_| NoAnswer::Unreachable),
                Either::Right(_) => Err(NoAnswer::Late),
            };
            // Ends what is under way still, and lets go of a body that nobody reads: it would keep its connection.
            controller.abort();
            answer
        })
        .await
    }
}
