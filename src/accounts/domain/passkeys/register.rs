//! Registration of a passkey, for the account of the caller or for a new account.

use crate::accounts::domain::Ports;
use crate::accounts::domain::passkeys::decoy::DecoyKeys;
use crate::accounts::domain::passkeys::{
    CeremonyState, NAME_CHARS, NO_CHALLENGE, PendingCeremony, aaguid, ceremony_expiry,
    ceremony_rules, fresh_challenge,
};
use crate::accounts::domain::sign_in::{IssuedSession, SessionDraft, SignInClient};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::throttle;
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::domain::webauthn::json::RegistrationResponse;
use crate::accounts::domain::webauthn::registration;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::model::records::User;
use crate::accounts::store::accounts::NewAccount;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{ChallengeKind, NewChallenge, TakenChallenge};
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::{
    Descriptor, MOST_PASSKEYS, MOST_WITH_RECOVERED, NewPasskey, PasskeyAddition,
};
use crate::accounts::store::sessions::SessionOwner;
use crate::accounts::store::sign_up;
use crate::accounts::store::sign_up::SignUpOutcome;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::{ChallengeId, EventId, UserId};
use crate::kernel::model::text;
use crate::kernel::store::StoreError;

/// The account that registers a passkey.
#[derive(Debug)]
pub enum Registrant<'a> {
    /// The account of the caller. The names in the request are ignored.
    Account(&'a SignedIn),
    /// A new account.
    Newcomer {
        /// The e-mail address that the caller claims.
        email: Email,
        /// The name of the new user.
        name: String,
    },
}

/// The options of a registration that differ between accounts.
#[derive(Debug)]
pub struct CreationOptions {
    /// The id of the account. Its text is the user handle.
    pub user: UserId,
    /// The name by which the owner recognises the account.
    pub user_name: String,
    /// The name of the owner.
    pub display_name: String,
    /// The credentials that the account already has.
    pub exclude: Vec<Descriptor>,
}

/// The reasons to register no passkey.
#[derive(Debug, thiserror::Error)]
pub enum RegisterRejection {
    /// The ceremony is not valid. The client sees the same error for all reasons.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Another account has or claims the e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// This account or another account already has the credential.
    #[error("the credential is already registered")]
    Exists,
    /// The account has the maximum number of passkeys.
    #[error("the account has the maximum number of passkeys")]
    TooMany,
}

impl Rejection for RegisterRejection {}

/// Begins a registration. One round trip.
///
/// # Errors
/// [`RegisterRejection`]
pub async fn begin(
    ports: &Ports,
    who: Registrant<'_>,
    label: Option<String>,
    origin: &RequestOrigin,
) -> Result<PendingCeremony<CreationOptions>, Failure<RegisterRejection>> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let mut state = CeremonyState {
        label,
        ..CeremonyState::new(fresh_challenge(ports)?)
    };
    let db = ports.db.as_ref();
    let challenge = |kind, user| NewChallenge {
        id,
        kind,
        user,
        state: "",
        created_at: now,
        expires_at: ceremony_expiry(now),
    };

    let options = match who {
        Registrant::Account(me) => {
            let user = &me.user;
            let written = state.write()?;
            let new = NewChallenge {
                state: &written,
                ..challenge(ChallengeKind::Registration, Some(user.id))
            };
            let exclude = passkeys::begin_for(db, &new, user.id)
                .await?
                .ok_or(Fault::SignedOut)?;
            if exclude.len() >= max_passkeys(me) {
                return Err(RegisterRejection::TooMany.into());
            }
            let user_name = user.label().to_owned();
            CreationOptions {
                user: user.id,
                display_name: user.name.clone().unwrap_or_else(|| user_name.clone()),
                user_name,
                exclude,
            }
        }
        Registrant::Newcomer { email, name } => {
            let user = ports.id(UserId::from_random)?;
            (state.user, state.email, state.name) = (
                Some(user.to_string()),
                Some(email.as_str().to_owned()),
                Some(name.clone()),
            );
            let written = state.write()?;
            let new = NewChallenge {
                state: &written,
                ..challenge(ChallengeKind::SignUp, None)
            };
            // A client that may not sign up now makes no passkey in vain.
            let limit = throttle::sign_up_limit(ports, origin)?;
            let claim = challenges::keep_sign_up(db, &new, limit.as_ref()).await?;
            throttle::require_allowed(claim, now)?;
            CreationOptions {
                user,
                user_name: email.as_str().to_owned(),
                display_name: name,
                exclude: Vec::new(),
            }
        }
    };

    Ok(PendingCeremony {
        challenge_id: id,
        challenge: state.challenge,
        options,
    })
}

/// Returns the maximum number of passkeys of the account.
const fn max_passkeys(me: &SignedIn) -> usize {
    if me.session.recovering {
        MOST_WITH_RECOVERED
    } else {
        MOST_PASSKEYS
    }
}

/// A registration to complete.
#[derive(Debug)]
pub struct RegistrationCompletion<'a> {
    /// The id of the challenge; `None` if the client sent no valid id.
    pub challenge: Option<ChallengeId>,
    /// The response of the authenticator.
    pub response: RegistrationResponse,
    /// The name for the passkey.
    pub label: Option<String>,
    /// The client, for the session of a new account.
    pub client: &'a SignInClient,
}

/// The outcome of a registration.
#[derive(Debug)]
pub enum RegistrationOutcome {
    /// The passkey was added to an existing account.
    Added(CredentialId, Box<User>),
    /// The passkey was registered with a new account, which has a session now.
    Created(CredentialId, Box<IssuedSession>),
}

/// Completes a registration: consumes the challenge, verifies the response and stores the passkey.
/// Two round trips.
///
/// # Errors
/// [`RegisterRejection`]
pub async fn complete(
    ports: &Ports,
    caller: Option<SignedIn>,
    completion: RegistrationCompletion<'_>,
    origin: &RequestOrigin,
) -> Result<RegistrationOutcome, Failure<RegisterRejection>> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let RegistrationCompletion {
        challenge,
        response,
        label,
        client,
    } = completion;

    let id = challenge.ok_or(NO_CHALLENGE)?;
    let user = caller.as_ref().map(|caller| caller.user.id);
    let taken = challenges::take_registration(db, id, user, now).await?;
    let taken = taken.ok_or_else(|| RegisterRejection::from(NO_CHALLENGE))?;
    let state = CeremonyState::read(&taken)?;
    let credential =
        registration::verify(&response, &ceremony_rules(&ports.config, &state.challenge))
            .accepted()?;
    // A decoy makes the round trips of a registered credential, but no row.
    let decoy = DecoyKeys::of(&ports.config).is_decoy(&credential.id);

    let aaguid = aaguid::text(credential.aaguid);
    let named = label
        .or_else(|| state.label.clone())
        .or_else(|| aaguid::name(&aaguid).map(str::to_owned));

    let passkey = NewPasskey {
        name: named.unwrap_or_else(|| client_name(origin.user_agent.as_deref()).to_owned()),
        aaguid,
        library: credential
            .passkey
            .write()
            .map_err(|error| StoreError::Broken(error.to_string()))?,
        public_key: credential.public_key.bytes,
        counter: credential.counter,
        transports: response.transports,
        backup_eligible: credential.flags.backup_eligible(),
        backed_up: credential.flags.backed_up(),
        user_verified: credential.flags.user_verified(),
        id: credential.id,
    };

    match (taken.kind, caller) {
        (ChallengeKind::Registration, Some(caller)) => {
            let context = ports.event_context(origin, now)?;
            match passkeys::add(
                db,
                caller.caller(),
                &passkey,
                if decoy { 0 } else { max_passkeys(&caller) },
                &context,
            )
            .await?
            {
                PasskeyAddition::Added => Ok(RegistrationOutcome::Added(
                    passkey.id,
                    Box::new(caller.user),
                )),
                PasskeyAddition::SignedOut => Err(Fault::SignedOut.into()),
                PasskeyAddition::Exists => Err(RegisterRejection::Exists.into()),
                PasskeyAddition::TooMany if decoy => Err(RegisterRejection::Exists.into()),
                PasskeyAddition::TooMany => Err(RegisterRejection::TooMany.into()),
            }
        }
        _ => create_account(ports, &taken, &state, passkey, decoy, client, origin).await,
    }
}

/// Creates an account with its first passkey and a session.
async fn create_account(
    ports: &Ports,
    taken: &TakenChallenge,
    state: &CeremonyState,
    passkey: NewPasskey,
    decoy: bool,
    client: &SignInClient,
    origin: &RequestOrigin,
) -> Result<RegistrationOutcome, Failure<RegisterRejection>> {
    let broken = || StoreError::Broken("the state of a sign-up cannot be read".to_owned());
    let user = state
        .user
        .as_deref()
        .filter(|_| taken.kind == ChallengeKind::SignUp)
        .and_then(UserId::parse)
        .ok_or_else(broken)?;
    let email = state
        .email
        .as_deref()
        .and_then(Email::parse)
        .ok_or_else(broken)?;

    let now = ports.clock.now();
    let prepared = SessionDraft::new(
        ports,
        now,
        Amr::of(Proof::Passkey {
            multi_device: passkey.backup_eligible,
        }),
    )?;

    let limit = throttle::sign_up_limit(ports, origin)?;
    let account = NewAccount {
        user,
        email: &email,
        name: state.name.as_deref().unwrap_or_default(),
        passkey: &passkey,
        decoy,
        limit: limit.as_ref(),
        created_event: ports.id(EventId::from_random)?,
        added_event: ports.id(EventId::from_random)?,
    };
    let session = prepared.session(SessionOwner::Fresh(&account), client);

    match sign_up::create(
        ports.db.as_ref(),
        &account,
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?
    {
        SignUpOutcome::Created(user) => Ok(RegistrationOutcome::Created(
            passkey.id.clone(),
            Box::new(prepared.finish(ports, *user, client).await?),
        )),
        SignUpOutcome::Refused { free_at } => Err(throttle::too_many(free_at, now).into()),
        SignUpOutcome::EmailTaken if decoy => Err(RegisterRejection::Exists.into()),
        SignUpOutcome::EmailTaken => Err(RegisterRejection::EmailTaken.into()),
        SignUpOutcome::CredentialExists => Err(RegisterRejection::Exists.into()),
    }
}

/// Returns a trimmed name of 1 to 64 printable characters, or `None` if the name is not valid.
#[must_use]
pub fn name(name: &str) -> Option<String> {
    text::name(name).filter(|name| name.chars().count() <= NAME_CHARS)
}

/// Returns a name for a passkey of an unknown provider, by the device that the client claims to be.
fn client_name(user_agent: Option<&str>) -> &'static str {
    let said = user_agent.unwrap_or_default();
    let devices = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("hamrahIOS", "iPhone or iPad"),
        ("CFNetwork", "iPhone or iPad"),
        ("Android", "Android device"),
        ("CrOS", "Chromebook"),
        ("Macintosh", "Mac"),
        ("Windows", "Windows device"),
        ("Linux", "Linux device"),
    ];
    devices
        .iter()
        .find(|(part, _)| said.contains(part))
        .map_or("Passkey", |(_, device)| device)
}
