//! The routes of the relay: one declaration each.

use crate::kernel::domain::rate_limit::RateClass::SignIn;
use crate::kernel::http::error::Code;
use crate::kernel::http::route::{ErrorForm, Group, Route};
use crate::relay::http::{
    RelayState, accounts, credentials, direct_messages, identity, keys, messages, pq_prekeys,
    sender_keys, server_channels, server_members, servers, sockets,
};
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
            [
                account_routes(),
                key_routes(),
                server_routes(),
                channel_routes(),
                message_routes(),
                socket_routes(),
            ]
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
            UsernameTaken, ProofOfWorkRequired, TooManyAttempts, Busy]),
        route!(POST   "/api/v1/auth/login", Anyone, accounts::login, [
            InvalidCredentials, TotpRequired, TooManyAttempts, Busy]),
        route!(POST   "/api/v1/auth/refresh", Anyone, accounts::refresh, [
            InvalidRefreshToken, TooManyAttempts]),
        route!(POST   "/api/v1/auth/logout", SignedIn, accounts::logout),
        route!(POST   "/api/v1/auth/totp/setup", SignedIn, credentials::totp_setup, [
            TotpEnabled, TotpUnavailable]).limited(SignIn),
        route!(POST   "/api/v1/auth/totp/verify", SignedIn, credentials::totp_verify, [
            TotpEnabled, TotpNotEnrolled, TooManyAttempts, TotpUnavailable]),
        route!(DELETE "/api/v1/auth/totp", SignedIn, credentials::totp_disable, [
            ReauthenticationRequired, TotpNotEnrolled, TooManyAttempts, TotpUnavailable]),
        route!(GET    "/api/v1/auth/challenge", Anyone, accounts::challenge).limited(SignIn),
        route!(PUT    "/api/v1/auth/password", SignedIn, credentials::change_password, [
            InvalidCredentials, TooManyAttempts, Busy]),
        route!(POST   "/api/v1/auth/delete-account", SignedIn, credentials::delete_account, [
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
        route!(POST   "/api/v1/keys/pq-prekeys", SignedIn, pq_prekeys::upload, [
            PrekeyReused, TooManyPrekeys, IdentityKeyMissing])
            .accepts_up_to(pq_prekeys::PQ_BODY_LIMIT),
        route!(GET    "/api/v1/keys/pq-prekeys/count", SignedIn, pq_prekeys::count),
        route!(DELETE "/api/v1/keys/pq-prekeys", SignedIn, pq_prekeys::clear),
        route!(GET    "/api/v1/keys/identity", SignedIn, identity::own),
        route!(PUT    "/api/v1/keys/identity", SignedIn, keys::set_identity),
        route!(PUT    "/api/v1/keys/backup", SignedIn, keys::put_backup, [
            BackupConflict]).accepts_up_to(keys::BACKUP_BODY_LIMIT),
        route!(GET    "/api/v1/keys/backup", SignedIn, keys::get_backup, [BackupNotFound]),
        route!(GET    "/api/v1/keys/backup/status", SignedIn, keys::backup_status),
        route!(DELETE "/api/v1/keys/backup", SignedIn, keys::remove_backup, [BackupNotFound]),
    ]
}

/// Returns the routes of servers, their members and invites.
#[rustfmt::skip]
fn server_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(GET    "/api/v1/servers", SignedIn, servers::list),
        route!(POST   "/api/v1/servers", SignedIn, servers::create, [LimitReached]),
        route!(GET    "/api/v1/servers/{id}", SignedIn, servers::get, [ServerNotFound]),
        route!(PATCH  "/api/v1/servers/{id}", SignedIn, servers::update, [
            ServerNotFound, RoleTooLow]),
        route!(DELETE "/api/v1/servers/{id}", SignedIn, servers::delete, [
            ServerNotFound, RoleTooLow]),
        route!(GET    "/api/v1/servers/{id}/channels", SignedIn, server_channels::list, [
            ServerNotFound]),
        route!(POST   "/api/v1/servers/{id}/channels", SignedIn, server_channels::create, [
            ServerNotFound, RoleTooLow, LimitReached]),
        route!(GET    "/api/v1/servers/{id}/members", SignedIn, server_members::list, [
            ServerNotFound, InvalidQuery]),
        route!(DELETE "/api/v1/servers/{id}/members/@me", SignedIn, server_members::leave, [
            ServerNotFound, OwnerStays]),
        route!(PUT    "/api/v1/servers/{id}/members/{user_id}", SignedIn,
            server_members::set_role, [ServerNotFound, MemberNotFound, RoleTooLow, OwnerStays]),
        route!(DELETE "/api/v1/servers/{id}/members/{user_id}", SignedIn, server_members::kick, [
            ServerNotFound, MemberNotFound, RoleTooLow, OwnerStays]),
        route!(GET    "/api/v1/servers/{id}/invites", SignedIn, server_members::invites, [
            ServerNotFound, RoleTooLow]),
        route!(POST   "/api/v1/servers/{id}/invites", SignedIn, server_members::invite, [
            ServerNotFound, RoleTooLow, LimitReached]),
        route!(DELETE "/api/v1/servers/{id}/invites/{invite_id}", SignedIn,
            server_members::remove_invite, [ServerNotFound, InviteNotFound, RoleTooLow]),
        route!(POST   "/api/v1/invites/{code}/join", SignedIn, server_members::join, [
            InviteNotFound, LimitReached]),
    ]
}

/// Returns the routes of channels, direct messages, sender keys and blocks.
#[rustfmt::skip]
fn channel_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(PUT    "/api/v1/channels/{id}", SignedIn, server_channels::update, [
            ChannelNotFound, RoleTooLow, DirectMessageStays]),
        route!(DELETE "/api/v1/channels/{id}", SignedIn, server_channels::delete, [
            ChannelNotFound, RoleTooLow, DirectMessageStays]),
        route!(POST   "/api/v1/channels/{id}/join", SignedIn, server_channels::join, [
            ChannelNotFound]),
        route!(DELETE "/api/v1/channels/{id}/leave", SignedIn, server_channels::leave, [
            ChannelNotFound, DirectMessageStays]),
        route!(GET    "/api/v1/channels/{id}/members", SignedIn, server_channels::members, [
            ChannelNotFound, InvalidQuery]),
        route!(GET    "/api/v1/channels/{id}/members/keys", SignedIn, sender_keys::member_keys, [
            ChannelNotFound, InvalidQuery]),
        route!(GET    "/api/v1/channels/{id}/sender-keys", SignedIn, sender_keys::list, [
            ChannelNotFound]),
        route!(POST   "/api/v1/channels/{id}/sender-keys", SignedIn, sender_keys::distribute, [
            ChannelNotFound, TooManyAttempts])
            .accepts_up_to(sender_keys::DISTRIBUTION_BODY_LIMIT),
        route!(GET    "/api/v1/dm", SignedIn, direct_messages::list, [InvalidQuery]),
        route!(POST   "/api/v1/dm", SignedIn, direct_messages::open, [
            UserNotFound, LimitReached]),
        route!(GET    "/api/v1/users/blocked", SignedIn, direct_messages::blocked),
        route!(POST   "/api/v1/users/{id}/block", SignedIn, direct_messages::block, [
            UserNotFound, LimitReached]),
        route!(DELETE "/api/v1/users/{id}/block", SignedIn, direct_messages::unblock, [
            UserNotFound]),
    ]
}

/// Returns the routes of sockets.
#[rustfmt::skip]
fn socket_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(POST   "/api/v1/ws/ticket", SignedIn, sockets::ticket),
        route!(GET    "/api/v1/ws", Anyone, sockets::open, [
            AuthenticationRequired, InvalidToken, CrossSiteRequest, UpgradeRequired,
            TooManySockets, BadRequest]),
    ]
}

/// Returns the routes of messages.
#[rustfmt::skip]
fn message_routes() -> Vec<Route<RelayState>> {
    vec![
        route!(GET    "/api/v1/channels/{id}/messages", SignedIn, messages::list, [
            ChannelNotFound, InvalidQuery]),
        route!(POST   "/api/v1/channels/{id}/messages", SignedIn, messages::send, [
            ChannelNotFound, MessageConflict, BadRequest])
            .accepts_up_to(messages::MESSAGE_BODY_LIMIT),
        route!(PATCH  "/api/v1/messages/{id}", SignedIn, messages::edit, [
            MessageNotFound, WrongMessageSecret, LimitReached]).accepts_up_to(messages::MESSAGE_BODY_LIMIT),
        route!(DELETE "/api/v1/messages/{id}", SignedIn, messages::remove, [
            MessageNotFound, WrongMessageSecret]),
    ]
}
