//! The device of a new session. Its key is bound in the batch that creates the session.

use super::claimant::{BindingRules, KeyClaimant};
use super::usage::{KeyUse, use_statements};
use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::Caller;
use crate::accounts::store::attest_keys::NewKey;
use crate::kernel::model::events::EventContext;
use crate::kernel::store::Statement;

/// The device on which a session is created.
#[derive(Debug)]
pub enum SessionDevice<'a> {
    /// A device with a key that was attested in this request. The batch claims the key for the
    /// account.
    Attested {
        /// The key.
        key: &'a NewKey,
        /// True if no session is created without the key.
        required: bool,
        /// The rules of the binding.
        binding: BindingRules,
    },
    /// A device with a stored key that signed the request. The batch moves the key's counter on and
    /// binds the session to the key, if it can be bound.
    Asserted {
        /// The key.
        key: KeyId,
        /// The key's new counter.
        counter: u32,
        /// The rules of the binding.
        binding: BindingRules,
    },
}

impl SessionDevice<'_> {
    /// Returns the statements that claim an attested key. They come after the account's insertion
    /// and before the session's.
    pub(in crate::accounts::store) fn claim_key(
        &self,
        owner: &KeyClaimant<'_>,
        context: &EventContext,
    ) -> Vec<Statement> {
        match self {
            Self::Attested { key, binding, .. } => owner.claim(key, binding, false, context),
            Self::Asserted { .. } => Vec::new(),
        }
    }

    /// Returns the statements that use an asserted key for the new session. They come after the
    /// session's insertion.
    pub(in crate::accounts::store) fn use_key(
        &self,
        session: Caller,
        context: &EventContext,
    ) -> Vec<Statement> {
        match self {
            Self::Attested { .. } => Vec::new(),
            Self::Asserted {
                key,
                counter,
                binding,
            } => {
                let used = KeyUse {
                    key,
                    counter: *counter,
                    binds: true,
                };
                use_statements(session, used, binding, context)
            }
        }
    }

    /// Returns the id of an attested key, to which the session is bound at its insertion.
    pub(in crate::accounts::store) fn claimed_key(&self) -> Option<String> {
        match self {
            Self::Attested { key, .. } => Some(key.id.text()),
            Self::Asserted { .. } => None,
        }
    }

    /// Returns true if no session is created without the key.
    pub(in crate::accounts::store) const fn is_required(&self) -> bool {
        match self {
            Self::Attested { required, .. } => *required,
            Self::Asserted { .. } => false,
        }
    }
}
