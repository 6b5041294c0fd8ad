//! Wire structs that several handlers of the relay share.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::model::base64;
use crate::relay::domain::accounts::RelayProfile;
use crate::relay::domain::keys::Bundle;
use crate::relay::model::pq_prekeys::PqPrekey;

/// An account, as other accounts see it.
#[derive(Serialize, ToSchema)]
pub struct RelayUser {
    /// The id of the account.
    #[schema(format = "uuid")]
    id: String,
    /// The username. Accounts that were made by passkey have none.
    #[schema(required, example = "ada")]
    username: Option<String>,
    /// The name.
    #[schema(required)]
    display_name: Option<String>,
    /// When the account was created.
    #[schema(format = "date-time")]
    created_at: String,
    /// Always null.
    #[schema(required)]
    about_me: Option<String>,
    /// Always null.
    #[schema(required)]
    avatar_url: Option<String>,
    /// Always null.
    #[schema(required)]
    banner_url: Option<String>,
    /// Always null.
    #[schema(required)]
    custom_status: Option<String>,
}

impl From<RelayProfile> for RelayUser {
    fn from(profile: RelayProfile) -> Self {
        Self {
            id: profile.id.to_string(),
            username: profile.username,
            display_name: profile.display_name,
            created_at: profile.created_at.to_string(),
            about_me: None,
            avatar_url: None,
            banner_url: None,
            custom_status: None,
        }
    }
}

/// A sentence for people.
#[derive(Serialize, ToSchema)]
pub struct RelayMessage {
    /// The sentence.
    message: &'static str,
}

impl RelayMessage {
    /// Returns the response with a sentence.
    #[must_use]
    pub const fn new(message: &'static str) -> Self {
        Self { message }
    }
}

/// Writes stored base64url in the standard alphabet with padding, the only form that the clients
/// read.
#[must_use]
pub fn standard_base64(stored: &str) -> String {
    base64::decode(stored)
        .map(base64::encode_standard)
        .unwrap_or_default()
}

/// A post-quantum prekey of an account.
#[derive(Serialize, ToSchema)]
pub struct BundledPqPrekey {
    /// The public key: ML-KEM-768 (1,184 bytes) or ML-KEM-1024 (1,568 bytes), base64.
    public_key: String,
    /// The signature of the bytes of the public key by the identity key: 64 bytes, base64.
    signature: String,
    /// `one_time`: no other caller gets the key. `last_resort`: every caller gets it while no
    /// one-time key is left.
    kind: &'static str,
}

impl BundledPqPrekey {
    /// Returns the prekey of a bundle, if it has one.
    #[must_use]
    pub fn of(bundle: &Bundle) -> Option<Self> {
        let (stored, kind) = match (&bundle.pq_one_time, &bundle.pq_last_resort) {
            (Some(stored), _) => (stored, "one_time"),
            (None, Some(stored)) => (stored, "last_resort"),
            (None, None) => return None,
        };
        let prekey = PqPrekey::from_stored(stored)?;
        Some(Self {
            public_key: base64::encode_standard(prekey.key()),
            signature: base64::encode_standard(prekey.signature().as_bytes()),
            kind,
        })
    }
}
