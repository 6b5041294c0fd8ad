//! `hamrah-api attest inspect` and `inspect-assertion`: what the server would say to an attestation
//! or an assertion, step by step.
//!
//! For iOS engineers whose device is refused: the server tells everybody the same, this tells
//! everything. It runs the server's own code.

use std::error::Error;
use std::path::{Path, PathBuf};

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
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
use crate::accounts::domain::verification::report::Report;
use crate::accounts::model::attest::{Environment, TrustAnchor};
use crate::kernel::domain::Clock;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::ports::SystemClock;
use crate::platform::native::report_printer;

/// What to look at.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Hold an attestation object against Apple's nine steps and print each, then what it says.
    Inspect {
        /// The file with the attestation: raw CBOR, base64, or JSON with `attestation_object` and
        /// perhaps `challenge` and `key_id`; standard input if it is left out or `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        signed: Signed,
        /// The key's id: base64. May stand in the JSON instead.
        #[arg(long, value_parser = binary)]
        key_id: Option<Binary>,
        /// The environment whose keys are accepted; may be given twice.
        #[arg(long, default_value = "production")]
        environment: Vec<Where>,
        /// When (RFC 3339): certificates of keys live a day to a year. Now, if it is left out.
        #[arg(long, value_parser = time)]
        at: Option<Timestamp>,
        /// A file with another root certificate (PEM) to trust instead of Apple's.
        #[arg(long)]
        root: Option<PathBuf>,
        /// A way onto the device that is accepted, as in `APP_ATTEST_CATEGORIES`; may be given
        /// several times. All, if it is left out.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hold an assertion against Apple's six steps and print each.
    InspectAssertion {
        /// The file with the assertion: raw CBOR, base64, or JSON with `assertion`; standard input
        /// if it is left out or `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: App,
        #[command(flatten)]
        signed: Signed,
        /// The attested key: X9.62 point, COSE or SPKI; base64 or hexadecimal.
        #[arg(long, value_parser = public_key)]
        public_key: Binary,
        /// Where the counter stood before.
        #[arg(long, default_value_t = 0)]
        previous_counter: u32,
        /// A way onto the device that is accepted, as in `APP_ATTEST_CATEGORIES`; may be given
        /// several times. All, if it is left out.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Whose app it is.
#[derive(Args)]
pub(super) struct App {
    /// The team's id, such as `UR6RM9YCF7`.
    #[arg(long, requires = "bundle", required_unless_present = "ids")]
    team: Option<String>,
    /// A bundle id of the team, such as `app.hamrah.ios`; may be given several times.
    #[arg(long, requires = "team")]
    bundle: Vec<String>,
    /// Both in one: `UR6RM9YCF7.app.hamrah.ios`; may be given several times.
    #[arg(long = "app-id", value_name = "APP_ID")]
    ids: Vec<String>,
}

impl App {
    fn ids(&self) -> Vec<String> {
        let team = self.team.iter().flat_map(|team| {
            self.bundle
                .iter()
                .map(move |bundle| format!("{team}.{bundle}"))
        });
        self.ids.iter().cloned().chain(team).collect()
    }
}

/// What was signed beside the authenticator data.
#[derive(Args)]
pub(super) struct Signed {
    /// The challenge that was sent: hexadecimal or base64. May stand in the JSON instead.
    #[arg(long, value_parser = binary, conflicts_with = "client_data_hash")]
    challenge: Option<Binary>,
    /// The SHA-256 that the app gave to the device instead: hexadecimal or base64.
    #[arg(long, value_parser = digest)]
    client_data_hash: Option<[u8; 32]>,
    /// What the app hashed, as text: an app may hash a challenge as it is written.
    #[arg(long, conflicts_with_all = ["challenge", "client_data_hash"])]
    client_data: Option<String>,
}

impl Signed {
    fn hash(&self, otherwise: Option<Vec<u8>>) -> Option<[u8; 32]> {
        let challenge = self.challenge.as_ref().map(|challenge| challenge.0.clone());
        let challenge = challenge
            .or_else(|| self.client_data.clone().map(String::into_bytes))
            .or(otherwise);
        self.client_data_hash
            .or_else(|| challenge.map(|challenge| Sha256::digest(challenge).into()))
    }
}

/// Bytes of the command line.
#[derive(Clone)]
pub(super) struct Binary(Vec<u8>);

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Where {
    Production,
    Development,
}

/// Hexadecimal is base64 too, and would be a strange coincidence in it.
fn decode(text: &str) -> Option<Vec<u8>> {
    report_printer::hex(text).or_else(|| base64::decode(text))
}

fn binary(text: &str) -> Result<Binary, &'static str> {
    decode(text)
        .map(Binary)
        .ok_or("neither hexadecimal nor base64")
}

fn digest(text: &str) -> Result<[u8; 32], &'static str> {
    decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or("not 32 bytes in hexadecimal or base64")
}

fn public_key(text: &str) -> Result<Binary, &'static str> {
    // SubjectPublicKeyInfo (RFC 5480) of a key of P-256, up to the point.
    const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let bytes = binary(text)?.0;
    let point = authenticator_data::cose_point(&bytes).map(|point| point.to_vec());
    let point = point
        .or_else(|| {
            bytes
                .strip_prefix(report_printer::hex(SPKI)?.as_slice())
                .map(<[u8]>::to_vec)
        })
        .unwrap_or(bytes);
    if point.len() == 65 {
        Ok(Binary(point))
    } else {
        Err("neither an uncompressed point of P-256, nor COSE or SPKI of one")
    }
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("not a time such as 2026-01-31T12:00:00Z")
}

/// What came: the CBOR, and members of the JSON around it.
struct Input {
    cbor: Vec<u8>,
    members: Map<String, Value>,
}

impl Input {
    fn read(file: Option<&Path>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        Self::unwrap(report_printer::input(file)?, names)
    }

    /// Raw CBOR; or text, which is JSON or base64; base64 may be that of JSON, as the app sends it.
    fn unwrap(bytes: Vec<u8>, names: &[&str]) -> Result<Self, Box<dyn Error>> {
        let bytes = match std::str::from_utf8(&bytes) {
            Ok(text) if !text.trim_start().starts_with('{') => {
                let packed: String = text.split_ascii_whitespace().collect();
                base64::decode(packed.trim_matches('"'))
                    .filter(|bytes| !bytes.is_empty())
                    .ok_or("the input is neither CBOR, base64 nor JSON")?
            }
            _ => bytes,
        };
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Ok(Self {
                cbor: bytes,
                members: Map::new(),
            });
        }
        let members: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the JSON cannot be read: {error}"))?;
        let text = names.iter().find_map(|name| members.get(*name)?.as_str());
        let text = text.ok_or_else(|| format!("the JSON has none of {}", names.join(", ")))?;
        Ok(Self {
            cbor: base64::decode(text).ok_or("the object in the JSON is not base64")?,
            members,
        })
    }

    fn member(&self, names: &[&str]) -> Option<Vec<u8>> {
        names
            .iter()
            .find_map(|name| base64::decode(self.members.get(*name)?.as_str()?))
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

/// What could be read, whether or not it is to be trusted.
fn attestation_json(cbor: &[u8]) -> Value {
    let Ok(object) = object::parse_attestation(cbor) else {
        return Value::Null;
    };
    let mut members = Map::new();
    if let Ok(data) = authenticator_data::parse_attestation(object.auth_data) {
        members.insert("key_id".into(), json!(STANDARD.encode(&data.credential_id)));
        members.insert("public_key".into(), json!(hex(&data.public_key)));
        let environment = Environment::of(data.aaguid).map(Environment::as_str);
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
    TrustAnchor::from_pem(&pem)
        .ok_or_else(|| format!("{}: not one certificate in PEM", file.display()).into())
}

const NOTHING_SIGNED: &str = "the challenge is not known: give --challenge or --client-data-hash";

/// Prints the report; gives whether every step passed.
pub(super) fn inspect(command: &Command) -> Result<bool, Box<dyn Error>> {
    match command {
        Command::Inspect {
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
                .map(|environment| match environment {
                    Where::Production => Environment::Production,
                    Where::Development => Environment::Development,
                })
                .collect();
            let expected = ExpectedAttestation {
                app_ids: &app.ids(),
                environments: &environments,
                client_data_hash: signed
                    .hash(input.member(&["challenge"]))
                    .ok_or(NOTHING_SIGNED)?,
                key_id: &key_id.ok_or("the key id is not known: give --key-id")?,
                anchors: &[anchor(root.as_deref())?],
                at: at.unwrap_or_else(|| SystemClock.now()),
                categories: category,
            };
            let report = attestation::verify(&input.cbor, &expected);
            report_printer::print(
                *json,
                "attestation",
                &report.steps,
                &attestation_json(&input.cbor),
            );
            Ok(report.passed())
        }
        Command::InspectAssertion {
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
            let client_data_hash = signed
                .hash(input.member(&["challenge"]))
                .ok_or(NOTHING_SIGNED)?;
            // Of several applications, the one that it is of; the first one if none is, so that
            // step 4 says so.
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
            let report = reports
                .iter()
                .find(|report| report.passed())
                .or(reports.first())
                .ok_or("no application is given")?;
            let Report { mut steps, read } = report.clone();
            steps.push(report_printer::only_the_server(
                6,
                "the challenge in the client data is the one that was sent",
            ));
            report_printer::print(*json, "assertion", &steps, &assertion_json(&input.cbor));
            Ok(Report { steps, read }.passed())
        }
    }
}
