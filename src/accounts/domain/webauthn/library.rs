//! webauthn-rs as this service calls it. No other file calls a ceremony of the library.
//!
//! `authenticate_single_credential` reads no clock and no randomness, so it verifies sign-ins on
//! both targets. `register_credential` reads `SystemTime::now`, which traps in wasm:
//! [`crate::accounts::domain::webauthn::registration`] verifies a registration with the library's
//! readers instead (docs/decisions/0032).

use std::time::Duration;

use serde_json::json;
use webauthn_rs::prelude::{Passkey, Url};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationFormat, AuthenticationExtensionsClientOutputs, AuthenticationState,
    AuthenticatorAssertionResponseRaw, Credential, ParsedAttestation, PublicKeyCredential,
    RegisteredExtensions, UserVerificationPolicy,
};

use crate::accounts::domain::webauthn::Expected;
use crate::accounts::domain::webauthn::authenticator_data::Flags;
use crate::accounts::domain::webauthn::cose::{self, Algorithm, PublicKey};
use crate::accounts::domain::webauthn::json::AuthenticationResponse;
use crate::accounts::domain::webauthn::quietly::quietly;
use crate::kernel::model::base64;

/// A passkey that no account has, as [`StoredPasskey::write`] writes it: the key is P-256's base
/// point.
const UNREGISTERED: &str = concat!(
    r#"{"cred":{"cred_id":"","cred":{"type_":"ES256","key":{"EC_EC2":{"curve":"SECP256R1","#,
    r#""x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","#,
    r#""y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}}},"counter":0,"transports":null,"#,
    r#""user_verified":true,"backup_eligible":false,"backup_state":false,"#,
    r#""registration_policy":"required","extensions":{"cred_protect":"NotRequested","#,
    r#""hmac_create_secret":"NotRequested","appid":"NotRequested","cred_props":"NotRequested"},"#,
    r#""attestation":{"data":"None","metadata":"None"},"attestation_format":"none"}}"#
);

/// The byte order mark, as UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A passkey as the library keeps it. The database holds its JSON, which only the library reads.
/// The id of the credential is left out, because the row has it and a passkey is found by it.
#[derive(Clone, Debug)]
pub struct StoredPasskey {
    /// The algorithm that it signs with.
    pub algorithm: Algorithm,
    credential: Credential,
}

impl StoredPasskey {
    /// Returns the library's passkey for a credential that a registration made.
    #[must_use]
    pub fn new(key: &PublicKey, flags: Flags) -> Self {
        let credential = Credential {
            cred_id: Vec::new(),
            cred: key.key.clone(),
            // The database keeps the counter and decides whether it went back.
            counter: 0,
            transports: None,
            user_verified: flags.user_verified(),
            backup_eligible: flags.backup_eligible(),
            backup_state: flags.backed_up(),
            registration_policy: UserVerificationPolicy::Required,
            extensions: RegisteredExtensions::none(),
            attestation: ParsedAttestation::default(),
            attestation_format: AttestationFormat::None,
        };
        Self {
            algorithm: key.algorithm,
            credential,
        }
    }

    /// Returns a passkey that no account has. Verifying with it takes as long as with a real one,
    /// so the time does not tell whether a credential exists.
    ///
    /// # Errors
    /// Returns the reason if this version of the library writes passkeys in another form.
    pub fn unregistered() -> Result<Self, &'static str> {
        Self::read(UNREGISTERED)
    }

    /// Reads the library's JSON.
    ///
    /// # Errors
    /// Returns the reason why the JSON is not a passkey with an accepted key.
    pub fn read(json: &str) -> Result<Self, &'static str> {
        let passkey: Passkey = serde_json::from_str(json)
            .map_err(|_| "it is not a passkey as webauthn-rs writes it")?;
        let credential = Credential {
            counter: 0,
            ..passkey.into()
        };
        Ok(Self {
            algorithm: cose::algorithm(&credential.cred)?,
            credential,
        })
    }

    /// Writes the library's JSON.
    ///
    /// # Errors
    /// Returns the library's error.
    pub fn write(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&Passkey::from(self.credential.clone()))
    }

    /// Returns true if the private half of this passkey's key made `signature` over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        cose::verifies(&self.credential.cred, message, signature)
    }
}

/// The library's answer to a sign-in.
pub(super) enum Verdict {
    /// The library verified steps 8 to 12 and 15 to 21.
    Verified,
    /// The signature does not verify. The library verified the steps before it.
    WrongSignature,
    /// The library refused the sign-in at an earlier step, for this reason of its own.
    Refused(String),
    /// The library cannot read the response, because it has a byte order mark or the key is
    /// Ed25519. WebAuthn demands the former and the service offers the latter.
    NotRead,
}

/// Has the library verify a sign-in. `backup_eligible` is the flag that the passkey was registered
/// with.
pub(super) fn authenticate(
    response: &AuthenticationResponse,
    expected: &Expected<'_>,
    passkey: &StoredPasskey,
    backup_eligible: bool,
) -> Verdict {
    if passkey.algorithm == Algorithm::EdDsa
        || response.client_data_json.starts_with(BYTE_ORDER_MARK)
    {
        return Verdict::NotRead;
    }
    let loopback = expected.loopback.then_some("http://localhost");
    let origins = expected
        .origins
        .iter()
        .map(String::as_str)
        .chain(loopback)
        .filter_map(|origin| Url::parse(origin).ok())
        .collect();
    let core = WebauthnCore::new_unsafe_experts_only(
        expected.rp_id,
        expected.rp_id,
        origins,
        Duration::ZERO,
        Some(false),
        Some(expected.loopback),
    );
    // The state has private fields, and can be made only by the library's own random numbers or
    // from its JSON.
    let state: Result<AuthenticationState, _> = serde_json::from_value(json!({
        "credentials": [],
        "policy": "required",
        "challenge": expected.challenge,
        "appid": null,
        "allow_backup_eligible_upgrade": false,
    }));
    let state = match state {
        Ok(state) => state,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    let credential = Credential {
        cred_id: response.raw_id.clone(),
        backup_eligible,
        ..passkey.credential.clone()
    };
    match quietly(|| {
        core.authenticate_single_credential(&to_library(response), &state, &credential)
    }) {
        Ok(_) => Verdict::Verified,
        Err(WebauthnError::AuthenticationFailure | WebauthnError::SignatureInvalid) => {
            Verdict::WrongSignature
        }
        Err(error) => Verdict::Refused(error.to_string()),
    }
}

/// Returns the response in the library's type.
fn to_library(response: &AuthenticationResponse) -> PublicKeyCredential {
    PublicKeyCredential {
        id: base64::encode(&response.raw_id),
        raw_id: response.raw_id.clone(),
        response: AuthenticatorAssertionResponseRaw {
            authenticator_data: response.authenticator_data.clone(),
            client_data_json: response.client_data_json.clone(),
            signature: response.signature.clone(),
            user_handle: response.user_handle.clone(),
        },
        extensions: AuthenticationExtensionsClientOutputs::default(),
        type_: "public-key".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-256's base point: COSE.
    const BASE_POINT: [u8; 77] = [
        0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20, 0x6B, 0x17, 0xD1, 0xF2, 0xE1,
        0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5, 0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81,
        0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x22, 0x58, 0x20,
        0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E,
        0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF,
        0x51, 0xF5,
    ];

    /// Rows hold this JSON: a version of the library that writes or reads another form needs a
    /// migration.
    #[test]
    fn the_library_writes_passkeys_in_the_form_that_rows_have() {
        let key = PublicKey::parse(&BASE_POINT).expect("a key");
        assert_eq!(
            StoredPasskey::new(&key, Flags(0x05)).write().expect("JSON"),
            UNREGISTERED
        );
        let passkey = StoredPasskey::unregistered().expect("a passkey");
        assert_eq!(passkey.algorithm, Algorithm::Es256);
        assert!(!passkey.verifies(b"anything", &[0; 70]));
    }

    /// The library has no code that makes Ed25519 keys from CBOR or verifies with them. It keeps
    /// them in the same form.
    #[test]
    fn ed25519_keys_are_kept_in_the_same_form() {
        let public = ed25519_dalek::SigningKey::from_bytes(&[7; 32])
            .verifying_key()
            .to_bytes();
        let key = PublicKey::parse(
            &[&[0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32][..], &public].concat(),
        )
        .expect("a key");
        let written = StoredPasskey::new(&key, Flags(0x05)).write().expect("JSON");
        assert_eq!(
            StoredPasskey::read(&written).expect("a passkey").algorithm,
            Algorithm::EdDsa
        );
    }

    #[test]
    fn the_counter_in_the_json_is_not_read() {
        let counted = UNREGISTERED.replace("\"counter\":0", "\"counter\":7");
        assert_eq!(
            StoredPasskey::read(&counted)
                .expect("a passkey")
                .credential
                .counter,
            0
        );
    }

    #[test]
    fn json_in_another_form_is_refused() {
        for json in [
            "",
            "{}",
            "null",
            &UNREGISTERED.replace("SECP256R1", "SECP384R1"),
            &UNREGISTERED.replace("ES256", "ES384"),
        ] {
            assert!(StoredPasskey::read(json).is_err(), "{json}");
        }
    }
}
