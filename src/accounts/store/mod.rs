//! Every SQL statement of accounts, a file per noun.

pub mod accounts;
pub mod attempts;
pub mod attest_keys;
pub mod attested_sessions;
pub mod challenges;
pub mod credentials;
pub mod deletion;
pub mod device_bindings;
pub mod events;
pub mod export;
pub mod factors;
pub mod live;
pub mod outcome;
pub mod passkeys;
pub mod passwords;
pub mod person_tokens;
pub mod recovery;
pub mod refresh_tokens;
pub mod registrations;
pub mod sessions;
pub mod sign_up;
pub mod step_up;
pub mod totp;
pub mod users;

use crate::accounts::model::email::Email;
use crate::kernel::store::Value;

impl From<&Email> for Value {
    fn from(value: &Email) -> Self {
        Self::Text(value.as_str().to_owned())
    }
}
