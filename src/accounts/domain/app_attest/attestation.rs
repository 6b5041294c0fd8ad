//! Verifying an attestation: the nine steps of "Validating apps that connect to your server", each
//! by its number.

use sha2::{Digest, Sha256};

use crate::accounts::domain::app_attest::authenticator_data;
use crate::accounts::domain::app_attest::authenticator_data::AttestationData;
use crate::accounts::domain::app_attest::{chain, object};
use crate::accounts::domain::verification::report::{CheckList, Report};
use crate::accounts::model::attest::{AttestEnvironment, TrustAnchor};
use crate::kernel::model::base64;
use crate::kernel::model::time::Timestamp;

/// The format of every attestation of an app.
const FORMAT: &str = "apple-appattest";

/// The expectations that an attestation is verified against.
#[derive(Clone, Copy, Debug)]
pub struct ExpectedAttestation<'a> {
    /// Ids of the applications that may attest: team, a dot, bundle.
    pub app_ids: &'a [String],
    /// Environments whose keys are accepted.
    pub environments: &'a [AttestEnvironment],
    /// The bytes that the app gave to the device as the hash of its client data. The server expects
    /// the SHA-256 of the challenge.
    pub client_data_hash: &'a [u8],
    /// The id of the key that the client claims.
    pub key_id: &'a [u8],
    /// The trusted roots.
    pub anchors: &'a [TrustAnchor],
    /// The time of the verification. Certificates of keys are valid for a day to a year.
    pub at: Timestamp,
    /// The accepted ways to install the app. An empty list accepts all.
    pub categories: &'a [u32],
}

/// The content of a verified attestation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttestedKey {
    /// The id of the key: SHA-256 of the public key.
    pub key_id: [u8; 32],
    /// The public key: an X9.62 point, uncompressed, 65 bytes.
    pub public_key: Vec<u8>,
    /// The application.
    pub app_id: String,
    /// The environment that made the key.
    pub environment: AttestEnvironment,
    /// For Apple's servers; kept as it came.
    pub receipt: Vec<u8>,
    /// The counter: 0.
    pub counter: u32,
    /// The version of the application, since iOS 27.
    pub bundle_version: Option<String>,
    /// The way in which the app was installed, since iOS 27; see
    /// [`crate::accounts::domain::app_attest::authenticator_data::Extensions`].
    pub validation_category: Option<u32>,
}

/// Verifies an attestation object. Checks before Apple's first step have the number 0.
#[must_use]
pub fn verify(object: &[u8], expected: &ExpectedAttestation<'_>) -> Report<AttestedKey> {
    let mut steps = CheckList::default();
    let attested = take_steps(&mut steps, object, expected);
    Report::new(steps, attested)
}

fn take_steps(
    steps: &mut CheckList,
    bytes: &[u8],
    expected: &ExpectedAttestation<'_>,
) -> Option<AttestedKey> {
    let demand = "the object is CBOR with fmt, attStmt and authData";
    let object = steps.read(0, demand, object::parse_attestation(bytes))?;
    let found = || Some(object.format.to_owned());
    steps.check(
        0,
        "fmt is apple-appattest",
        object.format == FORMAT,
        "the attestation is of another format",
        found,
    );

    // The later steps are taken even if one of these fails, so that the report is complete.
    let data = steps.read(
        0,
        "authData can be read",
        authenticator_data::parse_attestation(object.auth_data),
    );
    let leaf = chain::check(
        steps,
        object.leaf,
        object.intermediate,
        expected.anchors,
        expected.at,
    );
    steps.passed(2, "clientDataHash is appended to authData", None);
    let nonce =
        crate::accounts::domain::app_attest::nonce(object.auth_data, expected.client_data_hash);
    steps.passed(3, "the nonce is the SHA-256 of both", base64::encode(nonce));
    let leaf = leaf?;
    if let Some(attested_nonce) =
        steps.read(4, "the leaf has the extension with the nonce", leaf.nonce())
    {
        let same = attested_nonce == nonce;
        let reason = "the certificate is for another nonce: another challenge, or other authData";
        steps.check(4, "the extension has this nonce", same, reason, || {
            Some(base64::encode(attested_nonce))
        });
    }
    let public_key = leaf.p256_point()?;
    let key_id: [u8; 32] = Sha256::digest(public_key).into();
    let demand = "the key id is the SHA-256 of the leaf's key";
    steps.check(
        5,
        demand,
        expected.key_id == key_id,
        "the key id is of another key",
        || Some(base64::encode(key_id)),
    );
    let data = data?;
    let demand = "the key in authData is the leaf's";
    steps.check(
        5,
        demand,
        data.public_key == public_key,
        "authData has another key than the leaf",
        || None,
    );
    let app_id = app_id_step(steps, &data, expected.app_ids);
    let counter = data.header.counter;
    steps.check(
        7,
        "the counter is 0",
        counter == 0,
        "the counter is not 0",
        || Some(counter.to_string()),
    );
    let environment = environment_steps(steps, &data, expected.environments);
    let same = data.credential_id == expected.key_id;
    let found = || Some(base64::encode(&data.credential_id));
    steps.check(
        9,
        "credentialId is the key id",
        same,
        "authData has another key id",
        found,
    );
    crate::accounts::domain::app_attest::category_step(
        steps,
        &data.extensions,
        expected.categories,
    );
    Some(AttestedKey {
        key_id,
        public_key: public_key.to_vec(),
        app_id: app_id?,
        environment: environment?,
        receipt: object.receipt.to_vec(),
        counter,
        bundle_version: data.extensions.bundle_version,
        validation_category: data.extensions.validation_category,
    })
}

fn app_id_step(
    steps: &mut CheckList,
    data: &AttestationData,
    app_ids: &[String],
) -> Option<String> {
    let found = app_ids
        .iter()
        .find(|app_id| crate::accounts::domain::app_attest::is_rp(app_id, &data.header));
    let demand = "the RP id hash is that of an application of ours";
    steps.check(
        6,
        demand,
        found.is_some(),
        "the attestation is of another application",
        || {
            Some(format!(
                "RP id hash {}",
                base64::encode(data.header.rp_id_hash)
            ))
        },
    );
    found.cloned()
}

fn environment_steps(
    steps: &mut CheckList,
    data: &AttestationData,
    accepted: &[AttestEnvironment],
) -> Option<AttestEnvironment> {
    let environment = AttestEnvironment::of(data.aaguid);
    let found = || Some(data.aaguid.escape_ascii().to_string());
    steps.check(
        8,
        "aaguid is one of App Attest",
        environment.is_some(),
        "an AAGUID that is not App Attest's",
        found,
    );
    let environment = environment?;
    let found = || Some(environment.as_str().to_owned());
    let demand = "aaguid is of an environment that is accepted";
    steps.check(
        8,
        demand,
        accepted.contains(&environment),
        "a key of the other environment",
        found,
    );
    Some(environment)
}
