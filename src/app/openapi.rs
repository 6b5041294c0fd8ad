//! The description of the API (`OpenAPI` 3.1), generated from the handlers and the table of routes.
//!
//! Used by `hamrah-api openapi` and by the test that compares it with the file; the Worker serves the file.

#![allow(
    clippy::indexing_slicing,
    reason = "serde_json gives null for what is not there"
)]

use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

use crate::accounts::http::webauthn::{authenticate, credentials, register};
use crate::accounts::http::{
    activity, app_attestation, export, factors, internal, passwords, reauthenticate, recovery,
    sessions, tokens, users, well_known,
};
use crate::app::routes::table;
use crate::app::{docs, health};
use crate::authorization::http as authorization;
use crate::kernel::http::error::Code;
use crate::kernel::http::respond::Problem;
use crate::kernel::http::route::is_authorization;
use crate::kernel::http::route::{Access, Facts};

/// A JWK set with public keys.
#[derive(ToSchema)]
pub struct KeySet {
    /// The keys; the first one signs.
    pub keys: Vec<PublicKey>,
}

/// An Ed25519 public key (RFC 8037).
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes what domain::access_token::public_keys writes"
)]
pub struct PublicKey {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    alg: String,
    #[schema(rename = "use")]
    usage: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "hamrah-api",
        description = "Users, sessions and tokens at the edge. Success is always 200 with JSON; an error is a problem document (RFC 9457) with a stable `code`. A page that shows an account may say so in `X-Expected-User: <user id>`: a request by another account then does nothing and gets 409 `account_changed`."
    ),
    paths(
        health::root,
        health::alive,
        health::ready,
        docs::openapi,
        docs::page,
        docs::style,
        well_known::jwks,
        well_known::related_origins,
        well_known::apple_apps,
        well_known::passkey_endpoints,
        well_known::change_password,
        internal::create_user,
        internal::user_by_email,
        internal::create_session,
        internal::validate_session,
        internal::create_tokens,
        sessions::validate,
        sessions::logout,
        tokens::validate,
        tokens::refresh,
        tokens::revoke,
        tokens::revoke_all,
        tokens::list,
        users::me,
        users::update,
        users::delete,
        users::by_id,
        activity::sign_ins,
        activity::end_sign_in,
        activity::end_others,
        activity::events,
        export::export,
        factors::list,
        factors::enroll,
        factors::confirm,
        factors::disable,
        factors::make_codes,
        recovery::begin,
        recovery::complete,
        reauthenticate::begin,
        reauthenticate::complete,
        reauthenticate::csrf_token,
        passwords::sign_in,
        passwords::set,
        passwords::remove,
        app_attestation::challenge,
        app_attestation::verify,
        app_attestation::verify_key,
        app_attestation::list,
        app_attestation::revoke,
        register::begin,
        register::complete,
        authenticate::begin,
        authenticate::complete,
        credentials::list,
        credentials::list_of,
        credentials::rename,
        credentials::remove,
        authorization::auth::login,
        authorization::auth::bootstrap,
        authorization::auth::logout,
        authorization::auth::profile,
        authorization::auth::check_token,
        authorization::auth::issue,
        authorization::oauth::introspect,
        authorization::oauth::revoke,
        authorization::check::one,
        authorization::check::batch,
        authorization::explain::explain,
        authorization::authzen::evaluation,
        authorization::authzen::evaluations,
        authorization::people::services_of,
        authorization::people::effective,
        authorization::people::roles_of,
        authorization::people::people_with,
        authorization::people::holders,
        authorization::users::list,
        authorization::users::create,
        authorization::users::one,
        authorization::users::update,
        authorization::users::delete,
        authorization::users::revoke_tokens,
        authorization::roles::list,
        authorization::roles::create,
        authorization::roles::one,
        authorization::roles::rename,
        authorization::roles::delete,
        authorization::roles::permissions_of,
        authorization::permissions::list,
        authorization::permissions::create,
        authorization::permissions::rename,
        authorization::permissions::delete,
        authorization::grants::add_role_permission,
        authorization::grants::remove_role_permission,
        authorization::services::list,
        authorization::services::create,
        authorization::services::one,
        authorization::services::update,
        authorization::services::delete,
        authorization::services::roles_of,
        authorization::grants::add_service_role,
        authorization::grants::remove_service_role,
        authorization::person_grants::grant_role,
        authorization::person_grants::revoke_role,
        authorization::person_grants::grant_permission,
        authorization::person_grants::revoke_permission,
        authorization::changes::list,
    ),
    components(schemas(Problem)),
    modifiers(&Schemes)
)]
struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let Some(components) = openapi.components.as_mut() else {
            return;
        };
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        let cookie = ApiKeyValue::with_description(
            "session",
            "Called `__Host-session` where no cookie domain is configured and it is not plain http on localhost.",
        );
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        components.add_security_scheme(
            "token",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("token"))),
        );
        components.add_security_scheme(
            "internal_service",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Service"))),
        );
        components.add_security_scheme(
            "internal_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Internal-Key"))),
        );
    }
}

/// Other names of routes (CONTRACT §7), and the names by which their handlers are described.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("/api/auth/token/refresh", "/api/auth/tokens/refresh"),
    (
        "/api/webauthn/register/verify",
        "/api/webauthn/register/complete",
    ),
    (
        "/api/webauthn/authenticate/discoverable",
        "/api/webauthn/authenticate/begin",
    ),
    (
        "/api/webauthn/authenticate/discoverable/verify",
        "/api/webauthn/authenticate/complete",
    ),
    (
        "/api/webauthn/credentials/{id}/name",
        "/api/webauthn/credentials/{id}",
    ),
];

/// The description: what the handlers say, and for every route of the table the statuses that its access implies.
#[must_use]
pub fn document() -> Value {
    let mut document = serde_json::to_value(Api::openapi()).unwrap_or_default();
    for route in table() {
        let method = route.method.as_str().to_lowercase();
        let described_as = OTHER_NAMES
            .iter()
            .find(|(other, _)| *other == route.path)
            .map_or(route.path, |(_, name)| name);
        let mut operation = document["paths"][described_as][&method].clone();
        if operation.is_null() {
            continue;
        }
        if described_as != route.path {
            operation["operationId"] = json!(
                route
                    .path
                    .trim_matches('/')
                    .replace(['{', '}'], "")
                    .replace('/', "_")
            );
            operation["summary"] = json!(format!("another name for {described_as}"));
        }
        if route.access == Access::Service {
            operation["security"] = json!([{"internal_service": [], "internal_key": []}]);
        }
        if route.access == Access::Token {
            operation["security"] = json!([{"token": []}]);
        }
        if let Some(summary) = operation["summary"].as_str() {
            // A handler's first line begins with its route, which stands beside it here.
            let said = summary.split_once("`: ").map_or(summary, |(_, said)| said);
            operation["summary"] = json!(said);
        }
        let has_body = !operation["requestBody"].is_null();
        for status in [
            400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 501, 503,
        ] {
            let codes = Code::ALL.iter().filter(|code| {
                code.status().as_u16() == status && may_give(&route, has_body, **code)
            });
            let codes: Vec<_> = codes.map(|code| format!("`{}`", code.as_str())).collect();
            if codes.is_empty() {
                continue;
            }
            operation["responses"][status.to_string()] = json!({
                "description": codes.join(", "),
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            });
            if matches!(status, 429 | 503) {
                operation["responses"][status.to_string()]["headers"] =
                    json!({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}});
            }
        }
        document["paths"][route.path][&method] = operation;
    }
    document["components"]["headers"]["RetryAfter"] = json!({"description": "Seconds after which it may be tried again.", "schema": {"type": "integer", "minimum": 1}});
    // In one order, whatever features other crates ask of serde_json.
    document.sort_all_objects();
    document
}

/// Which codes a route can give, by who may call it and what it takes.
fn may_give(route: &Facts, has_body: bool, code: Code) -> bool {
    if is_authorization(route.path) {
        return authorization::reference::may_give(route, has_body, code);
    }
    let internal = route.access == Access::Service;
    let signs_in = matches!(
        route.access,
        Access::SignedIn | Access::Session | Access::RecentlySignedIn
    );
    let logs_out = route.path.ends_with("/logout");
    let refreshes = route.path.ends_with("/refresh");
    let path = OTHER_NAMES
        .iter()
        .find(|(other, _)| *other == route.path)
        .map_or(route.path, |(_, name)| name);
    let registers = path.starts_with("/api/webauthn/register/");
    let completes = path.ends_with("/complete");
    let attests = path.starts_with("/api/app-attestation/") && has_body;
    let calls_optionally = registers || attests && !path.ends_with("/verify-key");
    let about_passkey = path.contains("/credentials/{id}");
    let asks_device = signs_in || refreshes || registers && completes;
    let api = route.path.starts_with("/api");
    let unsafe_method = route.method != http::Method::GET;
    match code {
        Code::BadRequest => has_body || route.path.contains('{') || route.path.ends_with("/events"),
        Code::MalformedJson | Code::InvalidBody | Code::BodyTooLarge | Code::RequestTimeout => {
            has_body
        }
        Code::UnsupportedMediaType => api && unsafe_method,
        Code::MultipleCredentials | Code::TokenInQuery => signs_in || logs_out || calls_optionally,
        Code::PasskeyRegistrationFailed | Code::EmailTaken | Code::PasskeyExists => {
            registers && completes
        }
        Code::PasskeySignInFailed => path == "/api/webauthn/authenticate/complete",
        Code::TooManyAttempts => {
            let brakes = [
                "/api/auth/password/sign-in",
                "/api/auth/recovery/complete",
                "/api/auth/reauthenticate/complete",
                "/api/auth/totp/confirm",
                "/api/users/me/export",
            ];
            brakes.contains(&path) || path == "/api/auth/password" && has_body
        }
        Code::RecoveryFailed => path == "/api/auth/recovery/complete",
        Code::ReauthenticationFailed => path == "/api/auth/reauthenticate/complete",
        Code::InvalidCredentials | Code::SecondFactorRequired => {
            path == "/api/auth/password/sign-in"
        }
        Code::InvalidPassword | Code::CommonPassword | Code::BreachedPassword => {
            path == "/api/auth/password" && has_body
        }
        Code::Busy => path.starts_with("/api/auth/password") && has_body,
        Code::PasswordNotFound => path == "/api/auth/password" && !has_body,
        Code::LastAdministrator => {
            route.access == Access::RecentlySignedIn && path == "/api/users/me"
        }
        Code::TotpEnabled | Code::TotpUnavailable => path.starts_with("/api/auth/totp/"),
        Code::TotpNotEnrolled => matches!(path, "/api/auth/totp/confirm" | "/api/auth/totp"),
        Code::InvalidCode => path == "/api/auth/totp/confirm",
        Code::RecoveryIncomplete => {
            let open = [
                "/api/users/me",
                "/api/auth/sessions/validate",
                "/api/auth/tokens/validate",
                "/api/auth/csrf",
            ];
            signs_in && (unsafe_method || !open.contains(&path))
        }
        Code::CsrfTokenRequired => signs_in && unsafe_method || registers,
        Code::AccountChanged => signs_in || calls_optionally,
        Code::AppAttestRequired => asks_device || takes_person(route),
        Code::AppAttestFailed => asks_device,
        Code::OtherDevice => path == "/api/app-attestation/verify",
        Code::AttestationFailed | Code::AttestKeyTaken | Code::TooManyAttestKeys => {
            attests && path.ends_with("/verify")
                || takes_person(route)
                || code == Code::TooManyAttestKeys && asks_device
        }
        Code::AttestKeyNotFound => path.contains("{key_id}"),
        Code::InvalidBundleId => attests && !path.ends_with("/verify-key"),
        Code::InvalidKeyId => attests && !path.ends_with("/challenge"),
        Code::InvalidPurpose => attests && path.ends_with("/challenge"),
        Code::TooManyPasskeys => registers,
        Code::InvalidPasskeyName => registers || (about_passkey && has_body),
        Code::PasskeyNotFound => about_passkey,
        Code::LastSignInMethod => (about_passkey || path == "/api/auth/password") && !has_body,
        Code::SessionNotFound => path.contains("{session_id}"),
        Code::AuthenticationRequired => signs_in,
        Code::InvalidToken => {
            signs_in || calls_optionally || route.path == "/api/internal/sessions/validate"
        }
        Code::InvalidRefreshToken => refreshes,
        Code::InternalKeyRequired | Code::BrowserRequest => internal,
        Code::CrossSiteRequest => api && unsafe_method && !internal,
        Code::ReauthenticationRequired => {
            route.access == Access::RecentlySignedIn || registers || about_passkey && !has_body
        }
        Code::TokenNotFound => route.path.contains("{token_id}"),
        Code::UserNotFound => {
            route.path.contains("{user_id}")
                || matches!(
                    route.path,
                    "/api/internal/sessions" | "/api/internal/tokens" | "/api/users/me"
                )
        }
        Code::InvalidName => {
            route.path == "/api/users/me" && has_body
                || takes_person(route)
                || registers && !completes
        }
        Code::InvalidPicture => route.path == "/api/users/me" && has_body || takes_person(route),
        Code::InvalidEmail => {
            takes_person(route)
                || path.ends_with("/by-email")
                || matches!(
                    path,
                    "/api/auth/recovery/begin" | "/api/auth/password/sign-in"
                )
                || path.starts_with("/api/webauthn/") && path.ends_with("/begin")
        }
        Code::EmailRequired => takes_person(route) || registers && !completes,
        Code::InvalidProvider
        | Code::InvalidProviderId
        | Code::InvalidAuthMethod
        | Code::AmbiguousSubject => takes_person(route),
        Code::InvalidPlatform => {
            takes_person(route)
                || attests && path.ends_with("/challenge")
                || route.path == "/api/internal/sessions"
        }
        Code::InvalidUserId => matches!(
            route.path,
            "/api/internal/sessions" | "/api/internal/tokens"
        ),
        Code::Conflict => unsafe_method,
        Code::RateLimited => route.rate_class().is_some(),
        Code::Internal => true,
        Code::Unavailable => api || route.path == "/ready",
        // The router's own, for addresses and methods that are no route; and the authorization service's.
        _ => false,
    }
}

fn takes_person(route: &Facts) -> bool {
    matches!(route.path, "/api/internal/users" | "/api/internal/tokens")
}
