//! The port of the HTTP client, which calls servers of other organisations.

use std::time::Duration;

use async_trait::async_trait;

/// A POST request.
#[derive(Debug)]
pub struct PostRequest<'a> {
    /// The URL. It may hold a secret, so it must not be logged.
    pub url: &'a str,
    /// Header names in lower case, with their values.
    pub headers: &'a [(&'static str, String)],
    /// The body. It must not be logged.
    pub body: String,
    /// The time within which the status of the response must arrive.
    pub timeout: Duration,
}

/// A GET request for a short text.
#[derive(Debug)]
pub struct GetRequest<'a> {
    /// The URL. It may reveal a part of a secret, so it must not be logged.
    pub url: &'a str,
    /// Header names in lower case, with their values.
    pub headers: &'a [(&'static str, &'static str)],
    /// The time within which the whole response must arrive.
    pub timeout: Duration,
    /// The maximum size of the response in bytes. A longer response is an error.
    pub max_bytes: usize,
}

/// A client for HTTP requests to other servers.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends `request` and returns the status of the response. A redirect is returned and not
    /// followed.
    ///
    /// # Errors
    /// [`NoResponse`]. The other server may have received the request anyway.
    async fn post(&self, request: PostRequest<'_>) -> Result<u16, NoResponse>;

    /// Returns the body of a response with status 200 in UTF-8. A redirect is not followed.
    ///
    /// # Errors
    /// [`NoResponse`], also for every other status.
    async fn get(&self, request: GetRequest<'_>) -> Result<String, NoResponse>;
}

/// The reason why there is no response. The platforms' own error texts contain the URL, so they are
/// left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoResponse {
    /// The response did not arrive in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection failed, or the response is not of the requested kind.
    #[error("no connection")]
    Unreachable,
}
