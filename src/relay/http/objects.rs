//! Wire structs that several handlers of the relay share.

use serde::Serialize;
use utoipa::ToSchema;

use crate::kernel::model::base64;
use crate::relay::domain::accounts::RelayProfile;

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
