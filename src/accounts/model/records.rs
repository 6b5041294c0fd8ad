//! Plain records: what the tables hold, typed.

use crate::accounts::model::amr::Amr;
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::model::time::Timestamp;

/// Where a sign-in happens. A label: it grants nothing.
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
    /// `web`, `ios` or `api`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "web" => Some(Self::Web),
            "ios" => Some(Self::Ios),
            "api" => Some(Self::Api),
            _ => None,
        }
    }

    /// The name on the wire and in the database.
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
    /// Its address. Several unverified accounts may claim one address; only one can have it
    /// verified.
    pub email: Email,
    /// Whether a provider that checks addresses vouched for this one.
    pub email_verified: bool,
    /// The person's name.
    pub name: Option<String>,
    /// An `https` address of a picture.
    pub picture: Option<String>,
    /// How the account came to be: `google`, `apple`, `passkey`, …
    pub auth_method: String,
    /// The first identity's provider, if the account came from one.
    pub provider: Option<String>,
    /// The first identity's subject at that provider.
    pub provider_id: Option<String>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the account last changed.
    pub updated_at: Timestamp,
    /// When its owner last signed in.
    pub last_login_at: Option<Timestamp>,
    /// Where its owner last signed in.
    pub last_login_platform: Option<String>,
}

/// A sign-in: it carries a web session token, or a pair of access and refresh token, or both.
#[derive(Clone, Debug)]
pub struct Session {
    /// The sign-in's id: `sid` in access tokens, `id` in lists.
    pub id: SessionId,
    /// Whose sign-in it is.
    pub user_id: UserId,
    /// Where it happened.
    pub platform: Platform,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// When the owner proved who they are.
    pub authenticated_at: Timestamp,
    /// How they did.
    pub amr: Amr,
    /// Whether it was made by recovery, and no passkey was added since.
    pub recovering: bool,
    /// The country that the edge saw then, ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// When the sign-in was made.
    pub created_at: Timestamp,
    /// When it was last seen, to the hour for web sessions.
    pub last_used_at: Timestamp,
    /// When the web session token ends, if there is one.
    pub token_expires_at: Option<Timestamp>,
    /// When the newest access token ends, if there is a pair.
    pub access_expires_at: Option<Timestamp>,
    /// When the newest refresh token ends, if there is a pair.
    pub refresh_expires_at: Option<Timestamp>,
}

/// A passkey, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The credential id.
    pub id: CredentialId,
    /// Whose it is.
    pub user_id: UserId,
    /// How often it signed, as far as the authenticator tells.
    pub counter: u32,
    /// How the authenticator can be reached.
    pub transports: Vec<String>,
    /// What kind of authenticator it is: a UUID.
    pub aaguid: String,
    /// Whether it may be backed up: a multi-device credential.
    pub backup_eligible: bool,
    /// Whether it is backed up.
    pub backed_up: bool,
    /// Whether its owner was verified when it was made.
    pub user_verified: bool,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last signed in.
    pub last_used_at: Option<Timestamp>,
}

/// Who changes something: an account, by one of its sign-ins. The sign-in must be live when the
/// change happens, not only before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The sign-in.
    pub session: SessionId,
}
