//! Events of the log, and entries of the webhook outbox.

use crate::kernel::model::ids::EventId;
use crate::kernel::model::time::Timestamp;

/// An event as the account owner sees it.
#[derive(Clone, Debug)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// The time of the event.
    pub at: Timestamp,
    /// The name of the kind: see [`EventKind::as_str`].
    pub kind: String,
    /// The session that the event is about, or that caused it.
    pub session_id: Option<String>,
    /// The passkey that the event is about.
    pub subject: Option<String>,
    /// The client's network address, if the platform knows it.
    pub address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
}

/// An event on its way to the webhook, with the account's address as it was at the time of the
/// event.
#[derive(Clone, Debug)]
pub struct OutboxEntry {
    /// The event's id.
    pub id: EventId,
    /// The time of the event.
    pub at: Timestamp,
    /// The name of the kind: see [`EventKind::as_str`].
    pub kind: String,
    /// The account's id.
    pub user_id: String,
    /// The account's e-mail address.
    pub email: Option<String>,
    /// True if an identity provider has verified the address.
    pub email_verified: Option<bool>,
    /// The account owner's name.
    pub name: Option<String>,
    /// The session that the event is about, or that caused it.
    pub session_id: Option<String>,
    /// The passkey or the device key that the event is about.
    pub subject: Option<String>,
    /// The client's network address, if the platform knows it.
    pub address: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// Number of delivery attempts, the current one included.
    pub tries: i64,
}

/// The kinds of events. The webhook receives all of them except [`Self::TokensRefreshed`] and
/// [`Self::TokenIssued`] (`migrations/0010_passwords.sql`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// An account was created.
    UserCreated,
    /// An identity at a provider was linked to an existing account.
    IdentityLinked,
    /// A session was created.
    SignedIn,
    /// A token pair was refreshed.
    TokensRefreshed,
    /// A refresh token was used again after its successor. Its session was revoked.
    RefreshTokenReused,
    /// The account owner revoked a session.
    SignInRevoked,
    /// The account owner signed out.
    SignedOut,
    /// The account's name or picture changed.
    UserUpdated,
    /// The account was deleted.
    UserDeleted,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was renamed.
    PasskeyRenamed,
    /// A passkey was removed.
    PasskeyRemoved,
    /// A passkey's counter went back, so a copy of the passkey may exist. The sign-in was refused.
    PasskeyCloneSuspected,
    /// A device's key was attested and bound to the account.
    DeviceKeyAdded,
    /// A device's key was revoked.
    DeviceKeyRevoked,
    /// TOTP was confirmed with its first code.
    TotpEnabled,
    /// TOTP was disabled.
    TotpDisabled,
    /// An administrator removed TOTP and the backup codes.
    FactorsRemoved,
    /// New backup codes were created. They replace the old ones.
    BackupCodesMade,
    /// The account was recovered.
    Recovered,
    /// A signed-in account owner proved their identity again.
    Reauthenticated,
    /// A person signed in to the authorization service and got a token.
    TokenIssued,
    /// The account got its first password.
    PasswordSet,
    /// The account's password was replaced.
    PasswordChanged,
    /// The account's password was removed.
    PasswordRemoved,
    /// A new password was accepted without a breach check, because the check was unavailable.
    PasswordUnchecked,
    /// The identity key for messages was replaced by another one.
    IdentityKeyChanged,
}

impl EventKind {
    /// Returns the stable name in the database.
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
            Self::FactorsRemoved => "factors_removed",
            Self::BackupCodesMade => "backup_codes_made",
            Self::Recovered => "recovered",
            Self::Reauthenticated => "reauthenticated",
            Self::TokenIssued => "token_issued",
            Self::PasswordSet => "password_set",
            Self::PasswordChanged => "password_changed",
            Self::PasswordRemoved => "password_removed",
            Self::PasswordUnchecked => "password_unchecked",
            Self::IdentityKeyChanged => "identity_key_changed",
        }
    }
}

/// The context of an event: its id, its time and the origin of the request. Holds no secret.
#[derive(Clone, Debug)]
pub struct EventContext {
    /// The event's id.
    pub id: EventId,
    /// The time of the event.
    pub at: Timestamp,
    /// The actor: `user`, `service:<name>` for an internal call, or `administrator`.
    pub actor: String,
    /// The client's network address, if the platform knows it.
    pub address: Option<String>,
    /// The country of the address, if the platform knows it.
    pub country: Option<String>,
    /// The client's `User-Agent`.
    pub user_agent: Option<String>,
    /// The request's id in the log.
    pub request_id: String,
}

impl EventContext {
    /// Returns the context of another event of the same request, which has the id `id`.
    #[must_use]
    pub fn with_id(&self, id: EventId) -> Self {
        Self { id, ..self.clone() }
    }

    /// Returns the context for a request of an administrator. Leaves out their address and their
    /// client, which are not for the account owner to see.
    #[must_use]
    pub fn by_administrator(self) -> Self {
        Self {
            actor: "administrator".to_owned(),
            address: None,
            country: None,
            user_agent: None,
            ..self
        }
    }
}
