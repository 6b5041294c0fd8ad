//! The settings of a client.

use std::time::Duration;

/// The maximum time for which a positive answer is cached.
pub const MAX_AGE: Duration = Duration::from_mins(1);

/// The settings of a client. [`Settings::new`] has the defaults.
///
/// ```
/// use std::time::Duration;
/// use hamrah_authorization_client::Settings;
///
/// let settings = Settings {
///     timeout: Duration::from_secs(2),
///     ..Settings::new("https://api.hamrah.app", "Stock")
/// };
/// # assert_eq!(settings.max_entries, 10_000);
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL of the authorization service, such as `https://api.hamrah.app`.
    pub url: String,
    /// The name or number of this backend's service.
    pub service: String,
    /// The name of this client in the logs of the authorization service.
    pub client_id: Option<String>,
    /// How long a positive answer is cached for reads: at most [`MAX_AGE`], zero for never.
    pub max_age: Duration,
    /// The last part of a token's life, in which the client always asks the service, which renews
    /// the token. Use the value of the service's `TOKEN_RENEW_THRESHOLD_SECONDS`.
    pub renew_within: Duration,
    /// How long the client waits for the service.
    pub timeout: Duration,
    /// The maximum number of cached answers.
    pub max_entries: usize,
}

impl Settings {
    /// Returns the defaults: a cache of one minute and 10,000 answers that is not used in a token's
    /// last 30 seconds, and a timeout of 5 seconds.
    #[must_use]
    pub fn new(url: impl Into<String>, service: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            service: service.into(),
            client_id: None,
            max_age: MAX_AGE,
            renew_within: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            max_entries: 10_000,
        }
    }
}

/// A setting with an invalid value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub(crate) &'static str);

/// Returns the origin of a URL without a path, or `None` for any other text. A header carries the
/// token, so plain http is accepted only for this machine.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let origin = url.strip_suffix('/').unwrap_or(url);
    let (scheme, authority) = origin.split_once("://")?;
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let is_authority = !authority.is_empty() && authority.bytes().all(is_allowed);
    let host = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(authority, |(host, _)| host);
    let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
    let is_secure = scheme == "https" || (scheme == "http" && is_local);
    (is_authority && is_secure).then_some(origin)
}
