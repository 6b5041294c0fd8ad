//! Sessions: created, found by session token or by id, extended, revoked, listed, removed.

mod create;
pub(super) mod events;
mod find;
mod new_session;
mod revoke;

pub use create::create;
pub(super) use create::{SessionStatements, statements};
pub(super) use find::SESSION_COLUMNS;
pub use find::{by_id, by_token, list, list_token_pairs, remove_expired, touch};
pub use new_session::{NewSession, NewSessionToken, NewTokenPair, RecoveredAccount, SessionOwner};
pub use revoke::{
    revoke, revoke_as_sign_out, revoke_by_refresh_token, revoke_by_session_token, revoke_others,
    revoke_token_pairs,
};
