//! Plain records: the typed rows of the tables.

use crate::accounts::model::amr::Amr;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;

/// The kind of client of a session. It is a label and grants no rights.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Platform {
    /// A browser, through the web app.
    Web,
    /// The iOS app.
    Ios,
    /// Another program.
    Api,
}

impl Platform {
    /// Reads `web`, `ios` or `api`. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "web" => Some(Self::Web),
            "ios" => Some(Self::Ios),
            "api" => Some(Self::Api),
            _ => None,
        }
    }

    /// Returns the name on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Ios => "ios",
            Self::Api => "api",
        }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// The address. Several accounts may claim one address, but only one account can have it
    /// verified.
    pub email: Email,
    /// Whether a provider that checks addresses has verified the address.
    pub email_verified: bool,
    /// The user's name.
    pub name: Option<String>,
    /// The `https` URL of a picture.
    pub picture: Option<String>,
    /// The method by which the account was created: `google`, `apple`, `passkey`, …
    pub auth_method: String,
    /// The first identity's provider, if the account came from one.
    pub provider: Option<String>,
    /// The first identity's subject at that provider.
    pub provider_id: Option<String>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
    /// When the account owner last signed in.
    pub last_login_at: Option<Timestamp>,
    /// The platform of the last sign-in.
    pub last_login_platform: Option<String>,
}

impl User {
    /// Returns a label for the account in other apps: the address, or the name if the account has
    /// no address.
    #[must_use]
    pub fn label(&self) -> &str {
        let name = || self.name.as_deref().unwrap_or("account");
        self.email.address().unwrap_or_else(name)
    }
}

/// A session, with a web session token, a token pair, or both.
#[derive(Clone, Debug)]
pub struct Session {
    /// The session's id: `sid` in access tokens, `id` in lists.
    pub id: SessionId,
    /// The account of the session.
    pub user_id: UserId,
    /// The kind of client.
    pub platform: Platform,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// When the account owner last authenticated.
    pub authenticated_at: Timestamp,
    /// The methods of the last authentication.
    pub amr: Amr,
    /// Whether the session is from a recovery, and no passkey has been added since.
    pub recovering: bool,
    /// The country in which the session was created, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When the session was last used. For web sessions it is accurate to the hour.
    pub last_used_at: Timestamp,
    /// When the web session token expires, if the session has one.
    pub token_expires_at: Option<Timestamp>,
    /// When the newest access token expires, if the session has a token pair.
    pub access_expires_at: Option<Timestamp>,
    /// When the newest refresh token expires, if the session has a token pair.
    pub refresh_expires_at: Option<Timestamp>,
}

/// A passkey, for its owner.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The credential id.
    pub id: CredentialId,
    /// The account of the passkey.
    pub user_id: UserId,
    /// The authenticator's signature counter.
    pub counter: u32,
    /// Hints how a client can reach the authenticator.
    pub transports: Vec<String>,
    /// The id of the authenticator's model, a UUID.
    pub aaguid: String,
    /// Whether the passkey can be backed up (a multi-device credential).
    pub backup_eligible: bool,
    /// Whether the passkey is backed up.
    pub backed_up: bool,
    /// Whether the authenticator verified the user when the passkey was added.
    pub user_verified: bool,
    /// The name that the account owner gave the passkey.
    pub name: String,
    /// When the passkey was added.
    pub created_at: Timestamp,
    /// When the passkey was last used, for a sign-in or a step-up.
    pub last_used_at: Option<Timestamp>,
}

/// The account and the session that make a change. The session must be live when the change
/// happens, not only before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}
