//! `hamrah-api attest inspect` and `inspect-assertion`: the server's verdict on an attestation or
//! an assertion, step by step.
//!
//! The server answers every refused device alike, so iOS engineers need this to see the reason. It
//! runs the server's own code.

mod arguments;
mod content;
mod input;

use std::error::Error;
use std::path::PathBuf;

use clap::Subcommand;

use crate::accounts::domain::app_attest::assertion;
use crate::accounts::domain::app_attest::assertion::ExpectedAssertion;
use crate::accounts::domain::app_attest::attestation;
use crate::accounts::domain::app_attest::attestation::ExpectedAttestation;
use crate::accounts::domain::steps::Report;
use crate::accounts::model::attest::AttestEnvironment;
use crate::kernel::domain::Clock;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::attest::arguments::{
    AppIds, Binary, KeyEnvironment, SignedData, binary, public_key, time,
};
use crate::platform::native::attest::content::{assertion_json, attestation_json};
use crate::platform::native::attest::input::{Input, anchor};
use crate::platform::native::ports::SystemClock;
use crate::platform::native::steps;

/// The object to inspect.
#[derive(Subcommand)]
pub(super) enum AttestCommand {
    /// Verify an attestation object by Apple's nine steps, and print each step and the object's
    /// content.
    Inspect {
        /// The file with the attestation: raw CBOR, base64, or JSON with `attestation_object` and
        /// optionally `challenge` and `key_id`. Standard input if omitted or `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: AppIds,
        #[command(flatten)]
        signed: SignedData,
        /// The key's id in base64, unless the JSON has it.
        #[arg(long, value_parser = binary)]
        key_id: Option<Binary>,
        /// An environment of accepted keys. May be given twice.
        #[arg(long, default_value = "production")]
        environment: Vec<KeyEnvironment>,
        /// The time of the check (RFC 3339). Certificates of keys are valid for a day to a year.
        /// Now if omitted.
        #[arg(long, value_parser = time)]
        at: Option<Timestamp>,
        /// A file with another root certificate (PEM) to trust instead of Apple's.
        #[arg(long)]
        root: Option<PathBuf>,
        /// An accepted way of installation, as in `APP_ATTEST_CATEGORIES`. May be given several
        /// times. All if omitted.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Verify an assertion by Apple's six steps, and print each step.
    InspectAssertion {
        /// The file with the assertion: raw CBOR, base64, or JSON with `assertion`. Standard input
        /// if omitted or `-`.
        file: Option<PathBuf>,
        #[command(flatten)]
        app: AppIds,
        #[command(flatten)]
        signed: SignedData,
        /// The attested key as X9.62 point, COSE or SPKI, in base64 or hexadecimal.
        #[arg(long, value_parser = public_key)]
        public_key: Binary,
        /// The counter of the previous assertion.
        #[arg(long, default_value_t = 0)]
        previous_counter: u32,
        /// An accepted way of installation, as in `APP_ATTEST_CATEGORIES`. May be given several
        /// times. All if omitted.
        #[arg(long)]
        category: Vec<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

const NOTHING_SIGNED: &str = "the challenge is not known: give --challenge or --client-data-hash";

/// Prints the report. Returns true if every step passed.
pub(super) fn inspect(command: &AttestCommand) -> Result<bool, Box<dyn Error>> {
    match command {
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
                .map(|environment| match environment {
                    KeyEnvironment::Production => AttestEnvironment::Production,
                    KeyEnvironment::Development => AttestEnvironment::Development,
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
            steps::print(
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
            let client_data_hash = signed
                .hash(input.member(&["challenge"]))
                .ok_or(NOTHING_SIGNED)?;
            // Of several applications the report shows the one that matches. If none matches, it
            // shows the first, so that step 4 fails.
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
            steps.push(steps::only_the_server(
                6,
                "the challenge in the client data is the one that was sent",
            ));
            steps::print(*json, "assertion", &steps, &assertion_json(&input.cbor));
            Ok(Report { steps, read }.passed())
        }
    }
}
