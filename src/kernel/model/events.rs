//! Events of the log, and entries of the webhook outbox.

use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;

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
pub struct OutboxEntry {
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
