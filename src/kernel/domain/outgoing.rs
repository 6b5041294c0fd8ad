//! The way out to other people's servers: the port.

use std::time::Duration;

use async_trait::async_trait;

/// A POST to somebody else's server.
#[derive(Debug)]
pub struct Post<'a> {
    /// Where to. Not to be logged: it may hold a secret.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'static str, String)],
    /// What to send. Not to be logged either.
    pub body: String,
    /// How long it may take until the answer's status is there.
    pub patience: Duration,
}

/// A GET of a short text.
#[derive(Debug)]
pub struct Get<'a> {
    /// Where from. Not to be logged: it may tell something of a secret.
    pub url: &'a str,
    /// Names in lower case.
    pub headers: &'a [(&'static str, &'static str)],
    /// How long it may take until all of the answer is there.
    pub patience: Duration,
    /// Bytes of an answer that are read at most; a longer one is no answer.
    pub most_bytes: usize,
}

/// The way out to other people's servers.
#[async_trait]
pub trait Outgoing: Send + Sync {
    /// Sends `post` and gives the status of the answer, whatever it is. A redirect is an answer and
    /// not followed.
    ///
    /// # Errors
    /// [`NoAnswer`]; the other side may have got it all the same.
    async fn post(&self, post: Post<'_>) -> Result<u16, NoAnswer>;

    /// Gets a text: the body of an answer with status 200, in UTF-8. A redirect is not followed.
    ///
    /// # Errors
    /// [`NoAnswer`], also for every other status.
    async fn get(&self, get: Get<'_>) -> Result<String, NoAnswer>;
}

/// Why another server gave no answer. It says no more: the platforms' texts name the address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// No connection, it broke, or what came is not what was asked for.
    #[error("no connection")]
    Unreachable,
}
