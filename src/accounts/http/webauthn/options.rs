//! The options for the client's authenticator: `PublicKeyCredentialCreationOptionsJSON` and
//! `PublicKeyCredentialRequestOptionsJSON` (WebAuthn Level 3 §5.1.9, §5.1.10), flat, with the
//! second spellings that clients read (CONTRACT §5, §7).

use serde::Serialize;
use utoipa::ToSchema;

use crate::accounts::domain::passkeys::register::CreationOptions;
use crate::accounts::domain::passkeys::{CEREMONY_LIFETIME, Descriptor, PendingCeremony};
use crate::accounts::domain::webauthn::cose::Algorithm;
use crate::accounts::http::objects::ChallengeIdFields;
use crate::accounts::model::config::Config;
use crate::kernel::model::base64;

const PUBLIC_KEY: &str = "public-key";
const REQUIRED: &str = "required";

fn timeout() -> u64 {
    u64::try_from(CEREMONY_LIFETIME.as_millis()).unwrap_or(u64::MAX)
}

/// The relying party.
#[derive(Serialize, ToSchema)]
struct RelyingParty {
    id: String,
    name: String,
}

/// The account, as an authenticator stores it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserEntity {
    /// The user handle, base64url: the account's id as text.
    id: String,
    name: String,
    display_name: String,
}

#[derive(Serialize, ToSchema)]
struct CredentialParameter {
    #[serde(rename = "type")]
    kind: &'static str,
    /// -7 (ES256), -257 (RS256), -8 (Ed25519).
    alg: i64,
}

/// A credential by its id.
#[derive(Clone, Serialize, ToSchema)]
pub struct CredentialDescriptor {
    /// The credential id, base64url.
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    transports: Vec<String>,
}

impl From<Descriptor> for CredentialDescriptor {
    fn from(descriptor: Descriptor) -> Self {
        Self {
            id: descriptor.id.as_str().to_owned(),
            kind: PUBLIC_KEY,
            transports: descriptor.transports,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuthenticatorSelection {
    resident_key: &'static str,
    require_resident_key: bool,
    user_verification: &'static str,
}

/// The options of a registration.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationOptions {
    /// 64 letters and digits, which stand for the same bytes in base64 and base64url.
    challenge: String,
    rp: RelyingParty,
    user: UserEntity,
    pub_key_cred_params: Vec<CredentialParameter>,
    /// The time for the ceremony in milliseconds.
    timeout: u64,
    exclude_credentials: Vec<CredentialDescriptor>,
    authenticator_selection: AuthenticatorSelection,
    attestation: &'static str,
    challenge_id: String,
    #[serde(rename = "challenge_id")]
    challenge_id_snake: String,
}

/// The response to the start of a registration. The challenge expires after five minutes.
#[derive(Serialize, ToSchema)]
pub struct PasskeyRegistrationBeginResponse {
    success: bool,
    #[serde(flatten)]
    challenge: ChallengeIdFields,
    options: RegistrationOptions,
}

impl PasskeyRegistrationBeginResponse {
    /// Returns the response to the start of a registration.
    pub(super) fn new(config: &Config, begun: PendingCeremony<CreationOptions>) -> Self {
        let challenge_id = begun.challenge_id.to_string();
        let options = RegistrationOptions {
            challenge: begun.challenge,
            rp: RelyingParty {
                id: config.rp_id.clone(),
                name: config.rp_name.clone(),
            },
            user: UserEntity {
                id: base64::encode(begun.options.user.to_string()),
                name: begun.options.user_name,
                display_name: begun.options.display_name,
            },
            pub_key_cred_params: Algorithm::OFFERED
                .map(|algorithm| CredentialParameter {
                    kind: PUBLIC_KEY,
                    alg: algorithm.number(),
                })
                .into(),
            timeout: timeout(),
            exclude_credentials: begun.options.exclude.into_iter().map(Into::into).collect(),
            authenticator_selection: AuthenticatorSelection {
                resident_key: REQUIRED,
                require_resident_key: true,
                user_verification: REQUIRED,
            },
            attestation: "none",
            challenge_id: challenge_id.clone(),
            challenge_id_snake: challenge_id,
        };
        Self {
            success: true,
            challenge: begun.challenge_id.into(),
            options,
        }
    }
}

/// The options of a sign-in.
#[derive(Serialize, ToSchema)]
pub struct AuthenticationOptions {
    /// 64 letters and digits, which stand for the same bytes in base64 and base64url.
    challenge: String,
    /// The time for the ceremony in milliseconds.
    timeout: u64,
    #[serde(rename = "rpId")]
    rp_id: String,
    #[serde(rename = "rp_id")]
    rp_id_snake: String,
    /// The accepted passkeys. Empty if the request named no account: then every passkey of the
    /// client is accepted.
    #[serde(rename = "allowCredentials")]
    allow_credentials: Vec<CredentialDescriptor>,
    #[serde(rename = "allow_credentials")]
    allow_credentials_snake: Vec<CredentialDescriptor>,
    #[serde(rename = "userVerification")]
    user_verification: &'static str,
    #[serde(rename = "user_verification")]
    user_verification_snake: &'static str,
    #[serde(rename = "challengeId")]
    challenge_id: String,
    #[serde(rename = "challenge_id")]
    challenge_id_snake: String,
}

/// The response to the start of a sign-in or a step-up. The challenge expires after five minutes.
#[derive(Serialize, ToSchema)]
pub struct AuthenticationBeginResponse {
    success: bool,
    #[serde(flatten)]
    challenge: ChallengeIdFields,
    options: AuthenticationOptions,
}

impl AuthenticationBeginResponse {
    /// Returns the response to the start of a sign-in.
    pub(crate) fn new(config: &Config, begun: PendingCeremony<Vec<Descriptor>>) -> Self {
        let challenge_id = begun.challenge_id.to_string();
        let allowed: Vec<CredentialDescriptor> =
            begun.options.into_iter().map(Into::into).collect();
        let options = AuthenticationOptions {
            challenge: begun.challenge,
            timeout: timeout(),
            rp_id: config.rp_id.clone(),
            rp_id_snake: config.rp_id.clone(),
            allow_credentials: allowed.clone(),
            allow_credentials_snake: allowed,
            user_verification: REQUIRED,
            user_verification_snake: REQUIRED,
            challenge_id: challenge_id.clone(),
            challenge_id_snake: challenge_id,
        };
        Self {
            success: true,
            challenge: begun.challenge_id.into(),
            options,
        }
    }
}
