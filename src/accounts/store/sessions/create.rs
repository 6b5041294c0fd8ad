//! Making a sign-in, for whoever it is, on whatever device, in one batch.

use crate::accounts::model::amr::Amr;
use crate::accounts::model::records::{Caller, Platform, User};
use crate::accounts::model::throttle::Subject;
use crate::accounts::store::accounts::NewAccount;
use crate::accounts::store::attested_sign_ins::SessionDevice;
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::PasskeyUse;
use crate::accounts::store::passwords;
use crate::accounts::store::passwords::VerifiedPassword;
use crate::accounts::store::person_tokens;
use crate::accounts::store::step_up;
use crate::accounts::store::step_up::VerifiedFactor;
use crate::accounts::store::users;
use crate::accounts::store::users::{IdentifiedUser, NewUserIds};
use crate::accounts::store::{attempts, events};
use crate::kernel::model::events::{EventContext, EventKind};
use crate::kernel::model::ids::{EventId, SessionId, UserId};
use crate::kernel::model::secret::TokenHash;
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::{Db, Statement, StoreError, sql};

/// A web session token to store with a new sign-in.
#[derive(Clone, Debug)]
pub struct NewSessionToken {
    /// Its hash.
    pub hash: TokenHash,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A pair to store with a new sign-in.
#[derive(Clone, Debug)]
pub struct NewTokenPair {
    /// The refresh token's hash.
    pub refresh_hash: TokenHash,
    /// When the refresh token ends.
    pub refresh_expires_at: Timestamp,
    /// When the access token ends.
    pub access_expires_at: Timestamp,
}

/// Whose sign-in is made.
#[derive(Debug)]
pub enum SessionOwner<'a> {
    /// An account that may or may not exist.
    User(UserId),
    /// The account of an identity, found, linked or made in the same batch.
    Identity(&'a IdentifiedUser<'a>, NewUserIds),
    /// The owner of a passkey, if its counter allows it.
    Passkey(PasskeyUse<'a>),
    /// An account that is made with its first passkey in the same batch.
    Fresh(&'a NewAccount<'a>),
    /// An account that is recovered by one of its factors, if that was not used yet.
    Recovered(RecoveredAccount<'a>),
    /// An account whose owner showed its password, and a TOTP code where that is enabled, if
    /// neither was changed or used meanwhile.
    Password(&'a VerifiedPassword),
}

/// A recovery.
#[derive(Debug)]
pub struct RecoveredAccount<'a> {
    /// The account.
    pub user: UserId,
    /// The factor that answered.
    pub answer: &'a VerifiedFactor<'a>,
    /// Whether the account's other sign-ins end; with the id of the event that tells of it.
    pub ends_others: Option<EventId>,
    /// What the attempts were counted under: they are forgiven.
    pub subject: &'a Subject,
}

/// A sign-in to make.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub owner: SessionOwner<'a>,
    /// How its owner proved who they are.
    pub amr: Amr,
    /// Where it happens.
    pub platform: Platform,
    /// The web session token, if it gets one.
    pub token: Option<NewSessionToken>,
    /// The pair, if it gets one.
    pub pair: Option<NewTokenPair>,
    /// Session tokens that the caller came with: their sign-ins end with the new one.
    pub replaces: Vec<TokenHash>,
    /// The device on which it is made, if that is known.
    pub device: Option<SessionDevice<'a>>,
}

/// Makes a sign-in and gives its account back; `None` if there is no account and none could be
/// made, or if a passkey's counter forbids it.
///
/// # Errors
/// [`StoreError`]
pub async fn create(
    db: &dyn Db,
    new: &NewSession<'_>,
    context: &EventContext,
) -> Result<Option<User>, StoreError> {
    let results = db.batch(statements(new, context)).await?;
    results
        .last()
        .and_then(|rows| rows.first())
        .map(users::read)
        .transpose()
}

/// What makes a sign-in; the last statement gives its account back.
pub(crate) fn statements(new: &NewSession<'_>, context: &EventContext) -> Vec<Statement> {
    let mut batch = match &new.owner {
        SessionOwner::User(_) | SessionOwner::Recovered(..) | SessionOwner::Password(_) => {
            Vec::new()
        }
        SessionOwner::Identity(who, ids) => users::upsert_statements(who, *ids, context),
        SessionOwner::Passkey(used) => vec![events::about_suspected_clone(context, used)],
        SessionOwner::Fresh(account) => account.statements(context),
    };
    let owner = match &new.owner {
        SessionOwner::User(user) | SessionOwner::Recovered(RecoveredAccount { user, .. }) => {
            Some(*user)
        }
        SessionOwner::Identity(..) => None,
        SessionOwner::Passkey(used) => Some(used.user),
        SessionOwner::Fresh(account) => Some(account.user),
        SessionOwner::Password(proved) => Some(proved.user),
    };
    if let Some(device) = &new.device {
        batch.extend(device.before(&new.owner, context));
    }
    if let SessionOwner::Identity(who, _) = &new.owner {
        batch.push(users::touch(who, context));
    }
    batch.push(insert(new, context));
    if let Some(pair) = &new.pair {
        batch.push(sql(
            "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at)
             SELECT ?1, id, ?3, ?4 FROM sessions WHERE id = ?2",
            [
                (&pair.refresh_hash).into(),
                new.id.into(),
                context.at.into(),
                pair.refresh_expires_at.into(),
            ],
        ));
    }
    if let SessionOwner::Passkey(used) = &new.owner {
        batch.push(passkeys::note_use(used, new.id, context.at));
    }
    if let SessionOwner::Password(proved) = &new.owner {
        batch.push(attempts::clear_for(&proved.subject, new.id));
        batch.extend(passwords::note_use(proved, new.id, context.at));
    }
    if let SessionOwner::Recovered(RecoveredAccount {
        user,
        answer,
        ends_others,
        subject,
    }) = &new.owner
    {
        batch.push(attempts::clear_for(subject, new.id));
        batch.push(step_up::note_use(answer, *user, new.id, context.at));
        if let Some(event) = ends_others {
            let by = Caller {
                user: *user,
                session: new.id,
            };
            batch.push(events::about_others(&context.with_id(*event), by));
            batch.push(person_tokens::revoke_by(by));
            batch.push(sql(
                "UPDATE sessions SET revoked_at = ?3 WHERE user_id = ?2 AND id <> ?1 AND revoked_at IS NULL
                    AND EXISTS (SELECT 1 FROM sessions AS n WHERE n.id = ?1)",
                [new.id.into(), (*user).into(), context.at.into()],
            ));
        }
    }
    if let Some(device) = &new.device {
        batch.extend(device.after(owner, new.id, context));
    }
    for replaced in &new.replaces {
        batch.push(sql(
            "UPDATE sessions SET revoked_at = ?2
              WHERE token_hash = ?1 AND revoked_at IS NULL AND EXISTS (SELECT 1 FROM sessions AS n WHERE n.id = ?3)",
            [replaced.into(), context.at.into(), new.id.into()],
        ));
    }
    let kind = if matches!(new.owner, SessionOwner::Recovered(..)) {
        EventKind::Recovered
    } else {
        EventKind::SignedIn
    };
    batch.push(events::about_new_session(context, kind, new.id));
    batch.push(sql(
        concat!(
            "UPDATE users SET last_login_at = ?2, last_login_platform = ?3 WHERE id = (SELECT user_id FROM sessions WHERE id = ?1)
         RETURNING ",
            user_columns!("")
        ),
        [new.id.into(), context.at.into(), new.platform.as_str().into()],
    ));
    batch
}

fn insert(new: &NewSession<'_>, context: &EventContext) -> Statement {
    let (user, identity, passkey) = match &new.owner {
        SessionOwner::User(user) | SessionOwner::Recovered(RecoveredAccount { user, .. }) => {
            (Some(*user), None, None)
        }
        SessionOwner::Identity(who, _) => (None, Some((who.provider, who.provider_id)), None),
        SessionOwner::Passkey(used) => (Some(used.user), None, Some(used)),
        SessionOwner::Fresh(account) => (Some(account.user), None, None),
        SessionOwner::Password(proved) => (Some(proved.user), None, None),
    };
    let password = if let SessionOwner::Password(proved) = &new.owner {
        Some(*proved)
    } else {
        None
    };
    let (step, code) = match &new.owner {
        SessionOwner::Recovered(RecoveredAccount {
            answer: VerifiedFactor::Totp(step),
            ..
        }) => (Some(step), None),
        SessionOwner::Recovered(RecoveredAccount {
            answer: VerifiedFactor::BackupCode(hash),
            ..
        }) => (None, Some(hash.as_str())),
        SessionOwner::Password(proved) => (proved.step.as_ref(), None),
        _ => (None, None),
    };
    let (key, key_required) = new
        .device
        .as_ref()
        .map_or((None, false), SessionDevice::inserted);
    let made_with = if let SessionOwner::Fresh(account) = &new.owner {
        Some(account.passkey.id.as_str())
    } else {
        None
    };
    let ends = [
        new.token.as_ref().map(|t| t.expires_at),
        new.pair.as_ref().map(|p| p.refresh_expires_at),
    ];
    let expires_at = ends.into_iter().flatten().max().unwrap_or(context.at);
    sql(
        "INSERT INTO sessions (id, user_id, platform, user_agent, authenticated_at, created_at, last_used_at,
                               token_hash, token_expires_at, access_expires_at, refresh_expires_at, expires_at, passkey, attest_key,
                               amr, recovering, country)
         SELECT ?1, id, ?3, ?4, ?5, ?5, ?5, ?6, ?7, ?8, ?9, ?10, COALESCE(?13, ?15),
                (SELECT k.id FROM attest_keys AS k WHERE k.id = ?16 AND k.user_id = users.id AND k.revoked_at IS NULL), ?18, ?19, ?20
           FROM users
          WHERE id = COALESCE(?2, (SELECT user_id FROM identities WHERE provider = ?11 AND provider_id = ?12))
            AND (?13 IS NULL OR EXISTS (SELECT 1 FROM passkeys AS p
                 WHERE p.id = ?13 AND p.user_id = users.id AND (?14 > p.counter OR (?14 = 0 AND p.counter = 0))))
            AND (?17 = 0 OR EXISTS (SELECT 1 FROM attest_keys AS k WHERE k.id = ?16 AND k.user_id = users.id AND k.revoked_at IS NULL))
            AND (?21 IS NULL OR EXISTS (SELECT 1 FROM totp AS t
                 WHERE t.user_id = users.id AND t.created_at = ?23 AND t.confirmed_at IS NOT NULL AND t.last_step < ?21))
            AND (?22 IS NULL OR EXISTS (SELECT 1 FROM backup_codes AS b WHERE b.user_id = users.id AND b.code_hash = ?22 AND b.used_at IS NULL))
            AND (?24 IS NULL OR EXISTS (SELECT 1 FROM passwords AS w WHERE w.user_id = users.id AND w.hash = ?24))
            AND (?24 IS NULL OR ?21 IS NOT NULL OR NOT EXISTS (SELECT 1 FROM totp AS t WHERE t.user_id = users.id AND t.confirmed_at IS NOT NULL))",
        [
            new.id.into(),
            user.into(),
            new.platform.as_str().into(),
            context.user_agent.as_deref().into(),
            context.at.into(),
            new.token.as_ref().map(|t| &t.hash).into(),
            new.token.as_ref().map(|t| t.expires_at).into(),
            new.pair.as_ref().map(|p| p.access_expires_at).into(),
            new.pair.as_ref().map(|p| p.refresh_expires_at).into(),
            expires_at.into(),
            identity.map(|(provider, _)| provider).into(),
            identity.map(|(_, provider_id)| provider_id).into(),
            passkey.map(|used| used.id.as_str()).into(),
            passkey.map(|used| i64::from(used.counter)).into(),
            made_with.into(),
            key.as_deref().into(),
            key_required.into(),
            new.amr.stored().as_str().into(),
            new.amr.is_recovered().into(),
            context.country.as_deref().into(),
            step.map(|step| step.number).into(),
            code.into(),
            step.map(|step| step.made_at).into(),
            password.map(|proved| proved.hash.as_str()).into(),
        ],
    )
}
