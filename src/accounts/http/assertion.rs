//! The App Attest assertion of the iOS app: its headers (CONTRACT §6), and the request that it must
//! sign.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::accounts::domain::devices::assertion_check;
use crate::accounts::domain::devices::assertion_check::{DeviceAssertion, DeviceEvidence};
use crate::accounts::domain::devices::request_challenge::Request;
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::http::AccountsState;
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::config::Config;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::http::error::ApiError;
use crate::kernel::model::base64;
use crate::kernel::model::config::Environment;

const KEY: &str = "x-ios-app-attest-key";
const ASSERTION: &str = "x-ios-app-attest-assertion";
const BUNDLE: &str = "x-ios-app-bundle-id";
const CHALLENGE: &str = "x-request-challenge";

/// Reads the four headers of an assertion.
fn shown(headers: &HeaderMap) -> DeviceEvidence {
    let mut all = [KEY, ASSERTION, BUNDLE, CHALLENGE].map(|name| headers.get_all(name).iter());
    let values = all.each_mut().map(|values| (values.next(), values.next()));
    if values.iter().all(|(first, _)| first.is_none()) {
        return DeviceEvidence::Nothing;
    }
    let text = values.map(|(first, second)| {
        first
            .filter(|_| second.is_none())
            .and_then(|value| value.to_str().ok())
    });
    let [Some(key), Some(assertion), Some(bundle), Some(challenge)] = text else {
        return DeviceEvidence::Malformed(
            "a header of the assertion is missing, given twice, or not text",
        );
    };
    match (
        KeyId::parse(key),
        base64::decode(assertion),
        base64::decode(challenge),
    ) {
        (Some(key), Some(assertion), Some(challenge)) => {
            DeviceEvidence::Assertion(DeviceAssertion {
                key,
                assertion,
                bundle: bundle.to_owned(),
                challenge,
            })
        }
        _ => DeviceEvidence::Malformed("a header of the assertion is not base64"),
    }
}

/// Returns the host by which clients know the API. In production it is the issuer's host, whatever
/// host the request names.
fn host(config: &Config, parts: &Parts) -> String {
    if config.environment == Environment::Production {
        let rest = config
            .jwt_issuer
            .strip_prefix("https://")
            .unwrap_or_default();
        return rest.split('/').next().unwrap_or_default().to_owned();
    }
    let named = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    named
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default()
        .to_owned()
}

/// The device's assertion of a request, and the request that it must sign.
#[derive(Debug)]
pub struct DeviceProof {
    shown: DeviceEvidence,
    method: Method,
    host: String,
    target: String,
    schemes: &'static [&'static str],
}

impl DeviceProof {
    fn of(app: &AccountsState, parts: &Parts) -> Self {
        // Behind a proxy the native server does not see the scheme. In production every client uses
        // https.
        let production = app.ports.config.environment == Environment::Production;
        let schemes: &[&str] = if production {
            &["https"]
        } else {
            &["https", "http"]
        };
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
            .to_owned();
        Self {
            shown: shown(&parts.headers),
            method: parts.method.clone(),
            host: host(&app.ports.config, parts),
            target,
            schemes,
        }
    }

    /// Returns the assertion of the request.
    #[must_use]
    pub const fn shown(&self) -> &DeviceEvidence {
        &self.shown
    }

    /// Returns the request that the assertion must sign.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            method: self.method.as_str(),
            schemes: self.schemes,
            host: &self.host,
            target: &self.target,
        }
    }
}

impl FromRequestParts<AccountsState> for DeviceProof {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AccountsState) -> Result<Self, ApiError> {
        Ok(Self::of(app, parts))
    }
}

/// Checks that the caller's device may use the credential.
///
/// # Errors
/// 403 if an assertion is required and missing or not valid.
pub(super) async fn admit(
    app: &AccountsState,
    parts: &mut Parts,
    me: &SignedIn,
) -> Result<(), ApiError> {
    let proof = DeviceProof::of(app, parts);
    let origin = RequestOrigin::from_request_parts(parts, app).await?;
    Ok(
        assertion_check::require_assertion(
            &app.ports,
            me,
            proof.shown(),
            &proof.request(),
            &origin,
        )
        .await?,
    )
}
