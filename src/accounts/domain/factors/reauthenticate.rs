//! Step-up: somebody who is signed in proves again who they are, with a passkey or TOTP, before
//! they do what cannot be undone.

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::{Credential, SignedIn};
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passkeys;
use crate::accounts::domain::passkeys::Begun;
use crate::accounts::domain::passkeys::sign_in::{PasskeySignInRejection, verified};
use crate::accounts::domain::steps::Refusal;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::Way;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::store::attempts::AttemptLimit;
use crate::accounts::store::challenges::{AnsweredChallenge, ChallengeKind};
use crate::accounts::store::passkeys::Descriptor;
use crate::accounts::store::step_up;
use crate::accounts::store::step_up::{
    ReplacementToken, TotpStepUp, VerifiedFactor, VerifiedStepUp,
};
use crate::kernel::domain::RequestOrigin;
use crate::kernel::domain::failure::{Failure, Fault, Rejection};
use crate::kernel::model::ids::{ChallengeId, EventId};
use crate::kernel::model::secret::SessionToken;

/// The reason to reject a re-authentication. The client sees the same error for all reasons.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReauthenticateRejection(#[from] Refusal);

impl Rejection for ReauthenticateRejection {}

impl From<PasskeySignInRejection> for ReauthenticateRejection {
    fn from(PasskeySignInRejection(refusal): PasskeySignInRejection) -> Self {
        Self(refusal)
    }
}

const fn refused(reason: &'static str) -> ReauthenticateRejection {
    ReauthenticateRejection(Refusal { step: 0, reason })
}

/// Begins: a challenge for the account, and its passkeys. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn begin(ports: &Ports, me: &SignedIn) -> Result<Begun<Vec<Descriptor>>, Fault> {
    passkeys::begin_for(ports, ChallengeKind::Reauthentication, me.user.id).await
}

/// What is shown.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A passkey's answer.
    Passkey(&'a AuthenticationResponse),
    /// A TOTP code.
    Totp(&'a str),
}

/// How it is known now who somebody is.
#[derive(Debug)]
pub struct Proven {
    /// The methods.
    pub amr: Amr,
    /// The session's token, if it was that by which they called: the one from before is good for
    /// nothing any more.
    pub token: Option<SessionToken>,
}

/// Completes: takes the challenge, verifies, notes it at the sign-in. Two round trips.
///
/// # Errors
/// [`ReauthenticateRejection`]
pub async fn complete(
    ports: &Ports,
    (me, credential): (&SignedIn, &Credential),
    challenge: Option<ChallengeId>,
    shown: &Shown<'_>,
    origin: &RequestOrigin,
) -> Result<Proven, Failure<ReauthenticateRejection>> {
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let challenge = challenge.ok_or_else(|| refused("no challenge"))?;
    // A new token whenever something more is granted (no session fixation).
    let token = match credential {
        Credential::Session(_) => Some(SessionToken::from_bytes(&*ports.secret()?)),
        Credential::Access(_) => None,
    };
    let fresh = match (credential, &token) {
        (Credential::Session(old), Some(new)) => Some(ReplacementToken {
            hash: new.hash(),
            replaces: old.hash(),
        }),
        _ => None,
    };
    let (context, event) = (
        ports.event_context(origin, now)?,
        ports.id(EventId::from_random)?,
    );
    let (amr, noted) = match shown {
        Shown::Passkey(response) => {
            let verified = verified(
                ports,
                AnsweredChallenge {
                    id: challenge,
                    kind: ChallengeKind::Reauthentication,
                    user: Some(me.user.id),
                },
                response,
                now,
            )
            .await
            .map_err(Failure::widen)?;
            let amr = me.session.amr.stepped_up(Proof::Passkey {
                multi_device: verified.multi_device,
            });
            let step_up = VerifiedStepUp {
                factor: &VerifiedFactor::Passkey(verified.used()),
                amr: &amr,
                replacement: fresh.as_ref(),
                subject: None,
                event,
            };
            let noted = step_up::reauthenticate(db, me.caller(), step_up, &context).await?;
            (amr, noted)
        }
        Shown::Totp(code) => {
            let subject = throttle::of_user(Way::Totp, me.user.id);
            let limit = AttemptLimit {
                subject: &subject,
                policy: Way::Totp.policy(),
            };
            let TotpStepUp {
                challenge: challenged,
                totp,
                claim,
            } = step_up::take_with_totp(db, challenge, me.user.id, limit, now).await?;
            throttle::admitted(claim, now)?;
            challenged.ok_or_else(|| {
                refused("the challenge is unknown, used, expired, or another account's")
            })?;
            let totp = totp.filter(|totp| totp.confirmed);
            let step = totp::step(ports, me.user.id, totp.as_ref(), code, now)
                .ok_or_else(|| refused("the code is wrong"))?;
            let amr = me.session.amr.stepped_up(Proof::Totp);
            let step_up = VerifiedStepUp {
                factor: &VerifiedFactor::Totp(step),
                amr: &amr,
                replacement: fresh.as_ref(),
                subject: Some(&subject),
                event,
            };
            let noted = step_up::reauthenticate(db, me.caller(), step_up, &context).await?;
            (amr, noted)
        }
    };
    if noted {
        Ok(Proven { amr, token })
    } else {
        Err(refused("the factor was used, or the session has ended, meanwhile").into())
    }
}
