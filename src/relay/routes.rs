//! The routes of the relay: one declaration each.

use crate::kernel::domain::rate_limit::RateClass::SignIn;
use crate::kernel::http::error::Code;
use crate::kernel::http::route::{ErrorForm, Group, Route};
use crate::relay::http::{RelayState, accounts, keys, messages};
use crate::route;

/// Returns the routes of the relay.
///
/// A row lists the codes of the route's own errors. [`crate::app::openapi`] adds the codes that the
/// access, the method and the body imply.
#[must_use]
pub fn routes() -> Vec<Route<RelayState>> {
    Group::new(ErrorForm::Problem)
        .limited()
        .all_give(&[Code::Unavailable, Code::InvalidRequestBody])
        .routes(
            [account_routes(), key_routes(), message_routes()]
                .into_iter()
                .flatten()
                .collect(),
        )
}

/// Returns the routes of accounts.
#[rustfmt::skip]
fn account_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(POST   "/api/v1/auth/register", Anyone, accounts::register, [
            UsernameTaken, ProofOfWorkRequired, Busy]),
        route!(POST   "/api/v1/auth/login", Anyone, accounts::login, [
            InvalidCredentials, TotpRequired, TooManyAttempts, Busy]),
        route!(POST   "/api/v1/auth/refresh", Anyone, accounts::refresh, [
            InvalidRefreshToken, TooManyAttempts]),
        route!(POST   "/api/v1/auth/logout", SignedIn, accounts::logout),
        route!(POST   "/api/v1/auth/totp/setup", SignedIn, accounts::totp_setup, [
            TotpEnabled, TotpUnavailable]).limited(SignIn),
        route!(POST   "/api/v1/auth/totp/verify", SignedIn, accounts::totp_verify, [
            TotpEnabled, TotpNotEnrolled, TooManyAttempts, TotpUnavailable]),
        route!(DELETE "/api/v1/auth/totp", SignedIn, accounts::totp_disable, [
            ReauthenticationRequired, TotpNotEnrolled, TooManyAttempts, TotpUnavailable]),
        route!(GET    "/api/v1/auth/challenge", Anyone, accounts::challenge).limited(SignIn),
        route!(PUT    "/api/v1/auth/password", SignedIn, accounts::change_password, [
            InvalidCredentials, TooManyAttempts, Busy]),
        route!(POST   "/api/v1/auth/delete-account", SignedIn, accounts::delete_account, [
            InvalidCredentials, TooManyAttempts, Busy, LastAdministrator]),
        route!(GET    "/api/v1/users/search", SignedIn, accounts::search, [
            UserNotFound, TooManyAttempts]),
    ]
}

/// Returns the routes of keys.
#[rustfmt::skip]
fn key_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(GET    "/api/v1/users/{id}/keys", SignedIn, keys::bundle, [
            UserNotFound, BadRequest]),
        route!(POST   "/api/v1/keys/prekeys", SignedIn, keys::upload, [
            PrekeyReused, TooManyPrekeys, IdentityKeyMissing]),
        route!(GET    "/api/v1/keys/prekeys/count", SignedIn, keys::count),
        route!(DELETE "/api/v1/keys/prekeys", SignedIn, keys::clear),
        route!(PUT    "/api/v1/keys/identity", SignedIn, keys::set_identity),
        route!(PUT    "/api/v1/keys/backup", SignedIn, keys::put_backup, [
            BackupConflict]).accepts_up_to(keys::BACKUP_BODY_LIMIT),
        route!(GET    "/api/v1/keys/backup", SignedIn, keys::get_backup, [BackupNotFound]),
        route!(GET    "/api/v1/keys/backup/status", SignedIn, keys::backup_status),
        route!(DELETE "/api/v1/keys/backup", SignedIn, keys::remove_backup, [BackupNotFound]),
    ]
}

/// Returns the routes of messages.
#[rustfmt::skip]
fn message_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(GET    "/api/v1/channels/{id}/messages", SignedIn, messages::list, [
            ChannelNotFound, InvalidQuery]),
        route!(POST   "/api/v1/channels/{id}/messages", SignedIn, messages::send, [
            ChannelNotFound, MessageConflict, BadRequest]).accepts_up_to(messages::MESSAGE_BODY_LIMIT),
        route!(PATCH  "/api/v1/messages/{id}", SignedIn, messages::edit, [
            MessageNotFound, WrongMessageSecret]).accepts_up_to(messages::MESSAGE_BODY_LIMIT),
        route!(DELETE "/api/v1/messages/{id}", SignedIn, messages::remove, [
            MessageNotFound, WrongMessageSecret]),
    ]
}
