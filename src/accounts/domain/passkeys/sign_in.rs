//! Signing in with any passkey of the client, or with a passkey of the account that has a given
//! address.

use crate::accounts::domain::Ports;
use crate::accounts::domain::passkeys::decoy::DecoyKeys;
use crate::accounts::domain::passkeys::{
    CeremonyState, NO_CHALLENGE, PendingCeremony, ceremony_expiry, ceremony_rules, fresh_challenge,
};
use crate::accounts::domain::sign_in::{IssuedSession, SessionDraft, SignInClient};
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::domain::webauthn::assertion;
use crate::accounts::domain::webauthn::assertion::StoredCredential;
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

/// The reasons to reject a sign-in. The client sees the same error for all refusals.
#[derive(Debug, thiserror::Error)]
pub enum PasskeySignInRejection {
    /// The response is not valid.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The response is valid, but the passkey's counter went back. Only the passkey's owner, or the
    /// owner of a copy, gets this far.
    #[error("{COUNTER_WENT_BACK}")]
    CounterWentBack,
}

/// The refusal of a passkey with a counter that went back.
pub(crate) const COUNTER_WENT_BACK: Refusal = Refusal {
    step: 22,
    reason: "the counter went back: the credential may have been copied",
};

impl Rejection for PasskeySignInRejection {}

/// Begins a sign-in. One round trip, whether or not the request names an e-mail address, and
/// whether or not an account has it.
///
/// # Errors
/// [`Fault`]
pub async fn begin(
    ports: &Ports,
    email: Option<Email>,
) -> Result<PendingCeremony<Vec<Descriptor>>, Fault> {
    let now = ports.clock.now();
    let id = ports.id(ChallengeId::from_random)?;
    let state = CeremonyState {
        email: email.as_ref().map(|email| email.as_str().to_owned()),
        ..CeremonyState::new(fresh_challenge(ports)?)
    };
    let written = state.write()?;
    let new = NewChallenge {
        id,
        kind: ChallengeKind::SignIn,
        user: None,
        state: &written,
        created_at: now,
        expires_at: ceremony_expiry(now),
    };

    let allowed = match &email {
        None => {
            challenges::keep(ports.db.as_ref(), &new).await?;
            Vec::new()
        }
        Some(email) => {
            // Decoys are always computed, so that the time reveals nothing.
            let decoys = DecoyKeys::of(&ports.config).decoys(email);
            let known = passkeys::begin_sign_in(ports.db.as_ref(), &new, email).await?;
            if known.is_empty() { decoys } else { known }
        }
    };

    Ok(PendingCeremony {
        challenge_id: id,
        challenge: state.challenge,
        options: allowed,
    })
}

/// A passkey whose response to a challenge is valid. The counter is compared when it is written.
pub(crate) struct VerifiedPasskey {
    id: CredentialId,
    owner: UserId,
    counter: u32,
    backed_up: bool,
    pub(crate) counter_moved_on: bool,
    /// Whether the passkey may be on several devices.
    pub(crate) multi_device: bool,
}

impl VerifiedPasskey {
    /// Returns the use of the passkey as the store writes it.
    pub(crate) const fn passkey_use(&self) -> PasskeyUse<'_> {
        PasskeyUse {
            id: &self.id,
            user: self.owner,
            counter: self.counter,
            backed_up: self.backed_up,
        }
    }
}

/// Consumes the challenge and verifies the response of a passkey. One round trip.
pub(crate) async fn verify(
    ports: &Ports,
    challenge: AnsweredChallenge,
    response: &AuthenticationResponse,
    now: Timestamp,
) -> Result<VerifiedPasskey, Failure<PasskeySignInRejection>> {
    let id = CredentialId::from_bytes(&response.raw_id);
    let ChallengedPasskey {
        challenge: taken,
        passkey: owned,
    } = passkeys::take_with_passkey(ports.db.as_ref(), challenge, id.as_ref(), now).await?;
    let taken = taken.ok_or(NO_CHALLENGE)?;
    let state = CeremonyState::read(&taken)?;
    let (Some(id), Some(owned)) = (id, owned) else {
        return Err(unknown_credential(ports, response, &state).into());
    };

    let passkey = &owned.passkey;
    let stored = StoredPasskey::read(&owned.library)
        .map_err(|reason| StoreError::Broken(format!("a stored passkey: {reason}")))?;
    let user_handle = passkey.user_id.to_string();
    let known = StoredCredential {
        passkey: &stored,
        counter: Some(passkey.counter),
        backup_eligible: Some(passkey.backup_eligible),
        allowed: challenge
            .user
            .map(|user| passkey.user_id == user)
            .or_else(|| is_allowed(&state, &taken, &owned)),
        user_handle: Some(user_handle.as_bytes()),
    };

    let asserted = assertion::verify(
        response,
        &ceremony_rules(&ports.config, &state.challenge),
        &known,
    )
    .accepted()?;
    Ok(VerifiedPasskey {
        id,
        owner: passkey.user_id,
        counter: asserted.counter,
        backed_up: asserted.flags.backed_up(),
        counter_moved_on: asserted.counter_moved_on,
        multi_device: passkey.backup_eligible,
    })
}

/// Completes a sign-in: consumes the challenge, verifies the response and creates a session. Two
/// round trips.
///
/// # Errors
/// [`PasskeySignInRejection`]
pub async fn complete(
    ports: &Ports,
    challenge: Option<ChallengeId>,
    response: &AuthenticationResponse,
    client: &SignInClient,
    origin: &RequestOrigin,
) -> Result<(CredentialId, IssuedSession), Failure<PasskeySignInRejection>> {
    let now = ports.clock.now();
    let challenge = AnsweredChallenge {
        id: challenge.ok_or(NO_CHALLENGE)?,
        kind: ChallengeKind::SignIn,
        user: None,
    };
    let verified = verify(ports, challenge, response, now).await?;
    let prepared = SessionDraft::new(
        ports,
        now,
        Amr::of(Proof::Passkey {
            multi_device: verified.multi_device,
        }),
    )?;

    // Step 24 happens in the database, which compares the counter as it stores it. If the counter
    // went back, the database records that and creates no session.
    let session = prepared.session(SessionOwner::Passkey(verified.passkey_use()), client);

    let refused = if verified.counter_moved_on {
        PasskeySignInRejection::Refused(Refusal {
            step: 22,
            reason: "a concurrent request used the passkey with the same counter, or removed the \
                     passkey",
        })
    } else {
        PasskeySignInRejection::CounterWentBack
    };

    let user = sessions::create(
        ports.db.as_ref(),
        &session,
        &ports.event_context(origin, now)?,
    )
    .await?
    .ok_or(refused)?;

    Ok((
        verified.id.clone(),
        prepared.finish(ports, user, client).await?,
    ))
}

/// Refuses a credential that no account has. It takes as long as a wrong signature of a known
/// credential.
fn unknown_credential(
    ports: &Ports,
    response: &AuthenticationResponse,
    state: &CeremonyState,
) -> Refusal {
    if let Ok(decoy) = StoredPasskey::unregistered() {
        let known = StoredCredential {
            passkey: &decoy,
            counter: None,
            backup_eligible: None,
            allowed: None,
            user_handle: None,
        };
        drop(assertion::verify(
            response,
            &ceremony_rules(&ports.config, &state.challenge),
            &known,
        ));
    }
    Refusal {
        step: 6,
        reason: "no account has this credential",
    }
}

/// Returns whether the credential is in the allow list (step 5), or `None` if the request had no
/// such list. The list holds the passkeys that the e-mail address had when the ceremony began.
fn is_allowed(
    state: &CeremonyState,
    taken: &TakenChallenge,
    owned: &PasskeyWithEmail,
) -> Option<bool> {
    let email = state.email.as_deref()?;
    Some(owned.email.as_str() == email && owned.passkey.created_at <= taken.created_at)
}
