//! Registering a passkey: for an account that is signed in, or for one that is made with it.

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::SignedIn;
use crate::accounts::domain::passkeys::decoy::is_decoy;
use crate::accounts::domain::passkeys::{
    Begun, NAME_CHARS, NO_CHALLENGE, State, aaguid, ends, expected, fresh_challenge,
};
use crate::accounts::domain::sign_in::{Complete, Place, Prepared};
use crate::accounts::domain::steps::Refusal;
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

/// Who registers a passkey.
#[derive(Debug)]
pub enum Registrant<'a> {
    /// Somebody who is signed in. The account is theirs, whatever the request says besides.
    Account(&'a SignedIn),
    /// Somebody who wants an account.
    Newcomer {
        /// The address that they claim.
        email: Email,
        /// Their name.
        name: String,
    },
}

/// What an authenticator has to know to make a credential, besides what is the same for everybody.
#[derive(Debug)]
pub struct CreationOptions {
    /// The account's id: its text is the user handle.
    pub user: UserId,
    /// By which its owner recognises the account.
    pub user_name: String,
    /// Its owner's name.
    pub display_name: String,
    /// Credentials that the account has.
    pub exclude: Vec<Descriptor>,
}

/// The reasons to register no passkey.
#[derive(Debug, thiserror::Error)]
pub enum RegisterRejection {
    /// The ceremony does not hold. From outside all of these look the same.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Somebody has or claims the address.
    #[error("the address is taken")]
    EmailTaken,
    /// The credential is registered, for this account or another.
    #[error("the credential is registered already")]
    Exists,
    /// The account has as many as it may.
    #[error("the account has as many passkeys as it may")]
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
) -> Result<Begun<CreationOptions>, Failure<RegisterRejection>> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let mut state = State {
        label,
        ..State::new(fresh_challenge(ports)?)
    };
    let db = ports.db.as_ref();
    let challenge = |kind, user| NewChallenge {
        id,
        kind,
        user,
        state: "",
        created_at: now,
        expires_at: ends(now),
    };
    let options = match who {
        Registrant::Account(me) => {
            let user = &me.user;
            let written = state.write()?;
            let new = NewChallenge {
                state: &written,
                ..challenge(ChallengeKind::Registration, Some(user.id))
            };
            let exclude = passkeys::begin_for(db, &new, user.id).await?;
            if exclude.len() >= most(me) {
                return Err(RegisterRejection::TooMany.into());
            }
            let user_name = user.email.as_str().to_owned();
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
            challenges::keep(
                db,
                &NewChallenge {
                    state: &written,
                    ..challenge(ChallengeKind::SignUp, None)
                },
            )
            .await?;
            CreationOptions {
                user,
                user_name: email.as_str().to_owned(),
                display_name: name,
                exclude: Vec::new(),
            }
        }
    };
    Ok(Begun {
        challenge_id: id,
        challenge: state.challenge,
        options,
    })
}

/// How many passkeys the account may have.
const fn most(me: &SignedIn) -> usize {
    if me.session.recovering {
        MOST_WITH_RECOVERED
    } else {
        MOST_PASSKEYS
    }
}

/// A registration to complete.
#[derive(Debug)]
pub struct Completion<'a> {
    /// By which it began; `None` for what cannot be an id.
    pub challenge: Option<ChallengeId>,
    /// What the authenticator answered.
    pub response: RegistrationResponse,
    /// What the passkey is to be called.
    pub label: Option<String>,
    /// Where the sign-in happens, if an account is made.
    pub place: &'a Place,
}

/// A passkey that was registered.
#[derive(Debug)]
pub enum Registered {
    /// For an account that was there.
    Added(CredentialId, Box<User>),
    /// With an account, which is signed in now.
    Created(CredentialId, Box<Complete>),
}

/// Completes a registration: takes the challenge, verifies, stores. Two round trips.
///
/// # Errors
/// [`RegisterRejection`]
pub async fn complete(
    ports: &Ports,
    caller: Option<SignedIn>,
    completion: Completion<'_>,
    origin: &RequestOrigin,
) -> Result<Registered, Failure<RegisterRejection>> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let Completion {
        challenge,
        response,
        label,
        place,
    } = completion;
    let id = challenge.ok_or(NO_CHALLENGE)?;
    let taken =
        challenges::take_registration(db, id, caller.as_ref().map(|caller| caller.user.id), now)
            .await?
            .ok_or(NO_CHALLENGE)?;
    let state = State::read(&taken)?;
    let credential =
        registration::verify(&response, &expected(&ports.config, &state.challenge)).accepted()?;
    if is_decoy(&ports.config.signing_keys, &credential.id) {
        return Err(RegisterRejection::Exists.into());
    }
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
            match passkeys::add(db, caller.caller(), &passkey, most(&caller), &context).await? {
                PasskeyAddition::Added => Ok(Registered::Added(passkey.id, Box::new(caller.user))),
                PasskeyAddition::SignedOut => Err(Fault::SignedOut.into()),
                PasskeyAddition::Exists => Err(RegisterRejection::Exists.into()),
                PasskeyAddition::TooMany => Err(RegisterRejection::TooMany.into()),
            }
        }
        _ => create(ports, &taken, &state, passkey, place, origin).await,
    }
}

async fn create(
    ports: &Ports,
    taken: &TakenChallenge,
    state: &State,
    passkey: NewPasskey,
    place: &Place,
    origin: &RequestOrigin,
) -> Result<Registered, Failure<RegisterRejection>> {
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
    let prepared = Prepared::new(
        ports,
        now,
        Amr::of(Proof::Passkey {
            multi_device: passkey.backup_eligible,
        }),
    )?;
    let account = NewAccount {
        user,
        email: &email,
        name: state.name.as_deref().unwrap_or_default(),
        passkey: &passkey,
        created_event: ports.id(EventId::from_random)?,
        added_event: ports.id(EventId::from_random)?,
    };
    let session = prepared.session(SessionOwner::Fresh(&account), place);
    match sign_up::create(
        ports.db.as_ref(),
        &account,
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?
    {
        SignUpOutcome::Created(user) => Ok(Registered::Created(
            passkey.id.clone(),
            Box::new(prepared.finish(ports, *user, place).await?),
        )),
        SignUpOutcome::EmailTaken => Err(RegisterRejection::EmailTaken.into()),
        SignUpOutcome::CredentialExists => Err(RegisterRejection::Exists.into()),
    }
}

/// A passkey's name: trimmed, 1 to 64 printable characters; `None` if it is anything else.
#[must_use]
pub fn name(name: &str) -> Option<String> {
    text::name(name).filter(|name| name.chars().count() <= NAME_CHARS)
}

/// What a passkey is called whose maker is not known: after the device that the client says it is.
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
