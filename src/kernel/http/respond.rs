//! The middleware around every response: the request's id, the body of an error, the security
//! headers and one log line.

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::http::KernelState;
use crate::kernel::http::error::{ApiError, Code};
use crate::kernel::http::extract::{HangUp, OutgoingCookies, RequestId};
use crate::kernel::http::route::{ErrorForm, RequestIds};
use crate::kernel::http::step_up::RequiredStepUp;
use crate::kernel::model::config::Environment;
use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;

/// The header that carries the request's id in requests and responses.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a request may take, its body included. Then the platform drops its work.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// The platform's clock starts a little before that of the log.
const TOLERANCE: Duration = Duration::from_secs(1);
/// The status in the log for a request whose client hung up. No client reads it.
const HUNG_UP: u16 = 499;
/// The maximum length of a request's id that is echoed as the client sent it.
const MAX_ECHOED_BYTES: usize = 256;

/// The body of an error: a problem document (RFC 9457) with members of this API.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// The URL of the code's explanation.
    #[serde(rename = "type")]
    #[schema(example = "/docs#error-not_found")]
    kind: String,
    /// The name of the status.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// A sentence for users: the problem, then the remedy.
    detail: Cow<'static, str>,
    /// Always `false`.
    success: bool,
    /// `detail` again, which older clients show. In the authorization service, the code.
    error: Cow<'static, str>,
    /// The code of the error, for programs. Codes are stable.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The request's id. Users give it when they ask for help.
    request_id: String,
    /// With `reauthentication_required`: the accepted ways to authenticate.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_up: Option<RequiredStepUp>,
    /// Further members.
    #[serde(flatten)]
    #[schema(ignore)]
    members: Option<Box<serde_json::Map<String, serde_json::Value>>>,
}

/// The reason why a browser will not send a request after its preflight, for the log. It holds no
/// text of the client.
#[derive(Clone, Copy, Debug)]
pub struct RefusedPreflight(pub &'static str);

/// The mark of a response to a page whose origin is not allowed: its browser hides the response.
#[derive(Clone, Copy, Debug)]
pub struct UnlistedOrigin;

/// The reason for the log.
const UNLISTED: &str = "the origin of the page is not in ALLOWED_ORIGINS";

/// The state of [`respond`].
#[derive(Clone)]
pub struct Responses {
    /// The shared state.
    pub app: KernelState,
    /// The form of the error responses.
    pub errors: ErrorForm,
    /// What the route does with the id of a request.
    pub request_ids: RequestIds,
}

/// Completes a response.
pub async fn respond(
    State(Responses {
        app,
        errors,
        request_ids,
    }): State<Responses>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = accepted_id(request.headers()).unwrap_or_else(|| fresh_id(&app));
    let echoed = (request_ids == RequestIds::Echoed)
        .then(|| echoed_id(request.headers()))
        .flatten();
    // HSTS is never sent in development, because a browser would then require https on all of
    // localhost for two years.
    let https = app.ports.config.environment == Environment::Production;
    let method = known_method(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let cookies = OutgoingCookies::default();
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(cookies.clone());
    let mut line = LogLine {
        began: app.ports.clock.now(),
        app,
        id,
        method,
        route,
        hang_up: request.extensions_mut().remove::<HangUp>(),
        written: false,
    };

    let mut response = next.run(request).await;
    let mut error = error_of(&mut response);
    if response
        .extensions_mut()
        .remove::<UnlistedOrigin>()
        .is_some()
        && let Some(error) = &mut error
    {
        error.reason.get_or_insert_with(|| UNLISTED.to_owned());
    }
    let preflight = response.extensions_mut().remove::<RefusedPreflight>();
    if let Some(error) = &error {
        response = problem(response.headers(), error, errors, &line.id);
    }
    finish(response.headers_mut(), &line.id, https, &cookies);
    if let Some(echoed) = echoed {
        response.headers_mut().insert(REQUEST_ID, echoed);
    }
    line.write(response.status(), error.as_ref(), preflight);
    response
}

/// The log line of a request. A request whose work is dropped is logged too.
struct LogLine {
    app: KernelState,
    began: Timestamp,
    id: String,
    method: &'static str,
    route: String,
    hang_up: Option<HangUp>,
    written: bool,
}

impl LogLine {
    fn write(
        &mut self,
        status: StatusCode,
        error: Option<&ApiError>,
        preflight: Option<RefusedPreflight>,
    ) {
        self.written = true;
        if self.hang_up.as_ref().is_some_and(HangUp::has_happened) {
            self.write_without_code(HUNG_UP, "the client hung up");
        } else if let Some(RefusedPreflight(reason)) = preflight {
            self.write_without_code(status.as_u16(), reason);
        } else {
            log(&self.id, self.method, &self.route, status, error);
        }
    }

    fn write_without_code(&self, status: u16, reason: &str) {
        tracing::info!(
            request_id = self.id,
            method = self.method,
            route = self.route,
            status,
            code = "",
            reason,
            "request"
        );
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if self.written {
            return;
        }
        let late = self.began.plus(REQUEST_TIME).minus(TOLERANCE);
        if self.app.ports.clock.now() >= late {
            let late = StatusCode::REQUEST_TIMEOUT.as_u16();
            self.write_without_code(late, "the request took too long");
        } else {
            self.write_without_code(HUNG_UP, "the client hung up");
        }
    }
}

/// Returns a method's name for the log. Methods that a client invented are not logged.
fn known_method(method: &Method) -> &'static str {
    let known = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT",
    ];
    known
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("OTHER")
}

fn accepted_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let ok = (8..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    ok.then(|| text.to_owned())
}

/// Returns the id of a request as the client sent it, if it is printable and not too long.
fn echoed_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let sent = headers.get(REQUEST_ID)?;
    let ok = (1..=MAX_ECHOED_BYTES).contains(&sent.len()) && sent.to_str().is_ok();
    ok.then(|| sent.clone())
}

fn fresh_id(app: &KernelState) -> String {
    app.ports
        .id(EventId::from_random)
        .map_or_else(|_| "unknown".to_owned(), |id| id.to_string())
}

/// Returns the error of a handler, or of the router's own plain-text response.
fn error_of(response: &mut Response) -> Option<ApiError> {
    let ours = response.extensions_mut().remove::<ApiError>();
    let status = response.status();
    ours.or_else(|| {
        let json = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
        ((status.is_client_error() || status.is_server_error()) && !json)
            .then(|| ApiError::from_status(status))
    })
}

/// Returns a complete response to a request that did not reach the router.
#[must_use]
pub fn unrouted(code: Code) -> Response {
    let id = "unknown";
    let mut response = problem(&HeaderMap::new(), &code.into(), ErrorForm::Problem, id);
    finish(
        response.headers_mut(),
        id,
        false,
        &OutgoingCookies::default(),
    );
    response
}

fn problem(answered: &HeaderMap, error: &ApiError, form: ErrorForm, id: &str) -> Response {
    let code = error.code;
    let sentence = error.sentence();
    let body = Problem {
        kind: format!("/docs#error-{}", code.as_str()),
        title: code.status().canonical_reason().unwrap_or_default(),
        status: code.status().as_u16(),
        detail: sentence.clone(),
        success: false,
        error: match form {
            ErrorForm::Problem => sentence,
            ErrorForm::Flat => Cow::Borrowed(code.as_str()),
        },
        code: code.as_str(),
        request_id: id.to_owned(),
        step_up: error.step_up.clone(),
        members: error.members.clone(),
    };
    let mut response = (code.status(), Json(body)).into_response();
    let headers = response.headers_mut();
    // Headers of the middleware and the router: CORS, Vary, Allow.
    for (name, value) in answered {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    match code {
        Code::InvalidToken => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            );
        }
        Code::InternalKeyRequired => {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("InternalKey"),
            );
        }
        _ if code.status() == StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

fn finish(headers: &mut HeaderMap, id: &str, https: bool, cookies: &OutgoingCookies) {
    for cookie in cookies.take() {
        headers.append(header::SET_COOKIE, cookie);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Pages set their own policy. All other responses are data and load nothing.
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'",
        ));
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=63072000; includeSubDomains"),
        );
    }
}

/// Writes one log line per request. It names the route's pattern and not the path, because paths
/// can hold data that must not be logged.
fn log(id: &str, method: &str, route: &str, status: StatusCode, error: Option<&ApiError>) {
    let (code, reason) = error.map_or(("", ""), |error| {
        (
            error.code.as_str(),
            error.reason.as_deref().unwrap_or_default(),
        )
    });
    let status = status.as_u16();
    if status >= 500 {
        tracing::error!(
            request_id = id,
            method,
            route,
            status,
            code,
            reason,
            "request failed"
        );
    } else {
        tracing::info!(
            request_id = id,
            method,
            route,
            status,
            code,
            reason,
            "request"
        );
    }
}
