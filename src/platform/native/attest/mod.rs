//! The commands `hamrah-api attest inspect` and `inspect-assertion` verify an attestation or an
//! assertion and print each step. `attest make` creates them for tests.
//!
//! The server gives every rejected device the same answer. These commands run the server's code
//! and show an iOS engineer the step that fails.

pub(super) mod authority;
mod device;
mod input;
mod make;

use std::error::Error;
use std::path::{Path, PathBuf};

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::accounts::domain::app_attest::assertion;
use crate::accounts::domain::app_attest::assertion::ExpectedAssertion;
use crate::accounts::domain::app_attest::attestation;
use crate::accounts::domain::app_attest::attestation::ExpectedAttestation;
use crate::accounts::domain::app_attest::authenticator_data;
use crate::accounts::domain::app_attest::authenticator_data::{Extensions, Header};
use crate::accounts::domain::app_attest::certificate::Certificate;
use crate::accounts::domain::app_attest::object;
use crate::accounts::domain::devices::register;
use crate::accounts::domain::verification::report::Report;
use crate::accounts::model::attest::{AttestEnvironment, TrustAnchor};
use crate::kernel::domain::Clock;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::attest::input::{
    Binary, EnvironmentArgument, Input, binary, public_key, time,
};
use crate::platform::native::ports::SystemClock;
use crate::platform::native::report_printer;

/// The object to inspect or to make.
#[derive(Subcommand)]
pub(super) enum AttestCommand {
    /// Verify an attestation object by Apple's nine steps and print each, then its contents.
    Inspect {
        /// The file with the attestation: raw CBOR, base64, or JSON with `attestation_object` and
        /// perhaps `challenge` and `key_id`. Reads standard input if the file is missing or `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: AppIds,
        #[command(flatten)]
        signed: Signed,
        /// The key's id in base64. The JSON may contain it instead.
        #[arg(long, value_parser = binary)]
        key_id: Option<Binary>,
        /// An accepted environment. Can be given twice.
        #[arg(long, default_value = "production")]
        environment: Vec<EnvironmentArgument>,
        /// The time of the verification (RFC 3339). Certificates of keys are valid for a day to a
        /// year. The default is now.
        #[arg(long, value_parser = time)]
        at: Option<Timestamp>,
        /// A file with another root certificate (PEM) to trust instead of Apple's.
        #[arg(long)]
        root: Option<PathBuf>,
        /// An accepted validation category, as in `APP_ATTEST_CATEGORIES`. Can be repeated. The
        /// default is every category.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Create an attestation or assertions for a server in development, without a device.
    Make {
        #[command(subcommand)]
        command: make::MakeCommand,
    },
    /// Verify an assertion by Apple's six steps and print each.
    InspectAssertion {
        /// The file with the assertion: raw CBOR, base64, JSON with `assertion`, or the headers
        /// that `attest make assertion` prints. Standard input without a file or with `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: AppIds,
        #[command(flatten)]
        signed: Signed,
        /// The attested key as an X9.62 point, COSE or SPKI, in base64 or hexadecimal.
        #[arg(long, value_parser = public_key)]
        public_key: Binary,
        /// The counter before the assertion.
        #[arg(long, default_value_t = 0)]
        previous_counter: u32,
        /// An accepted validation category, as in `APP_ATTEST_CATEGORIES`. Can be repeated. The
        /// default is every category.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// The accepted apps.
#[derive(Args)]
pub(super) struct AppIds {
    /// The id of the team, such as `UR6RM9YCF7`.
    #[arg(long, requires = "bundle", required_unless_present = "ids")]
    team: Option<String>,
    /// A bundle id of the team, such as `app.hamrah.ios`. Can be repeated.
    #[arg(long, requires = "team")]
    bundle: Vec<String>,
    /// A full app id, such as `UR6RM9YCF7.app.hamrah.ios`. Can be repeated.
    #[arg(long = "app-id", value_name = "APP_ID")]
    ids: Vec<String>,
}

impl AppIds {
    fn ids(&self) -> Vec<String> {
        let team = self.team.iter().flat_map(|team| {
            self.bundle
                .iter()
                .map(move |bundle| format!("{team}.{bundle}"))
        });
        self.ids.iter().cloned().chain(team).collect()
    }
}

/// The client data, which the device signs together with the authenticator data.
#[derive(Args)]
pub(super) struct Signed {
    /// The challenge of the server, in hexadecimal or base64. The JSON may contain it instead. An
    /// attestation may be over its bytes or over its base64 text, because the server accepts both.
    #[arg(long, value_parser = binary, conflicts_with = "client_data_hash")]
    challenge: Option<Binary>,
    /// The bytes that the app gave to the device as `clientDataHash`, in hexadecimal or base64.
    /// They are used as they are. An app gives the SHA-256 of the challenge. Apple's published
    /// samples give their challenge itself, which has another length.
    #[arg(long, value_parser = binary)]
    client_data_hash: Option<Binary>,
    /// The text that the app hashed. For an assertion it is the header `X-Request-Challenge`,
    /// decoded.
    #[arg(long, conflicts_with_all = ["challenge", "client_data_hash"])]
    client_data: Option<String>,
}

impl Signed {
    /// Returns the hash of the client data, if it is known.
    fn hash(&self, otherwise: Option<Vec<u8>>) -> Result<Vec<u8>, &'static str> {
        if let Some(hash) = &self.client_data_hash {
            return Ok(hash.0.clone());
        }
        let challenge = self.challenge.as_ref().map(|challenge| challenge.0.clone());
        let signed = challenge
            .or_else(|| self.client_data.clone().map(String::into_bytes))
            .or(otherwise)
            .ok_or(NOTHING_SIGNED)?;
        Ok(Sha256::digest(signed).to_vec())
    }

    /// Returns the hashes that the server accepts in an attestation: of the bytes of the challenge,
    /// and of its base64 text.
    fn hashes(&self, otherwise: Option<Vec<u8>>) -> Result<Vec<Vec<u8>>, &'static str> {
        let challenge = self.challenge.as_ref().map(|challenge| challenge.0.clone());
        let named = self.client_data_hash.is_some() || self.client_data.is_some();
        let text = challenge
            .or_else(|| otherwise.clone().filter(|_| !named))
            .map(|challenge| register::encode_standard(&challenge));
        let of_text = text.map(|text| Sha256::digest(text).to_vec());
        let mut hashes = vec![self.hash(otherwise)?];
        hashes.extend(of_text);
        Ok(hashes)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn category(extensions: &Extensions) -> Option<String> {
    let category = extensions.validation_category?;
    let name = match category {
        1 => "platform",
        2 => "TestFlight",
        3 => "development",
        4 => "App Store",
        5 => "enterprise",
        6 => "Developer ID",
        10 => "none",
        _ => "unknown",
    };
    Some(format!("{category} ({name})"))
}

fn data_json(header: &Header, extensions: &Extensions) -> Map<String, Value> {
    let members = [
        ("rp_id_hash", json!(hex(&header.rp_id_hash))),
        ("flags", json!(format!("{:#04x}", header.flags))),
        ("counter", json!(header.counter)),
        ("bundle_version", json!(extensions.bundle_version)),
        ("validation_category", json!(category(extensions))),
    ];
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Returns the readable contents of an attestation, trusted or not.
fn attestation_json(cbor: &[u8]) -> Value {
    let Ok(object) = object::parse_attestation(cbor) else {
        return Value::Null;
    };
    let mut members = Map::new();
    if let Ok(data) = authenticator_data::parse_attestation(object.auth_data) {
        members.insert("key_id".into(), json!(STANDARD.encode(&data.credential_id)));
        members.insert("public_key".into(), json!(hex(&data.public_key)));
        let environment = AttestEnvironment::of(data.aaguid).map(AttestEnvironment::as_str);
        members.insert("environment".into(), json!(environment));
        members.extend(data_json(&data.header, &data.extensions));
    }
    members.insert("receipt_bytes".into(), json!(object.receipt.len()));
    for (name, der) in [("leaf", object.leaf), ("intermediate", object.intermediate)] {
        if let Ok(certificate) = Certificate::parse(der) {
            let (from, until) = certificate.validity();
            members.insert(
                name.into(),
                json!(format!(
                    "{}, valid from {from} to {until}",
                    certificate.subject()
                )),
            );
        }
    }
    json!({ "attestation": members })
}

fn assertion_json(cbor: &[u8]) -> Value {
    let data = object::parse_assertion(cbor)
        .and_then(|object| authenticator_data::parse_assertion(object.authenticator_data));
    data.map_or(
        Value::Null,
        |data| json!({"assertion": data_json(&data.header, &data.extensions)}),
    )
}

fn anchor(file: Option<&Path>) -> Result<TrustAnchor, Box<dyn Error>> {
    let Some(file) = file else {
        return Ok(TrustAnchor::apple());
    };
    let pem =
        std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    TrustAnchor::from_pem(&pem).ok_or_else(|| {
        format!(
            "{}: the file must contain exactly one PEM certificate",
            file.display()
        )
        .into()
    })
}

/// Returns the report in which every step passed, or else the first report.
fn first_passed<T>(reports: &[Report<T>]) -> Option<&Report<T>> {
    let passed = reports.iter().find(|report| report.passed());
    passed.or(reports.first())
}

const NOTHING_SIGNED: &str = "the signed bytes are not known: give --client-data, which for a \
                              request is the value of X-Request-Challenge decoded from base64, \
                              or --challenge, or --client-data-hash";

/// Runs the command. Returns true if every step passed.
///
/// # Errors
/// The input cannot be read.
pub(super) fn run(command: &AttestCommand) -> Result<bool, Box<dyn Error>> {
    match command {
        AttestCommand::Make { command } => make::make(command).map(|()| true),
        AttestCommand::Inspect {
            file,
            app,
            signed,
            key_id,
            environment,
            at,
            root,
            category,
            json,
        } => {
            let input = Input::read(
                file.as_deref(),
                &["attestation_object", "attestation", "attestation_b64"],
            )?;
            let key_id = key_id
                .as_ref()
                .map(|key_id| key_id.0.clone())
                .or_else(|| input.member(&["key_id", "key_id_b64"]));
            let environments: Vec<_> = environment
                .iter()
                .map(|environment| environment.environment())
                .collect();
            let hashes = signed.hashes(input.member(&["challenge"]))?;
            let (app_ids, key_id) = (
                app.ids(),
                key_id.ok_or("the key id is not known: give --key-id")?,
            );
            let (anchors, at) = (
                [anchor(root.as_deref())?],
                at.unwrap_or_else(|| SystemClock.now()),
            );
            let reports = hashes.iter().map(|client_data_hash| {
                let expected = ExpectedAttestation {
                    app_ids: &app_ids,
                    environments: &environments,
                    client_data_hash,
                    key_id: &key_id,
                    anchors: &anchors,
                    at,
                    categories: category,
                };
                attestation::verify(&input.cbor, &expected)
            });
            let reports: Vec<_> = reports.collect();
            let report = first_passed(&reports).ok_or(NOTHING_SIGNED)?;
            report_printer::print(
                *json,
                "attestation",
                &report.steps,
                &attestation_json(&input.cbor),
            );
            Ok(report.passed())
        }
        AttestCommand::InspectAssertion {
            file,
            app,
            signed,
            public_key,
            previous_counter,
            category,
            json,
        } => {
            let input = Input::read(
                file.as_deref(),
                &["assertion", "assertion_object", "assertion_b64"],
            )?;
            let app_ids = app.ids();
            let client_data_hash = &signed.hash(input.member(&["challenge"]))?;
            // Prints the report of the app that the assertion belongs to. If it belongs to none of
            // several apps, the report of the first app shows that step 4 fails.
            let (public_key, previous_counter) = (public_key.0.as_slice(), *previous_counter);
            let reports = app_ids.iter().map(|app_id| {
                assertion::verify(
                    &input.cbor,
                    &ExpectedAssertion {
                        public_key,
                        app_id,
                        client_data_hash,
                        previous_counter,
                        categories: category,
                    },
                )
            });
            let reports: Vec<_> = reports.collect();
            let report = first_passed(&reports).ok_or("no application is given")?;
            let Report { mut steps, read } = report.clone();
            steps.push(report_printer::only_the_server(
                6,
                "the client data contains the challenge that the server sent",
            ));
            report_printer::print(*json, "assertion", &steps, &assertion_json(&input.cbor));
            Ok(Report { steps, read }.passed())
        }
    }
}
