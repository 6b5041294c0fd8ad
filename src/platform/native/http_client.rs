//! The HTTP client of the native server: HTTP/1.1, over TLS with the machine's trusted certificates
//! or, for `http` URLs, without TLS.

use async_trait::async_trait;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::kernel::domain::{GetRequest, HttpClient, NoResponse, PostRequest};

/// An HTTP client. It follows no redirect and uses no proxy.
pub struct Https(Client<HttpsConnector<HttpConnector>, Body>);

impl Https {
    /// Reads the machine's trusted certificates.
    ///
    /// # Errors
    /// If the machine has no trusted certificates.
    pub fn open() -> std::io::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()?
            .https_or_http()
            .enable_http1()
            .build();
        // Keeps no idle connection open. The next request may come much later, when the other
        // server has already closed the connection.
        Ok(Self(
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
        ))
    }
}

#[async_trait]
impl HttpClient for Https {
    async fn post(&self, post: PostRequest<'_>) -> Result<u16, NoResponse> {
        let named = post
            .headers
            .iter()
            .fold(Request::post(post.url), |request, (name, value)| {
                request.header(*name, value)
            });
        let request = named
            .body(Body::from(post.body))
            .map_err(|_| NoResponse::Unreachable)?;
        let answered = timeout(post.timeout, self.0.request(request))
            .await
            .map_err(|_| NoResponse::Timeout)?;
        Ok(answered
            .map_err(|_| NoResponse::Unreachable)?
            .status()
            .as_u16())
    }

    async fn get(&self, get: GetRequest<'_>) -> Result<String, NoResponse> {
        let named = get
            .headers
            .iter()
            .fold(Request::get(get.url), |request, (name, value)| {
                request.header(*name, *value)
            });
        let request = named
            .body(Body::empty())
            .map_err(|_| NoResponse::Unreachable)?;
        let text = async {
            let answer = self
                .0
                .request(request)
                .await
                .map_err(|_| NoResponse::Unreachable)?;
            if answer.status() != StatusCode::OK {
                return Err(NoResponse::Unreachable);
            }
            let body = Limited::new(answer.into_body(), get.max_bytes)
                .collect()
                .await
                .map_err(|_| NoResponse::Unreachable)?;
            String::from_utf8(body.to_bytes().to_vec()).map_err(|_| NoResponse::Unreachable)
        };
        timeout(get.timeout, text)
            .await
            .map_err(|_| NoResponse::Timeout)?
    }
}

/// The client of a server that calls no other server.
pub(super) struct Closed;

#[async_trait]
impl HttpClient for Closed {
    async fn post(&self, _: PostRequest<'_>) -> Result<u16, NoResponse> {
        Err(NoResponse::Unreachable)
    }

    async fn get(&self, _: GetRequest<'_>) -> Result<String, NoResponse> {
        Err(NoResponse::Unreachable)
    }
}
