//! Accounts and sign-ins that are made on a device: its key is bound in the same batch, or nothing
//! is made where it is required.

use crate::accounts::model::attest::KeyId;
use crate::accounts::model::records::{Caller, User};
use crate::accounts::store::attest_keys::NewKey;
use crate::accounts::store::device_bindings::{
    BindingRules, KeyClaim, KeyClaimant, KeyUse, kept, select_key, use_statements,
};
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::{NewSession, RecoveredAccount, SessionOwner};
use crate::accounts::store::users;
use crate::accounts::store::users::{IdentifiedUser, NewUserIds};
use crate::kernel::model::events::EventContext;
use crate::kernel::model::ids::{SessionId, UserId};
use crate::kernel::store::{Db, Statement, StoreError, rows};

/// The device that a sign-in is made on.
#[derive(Debug)]
pub enum SessionDevice<'a> {
    /// Attested just now: its key becomes the account's in the same batch. Where it is `required`,
    /// there is no sign-in without that.
    Attested {
        /// The key.
        key: &'a NewKey,
        /// Whether there is no sign-in without it.
        required: bool,
        /// How it is bound.
        binding: BindingRules,
    },
    /// Known, and it asserted the request: its counter moves on in the same batch, and the sign-in
    /// is its own, if it can be.
    Asserted {
        /// The key.
        key: KeyId,
        /// Where its counter stands now.
        counter: u32,
        /// How it is bound.
        binding: BindingRules,
    },
}

impl SessionDevice<'_> {
    /// What comes before the sign-in is inserted, and after its owner is.
    pub(super) fn before(
        &self,
        owner: &SessionOwner<'_>,
        context: &EventContext,
    ) -> Vec<Statement> {
        match self {
            Self::Attested { key, binding, .. } => {
                keeper_of(owner).keep(key, binding, false, context)
            }
            Self::Asserted { .. } => Vec::new(),
        }
    }

    /// What comes after it.
    pub(super) fn after(
        &self,
        owner: Option<UserId>,
        session: SessionId,
        context: &EventContext,
    ) -> Vec<Statement> {
        match (self, owner) {
            (
                Self::Asserted {
                    key,
                    counter,
                    binding,
                },
                Some(user),
            ) => use_statements(
                Caller { user, session },
                KeyUse {
                    key,
                    counter: *counter,
                    binds: true,
                },
                binding,
                false,
                context,
            ),
            _ => Vec::new(),
        }
    }

    /// The key that the sign-in is inserted with, and whether there is none without it.
    pub(super) fn inserted(&self) -> (Option<String>, bool) {
        match self {
            Self::Attested { key, required, .. } => (Some(key.id.text()), *required),
            Self::Asserted { .. } => (None, false),
        }
    }
}

fn keeper_of<'a>(owner: &SessionOwner<'a>) -> KeyClaimant<'a> {
    match owner {
        SessionOwner::User(user) | SessionOwner::Recovered(RecoveredAccount { user, .. }) => {
            KeyClaimant {
                user: Some(*user),
                identity: None,
                session: None,
            }
        }
        SessionOwner::Identity(who, _) => KeyClaimant {
            user: None,
            identity: Some((who.provider, who.provider_id)),
            session: None,
        },
        SessionOwner::Passkey(used) => KeyClaimant {
            user: Some(used.user),
            identity: None,
            session: None,
        },
        SessionOwner::Fresh(account) => KeyClaimant {
            user: Some(account.user),
            identity: None,
            session: None,
        },
        SessionOwner::Password(proved) => KeyClaimant {
            user: Some(proved.user),
            identity: None,
            session: None,
        },
    }
}

/// Makes a sign-in on a device that was attested just now; gives its account if there is one, and
/// how keeping the key ended. One round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn create_session(
    db: &dyn Db,
    new: &NewSession<'_>,
    key: &KeyId,
    context: &EventContext,
) -> Result<(Option<User>, KeyClaim), StoreError> {
    let mut batch = sessions::statements(new, context);
    let made = batch.len();
    batch.extend([keeper_of(&new.owner).select_account(), select_key(key)]);
    let results = db.batch(batch).await?;
    let user = made
        .checked_sub(1)
        .and_then(|last| rows(&results, last).first())
        .map(users::read)
        .transpose()?;
    let account = rows(&results, made)
        .first()
        .map(|row| row.text("id"))
        .transpose()?;
    Ok((
        user,
        kept(account.as_deref(), rows(&results, made + 1).first())?,
    ))
}

/// Finds, links or makes the account of an identity, and keeps the key for it. Safe to repeat. One
/// round trip.
///
/// # Errors
/// [`StoreError`]
pub async fn upsert_user(
    db: &dyn Db,
    who: &IdentifiedUser<'_>,
    ids: NewUserIds,
    (new, binding): (&NewKey, &BindingRules),
    context: &EventContext,
) -> Result<(Option<User>, KeyClaim), StoreError> {
    let keeper = KeyClaimant {
        user: None,
        identity: Some((who.provider, who.provider_id)),
        session: None,
    };
    let mut batch = users::upsert_statements(who, ids, context);
    batch.extend(keeper.keep(new, binding, false, context));
    batch.push(users::touch(who, context));
    let select = batch.len();
    batch.extend([
        users::select_by_identity(who.provider, who.provider_id),
        select_key(&new.id),
    ]);
    let results = db.batch(batch).await?;
    let user = rows(&results, select)
        .first()
        .map(users::read)
        .transpose()?;
    let account = user.as_ref().map(|user| user.id.to_string());
    let kept = kept(account.as_deref(), rows(&results, select + 1).first())?;
    Ok((user, kept))
}
