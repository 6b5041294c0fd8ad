//! The port to an HTTP client.

use std::time::Duration;

/// An HTTP POST request that a [`Transport`] sends.
#[derive(Clone)]
pub struct PostRequest {
    /// The URL.
    pub url: String,
    /// The headers. They contain the token, so do not log them.
    pub headers: Vec<(&'static str, String)>,
    /// The body, as JSON.
    pub body: String,
    /// How long the transport may take, including the body of the response.
    pub timeout: Duration,
}

/// An HTTP response.
#[derive(Clone, Debug)]
pub struct PostResponse {
    /// The status.
    pub status: u16,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a transport received no response.
pub type TransportError = Box<dyn std::error::Error + Send + Sync>;

/// An HTTP client.
///
/// It must observe [`PostRequest::timeout`] and limit the size of [`PostResponse::body`]. It must not
/// follow redirects, because they could send the token to another host.
///
/// ```no_run
/// use hamrah_authorization_client::{PostRequest, PostResponse, Transport, TransportError};
/// # struct HttpClient;
/// # impl HttpClient {
/// #     async fn post(&self, _: &PostRequest) -> Result<(u16, Vec<u8>), TransportError> {
/// #         Err("not connected".into())
/// #     }
/// # }
///
/// struct Http(HttpClient);
///
/// impl Transport for Http {
///     async fn post(&self, request: PostRequest) -> Result<PostResponse, TransportError> {
///         let (status, body) = self.0.post(&request).await?;
///         Ok(PostResponse { status, retry_after: None, body })
///     }
/// }
/// ```
pub trait Transport: Send + Sync + 'static {
    /// Sends a POST request and returns the response.
    fn post(
        &self,
        request: PostRequest,
    ) -> impl Future<Output = Result<PostResponse, TransportError>> + Send;
}
