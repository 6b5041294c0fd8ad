//! Step-up: a caller with a session re-authenticates by passkey or TOTP before a sensitive action.

use crate::accounts::domain::Ports;
use crate::accounts::domain::authenticate::Credential;
use crate::accounts::domain::factors::totp;
use crate::accounts::domain::passkeys;
use crate::accounts::domain::passkeys::PendingCeremony;
use crate::accounts::domain::passkeys::sign_in::{
    COUNTER_WENT_BACK, PasskeySignInRejection, verify,
};
use crate::accounts::domain::signed_in::SignedIn;
use crate::accounts::domain::throttle;
use crate::accounts::domain::throttle::ThrottledAction;
use crate::accounts::domain::verification::report::Refusal;
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::model::amr::{Amr, Proof};
use crate::accounts::model::typed_code::TotpCode;
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

/// The reasons to reject a re-authentication. The client sees the same code for all reasons.
#[derive(Debug, thiserror::Error)]
pub enum ReauthenticateRejection {
    /// The proof is not valid.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The proof is valid, but the passkey's counter went back.
    #[error("{COUNTER_WENT_BACK}")]
    CounterWentBack,
}

impl Rejection for ReauthenticateRejection {}

impl From<PasskeySignInRejection> for ReauthenticateRejection {
    fn from(rejection: PasskeySignInRejection) -> Self {
        match rejection {
            PasskeySignInRejection::Refused(refusal) => Self::Refused(refusal),
            PasskeySignInRejection::CounterWentBack => Self::CounterWentBack,
        }
    }
}

const fn refused(reason: &'static str) -> ReauthenticateRejection {
    ReauthenticateRejection::Refused(Refusal { step: 0, reason })
}

/// Begins a re-authentication. Returns a challenge and the passkeys of the account. One round trip.
///
/// # Errors
/// [`Fault`]
pub async fn begin(
    ports: &Ports,
    me: &SignedIn,
) -> Result<PendingCeremony<Vec<Descriptor>>, Fault> {
    passkeys::begin_for_account(ports, ChallengeKind::Reauthentication, me.user.id).await
}

/// The proof of a re-authentication.
#[derive(Debug)]
pub enum ReauthenticationProof<'a> {
    /// The response of a passkey.
    Passkey(&'a AuthenticationResponse),
    /// A TOTP code.
    Totp(&'a str),
}

/// The caller of a re-authentication, with the presented credential.
pub struct AuthenticatedCaller<'a> {
    /// The account and the session.
    pub signed_in: &'a SignedIn,
    /// The credential that the request presented.
    pub credential: &'a Credential,
}

/// A completed re-authentication.
#[derive(Debug)]
pub struct Reauthentication {
    /// The authentication methods of the session.
    pub amr: Amr,
    /// The new session token, if the caller used a session token. The old token is no longer valid.
    pub token: Option<SessionToken>,
}

/// Completes a re-authentication: consumes the challenge, verifies the proof and records it in the
/// session. Two round trips.
///
/// # Errors
/// [`ReauthenticateRejection`]
pub async fn complete(
    ports: &Ports,
    caller: &AuthenticatedCaller<'_>,
    challenge: Option<ChallengeId>,
    proof: &ReauthenticationProof<'_>,
    origin: &RequestOrigin,
) -> Result<Reauthentication, Failure<ReauthenticateRejection>> {
    let AuthenticatedCaller {
        signed_in: me,
        credential,
    } = caller;
    let (now, db) = (ports.clock.now(), ports.db.as_ref());
    let challenge = challenge.ok_or_else(|| refused("no challenge"))?;

    // The session gets a new token whenever it gets more rights, which prevents session fixation.
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

    let mut failed = refused("a concurrent request used the factor or ended the session");
    let (amr, noted) = match proof {
        ReauthenticationProof::Passkey(response) => {
            let verified = verify(
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
            if !verified.counter_moved_on {
                failed = ReauthenticateRejection::CounterWentBack;
            }
            let amr = me.session.amr.stepped_up(Proof::Passkey {
                multi_device: verified.multi_device,
            });
            let step_up = VerifiedStepUp {
                factor: &VerifiedFactor::Passkey(verified.passkey_use()),
                amr: &amr,
                replacement: fresh.as_ref(),
                subject: None,
                event,
            };
            let noted = step_up::reauthenticate(db, me.caller(), step_up, &context).await?;
            (amr, noted)
        }
        ReauthenticationProof::Totp(code) => {
            if TotpCode::parse(code).is_none() {
                return Err(refused("the text is not a code of six digits").into());
            }
            let subject = throttle::user_subject(ThrottledAction::Totp, me.user.id);
            let limit = AttemptLimit {
                subject: &subject,
                policy: ThrottledAction::Totp.policy(),
            };
            let TotpStepUp {
                challenge: challenged,
                totp,
                claim,
            } = step_up::take_with_totp(db, challenge, me.user.id, limit, now).await?;
            throttle::require_allowed(claim, now)?;
            challenged.ok_or_else(|| {
                refused("the challenge is unknown, used, expired, or belongs to another account")
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
        Ok(Reauthentication { amr, token })
    } else {
        Err(failed.into())
    }
}
