//! Plain records: what the tables hold, typed.

use super::amr::Amr;
use super::credential_id::CredentialId;
use super::email::Email;
use super::ids::{EventId, SessionId, UserId};
use super::time::Timestamp;

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
    /// Its address. Several unverified accounts may claim one address; only one can have it verified.
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
    /// The public key: COSE, as the authenticator gave it.
    pub public_key: Vec<u8>,
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

/// An event, as the account's owner sees it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What: see [`EventKind::as_str`].
    pub kind: String,
    /// The sign-in that it is about, or that did it.
    pub session_id: Option<String>,
    /// The passkey that it is about.
    pub subject: Option<String>,
    /// The client's network address, where the platform vouches for it.
    pub address: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
}

/// An event that the webhook is to be told, with whom to write to about it as it was when it happened.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The event's id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What: see [`EventKind::as_str`].
    pub kind: String,
    /// The account.
    pub user_id: String,
    /// Its address.
    pub email: Option<String>,
    /// Whether a provider that checks addresses vouched for this one.
    pub email_verified: Option<bool>,
    /// Its owner's name.
    pub name: Option<String>,
    /// The sign-in that it is about, or that did it.
    pub session_id: Option<String>,
    /// The passkey or the device's key that it is about.
    pub subject: Option<String>,
    /// The client's network address, where the platform vouches for it.
    pub address: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// How often it was tried, this time included.
    pub tries: i64,
}

/// Who changes something: an account, by one of its sign-ins. The sign-in must be live when the change happens, not only before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The sign-in.
    pub session: SessionId,
}

/// What the event log tells about, and the webhook too: all kinds but [`Self::TokensRefreshed`] and
/// [`Self::TokenIssued`] (`migrations/0010_passwords.sql`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// An account was made.
    UserCreated,
    /// An identity at a provider was linked to an existing account.
    IdentityLinked,
    /// A sign-in was made.
    SignedIn,
    /// A pair was renewed.
    TokensRefreshed,
    /// A refresh token was presented again after its successor had been used; its sign-in was revoked.
    RefreshTokenReused,
    /// A sign-in was revoked by its owner.
    SignInRevoked,
    /// The owner logged out.
    SignedOut,
    /// The account's name or picture changed.
    UserUpdated,
    /// The account was deleted.
    UserDeleted,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey got another name.
    PasskeyRenamed,
    /// A passkey was removed.
    PasskeyRemoved,
    /// A passkey's counter went back: somebody may have a copy of it. The sign-in was refused.
    PasskeyCloneSuspected,
    /// A device's key was attested and bound to the account.
    DeviceKeyAdded,
    /// A device's key was revoked.
    DeviceKeyRevoked,
    /// TOTP was confirmed with its first code.
    TotpEnabled,
    /// TOTP was taken away.
    TotpDisabled,
    /// Backup codes were made; those from before are good for nothing any more.
    BackupCodesMade,
    /// Somebody signed in by recovery.
    Recovered,
    /// Somebody who is signed in proved again who they are.
    Reauthenticated,
    /// A person signed in to the authorization service: a token was made.
    TokenIssued,
    /// The account got its first password.
    PasswordSet,
    /// The account's password was replaced.
    PasswordChanged,
    /// The account has no password any more.
    PasswordRemoved,
    /// Whether a new password had leaked could not be asked; it was accepted.
    PasswordUnchecked,
}

impl EventKind {
    /// The stable name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user_created",
            Self::IdentityLinked => "identity_linked",
            Self::SignedIn => "signed_in",
            Self::TokensRefreshed => "tokens_refreshed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SignInRevoked => "sign_in_revoked",
            Self::SignedOut => "signed_out",
            Self::UserUpdated => "user_updated",
            Self::UserDeleted => "user_deleted",
            Self::PasskeyAdded => "passkey_added",
            Self::PasskeyRenamed => "passkey_renamed",
            Self::PasskeyRemoved => "passkey_removed",
            Self::PasskeyCloneSuspected => "passkey_clone_suspected",
            Self::DeviceKeyAdded => "device_key_added",
            Self::DeviceKeyRevoked => "device_key_revoked",
            Self::TotpEnabled => "totp_enabled",
            Self::TotpDisabled => "totp_disabled",
            Self::BackupCodesMade => "backup_codes_made",
            Self::Recovered => "recovered",
            Self::Reauthenticated => "reauthenticated",
            Self::TokenIssued => "token_issued",
            Self::PasswordSet => "password_set",
            Self::PasswordChanged => "password_changed",
            Self::PasswordRemoved => "password_removed",
            Self::PasswordUnchecked => "password_unchecked",
        }
    }
}

/// The part of an event that is the same whatever happened: its id, when, and from where. It holds no secret.
#[derive(Clone, Debug)]
pub struct EventStamp {
    /// The event's id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Who asked: `user`, or `service:<name>` for an internal call.
    pub actor: String,
    /// The client's network address, where the platform vouches for it.
    pub address: Option<String>,
    /// The country of that, where the platform knows it.
    pub country: Option<String>,
    /// What the client called itself.
    pub user_agent: Option<String>,
    /// The request's id, to find it in the log.
    pub request_id: String,
}
