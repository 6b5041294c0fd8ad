//! Signing in with a passkey: by any that the client has, or by one of those that belong to an
//! address.

use crate::accounts::domain::Ports;
use crate::accounts::domain::passkeys::decoy::decoys;
use crate::accounts::domain::passkeys::{
    Begun, NO_CHALLENGE, State, ends, expected, fresh_challenge,
};
use crate::accounts::domain::sign_in::{Complete, Place, Prepared};
use crate::accounts::domain::steps::Refusal;
use crate::accounts::domain::webauthn::assertion;
use crate::accounts::domain::webauthn::assertion::Known;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::domain::webauthn::library::StoredPasskey;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::credential_id::CredentialId;
use crate::accounts::model::email::Email;
use crate::accounts::store::challenges;
use crate::accounts::store::challenges::{
    AnsweredChallenge, ChallengeKind, NewChallenge, TakenChallenge,
};
use crate::accounts::store::passkeys;
use crate::accounts::store::passkeys::{
    ChallengedPasskey, Descriptor, PasskeyUse, PasskeyWithEmail,
};
use crate::accounts::store::sessions;
use crate::accounts::store::sessions::SessionOwner;
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::{ChallengeId, UserId};
use crate::kernel::model::time::Timestamp;
use crate::kernel::store::StoreError;

/// The reason to reject a sign-in. The client sees the same error for all reasons.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PasskeySignInRejection(#[from] pub Refusal);

impl Rejection for PasskeySignInRejection {}

/// Begins a sign-in. One round trip, whether or not somebody is named, and whether or not anybody
/// knows them.
///
/// # Errors
/// [`Fault`]
pub async fn begin(ports: &Ports, email: Option<Email>) -> Result<Begun<Vec<Descriptor>>, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = State {
        email: email.as_ref().map(|email| email.as_str().to_owned()),
        ..State::new(fresh_challenge(ports)?)
    };
    let written = state.write()?;
    let new = NewChallenge {
        id,
        kind: ChallengeKind::SignIn,
        user: None,
        state: &written,
        created_at: now,
        expires_at: ends(now),
    };
    let allowed = match &email {
        None => {
            challenges::keep(ports.db.as_ref(), &new).await?;
            Vec::new()
        }
        Some(email) => {
            // Made for everybody, so that the time tells nothing.
            let decoys = decoys(ports.config.signing_keys.current(), email);
            let known = passkeys::begin_sign_in(ports.db.as_ref(), &new, email).await?;
            if known.is_empty() { decoys } else { known }
        }
    };
    Ok(Begun {
        challenge_id: id,
        challenge: state.challenge,
        options: allowed,
    })
}

/// A passkey that answered a challenge well. Where its counter stands is compared where it is
/// written.
pub(crate) struct Verified {
    id: CredentialId,
    owner: UserId,
    counter: u32,
    backed_up: bool,
    counter_moved_on: bool,
    /// Whether it may leave its device.
    pub(crate) multi_device: bool,
}

impl Verified {
    /// What is written of it.
    pub(crate) const fn used(&self) -> PasskeyUse<'_> {
        PasskeyUse {
            id: &self.id,
            user: self.owner,
            counter: self.counter,
            backed_up: self.backed_up,
        }
    }
}

/// Takes the challenge, of this kind and of this account if one is named, and verifies what a
/// passkey answered. One round trip.
pub(crate) async fn verified(
    ports: &Ports,
    challenge: AnsweredChallenge,
    response: &AuthenticationResponse,
    now: Timestamp,
) -> Result<Verified, Failure<PasskeySignInRejection>> {
    let id = CredentialId::from_bytes(&response.raw_id);
    let ChallengedPasskey {
        challenge: taken,
        passkey: owned,
    } = passkeys::take_with_passkey(ports.db.as_ref(), challenge, id.as_ref(), now).await?;
    let taken = taken.ok_or(NO_CHALLENGE)?;
    let state = State::read(&taken)?;
    let (Some(id), Some(owned)) = (id, owned) else {
        return Err(unknown_credential(ports, response, &state).into());
    };
    let passkey = &owned.passkey;
    let stored = StoredPasskey::read(&owned.library)
        .map_err(|reason| StoreError::Broken(format!("a stored passkey: {reason}")))?;
    let user_handle = passkey.user_id.to_string();
    let known = Known {
        passkey: &stored,
        counter: Some(passkey.counter),
        backup_eligible: Some(passkey.backup_eligible),
        allowed: challenge
            .user
            .map(|user| passkey.user_id == user)
            .or_else(|| is_allowed(&state, &taken, &owned)),
        user_handle: Some(user_handle.as_bytes()),
    };
    let asserted = assertion::verify(response, &expected(&ports.config, &state.challenge), &known)
        .accepted()?;
    Ok(Verified {
        id,
        owner: passkey.user_id,
        counter: asserted.counter,
        backed_up: asserted.flags.backed_up(),
        counter_moved_on: asserted.counter_moved_on,
        multi_device: passkey.backup_eligible,
    })
}

/// Completes a sign-in: takes the challenge, verifies, signs in. Two round trips.
///
/// # Errors
/// [`PasskeySignInRejection`]
pub async fn complete(
    ports: &Ports,
    challenge: Option<ChallengeId>,
    response: &AuthenticationResponse,
    place: &Place,
    origin: &RequestOrigin,
) -> Result<(CredentialId, Complete), Failure<PasskeySignInRejection>> {
    let now = ports.clock.now();
    let challenge = AnsweredChallenge {
        id: challenge.ok_or(NO_CHALLENGE)?,
        kind: ChallengeKind::SignIn,
        user: None,
    };
    let verified = verified(ports, challenge, response, now).await?;
    let prepared = Prepared::new(
        ports,
        now,
        Amr::of(Proof::Passkey {
            multi_device: verified.multi_device,
        }),
    )?;
    // Step 24, in the database: the counter is compared where it is written. If it went back, that
    // is recorded and nothing else happens.
    let session = prepared.session(SessionOwner::Passkey(verified.used()), place);
    let reason = if verified.counter_moved_on {
        "the passkey was used at the same count, or removed, meanwhile"
    } else {
        "the counter went back: the credential may have been copied"
    };
    let refused = Refusal { step: 22, reason };
    let user = sessions::create(
        ports.db.as_ref(),
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?
    .ok_or(refused)?;
    Ok((
        verified.id.clone(),
        prepared.finish(ports, user, place).await?,
    ))
}

/// Refuses a credential that nobody has, in the time in which a wrong signature by a known one is
/// refused.
fn unknown_credential(ports: &Ports, response: &AuthenticationResponse, state: &State) -> Refusal {
    if let Ok(nobodys) = StoredPasskey::nobodys(&response.raw_id) {
        let known = Known {
            passkey: &nobodys,
            counter: None,
            backup_eligible: None,
            allowed: None,
            user_handle: None,
        };
        drop(assertion::verify(
            response,
            &expected(&ports.config, &state.challenge),
            &known,
        ));
    }
    Refusal {
        step: 6,
        reason: "nobody has this credential",
    }
}

/// Step 5: whether the credential is in the list that was sent, if one was: the passkeys that the
/// address had then.
fn is_allowed(state: &State, taken: &TakenChallenge, owned: &PasskeyWithEmail) -> Option<bool> {
    let email = state.email.as_deref()?;
    Some(owned.email.as_str() == email && owned.passkey.created_at <= taken.created_at)
}
