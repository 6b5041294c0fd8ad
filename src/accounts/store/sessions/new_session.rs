//! A session to create: its owner, its tokens and its insertion.

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::Platform;
use crate::accounts::model::throttle::{SignUpLimit, ThrottleSubject};
use crate::accounts::store::accounts::NewAccount;
use crate::accounts::store::device_bindings::{KeyClaimant, SessionDevice};
use crate::accounts::store::passkeys::PasskeyUse;
use crate::accounts::store::passwords::VerifiedPassword;
use crate::accounts::store::registrations::NewRegistration;
use crate::accounts::store::step_up::VerifiedFactor;
use crate::accounts::store::totp::TotpStep;
use crate::accounts::store::users::{IdentifiedUser, NewUserIds};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Statement, Value, sql};

/// The session token of a new web session.
#[derive(Clone, Debug)]
pub struct NewSessionToken {
    /// The token's hash.
    pub hash: TokenHash,
    /// The token's expiry.
    pub expires_at: Timestamp,
}

/// The token pair of a new session.
#[derive(Clone, Debug)]
pub struct NewTokenPair {
    /// The refresh token's hash.
    pub refresh_hash: TokenHash,
    /// The hash of the refresh token's family.
    pub refresh_family: TokenHash,
    /// The refresh token's expiry.
    pub refresh_expires_at: Timestamp,
    /// The access token's expiry.
    pub access_expires_at: Timestamp,
}

/// The owner of a new session.
#[derive(Debug)]
pub enum SessionOwner<'a> {
    /// An account, which may not exist.
    User(UserId),
    /// The account of an identity. The batch finds, links or creates it.
    Identity(&'a IdentifiedUser<'a>, NewUserIds),
    /// The owner of a passkey, if the passkey's counter allows it.
    Passkey(PasskeyUse<'a>),
    /// An account that the batch creates with its first passkey.
    Fresh(&'a NewAccount<'a>),
    /// An account that the batch creates with a username and a password.
    Registered(&'a NewRegistration<'a>),
    /// An account that is recovered with an unused factor.
    Recovered(RecoveredAccount<'a>),
    /// An account with a verified password, and with a verified TOTP code if TOTP is enabled.
    /// Neither may have been changed or used since.
    Password(&'a VerifiedPassword),
}

/// A recovery.
#[derive(Debug)]
pub struct RecoveredAccount<'a> {
    /// The account.
    pub user: UserId,
    /// The verified factor.
    pub answer: &'a VerifiedFactor<'a>,
    /// The id of the event about the account's other sessions, if the recovery revokes them.
    pub ends_others: Option<EventId>,
    /// The subject under which attempts were counted. They are cleared.
    pub subject: &'a ThrottleSubject,
}

impl<'a> SessionOwner<'a> {
    /// Returns the account, unless only its identity is known.
    pub(super) const fn user(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(*user),
            Self::Identity(..) => None,
            Self::Passkey(used) => Some(used.user),
            Self::Fresh(account) => Some(account.user),
            Self::Registered(account) => Some(account.user),
            Self::Recovered(recovered) => Some(recovered.user),
            Self::Password(verified) => Some(verified.user),
        }
    }

    /// Returns the limit of the sign-ups of the caller's network, for a registration.
    pub(in crate::accounts::store) const fn limit(&self) -> Option<&'a SignUpLimit> {
        match self {
            Self::Registered(account) => account.limit,
            _ => None,
        }
    }

    const fn identity(&self) -> Option<&'a IdentifiedUser<'a>> {
        match self {
            Self::Identity(who, _) => Some(*who),
            _ => None,
        }
    }

    /// Returns the owner as the claimant of a device's key.
    pub(in crate::accounts::store) fn claimant(&self) -> KeyClaimant<'a> {
        KeyClaimant {
            user: self.user(),
            identity: self.identity().map(IdentifiedUser::identity),
            session: None,
        }
    }
}

/// A session to create.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The session's id.
    pub id: SessionId,
    /// The session's owner.
    pub owner: SessionOwner<'a>,
    /// The methods by which the owner was authenticated.
    pub amr: Amr,
    /// The platform of the sign-in.
    pub platform: Platform,
    /// The session token, for a web session.
    pub token: Option<NewSessionToken>,
    /// The token pair, for a client that uses one.
    pub pair: Option<NewTokenPair>,
    /// The session tokens that the caller presented. Their sessions are revoked.
    pub replaces: Vec<TokenHash>,
    /// The device of the sign-in, if it is known.
    pub device: Option<SessionDevice<'a>>,
}

/// Inserts the session, if its owner exists and every part of the owner's proof is still valid.
pub(super) fn insert(new: &NewSession<'_>, context: &EventContext) -> Statement {
    sql(
        "INSERT INTO sessions (id, user_id, platform, user_agent, authenticated_at, created_at,
                               last_used_at, token_hash, token_expires_at, access_expires_at,
                               refresh_expires_at, expires_at, passkey, attest_key, amr,
                               recovering, country, refresh_family)
         SELECT ?1, id, ?3, ?4, ?5, ?5, ?5, ?6, ?7, ?8, ?9, ?10, COALESCE(?13, ?15),
                (SELECT k.id FROM attest_keys AS k
                  WHERE k.id = ?16 AND k.user_id = users.id AND k.revoked_at IS NULL),
                ?18, ?19, ?20, ?25
           FROM users
          WHERE id = COALESCE(?2, (SELECT user_id FROM identities
                                    WHERE provider = ?11 AND provider_id = ?12))
            AND (?13 IS NULL OR EXISTS (
                SELECT 1 FROM passkeys AS p
                 WHERE p.id = ?13 AND p.user_id = users.id
                   AND (?14 > p.counter OR (?14 = 0 AND p.counter = 0))))
            AND (?17 = 0 OR EXISTS (
                SELECT 1 FROM attest_keys AS k
                 WHERE k.id = ?16 AND k.user_id = users.id AND k.revoked_at IS NULL))
            AND (?21 IS NULL OR EXISTS (
                SELECT 1 FROM totp AS t
                 WHERE t.user_id = users.id AND t.created_at = ?23
                   AND t.confirmed_at IS NOT NULL AND t.last_step < ?21))
            AND (?22 IS NULL OR EXISTS (
                SELECT 1 FROM backup_codes AS b
                 WHERE b.user_id = users.id AND b.code_hash = ?22 AND b.used_at IS NULL))
            AND (?24 IS NULL OR EXISTS (
                SELECT 1 FROM passwords AS w WHERE w.user_id = users.id AND w.hash = ?24))
            AND (?24 IS NULL OR ?21 IS NOT NULL OR NOT EXISTS (
                SELECT 1 FROM totp AS t
                 WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL))",
        new.params(context),
    )
}

/// The parts of an owner's proof that the session's insertion checks again.
#[derive(Default)]
struct CheckedProof<'a> {
    passkey: Option<&'a PasskeyUse<'a>>,
    totp_step: Option<TotpStep>,
    backup_code: Option<&'a str>,
    password: Option<&'a str>,
}

impl<'a> CheckedProof<'a> {
    fn of_owner(owner: &'a SessionOwner<'a>) -> Self {
        let none = Self::default();
        match owner {
            SessionOwner::User(_)
            | SessionOwner::Identity(..)
            | SessionOwner::Fresh(_)
            | SessionOwner::Registered(_) => none,
            SessionOwner::Passkey(used) => Self {
                passkey: Some(used),
                ..none
            },
            SessionOwner::Recovered(recovered) => match recovered.answer {
                VerifiedFactor::Passkey(_) => none,
                VerifiedFactor::Totp(step) => Self {
                    totp_step: Some(*step),
                    ..none
                },
                VerifiedFactor::BackupCode(hash) => Self {
                    backup_code: Some(hash),
                    ..none
                },
            },
            SessionOwner::Password(verified) => Self {
                totp_step: verified.step,
                password: Some(verified.hash.as_str()),
                ..none
            },
        }
    }
}

impl NewSession<'_> {
    /// Returns the parameters of [`insert`].
    fn params(&self, context: &EventContext) -> [Value; 25] {
        let proof = CheckedProof::of_owner(&self.owner);
        let identity = self.owner.identity();
        let first_passkey = match &self.owner {
            SessionOwner::Fresh(account) => Some(account.passkey.id.as_str()),
            _ => None,
        };
        let key = self.device.as_ref().and_then(SessionDevice::claimed_key);
        let key_required = self.device.as_ref().is_some_and(SessionDevice::is_required);

        [
            self.id.into(),
            self.owner.user().into(),
            self.platform.as_str().into(),
            context.user_agent.as_deref().into(),
            context.at.into(),
            self.token.as_ref().map(|token| &token.hash).into(),
            self.token.as_ref().map(|token| token.expires_at).into(),
            self.pair.as_ref().map(|pair| pair.access_expires_at).into(),
            self.pair
                .as_ref()
                .map(|pair| pair.refresh_expires_at)
                .into(),
            self.expires_at().unwrap_or(context.at).into(),
            identity.map(|who| who.provider).into(),
            identity.map(|who| who.provider_id).into(),
            proof.passkey.map(|used| used.id.as_str()).into(),
            proof.passkey.map(|used| i64::from(used.counter)).into(),
            first_passkey.into(),
            key.as_deref().into(),
            key_required.into(),
            self.amr.stored().as_str().into(),
            self.amr.is_recovered().into(),
            context.country.as_deref().into(),
            proof.totp_step.map(|step| step.number).into(),
            proof.backup_code.into(),
            proof.totp_step.map(|step| step.made_at).into(),
            proof.password.into(),
            self.pair.as_ref().map(|pair| &pair.refresh_family).into(),
        ]
    }

    /// Returns the expiry of the token that expires last, if the session has one.
    fn expires_at(&self) -> Option<Timestamp> {
        let token = self.token.as_ref().map(|token| token.expires_at);
        let pair = self.pair.as_ref().map(|pair| pair.refresh_expires_at);
        token.max(pair)
    }
}
