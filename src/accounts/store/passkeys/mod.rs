//! Passkeys: found, added, used, renamed, removed. Every statement checks that the passkey belongs
//! to the caller.

mod add;
mod begin;
mod manage;
mod row;
mod usage;

pub use add::{MOST_PASSKEYS, MOST_WITH_RECOVERED, NewPasskey, PasskeyAddition, add};
pub(super) use add::{about_first, insert_for_new, select_owner};
pub use begin::{ChallengedPasskey, PasskeyWithEmail, begin_for, begin_sign_in, take_with_passkey};
pub use manage::{PasskeyChange, list, remove, rename};
pub use row::Descriptor;
pub use usage::PasskeyUse;
pub(super) use usage::{about_suspected_clone, note_proof, note_use};
