//! The routes of accounts: who may call each, and its handler.

use http::Method;

use crate::accounts::http::webauthn::{authenticate, credentials, register};
use crate::accounts::http::{
    App, activity, app_attestation, export, factors, internal, passwords, reauthenticate, recovery,
    sessions, tokens, users, well_known,
};
use crate::kernel::http::route::{Access, Route, route};

/// Returns the routes of accounts.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Vec<Route<App>> {
    use Access::{Anyone, RecentlySignedIn, Service, Session, SignedIn};

    const GET: Method = Method::GET;
    const POST: Method = Method::POST;
    const PUT: Method = Method::PUT;
    const PATCH: Method = Method::PATCH;
    const DELETE: Method = Method::DELETE;
    vec![
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
