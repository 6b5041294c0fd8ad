//! Attestations: valid attestations are accepted, and each broken step is refused for its own
//! reason.

mod certificates;
mod content;
mod objects;

use hamrah_api::accounts::domain::app_attest::attestation::{
    AttestedKey, ExpectedAttestation, verify,
};
use hamrah_api::accounts::domain::verification::report::{Report, StepOutcome};
use hamrah_api::accounts::model::attest::{AttestEnvironment, TrustAnchor};
use hamrah_api::kernel::model::time::Timestamp;
use rcgen::IsCa;

use self::certificates::{CERTIFICATES, unknown};
use self::content::CONTENT;
use self::objects::OBJECTS;
use crate::apple::{Attestation, Authority, AuthorityPlan, DeviceKey, extensions, map};
use crate::{APP, AT, HASH, OTHER_APP};

/// The parts of an attestation that a test can change.
pub struct Case {
    pub plan: AuthorityPlan,
    pub attestation: Attestation,
    /// Changes the object after it was signed.
    pub edit: fn(Vec<u8>) -> Vec<u8>,
    pub app_ids: Vec<String>,
    pub environments: Vec<AttestEnvironment>,
    pub client_data_hash: [u8; 32],
    pub key_id: Vec<u8>,
    pub at: i64,
    pub categories: Vec<u32>,
    pub anchor: Option<TrustAnchor>,
}

impl Case {
    pub fn new() -> Self {
        let key = DeviceKey::new(7);
        Self {
            plan: AuthorityPlan::default(),
            attestation: key.attestation(APP, HASH, Timestamp::from_millis(AT * 1000)),
            edit: |object| object,
            app_ids: vec![OTHER_APP.into(), APP.into()],
            environments: vec![AttestEnvironment::Production],
            client_data_hash: HASH,
            key_id: key.id().to_vec(),
            at: AT,
            categories: Vec::new(),
            anchor: None,
        }
    }

    pub fn verify(&self) -> Report<AttestedKey> {
        let authority = Authority::of(&self.plan);
        let object = (self.edit)(authority.attest(&self.attestation));
        let expected = ExpectedAttestation {
            app_ids: &self.app_ids,
            environments: &self.environments,
            client_data_hash: &self.client_data_hash,
            key_id: &self.key_id,
            anchors: &[self
                .anchor
                .clone()
                .unwrap_or_else(|| Authority::new().anchor())],
            at: Timestamp::from_millis(self.at * 1000),
            categories: &self.categories,
        };
        verify(&object, &expected)
    }
}

#[test]
fn a_valid_attestation_is_accepted() {
    let key = DeviceKey::new(7);
    let attested = Case::new().verify().accepted().expect("accepted");
    let wanted = AttestedKey {
        key_id: key.id(),
        public_key: key.point(),
        app_id: APP.into(),
        environment: AttestEnvironment::Production,
        receipt: vec![0x30, 0x80],
        counter: 0,
        bundle_version: None,
        validation_category: None,
    };
    assert_eq!(attested, wanted);
}

type Change = (&'static str, fn(&mut Case));

/// Variations that are still valid.
const ACCEPTED: [Change; 15] = [
    ("iOS 27", |c| {
        c.attestation = c.attestation.clone().ios_27("1314", 4);
    }),
    ("iOS 27 with ED clear", |c| {
        c.attestation.tail = extensions("1314", 4);
    }),
    ("an empty map", |c| c.attestation.tail = vec![0xA0]),
    ("a member that Apple may add", |c| {
        c.attestation.tail = map(&[("apple_more_01", vec![0x82, 0x20, 0xF5])]);
    }),
    ("a category as a number", |c| {
        c.attestation.tail = map(&[("apple_validation_category_01", vec![4])]);
    }),
    ("development, where it is accepted", |c| {
        c.attestation = c.attestation.clone().development();
        c.environments.push(AttestEnvironment::Development);
    }),
    ("the leaf's first second", |c| {
        c.at = c.attestation.valid.start;
    }),
    ("the leaf's last second", |c| c.at = c.attestation.valid.end),
    ("no key usage in the leaf", |c| {
        c.attestation.leaf_usage.clear();
    }),
    ("no basic constraints in the leaf", |c| {
        c.attestation.leaf_is_ca = IsCa::NoCa;
    }),
    ("an unknown extension", |c| {
        c.attestation.leaf_extensions = vec![unknown(false)];
    }),
    ("a category that is accepted", |c| {
        c.attestation = c.attestation.clone().ios_27("1314", 2);
        c.categories = vec![2, 4];
    }),
    ("no category although some are configured", |c| {
        c.categories = vec![4];
    }),
    ("a receipt of 7 KB", |c| {
        c.attestation.receipt = vec![7; 7000];
    }),
    ("members in another order", |c| {
        c.edit = |object| {
            let rest = &object[1 + FMT..];
            [&object[..1], rest, &object[1..=FMT]].concat()
        }
    }),
];

/// Bytes of `fmt` and its value.
pub const FMT: usize = 4 + 16;

#[test]
fn valid_variations_are_accepted() {
    for (name, change) in ACCEPTED {
        let mut case = Case::new();
        change(&mut case);
        let report = case.verify();
        assert!(
            report.passed(),
            "{name}: {:?}",
            report.accepted().map(|_| ())
        );
    }
}

#[test]
fn ios_27_reports_version_and_category() {
    let mut case = Case::new();
    case.attestation = case.attestation.ios_27("1314", 0x0102_0304);
    let attested = case.verify().accepted().expect("accepted");
    assert_eq!(
        (
            attested.bundle_version.as_deref(),
            attested.validation_category
        ),
        (Some("1314"), Some(0x0102_0304))
    );
}

/// Name, step, reason, change.
pub type Broken = (&'static str, u8, &'static str, fn(&mut Case));

#[test]
fn each_broken_step_is_refused_for_its_own_reason() {
    for (name, step, reason, change) in CERTIFICATES.iter().chain(&CONTENT).chain(&OBJECTS) {
        let mut case = Case::new();
        change(&mut case);
        let report = case.verify();
        assert!(!report.passed(), "{name}");
        let steps = report.steps.clone();
        let refusal = report.accepted().expect_err(name);
        let failures = steps.iter().filter_map(|step| match &step.outcome {
            StepOutcome::Failed(failure) => Some((step.number, failure.reason)),
            StepOutcome::Passed(_) | StepOutcome::NotTaken(_) => None,
        });
        let failures: Vec<_> = failures.collect();
        let told = failures
            .iter()
            .any(|(number, why)| number == step && why.contains(reason));
        assert!(told, "{name}: {refusal}, {failures:?}");
    }
}

#[test]
fn no_byte_of_the_signed_parts_can_be_changed_or_left_out() {
    let case = Case::new();
    let object = Authority::new().attest(&case.attestation);
    let anchors = [Authority::new().anchor()];
    let passes = |object: &[u8]| {
        let expected = ExpectedAttestation {
            app_ids: &case.app_ids,
            environments: &case.environments,
            client_data_hash: &HASH,
            key_id: &case.key_id,
            anchors: &anchors,
            at: Timestamp::from_millis(AT * 1000),
            categories: &[],
        };
        verify(object, &expected).passed()
    };
    assert!(passes(&object));
    // The API does not read the receipt, so changes of its two bytes are accepted. They follow its
    // name and its head.
    let receipt = object
        .windows(7)
        .position(|bytes| bytes == b"receipt")
        .expect("a receipt")
        + 8;
    for at in 0..object.len() {
        let mut changed = object.clone();
        changed[at] ^= 1 << (at % 8);
        assert_eq!(
            passes(&changed),
            (receipt..receipt + 2).contains(&at),
            "byte {at}"
        );
        assert!(!passes(&object[..at]), "{at} bytes");
    }
}
