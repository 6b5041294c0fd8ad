//! The table of contents: every route, who may call it, and the gates around them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::Method;

use super::error::{ApiError, Code};
use super::webauthn::{authenticate, credentials, register};
use super::{
    App, activity, app_attestation, docs, export, factors, gate, health, internal, passwords, reauthenticate, recovery, respond, sessions,
    tokens, users, well_known,
};
use crate::domain::Ports;
use crate::domain::rate_limit::RateClass;

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody. What is returned depends on nobody, or on a secret in the body.
    Anyone,
    /// Whoever presents a live credential; for objects with an id, their owner.
    SignedIn,
    /// Whoever presents a live session token.
    Session,
    /// Whoever signed in within the last ten minutes.
    RecentlySignedIn,
    /// An internal service with its key.
    Service,
}

/// A row of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with `{names}`.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    handler: MethodRouter<App>,
}

impl Route {
    /// How often an address may call it; `None`: as often as it likes. Signing in is what stands below `/api/auth/` with POST, and whatever
    /// else changes something for somebody who is not signed in.
    #[must_use]
    pub fn rate_class(&self) -> Option<RateClass> {
        let open = self.access == Access::Anyone && !self.method.is_safe();
        let signs_in = self.method == Method::POST && self.path.starts_with("/api/auth/");
        // Services are few and known, and their visitors' addresses are not theirs. The rest, outside of the API, asks nobody anything.
        let limited = self.path.starts_with("/api/") && self.access != Access::Service;
        limited.then_some(if open || signs_in { RateClass::SignIn } else { RateClass::Public })
    }
}

impl Route {
    /// Whether a replica may answer it (`D1_REPLICAS`): it shows somebody who is signed in what is theirs. Not what says of a credential that it
    /// is good, since others rely on it; no CSRF token; not all that there is at once.
    #[must_use]
    pub fn may_be_stale(&self) -> bool {
        let relied_on = self.path.ends_with("/validate") || self.path.ends_with("/export") || self.path.ends_with("/csrf");
        self.method == Method::GET && self.access == Access::SignedIn && !relied_on
    }
}

fn route<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: Handler<T, App>,
    T: 'static,
{
    let filter = match method {
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    };
    Route { method, path, access, handler: on(filter, handler) }
}

/// Every route there is.
#[must_use]
#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    use Access::{Anyone, RecentlySignedIn, Service, Session, SignedIn};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const PATCH: Method = Method::PATCH;
    const DELETE: Method = Method::DELETE;
    vec![
        // The service itself.
        route(GET,    "/",                                        Anyone,           health::root),
        route(GET,    "/health",                                  Anyone,           health::alive),
        route(GET,    "/ready",                                   Anyone,           health::ready),
        route(GET,    "/openapi.json",                            Anyone,           docs::openapi),
        route(GET,    "/docs",                                    Anyone,           docs::page),
        route(GET,    "/docs.css",                                Anyone,           docs::style),
        route(GET,    "/.well-known/jwks.json",                   Anyone,           well_known::jwks),
        route(GET,    "/.well-known/webauthn",                    Anyone,           well_known::related_origins),
        route(GET,    "/.well-known/apple-app-site-association",  Anyone,           well_known::apple_apps),
        route(GET,    "/.well-known/passkey-endpoints",           Anyone,           well_known::passkey_endpoints),
        route(GET,    "/.well-known/change-password",             Anyone,           well_known::change_password),
        // Service to service.
        route(POST,   "/api/internal/users",                      Service,          internal::create_user),
        route(POST,   "/api/internal/users/by-email",             Service,          internal::user_by_email),
        route(POST,   "/api/internal/sessions",                   Service,          internal::create_session),
        route(POST,   "/api/internal/sessions/validate",          Service,          internal::validate_session),
        route(POST,   "/api/internal/tokens",                     Service,          internal::create_tokens),
        // Sessions and tokens.
        route(GET,    "/api/auth/sessions/validate",              Session,          sessions::validate),
        route(POST,   "/api/auth/sessions/logout",                Anyone,           sessions::logout),
        route(GET,    "/api/auth/tokens/validate",                SignedIn,         tokens::validate),
        route(POST,   "/api/auth/tokens/refresh",                 Anyone,           tokens::refresh),
        route(DELETE, "/api/auth/tokens/{token_id}/revoke",       SignedIn,         tokens::revoke),
        route(DELETE, "/api/auth/users/{user_id}/tokens/revoke",  SignedIn,         tokens::revoke_all),
        route(GET,    "/api/auth/csrf",                           SignedIn,         reauthenticate::csrf_token),
        // Factors besides passkeys, recovery, step-up.
        route(GET,    "/api/auth/factors",                        SignedIn,         factors::list),
        route(POST,   "/api/auth/totp/enroll",                    RecentlySignedIn, factors::enroll),
        route(POST,   "/api/auth/totp/confirm",                   SignedIn,         factors::confirm),
        route(DELETE, "/api/auth/totp",                           RecentlySignedIn, factors::disable),
        route(POST,   "/api/auth/backup-codes",                   RecentlySignedIn, factors::make_codes),
        route(POST,   "/api/auth/recovery/begin",                 Anyone,           recovery::begin),
        route(POST,   "/api/auth/recovery/complete",              Anyone,           recovery::complete),
        route(POST,   "/api/auth/reauthenticate/begin",           SignedIn,         reauthenticate::begin),
        route(POST,   "/api/auth/reauthenticate/complete",        SignedIn,         reauthenticate::complete),
        // Passwords.
        route(POST,   "/api/auth/password/sign-in",               Anyone,           passwords::sign_in),
        route(PUT,    "/api/auth/password",                       RecentlySignedIn, passwords::set),
        route(DELETE, "/api/auth/password",                       RecentlySignedIn, passwords::remove),
        // Passkeys.
        route(POST,   "/api/webauthn/register/begin",             Anyone,           register::begin),
        route(POST,   "/api/webauthn/register/complete",          Anyone,           register::complete),
        route(POST,   "/api/webauthn/authenticate/begin",         Anyone,           authenticate::begin),
        route(POST,   "/api/webauthn/authenticate/complete",      Anyone,           authenticate::complete),
        route(GET,    "/api/webauthn/credentials",                SignedIn,         credentials::list),
        route(PATCH,  "/api/webauthn/credentials/{id}",           SignedIn,         credentials::rename),
        route(DELETE, "/api/webauthn/credentials/{id}",           SignedIn,         credentials::remove),
        route(GET,    "/api/webauthn/users/{user_id}/credentials", SignedIn,        credentials::list_of),
        // Devices that Apple attests.
        route(POST,   "/api/app-attestation/challenge",           Anyone,           app_attestation::challenge),
        route(POST,   "/api/app-attestation/verify",              Anyone,           app_attestation::verify),
        route(POST,   "/api/app-attestation/verify-key",          Anyone,           app_attestation::verify_key),
        route(GET,    "/api/app-attestation/keys",                SignedIn,         app_attestation::list),
        route(DELETE, "/api/app-attestation/keys/{key_id}",       SignedIn,         app_attestation::revoke),
        // The caller's account.
        route(GET,    "/api/users/me",                            SignedIn,         users::me),
        route(PUT,    "/api/users/me",                            SignedIn,         users::update),
        route(DELETE, "/api/users/me",                            RecentlySignedIn, users::delete),
        route(GET,    "/api/users/me/tokens",                     SignedIn,         tokens::list),
        route(GET,    "/api/users/me/sessions",                   SignedIn,         activity::sign_ins),
        route(DELETE, "/api/users/me/sessions",                   SignedIn,         activity::end_others),
        route(DELETE, "/api/users/me/sessions/{session_id}",      SignedIn,         activity::end_sign_in),
        route(GET,    "/api/users/me/events",                     SignedIn,         activity::events),
        route(GET,    "/api/users/me/export",                     SignedIn,         export::export),
        route(GET,    "/api/users/{user_id}",                     SignedIn,         users::by_id),
        // Other names that clients use for the same handlers.
        route(POST,   "/api/auth/token/refresh",                  Anyone,           tokens::refresh),
        route(POST,   "/api/webauthn/register/verify",            Anyone,           register::complete),
        route(POST,   "/api/webauthn/authenticate/discoverable",  Anyone,           authenticate::begin),
        route(POST,   "/api/webauthn/authenticate/discoverable/verify", Anyone,     authenticate::complete),
        route(PATCH,  "/api/webauthn/credentials/{id}/name",      SignedIn,         credentials::rename),
    ]
}

/// The router over `ports`: built once per process or isolate, cloned per request.
pub fn router(ports: Ports) -> Router {
    let app = App { ports };
    let (internal, public): (Vec<_>, Vec<_>) = table().into_iter().partition(|route| route.access == Access::Service);
    let mount = |routes| mount(routes, app.ports.config.d1_replicas);
    let internal = mount(internal).route_layer(from_fn_with_state(app.clone(), gate::internal_key::gate));
    let (api, others): (Vec<_>, Vec<_>) = public.into_iter().partition(|route| route.rate_class().is_some());
    let (sign_in, api): (Vec<_>, Vec<_>) = api.into_iter().partition(|route| route.rate_class() == Some(RateClass::SignIn));
    let limited = |routes, class| mount(routes).route_layer(from_fn_with_state((app.clone(), class), gate::rate_limit::gate));
    let public = mount(others)
        .merge(limited(sign_in, RateClass::SignIn))
        .merge(limited(api, RateClass::Public))
        .route_layer(from_fn_with_state(app.clone(), gate::same_origin::gate))
        .fallback(|| async { ApiError::from(Code::NotFound) })
        .layer(from_fn_with_state(gate::cors::layer(&app.ports.config), gate::cors::gate));
    internal
        .merge(public)
        .layer(from_fn(gate::body::gate))
        .layer(DefaultBodyLimit::max(gate::body::BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), respond::respond))
        .with_state(app)
}

fn mount(routes: Vec<Route>, replicas: bool) -> Router<App> {
    routes.into_iter().fold(Router::new(), |router, route| {
        let stale = replicas && route.may_be_stale();
        router.route(route.path, if stale { route.handler.route_layer(from_fn(gate::replicas::gate)) } else { route.handler })
    })
}
