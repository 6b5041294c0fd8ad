//! The routes of accounts: one declaration each.

use crate::accounts::http::webauthn::{authenticate, credentials, register};
use crate::accounts::http::{
    AccountsState, activity, app_attestation, export, factors, internal, passwords, reauthenticate,
    recovery, sessions, tokens, users, well_known,
};
use crate::kernel::domain::rate_limit::RateClass::SignIn;
use crate::kernel::http::error::Code;
use crate::kernel::http::route::{ErrorForm, Group, Route};
use crate::route;

/// Returns the routes of accounts.
///
/// A row lists the codes of the route's own errors. [`crate::app::openapi`] adds the codes that the
/// access, the method and the body imply.
#[must_use]
pub fn routes() -> Vec<Route<AccountsState>> {
    let api = [
        internal_routes(),
        session_routes(),
        factor_routes(),
        passkey_routes(),
        account_routes(),
    ];
    let well_known = Group::new(ErrorForm::Problem).routes(well_known_routes());
    let api = Group::new(ErrorForm::Problem)
        .limited()
        .all_give(&[Code::Unavailable])
        .routes(api.into_iter().flatten().collect());
    well_known.into_iter().chain(api).collect()
}

/// Returns the well-known documents.
#[rustfmt::skip]
fn well_known_routes() -> Vec<Route<AccountsState>> {
    vec![
        route!(GET    "/.well-known/jwks.json", Anyone, well_known::jwks),
        route!(GET    "/.well-known/webauthn", Anyone, well_known::related_origins),
        route!(GET    "/.well-known/apple-app-site-association", Anyone, well_known::apple_apps),
        route!(GET    "/.well-known/passkey-endpoints", Anyone, well_known::passkey_endpoints),
        route!(GET    "/.well-known/change-password", Anyone, well_known::change_password),
    ]
}

/// Returns the routes for internal services.
#[rustfmt::skip]
fn internal_routes() -> Vec<Route<AccountsState>> {
    vec![
        route!(POST   "/api/internal/users", Service, internal::create_user, [
            AttestationFailed, AppAttestRequired, AttestKeyTaken, TooManyAttestKeys,
            EmailRequired, InvalidProvider, InvalidProviderId, InvalidAuthMethod,
            InvalidPlatform, AmbiguousSubject]),
        route!(POST   "/api/internal/users/by-email", Service, internal::user_by_email, [
            InvalidEmail]),
        route!(POST   "/api/internal/sessions", Service, internal::create_session, [
            UserNotFound, InvalidPlatform, InvalidUserId]),
        route!(POST   "/api/internal/sessions/validate", Service, internal::validate_session, [
            InvalidToken]),
        route!(POST   "/api/internal/tokens", Service, internal::create_tokens, [
            AttestationFailed, AppAttestRequired, UserNotFound, AttestKeyTaken,
            TooManyAttestKeys, EmailRequired, InvalidProvider, InvalidProviderId,
            InvalidAuthMethod, InvalidPlatform, InvalidUserId, AmbiguousSubject]),
    ]
}

/// Returns the routes of sessions, tokens and the CSRF token.
#[rustfmt::skip]
fn session_routes() -> Vec<Route<AccountsState>> {
    vec![
        route!(GET    "/api/auth/sessions/validate", Session, sessions::validate)
            .open_to_recovery(),
        route!(POST   "/api/auth/sessions/logout", Anyone, sessions::logout, [
            MultipleCredentials, TokenInQuery]),
        route!(GET    "/api/auth/tokens/validate", SignedIn, tokens::validate).open_to_recovery(),
        route!(POST   "/api/auth/tokens/refresh", Anyone, tokens::refresh, [
            InvalidRefreshToken, AppAttestRequired, AppAttestFailed, TooManyAttestKeys,
            TooManyAttempts])
            .also_at(&["/api/auth/token/refresh"]),
        route!(DELETE "/api/auth/tokens/{token_id}/revoke", SignedIn, tokens::revoke, [
            TokenNotFound]),
        route!(DELETE "/api/auth/users/{user_id}/tokens/revoke", SignedIn, tokens::revoke_all, [
            UserNotFound]),
        route!(GET    "/api/auth/csrf", SignedIn, reauthenticate::csrf_token).open_to_recovery(),
    ]
}

/// Returns the routes of second factors, recovery, step-up and passwords.
#[rustfmt::skip]
fn factor_routes() -> Vec<Route<AccountsState>> {
    vec![
        // Factors, recovery, step-up.
        route!(GET    "/api/auth/factors", SignedIn, factors::list).reads_from_replica(),
        route!(POST   "/api/auth/totp/enroll", RecentlySignedIn, factors::enroll, [
            TotpEnabled, TotpUnavailable]).limited(SignIn),
        route!(POST   "/api/auth/totp/confirm", SignedIn, factors::confirm, [
            TotpEnabled, TotpNotEnrolled, InvalidCode, TooManyAttempts, TotpUnavailable])
            .limited(SignIn),
        route!(DELETE "/api/auth/totp", RecentlySignedIn, factors::disable, [TotpNotEnrolled]),
        route!(POST   "/api/auth/backup-codes", RecentlySignedIn, factors::make_codes)
            .limited(SignIn),
        route!(POST   "/api/auth/recovery/begin", Anyone, recovery::begin, [InvalidEmail]),
        route!(POST   "/api/auth/recovery/complete", Anyone, recovery::complete, [
            RecoveryFailed, TooManyAttempts]),
        route!(POST   "/api/auth/reauthenticate/begin", SignedIn, reauthenticate::begin)
            .limited(SignIn),
        route!(POST   "/api/auth/reauthenticate/complete", SignedIn, reauthenticate::complete, [
            ReauthenticationFailed, TooManyAttempts]).limited(SignIn),
        // Passwords.
        route!(POST   "/api/auth/password/sign-in", Anyone, passwords::sign_in, [
            InvalidCredentials, SecondFactorRequired, InvalidEmail, TooManyAttempts, Busy]),
        route!(PUT    "/api/auth/password", RecentlySignedIn, passwords::set, [
            InvalidPassword, CommonPassword, BreachedPassword, TooManyAttempts, Busy]),
        route!(DELETE "/api/auth/password", RecentlySignedIn, passwords::remove, [
            PasswordNotFound, LastSignInMethod]),
    ]
}

/// Returns the routes of passkeys and of devices that Apple attests.
#[rustfmt::skip]
fn passkey_routes() -> Vec<Route<AccountsState>> {
    vec![
        // Passkeys.
        route!(POST   "/api/webauthn/register/begin", Anyone, register::begin, [
            MultipleCredentials, TokenInQuery, InvalidToken, ReauthenticationRequired,
            CsrfTokenRequired, AccountChanged, TooManyPasskeys, InvalidEmail, EmailRequired,
            InvalidName, InvalidPasskeyName, TooManyAttempts]),
        route!(POST   "/api/webauthn/register/complete", Anyone, register::complete, [
            MultipleCredentials, TokenInQuery, PasskeyRegistrationFailed, InvalidToken,
            ReauthenticationRequired, CsrfTokenRequired, AppAttestRequired, AppAttestFailed,
            AccountChanged, EmailTaken, TooManyAttestKeys, PasskeyExists, TooManyPasskeys,
            InvalidPasskeyName, TooManyAttempts]).also_at(&["/api/webauthn/register/verify"]),
        route!(POST   "/api/webauthn/authenticate/begin", Anyone, authenticate::begin, [
            InvalidEmail]).also_at(&["/api/webauthn/authenticate/discoverable"]),
        route!(POST   "/api/webauthn/authenticate/complete", Anyone, authenticate::complete, [
            PasskeySignInFailed, PasskeyCounterWentBack]).also_at(&["/api/webauthn/authenticate/discoverable/verify"]),
        route!(GET    "/api/webauthn/credentials", SignedIn, credentials::list)
            .reads_from_replica(),
        route!(PATCH  "/api/webauthn/credentials/{id}", SignedIn, credentials::rename, [
            PasskeyNotFound, InvalidPasskeyName]).also_at(&["/api/webauthn/credentials/{id}/name"]),
        route!(DELETE "/api/webauthn/credentials/{id}", SignedIn, credentials::remove, [
            ReauthenticationRequired, PasskeyNotFound, LastSignInMethod]),
        route!(GET    "/api/webauthn/users/{user_id}/credentials", SignedIn, credentials::list_of, [
            UserNotFound]).reads_from_replica(),
        // Devices that Apple attests.
        route!(POST   "/api/app-attestation/challenge", Anyone, app_attestation::challenge, [
            MultipleCredentials, TokenInQuery, InvalidToken, AccountChanged, InvalidPlatform,
            InvalidBundleId, InvalidPurpose]),
        route!(POST   "/api/app-attestation/verify", Anyone, app_attestation::verify, [
            MultipleCredentials, TokenInQuery, AttestationFailed, InvalidToken, OtherDevice,
            AccountChanged, AttestKeyTaken, TooManyAttestKeys, InvalidBundleId, InvalidKeyId]),
        route!(POST   "/api/app-attestation/verify-key", Anyone, app_attestation::verify_key, [
            InvalidKeyId]),
        route!(GET    "/api/app-attestation/keys", SignedIn, app_attestation::list)
            .reads_from_replica(),
        route!(DELETE "/api/app-attestation/keys/{key_id}", SignedIn, app_attestation::revoke, [
            AttestKeyNotFound]),
    ]
}

/// Returns the routes of the caller's account.
#[rustfmt::skip]
fn account_routes() -> Vec<Route<AccountsState>> {
    vec![
        route!(GET    "/api/users/me", SignedIn, users::me, [
            UserNotFound]).reads_from_replica().open_to_recovery(),
        route!(PUT    "/api/users/me", SignedIn, users::update, [
            UserNotFound, InvalidName, InvalidPicture]),
        route!(DELETE "/api/users/me", RecentlySignedIn, users::delete, [
            UserNotFound, LastAdministrator]),
        route!(GET    "/api/users/me/tokens", SignedIn, tokens::list).reads_from_replica(),
        route!(GET    "/api/users/me/sessions", SignedIn, activity::sign_ins).reads_from_replica(),
        route!(DELETE "/api/users/me/sessions", SignedIn, activity::end_others),
        route!(DELETE "/api/users/me/sessions/{session_id}", SignedIn, activity::end_sign_in, [
            SessionNotFound]),
        route!(GET    "/api/users/me/events", SignedIn, activity::events).reads_from_replica(),
        route!(GET    "/api/users/me/export", SignedIn, export::export, [TooManyAttempts]),
        route!(GET    "/api/users/{user_id}", SignedIn, users::by_id, [
            UserNotFound]).reads_from_replica(),
    ]
}
