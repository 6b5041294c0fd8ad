//! The commands `hamrah-api passkey inspect-registration` and `inspect-assertion` verify a ceremony
//! and print each step.
//!
//! The server gives every rejected ceremony the same answer. These commands run the server's code
//! and show an integrator the step that fails.

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::accounts::domain::passkeys::aaguid;
use crate::accounts::domain::verification::report::{
    Report, StepFailure, StepOutcome, VerificationStep,
};
use crate::accounts::domain::webauthn::Expected;
use crate::accounts::domain::webauthn::assertion;
use crate::accounts::domain::webauthn::assertion::{StoredCredential, VerifiedAssertion};
use crate::accounts::domain::webauthn::authenticator_data::Flags;
use crate::accounts::domain::webauthn::cose::{Algorithm, PublicKey};
use crate::accounts::domain::webauthn::json::{AuthenticationResponse, RegistrationResponse};
use crate::accounts::domain::webauthn::library::StoredPasskey;
use crate::accounts::domain::webauthn::registration;
use crate::accounts::domain::webauthn::registration::RegisteredCredential;
use crate::kernel::model::base64;
use crate::kernel::model::origin::Origin;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::report_printer;

/// The ceremony to inspect.
#[derive(Subcommand)]
pub(super) enum PasskeyCommand {
    /// Verify a `RegistrationResponseJSON` by `WebAuthn` Level 3 §7.1 and print each step, then the
    /// credential.
    InspectRegistration {
        #[command(flatten)]
        ceremony: Ceremony,
        /// The time of the ceremony (RFC 3339), printed with the credential. No step depends on it,
        /// because no attestation is trusted.
        #[arg(long, value_parser = time)]
        at: Option<String>,
    },
    /// Verify an `AuthenticationResponseJSON` by `WebAuthn` Level 3 §7.2 and print each step.
    InspectAssertion {
        #[command(flatten)]
        ceremony: Ceremony,
        /// The credential's public key as COSE, in base64url or hexadecimal.
        #[arg(long, value_parser = public_key)]
        public_key: PublicKey,
        /// The signature counter before the ceremony.
        #[arg(long)]
        previous_counter: Option<u32>,
    },
}

/// The expected values of a ceremony, and the options of the output.
#[derive(Args)]
pub(super) struct Ceremony {
    /// The file with the response. Reads standard input if the file is missing or `-`.
    file: Option<PathBuf>,
    /// The relying party's id, such as `hamrah.app`.
    #[arg(long)]
    rp_id: String,
    /// An exact origin that may use the passkeys. Can be repeated.
    #[arg(long, required = true, value_parser = origin)]
    origin: Vec<String>,
    /// The challenge of the options, in base64url or base64.
    #[arg(long, value_parser = challenge)]
    challenge: String,
    /// Accept every algorithm that the server can verify, beyond those that it offers.
    #[arg(long)]
    allow_alg: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Reads an origin. A web origin has the form that browsers send. An app may have another form.
fn origin(text: &str) -> Result<String, &'static str> {
    if text.starts_with("http") {
        Origin::parse(text).map(|origin| origin.as_str().to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn challenge(text: &str) -> Result<String, &'static str> {
    base64::decode(text)
        .map(base64::encode)
        .ok_or("neither base64url nor base64")
}

fn time(text: &str) -> Result<String, &'static str> {
    Timestamp::parse_rfc3339(text)
        .map(|_| text.to_owned())
        .ok_or("not a time such as 2026-01-31T12:00:00Z")
}

fn public_key(text: &str) -> Result<PublicKey, &'static str> {
    // A COSE key begins with the byte of a map. Hexadecimal and base64 write that byte differently,
    // so only one of the two can be read.
    let hex = report_printer::hex(text)
        .ok_or("not hexadecimal")
        .and_then(|bytes| PublicKey::parse(&bytes));
    hex.or_else(|_| {
        PublicKey::parse(&base64::decode(text).ok_or("neither base64url nor hexadecimal")?)
    })
}

impl Ceremony {
    fn read<T: DeserializeOwned>(&self) -> Result<T, Box<dyn Error>> {
        let bytes = report_printer::input(self.file.as_deref())?;
        let unreadable = |error| format!("the response cannot be read: {error}");
        // The input is the whole body of a request, or only its member `response`.
        let mut json: Value = serde_json::from_slice(&bytes).map_err(unreadable)?;
        let whole = json.pointer("/response/response").is_some();
        let read = match json.get_mut("response").map(Value::take).filter(|_| whole) {
            Some(response) => serde_json::from_value(response),
            None => serde_json::from_slice(&bytes),
        };
        read.map_err(|error| unreadable(error).into())
    }

    fn expected(&self) -> Expected<'_> {
        let algorithms: &[Algorithm] = if self.allow_alg {
            &Algorithm::ALL
        } else {
            &Algorithm::OFFERED
        };
        Expected {
            rp_id: &self.rp_id,
            origins: &self.origin,
            loopback: false,
            challenge: &self.challenge,
            algorithms,
        }
    }
}

fn flags(flags: Flags) -> String {
    let names = [
        ("UP", flags.user_present()),
        ("UV", flags.user_verified()),
        ("BE", flags.backup_eligible()),
        ("BS", flags.backed_up()),
        ("AT", flags.attested()),
        ("ED", flags.extensions()),
    ];
    let set: Vec<_> = names
        .iter()
        .filter(|(_, set)| *set)
        .map(|(name, _)| *name)
        .collect();
    format!("{:#04x} ({})", flags.0, set.join(" "))
}

fn key_json(key: &PublicKey) -> (String, String) {
    (
        base64::encode(&key.bytes),
        format!("{} ({})", key.algorithm.name(), key.algorithm.number()),
    )
}

fn credential_json(credential: &RegisteredCredential, at: Option<&str>) -> Value {
    let (cose_key, algorithm) = key_json(&credential.public_key);
    let aaguid = aaguid::text(credential.aaguid);
    json!({"credential": {
        "id": credential.id.as_str(),
        "cose_key": cose_key,
        "algorithm": algorithm,
        "flags": flags(credential.flags),
        "aaguid": aaguid,
        "authenticator": aaguid::name(&aaguid),
        "counter": credential.counter,
        "attestation_format": credential.attestation_format,
        "at": at,
    }})
}

fn asserted_json(asserted: &VerifiedAssertion, key: &PublicKey) -> Value {
    let (cose_key, algorithm) = key_json(key);
    json!({"assertion": {
        "flags": flags(asserted.flags),
        "counter": asserted.counter,
        "cose_key": cose_key,
        "algorithm": algorithm,
    }})
}

/// Returns step 22. The server takes it in the database. Here the caller may give the previous
/// counter.
fn counter_step(asserted: &VerifiedAssertion, previous: Option<u32>) -> VerificationStep {
    let outcome = match previous {
        None => StepOutcome::Passed(Some("the previous counter is not known here".to_owned())),
        Some(_) if asserted.counter_moved_on => StepOutcome::Passed(None),
        Some(before) => StepOutcome::Failed(StepFailure {
            reason: "the counter went back: the credential may have been copied",
            found: Some(format!("{} after {before}", asserted.counter)),
        }),
    };
    VerificationStep {
        number: 22,
        demand: "signCount is greater than before, or both are zero",
        outcome,
    }
}

/// Prints the report. Returns true if every step passed.
///
/// # Errors
/// The input cannot be read.
pub(super) fn inspect(command: &PasskeyCommand) -> Result<bool, Box<dyn Error>> {
    match command {
        PasskeyCommand::InspectRegistration { ceremony, at } => {
            let response: RegistrationResponse = ceremony.read()?;
            let Report { mut steps, read } = registration::verify(&response, &ceremony.expected());
            steps.push(report_printer::only_the_server(
                26,
                "credentialId is not registered for any account",
            ));
            steps.push(report_printer::only_the_server(
                27,
                "the credential record is stored",
            ));
            let found = read.as_ref().map_or(Value::Null, |credential| {
                credential_json(credential, at.as_deref())
            });
            report_printer::print(ceremony.json, "§7.1", &steps, &found);
            Ok(Report { steps, read }.passed())
        }
        PasskeyCommand::InspectAssertion {
            ceremony,
            public_key,
            previous_counter,
        } => {
            let response: AuthenticationResponse = ceremony.read()?;
            // The flags are not known here. No step depends on them.
            let passkey = StoredPasskey::new(public_key, Flags(0));
            let known = StoredCredential {
                passkey: &passkey,
                counter: *previous_counter,
                backup_eligible: None,
                allowed: None,
                user_handle: None,
            };
            let Report { mut steps, read } =
                assertion::verify(&response, &ceremony.expected(), &known);
            steps.extend(
                read.as_ref()
                    .map(|asserted| counter_step(asserted, *previous_counter)),
            );
            steps.push(report_printer::only_the_server(
                24,
                "the credential record is updated",
            ));
            let found = read
                .as_ref()
                .map_or(Value::Null, |asserted| asserted_json(asserted, public_key));
            report_printer::print(ceremony.json, "§7.2", &steps, &found);
            Ok(Report { steps, read }.passed())
        }
    }
}
