//! The door of accounts: the items that the relay may use. A test refuses every other path.

pub use crate::accounts::domain::Ports;
pub use crate::accounts::domain::factors::FactorRejection;
pub use crate::accounts::domain::factors::totp;
pub use crate::accounts::domain::passwords;
pub use crate::accounts::domain::passwords::{
    PasswordCredentials, PasswordRejection, verify as verify_password,
};
pub use crate::accounts::domain::registration::{
    Registration, RegistrationRejection, check as check_registration, register,
};
pub use crate::accounts::domain::sign_in::{IssuedSession, SignInClient, TokenPair};
pub use crate::accounts::domain::signed_in::SignedIn;
pub use crate::accounts::domain::tokens;
pub use crate::accounts::domain::tokens::RotateRejection;
pub use crate::accounts::domain::users::delete as delete_account;
pub use crate::accounts::http::AccountsState;
pub use crate::accounts::http::caller::CurrentUser;
pub use crate::accounts::model::config::Config;
pub use crate::accounts::model::password::Unfit as UnfitPassword;
pub use crate::accounts::model::records::{Caller, Platform, User};
pub use crate::accounts::store::challenges;
pub use crate::accounts::store::events::{INSERT_EVENT_OF_CALLER, event};
pub use crate::accounts::store::export::ExportPart;
pub use crate::accounts::store::live::IS_LIVE;
pub use crate::accounts::store::passwords::PasswordOwner;

use crate::accounts::domain::derived::derive;

/// Returns a value that only this service can compute from `message` for the purpose `label`. A new
/// first signing key changes it. `None` if the key cannot sign; the first key always can.
#[must_use]
pub fn keyed_value(ports: &Ports, label: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    derive(ports.config.signing_keys.current(), label, message)
}
