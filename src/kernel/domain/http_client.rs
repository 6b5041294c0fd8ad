//! The way out to other people's servers: the port.

use std::time::Duration;

use async_trait::async_trait;

/// A POST to somebody else's server.
#[derive(Debug)]
pub struct PostRequest<'a> {
    /// Where to. Not to be logged: it may hold a secret.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'static str, String)],
    /// What to send. Not to be logged either.
    pub body: String,
    /// How long it may take until the answer's status is there.
    pub timeout: Duration,
}

/// A GET of a short text.
#[derive(Debug)]
pub struct GetRequest<'a> {
    /// Where from. Not to be logged: it may tell something of a secret.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'static str, &'static str)],
    /// How long it may take until all of the answer is there.
    pub timeout: Duration,
    /// Bytes of an answer that are read at most; a longer one is no answer.
    pub max_bytes: usize,
}

/// The way out to other people's servers.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends `post` and gives the status of the answer, whatever it is. A redirect is an answer and
    /// not followed.
    ///
    /// # Errors
    /// [`NoResponse`]; the other side may have got it all the same.
    async fn post(&self, post: PostRequest<'_>) -> Result<u16, NoResponse>;

    /// Gets a text: the body of an answer with status 200, in UTF-8. A redirect is not followed.
    ///
    /// # Errors
    /// [`NoResponse`], also for every other status.
    async fn get(&self, get: GetRequest<'_>) -> Result<String, NoResponse>;
}

/// Why another server gave no answer. It says no more: the platforms' texts name the address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoResponse {
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// No connection, it broke, or what came is not what was asked for.
    #[error("no connection")]
    Unreachable,
}
