//! The arguments of `hamrah-api attest`, and how they are read.

use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};

use crate::accounts::domain::app_attest::authenticator_data;
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;
use crate::platform::native::steps;

/// The app of the object.
#[derive(Args)]
pub(in crate::platform::native) struct AppIds {
    /// The team's id, such as `UR6RM9YCF7`.
    #[arg(long, requires = "bundle", required_unless_present = "ids")]
    team: Option<String>,
    /// A bundle id of the team, such as `app.hamrah.ios`. May be given several times.
    #[arg(long, requires = "team")]
    bundle: Vec<String>,
    /// Team and bundle in one: `UR6RM9YCF7.app.hamrah.ios`. May be given several times.
    #[arg(long = "app-id", value_name = "APP_ID")]
    ids: Vec<String>,
}

impl AppIds {
    pub(super) fn ids(&self) -> Vec<String> {
        let team = self.team.iter().flat_map(|team| {
            self.bundle
                .iter()
                .map(move |bundle| format!("{team}.{bundle}"))
        });
        self.ids.iter().cloned().chain(team).collect()
    }
}

/// The data that was signed with the authenticator data.
#[derive(Args)]
pub(in crate::platform::native) struct SignedData {
    /// The challenge in hexadecimal or base64, unless the JSON has it.
    #[arg(long, value_parser = binary, conflicts_with = "client_data_hash")]
    challenge: Option<Binary>,
    /// The SHA-256 that the app gave to the device, in hexadecimal or base64.
    #[arg(long, value_parser = digest)]
    client_data_hash: Option<[u8; 32]>,
    /// The text that the app hashed, for apps that hash the challenge as text.
    #[arg(long, conflicts_with_all = ["challenge", "client_data_hash"])]
    client_data: Option<String>,
}

impl SignedData {
    pub(super) fn hash(&self, otherwise: Option<Vec<u8>>) -> Option<[u8; 32]> {
        let challenge = self.challenge.as_ref().map(|challenge| challenge.0.clone());
        let challenge = challenge
            .or_else(|| self.client_data.clone().map(String::into_bytes))
            .or(otherwise);
        self.client_data_hash
            .or_else(|| challenge.map(|challenge| Sha256::digest(challenge).into()))
    }
}

/// Bytes from the command line.
#[derive(Clone)]
pub(in crate::platform::native) struct Binary(pub(super) Vec<u8>);

/// An environment of Apple, on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub(in crate::platform::native) enum KeyEnvironment {
    Production,
    Development,
}

/// Reads hexadecimal or base64. Hexadecimal is valid base64 too, but bytes rarely look like it by
/// chance.
fn decode(text: &str) -> Option<Vec<u8>> {
    steps::hex(text).or_else(|| base64::decode(text))
}

pub(super) fn binary(text: &str) -> Result<Binary, &'static str> {
    decode(text)
        .map(Binary)
        .ok_or("neither hexadecimal nor base64")
}

fn digest(text: &str) -> Result<[u8; 32], &'static str> {
    decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or("not 32 bytes in hexadecimal or base64")
}

pub(super) fn public_key(text: &str) -> Result<Binary, &'static str> {
    // SubjectPublicKeyInfo (RFC 5480) of a key of P-256, up to the point.
    const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
    let bytes = binary(text)?.0;
    let point = authenticator_data::cose_point(&bytes).map(|point| point.to_vec());
    let point = point
        .or_else(|| {
            bytes
                .strip_prefix(steps::hex(SPKI)?.as_slice())
                .map(<[u8]>::to_vec)
        })
        .unwrap_or(bytes);
    if point.len() == 65 {
        Ok(Binary(point))
    } else {
        Err("neither an uncompressed point of P-256, nor COSE or SPKI of one")
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("not a time such as 2026-01-31T12:00:00Z")
}
