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
    App, activity, app_attestation, authorization, docs, export, factors, gate, health, internal, passwords, reauthenticate, recovery,
    respond, sessions, tokens, users, well_known,
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
    /// Whoever presents a token of the authorization service. What they need besides is for the use case to see, with what it reads.
    Token,
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
        // Services are few and known, and their visitors' addresses are not theirs: also those that present a token of the authorization
        // service. The rest, outside of the API, asks nobody anything.
        let limited =
            (self.path.starts_with("/api/") || is_authorization(self.path)) && !matches!(self.access, Access::Service | Access::Token);
        limited.then_some(if open || signs_in { RateClass::SignIn } else { RateClass::Public })
    }
}

/// Whether a path is one of the authorization service's, whose errors have a form of their own.
#[must_use]
pub fn is_authorization(path: &str) -> bool {
    const BEGINNINGS: [&str; 14] = [
        "/auth/",
        "/check",
        "/users",
        "/roles",
        "/permissions",
        "/role-permissions",
        "/services",
        "/service-",
        "/person-",
        "/people/",
        "/explain",
        "/changes",
        "/access/",
        "/oauth/",
    ];
    BEGINNINGS.iter().any(|beginning| path.starts_with(beginning))
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
pub fn table() -> Vec<Route> {
    let mut table = core();
    table.extend(authorization_service());
    table
}

#[rustfmt::skip]
fn core() -> Vec<Route> {
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

/// The routes of the authorization service.
#[rustfmt::skip]
fn authorization_service() -> Vec<Route> {
    use Access::{Anyone, Service, Token};
    use authorization::{auth, authzen, changes, check, explain, grants, oauth, people, services, things, users as persons};
    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const DELETE: Method = Method::DELETE;
    vec![
        // Tokens.
        route(POST,   "/auth/login",                              Anyone,           auth::login),
        route(POST,   "/auth/bootstrap",                          Anyone,           auth::bootstrap),
        route(POST,   "/auth/logout",                             Token,            auth::logout),
        route(GET,    "/auth/profile",                            Token,            auth::profile),
        route(POST,   "/check-token",                             Token,            auth::check_token),
        route(POST,   "/service-tokens",                          Token,            auth::issue),
        route(POST,   "/oauth/introspect",                        Service,          oauth::introspect),
        route(POST,   "/oauth/revoke",                            Service,          oauth::revoke),
        // Who may do what where: asked.
        route(POST,   "/check",                                   Token,            check::one),
        route(POST,   "/check/batch",                             Token,            check::batch),
        route(GET,    "/explain",                                 Token,            explain::explain),
        route(POST,   "/access/v1/evaluation",                    Token,            authzen::evaluation),
        route(POST,   "/access/v1/evaluations",                   Token,            authzen::evaluations),
        route(GET,    "/people/{person_id}/services",             Token,            people::services_of),
        route(GET,    "/people/{person_id}/services/{service_id}", Token,           people::effective),
        route(GET,    "/people/{person_id}/services/{service_id}/roles", Token,     people::roles_of),
        route(GET,    "/services/{service_id}/roles/{role_id}/people", Token,       people::people_with),
        route(GET,    "/services/{service_id}/people",            Token,            people::holders),
        // And administered.
        route(GET,    "/users",                                   Token,            persons::list),
        route(POST,   "/users",                                   Token,            persons::create),
        route(GET,    "/users/{id}",                              Token,            persons::one),
        route(PUT,    "/users/{id}",                              Token,            persons::update),
        route(DELETE, "/users/{id}",                              Token,            persons::delete),
        route(DELETE, "/users/{id}/tokens",                       Token,            persons::revoke_tokens),
        route(GET,    "/roles",                                   Token,            things::list_roles),
        route(POST,   "/roles",                                   Token,            things::create_role),
        route(GET,    "/roles/{id}",                              Token,            things::one_role),
        route(PUT,    "/roles/{id}",                              Token,            things::rename_role),
        route(DELETE, "/roles/{id}",                              Token,            things::delete_role),
        route(GET,    "/roles/{id}/permissions",                  Token,            things::permissions_of),
        route(GET,    "/permissions",                             Token,            things::list_permissions),
        route(POST,   "/permissions",                             Token,            things::create_permission),
        route(PUT,    "/permissions/{id}",                        Token,            things::rename_permission),
        route(DELETE, "/permissions/{id}",                        Token,            things::delete_permission),
        route(POST,   "/role-permissions",                        Token,            grants::add_role_permission),
        route(DELETE, "/role-permissions",                        Token,            grants::remove_role_permission),
        route(GET,    "/services",                                Token,            services::list),
        route(POST,   "/services",                                Token,            services::create),
        route(GET,    "/services/{id}",                           Token,            services::one),
        route(PUT,    "/services/{id}",                           Token,            services::update),
        route(DELETE, "/services/{id}",                           Token,            services::delete),
        route(GET,    "/services/{id}/roles",                     Token,            services::roles_of),
        route(POST,   "/service-roles",                           Token,            grants::add_service_role),
        route(DELETE, "/service-roles",                           Token,            grants::remove_service_role),
        route(POST,   "/person-service-roles",                    Token,            grants::grant_role),
        route(DELETE, "/person-service-roles",                    Token,            grants::revoke_role),
        route(POST,   "/person-service-permissions",              Token,            grants::grant_permission),
        route(DELETE, "/person-service-permissions",              Token,            grants::revoke_permission),
        route(GET,    "/changes",                                 Token,            changes::list),
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
        let handler = match () {
            () if is_authorization(route.path) => route.handler.route_layer(from_fn(gate::authorization::gate)),
            () if replicas && route.may_be_stale() => route.handler.route_layer(from_fn(gate::replicas::gate)),
            () => route.handler,
        };
        router.route(route.path, handler)
    })
}
