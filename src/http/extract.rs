//! What handlers take as parameters: a parsed body, who calls, where the request came from.
//!
//! A handler that needs to know who calls takes [`CurrentUser`] or [`RecentlyAuthenticated`] and cannot be written without.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::de::{DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize};

use super::App;
use super::assertion;
use super::cookie::Shape;
use super::credentials::{Presented, all_presented, presented};
use super::error::{ApiError, Code};
use crate::domain::authenticate::{self, Credential, SignedIn};
use crate::domain::{RequestOrigin, csrf, factors};
use crate::model::ids::UserId;
use crate::model::text;

/// By which a page says whose account it shows: a request by anybody else does nothing.
pub const EXPECTED_USER: HeaderName = HeaderName::from_static("x-expected-user");

/// In which a page sends its CSRF token.
pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");

/// The request's id, put there by [`super::respond`].
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The client's network address, put there by the platform, and only by it: a client's own header never gets here.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub Option<IpAddr>);

/// The client's country, ISO 3166-1 alpha-2, put there by the platform, and only by it.
#[derive(Clone, Debug)]
pub struct ClientCountry(pub Option<String>);

/// The internal service that calls, put there by [`super::gate::internal_key`].
#[derive(Clone, Debug)]
pub struct InternalService(pub String);

/// Cookies that the answer will set, besides those of the handler.
#[derive(Clone, Default, Debug)]
pub struct OutgoingCookies(Arc<Mutex<Vec<HeaderValue>>>);

impl OutgoingCookies {
    /// Adds one.
    pub fn push(&self, cookie: HeaderValue) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(cookie);
    }

    /// Takes all.
    #[must_use]
    pub fn take(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a Content-Type is JSON; parameters such as a charset do not matter.
#[must_use]
pub fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Deepest nesting of a body. What is ignored is skipped by `serde_json` without a limit.
const MOST_NESTING: usize = 32;

/// How deeply brackets are nested at most, outside of texts.
fn nesting(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A JSON body of type `T`; as an answer, JSON with status 200.
#[derive(Debug)]
pub struct AppJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for AppJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(Code::UnsupportedMediaType.into());
        }
        let body = Bytes::from_request(request, app).await.map_err(|rejection| ApiError::from_status(rejection.status()))?;
        if nesting(&body) > MOST_NESTING {
            return Err(ApiError::because(Code::MalformedJson, "nested too deeply"));
        }
        // Only objects: a list would be read by position. Fields given twice are refused by the derived readers.
        if body.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
            return Err(ApiError::because(Code::InvalidBody, "a list"));
        }
        // What is skipped is not read as text either, so that it is UTF-8 is checked here.
        let text = std::str::from_utf8(&body).map_err(|_| Code::MalformedJson)?;
        serde_json::from_str(text).map(Self).map_err(|error| {
            let code = if error.is_data() { Code::InvalidBody } else { Code::MalformedJson };
            // The error's own text could repeat a value, so only its place is kept.
            ApiError::because(code, format!("line {}, column {}", error.line(), error.column()))
        })
    }
}

impl<T: Serialize> axum::response::IntoResponse for AppJson<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

/// Reads an optional text in which empty means absent (Apple sends `email: ""` on every sign-in but the first).
///
/// # Errors
/// If it is neither a text nor null.
pub fn absent_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty()))
}

/// Reads an optional truth value that some providers write as a text; empty means absent.
///
/// # Errors
/// If it is anything else.
pub fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Bool(bool),
        Text(String),
    }
    match Option::<Written>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Written::Bool(value)) => Ok(Some(value)),
        Some(Written::Text(text)) => match text.as_str() {
            "" => Ok(None),
            "true" => Ok(Some(true)),
            "false" => Ok(Some(false)),
            _ => Err(serde::de::Error::custom("neither true nor false")),
        },
    }
}

impl FromRequestParts<App> for RequestOrigin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        let service = parts.extensions.get::<InternalService>();
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            actor: service.map_or_else(|| "user".to_owned(), |service| format!("service:{}", service.0)),
            // An internal call comes from the service, not from the person it is about.
            address: if service.is_some() { None } else { parts.extensions.get::<ClientAddress>().and_then(|address| address.0) },
            country: if service.is_some() { None } else { parts.extensions.get::<ClientCountry>().and_then(|country| country.0.clone()) },
            user_agent: if service.is_some() { None } else { user_agent.and_then(text::user_agent) },
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
        })
    }
}

impl FromRequestParts<App> for Shape {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self::of(&app.ports.config, &parts.uri, &parts.headers))
    }
}

/// Every credential that the request presents, good or not. For signing out, which never fails for a bad one.
#[derive(Debug)]
pub struct AllCredentials(pub Vec<Credential>);

impl FromRequestParts<App> for AllCredentials {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        Ok(Self(all_presented(parts, &Shape::of(&app.ports.config, &parts.uri, &parts.headers))))
    }
}

/// Whoever calls with a live credential, of either kind, on the device that it belongs to.
#[derive(Debug)]
pub struct CurrentUser(pub SignedIn);

impl FromRequestParts<App> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true).await.and_then(complete).map(|(_, me)| Self(me))
    }
}

/// The same, also where the sign-in is a recovery that is not complete.
#[derive(Debug)]
pub struct AlsoRecovering(pub SignedIn);

impl FromRequestParts<App> for AlsoRecovering {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true).await.map(|(_, me)| Self(me))
    }
}

/// The same as [`CurrentUser`], with what they presented.
#[derive(Debug)]
pub struct PresentedBy(pub Presented, pub SignedIn);

impl FromRequestParts<App> for PresentedBy {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |_| true).await.and_then(complete).map(|(presented, me)| Self(presented, me))
    }
}

/// Who calls where nobody has to be signed in: a credential that is not good is told, not ignored. Their device is not asked: who changes
/// something for them calls [`crate::domain::devices::admit::admit`].
#[derive(Debug)]
pub enum MaybeSignedIn {
    /// Nothing was presented.
    Nobody,
    /// What was presented is not good, or not any more.
    Refused(ApiError),
    /// Somebody is signed in.
    SignedIn(Box<SignedIn>),
}

impl MaybeSignedIn {
    /// Who is signed in, if anybody.
    #[must_use]
    pub fn signed_in(self) -> Option<SignedIn> {
        if let Self::SignedIn(me) = self { Some(*me) } else { None }
    }
}

impl FromRequestParts<App> for MaybeSignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        match alone(parts, app, |_| true).await {
            Ok((_, me)) => Ok(Self::SignedIn(Box::new(me))),
            Err(error) if error.code == Code::AuthenticationRequired => Ok(Self::Nobody),
            Err(error) if error.code == Code::InvalidToken => Ok(Self::Refused(error)),
            Err(error) => Err(error),
        }
    }
}

/// Whoever calls with a live credential, to be told so: with a Bearer token also without the assertion of their device, unless a refresh
/// needs one too (CONTRACT §6). With a cookie the caller may be the web app's server, which would take it for a good one.
#[derive(Debug)]
pub struct Bearing(pub SignedIn);

impl FromRequestParts<App> for Bearing {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let bearer = parts.headers.contains_key(header::AUTHORIZATION);
        let alone_is_enough = bearer && !app.ports.config.attest.on_refresh;
        let found = if alone_is_enough { alone(parts, app, |_| true).await } else { signed_in(parts, app, |_| true).await };
        found.map(|(_, me)| Self(me))
    }
}

/// Whoever calls with a live session token, in the cookie or as a Bearer token, on the device that it belongs to; an access token is refused.
#[derive(Debug)]
pub struct CurrentSession(pub SignedIn);

impl FromRequestParts<App> for CurrentSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        signed_in(parts, app, |credential| matches!(credential, Credential::Session(_))).await.map(|(_, me)| Self(me))
    }
}

/// Whoever signed in within the last ten minutes: for what cannot be undone.
#[derive(Debug)]
pub struct RecentlyAuthenticated(pub SignedIn);

impl FromRequestParts<App> for RecentlyAuthenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let (_, me) = signed_in(parts, app, |_| true).await.and_then(complete)?;
        if me.is_recent(&app.ports.config) {
            return Ok(Self(me));
        }
        let factors = factors::of(&app.ports, me.user.id).await?;
        let methods = [
            (factors.passkeys > 0, "passkey"),
            (factors.totp_since.is_some() && app.ports.config.secrets_keys.is_some(), "totp"),
            (true, "sign_in"),
        ];
        let methods = methods.into_iter().filter_map(|(there, name)| there.then_some(name)).collect();
        Err(ApiError::reauthenticate(methods, app.ports.config.recent_authentication.as_secs()))
    }
}

/// Whoever is signed in, on the device that their token was issued to.
async fn signed_in(parts: &mut Parts, app: &App, accepts: fn(&Credential) -> bool) -> Result<(Presented, SignedIn), ApiError> {
    let (presented, me) = established(parts, app, accepts).await?;
    assertion::admit(app, parts, &me).await?;
    let me = kept_alive(parts, app, &presented, me).await?;
    Ok((presented, me))
}

/// Who recovered their account does nothing with that sign-in before they have a passkey again.
fn complete((presented, me): (Presented, SignedIn)) -> Result<(Presented, SignedIn), ApiError> {
    if me.session.recovering { Err(Code::RecoveryIncomplete.into()) } else { Ok((presented, me)) }
}

/// Whoever is signed in, wherever the request comes from: where a device has no key yet, or nothing is done but to look. What needs its
/// device is not extended by that.
async fn alone(parts: &Parts, app: &App, accepts: fn(&Credential) -> bool) -> Result<(Presented, SignedIn), ApiError> {
    let (presented, me) = established(parts, app, accepts).await?;
    let me = if authenticate::stands_alone(&app.ports, &me) { kept_alive(parts, app, &presented, me).await? } else { me };
    Ok((presented, me))
}

async fn established(parts: &Parts, app: &App, accepts: fn(&Credential) -> bool) -> Result<(Presented, SignedIn), ApiError> {
    let cookie = Shape::of(&app.ports.config, &parts.uri, &parts.headers);
    let presented = presented(parts, &cookie)?.ok_or(Code::AuthenticationRequired)?;
    if !accepts(&presented.credential) {
        return Err(ApiError::because(Code::InvalidToken, "a credential of another kind"));
    }
    let signed_in = authenticate::authenticate(&app.ports, &presented.credential).await?;
    // A page shows one account; in another tab somebody may have signed in to another, and the cookie is that one's now.
    let expected = parts.headers.get(EXPECTED_USER).map(|id| id.to_str().ok().and_then(UserId::parse));
    if expected.is_some_and(|expected| expected != Some(signed_in.user.id)) {
        return Err(Code::AccountChanged.into());
    }
    if presented.by_cookie && needs_csrf_token(app, parts) {
        let token = parts.headers.get(CSRF_TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
        if !csrf::is_good(&app.ports, signed_in.session.id, token) {
            return Err(Code::CsrfTokenRequired.into());
        }
    }
    Ok((presented, signed_in))
}

/// Where that is configured: whether a browser sent it, and it changes something.
fn needs_csrf_token(app: &App, parts: &Parts) -> bool {
    let browser = parts.headers.contains_key(header::ORIGIN) || parts.headers.contains_key("sec-fetch-site");
    app.ports.config.csrf_token_required && browser && !parts.method.is_safe()
}

/// Notes the use of a session, and writes its cookie again if it was extended.
async fn kept_alive(parts: &Parts, app: &App, presented: &Presented, mut me: SignedIn) -> Result<SignedIn, ApiError> {
    authenticate::keep_alive(&app.ports, &presented.credential, &mut me).await?;
    if let (true, true, Credential::Session(token)) = (me.renewed, presented.by_cookie, &presented.credential)
        && let Some(outgoing) = parts.extensions.get::<OutgoingCookies>()
    {
        outgoing.push(Shape::of(&app.ports.config, &parts.uri, &parts.headers).set(token, me.expires_at, me.now));
    }
    Ok(me)
}
