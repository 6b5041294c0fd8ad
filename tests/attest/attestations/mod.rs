//! Attestations: whole ones are accepted, and each step that is broken is refused for a reason of
//! its own.

use hamrah_api::accounts::domain::app_attest::attestation::{
    Attested, ExpectedAttestation, verify,
};
use hamrah_api::accounts::domain::steps::{Outcome, Report};
use hamrah_api::accounts::model::attest::{Environment, TrustAnchor};
use hamrah_api::kernel::model::time::Timestamp;
use rcgen::{BasicConstraints, CustomExtension, IsCa, KeyUsagePurpose};

use crate::apple::{
    Attestation, Authority, AuthorityPlan, DeviceKey, bytes, cose, extensions, head, map,
    nonce_extension, text,
};
use crate::{APP, AT, HASH, OTHER_APP};

/// Everything that can be changed.
struct Case {
    plan: AuthorityPlan,
    attestation: Attestation,
    /// Changes the object after it was signed.
    edit: fn(Vec<u8>) -> Vec<u8>,
    app_ids: Vec<String>,
    environments: Vec<Environment>,
    client_data_hash: [u8; 32],
    key_id: Vec<u8>,
    at: i64,
    categories: Vec<u32>,
    anchor: Option<TrustAnchor>,
}

impl Case {
    fn new() -> Self {
        let key = DeviceKey::new(7);
        Self {
            plan: AuthorityPlan::default(),
            attestation: key.attestation(APP, HASH, Timestamp::from_millis(AT * 1000)),
            edit: |object| object,
            app_ids: vec![OTHER_APP.into(), APP.into()],
            environments: vec![Environment::Production],
            client_data_hash: HASH,
            key_id: key.id().to_vec(),
            at: AT,
            categories: Vec::new(),
            anchor: None,
        }
    }

    fn verify(&self) -> Report<Attested> {
        let authority = Authority::of(&self.plan);
        let object = (self.edit)(authority.attest(&self.attestation));
        let expected = ExpectedAttestation {
            app_ids: &self.app_ids,
            environments: &self.environments,
            client_data_hash: self.client_data_hash,
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
fn a_whole_attestation_is_accepted() {
    let key = DeviceKey::new(7);
    let attested = Case::new().verify().accepted().expect("accepted");
    let wanted = Attested {
        key_id: key.id(),
        public_key: key.point(),
        app_id: APP.into(),
        environment: Environment::Production,
        receipt: vec![0x30, 0x80],
        counter: 0,
        bundle_version: None,
        validation_category: None,
    };
    assert_eq!(attested, wanted);
}

type Change = (&'static str, fn(&mut Case));

/// Still whole.
const ACCEPTED: [Change; 15] = [
    ("iOS 27", |c| {
        c.attestation = c.attestation.clone().ios_27("1314", 4)
    }),
    ("iOS 27 with ED clear", |c| {
        c.attestation.tail = extensions("1314", 4)
    }),
    ("an empty map", |c| c.attestation.tail = vec![0xA0]),
    ("a member that Apple may add", |c| {
        c.attestation.tail = map(&[("apple_more_01", vec![0x82, 0x20, 0xF5])])
    }),
    ("a category as a number", |c| {
        c.attestation.tail = map(&[("apple_validation_category_01", vec![4])])
    }),
    ("development, where it is accepted", |c| {
        c.attestation = c.attestation.clone().development();
        c.environments.push(Environment::Development);
    }),
    ("the leaf's first second", |c| {
        c.at = c.attestation.valid.start
    }),
    ("the leaf's last second", |c| c.at = c.attestation.valid.end),
    ("no key usage in the leaf", |c| {
        c.attestation.leaf_usage.clear()
    }),
    ("no basic constraints in the leaf", |c| {
        c.attestation.leaf_is_ca = IsCa::NoCa
    }),
    ("an unknown extension", |c| {
        c.attestation.leaf_extensions = vec![unknown(false)]
    }),
    ("a category that is accepted", |c| {
        c.attestation = c.attestation.clone().ios_27("1314", 2);
        c.categories = vec![2, 4];
    }),
    ("no category where some are named", |c| {
        c.categories = vec![4]
    }),
    ("a receipt of 7 KB", |c| {
        c.attestation.receipt = vec![7; 7000]
    }),
    ("members in another order", |c| {
        c.edit = |object| {
            let rest = &object[1 + FMT..];
            [&object[..1], rest, &object[1..=FMT]].concat()
        }
    }),
];

/// Bytes of `fmt` and its value.
const FMT: usize = 4 + 16;

#[test]
fn what_is_whole_in_another_way_is_accepted() {
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
fn ios_27_tells_version_and_category() {
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

fn unknown(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
    extension.set_criticality(critical);
    extension
}

/// A map of two members, one of which is left for the caller.
fn twice(member: &str, value: Vec<u8>) -> Vec<u8> {
    map(&[(member, value.clone()), (member, value)])
}

/// Name, step, reason, change.
type Broken = (&'static str, u8, &'static str, fn(&mut Case));

const CERTIFICATES: [Broken; 27] = [
    ("another root", 1, "not signed by a trusted root", |c| {
        c.plan.seed = 2
    }),
    ("Apple's root", 1, "not signed by a trusted root", |c| {
        c.anchor = Some(TrustAnchor::apple())
    }),
    ("an expired leaf", 1, "the leaf has expired", |c| {
        c.at = c.attestation.valid.end + 1
    }),
    (
        "a leaf of the future",
        1,
        "the leaf is not valid yet",
        |c| c.at = c.attestation.valid.start - 1,
    ),
    (
        "an expired intermediate",
        1,
        "the intermediate has expired",
        |c| c.plan.intermediate_valid.end = AT - 1,
    ),
    (
        "an intermediate of the future",
        1,
        "the intermediate is not valid yet",
        |c| c.plan.intermediate_valid.start = AT + 1,
    ),
    ("an expired root", 1, "the root has expired", |c| {
        c.plan.root_valid.end = AT - 1;
        c.anchor = Some(Authority::of(&c.plan).anchor());
    }),
    (
        "a root of the future",
        1,
        "the root is not valid yet",
        |c| {
            c.plan.root_valid.start = AT + 1;
            c.anchor = Some(Authority::of(&c.plan).anchor());
        },
    ),
    (
        "a chain in the other order",
        1,
        "the leaf has no uncompressed key of P-256",
        |c| x5c(c, |[leaf, issuer, _]| vec![issuer, leaf]),
    ),
    (
        "the intermediate twice",
        1,
        "the leaf has no uncompressed key of P-256",
        |c| x5c(c, |[_, issuer, _]| vec![issuer.clone(), issuer]),
    ),
    (
        "the leaf twice",
        1,
        "the intermediate has no key of P-384",
        |c| x5c(c, |[leaf, _, _]| vec![leaf.clone(), leaf]),
    ),
    (
        "the root as the intermediate",
        1,
        "the leaf names another issuer",
        |c| x5c(c, |[leaf, _, root]| vec![leaf, root]),
    ),
    ("the whole chain", 0, "x5c is not two certificates", |c| {
        x5c(c, |chain| chain.to_vec())
    }),
    ("the leaf alone", 0, "x5c is not two certificates", |c| {
        x5c(c, |[leaf, _, _]| vec![leaf])
    }),
    ("no certificates", 0, "x5c is not two certificates", |c| {
        x5c(c, |_| Vec::new())
    }),
    (
        "fifty certificates",
        0,
        "x5c is not two certificates",
        |c| x5c(c, |[leaf, _, _]| vec![leaf; 50]),
    ),
    (
        "another intermediate of the same name",
        1,
        "the leaf is not signed by the intermediate",
        |c| {
            let other = Authority::of(&AuthorityPlan {
                seed: 3,
                ..AuthorityPlan::default()
            });
            c.attestation.x5c = Some(vec![
                other.leaf(&c.attestation),
                Authority::new().intermediate,
            ]);
        },
    ),
    (
        "an intermediate of another name",
        1,
        "the leaf names another issuer",
        |c| {
            let other = Authority::of(&AuthorityPlan {
                intermediate_name: "another".into(),
                ..AuthorityPlan::default()
            });
            c.attestation.x5c = Some(vec![
                other.leaf(&c.attestation),
                Authority::new().intermediate,
            ]);
        },
    ),
    (
        "an intermediate that is no authority",
        1,
        "the intermediate may not issue certificates",
        |c| c.plan.intermediate_is_ca = false,
    ),
    (
        "an intermediate without keyCertSign",
        1,
        "lacks keyCertSign",
        |c| c.plan.intermediate_usage = vec![KeyUsagePurpose::CrlSign],
    ),
    (
        "an intermediate without key usage",
        1,
        "lacks keyCertSign",
        |c| c.plan.intermediate_usage.clear(),
    ),
    (
        "a leaf that is an authority",
        1,
        "the leaf may issue certificates",
        |c| {
            c.attestation.leaf_is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        },
    ),
    (
        "a leaf that may not sign",
        1,
        "lacks digitalSignature",
        |c| c.attestation.leaf_usage = vec![KeyUsagePurpose::KeyAgreement],
    ),
    (
        "a critical extension in the leaf",
        1,
        "unknown critical extension",
        |c| c.attestation.leaf_extensions = vec![unknown(true)],
    ),
    (
        "a critical extension in the intermediate",
        1,
        "unknown critical extension",
        |c| c.plan.intermediate_extensions = vec![unknown(true)],
    ),
    ("an extension twice", 1, "has an extension twice", |c| {
        c.attestation.leaf_extensions = vec![unknown(false), unknown(false)]
    }),
    (
        "a leaf that is no certificate",
        1,
        "is not DER of RFC 5280",
        |c| x5c(c, |[leaf, issuer, _]| vec![leaf[1..].to_vec(), issuer]),
    ),
];

fn x5c(case: &mut Case, of: fn([Vec<u8>; 3]) -> Vec<Vec<u8>>) {
    let authority = Authority::new();
    case.attestation.x5c = Some(of([
        authority.leaf(&case.attestation),
        authority.intermediate,
        authority.root,
    ]));
}

const CONTENT: [Broken; 39] = [
    ("another challenge", 4, "for another nonce", |c| {
        c.client_data_hash[0] ^= 1
    }),
    ("no nonce", 4, "has no extension", |c| {
        c.attestation.nonce_extension = Some(Vec::new())
    }),
    ("another nonce", 4, "for another nonce", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 32]))
    }),
    ("a short nonce", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 31]))
    }),
    ("a long nonce", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(nonce_extension(&[9; 33]))
    }),
    (
        "something after the nonce",
        4,
        "not a sequence of 32 bytes",
        |c| {
            c.attestation.nonce_extension =
                Some([nonce_extension(&c.attestation.nonce()), vec![0]].concat());
        },
    ),
    ("the nonce alone", 4, "not a sequence of 32 bytes", |c| {
        c.attestation.nonce_extension = Some(c.attestation.nonce().to_vec())
    }),
    ("another key id", 5, "the key id is of another key", |c| {
        c.key_id[0] ^= 1
    }),
    ("a short key id", 5, "the key id is of another key", |c| {
        c.key_id.truncate(31)
    }),
    ("no key id", 5, "the key id is of another key", |c| {
        c.key_id.clear()
    }),
    (
        "another key's leaf",
        5,
        "the key id is of another key",
        |c| c.attestation.leaf_point = DeviceKey::new(8).point(),
    ),
    (
        "another key in authData",
        5,
        "another key than the leaf",
        |c| c.attestation.cose_key = cose(&DeviceKey::new(8).point()),
    ),
    ("another application", 6, "of another application", |c| {
        c.attestation.app_id = "UR6RM9YCF7.app.hamrah.evil".into()
    }),
    ("the bundle id alone", 6, "of another application", |c| {
        c.attestation.app_id = "app.hamrah.ios".into()
    }),
    ("no applications", 6, "of another application", |c| {
        c.app_ids.clear()
    }),
    ("a counter", 7, "the counter is not 0", |c| {
        c.attestation.counter = 1
    }),
    (
        "development in production",
        8,
        "the other environment",
        |c| c.attestation = c.attestation.clone().development(),
    ),
    (
        "production in development",
        8,
        "the other environment",
        |c| c.environments = vec![Environment::Development],
    ),
    ("no environments", 8, "the other environment", |c| {
        c.environments.clear()
    }),
    ("an unknown AAGUID", 8, "not App Attest's", |c| {
        c.attestation.aaguid = *b"appattest\0\0\0\0\0\0\x01"
    }),
    (
        "another credential id",
        9,
        "authData has another key id",
        |c| c.attestation.credential_id = vec![9; 32],
    ),
    ("no credential id", 9, "authData has another key id", |c| {
        c.attestation.credential_id.clear()
    }),
    (
        "a category that is not accepted",
        0,
        "a way that is not accepted",
        |c| {
            c.attestation = c.attestation.clone().ios_27("1314", 5);
            c.categories = vec![2, 4];
        },
    ),
    (
        "a receipt beyond 16 KiB",
        0,
        "the receipt is too long",
        |c| c.attestation.receipt = vec![7; 16 * 1024 + 1],
    ),
    ("AT clear", 0, "AT is not set", |c| c.attestation.flags = 0),
    (
        "ED without a map",
        0,
        "announces extensions and has none",
        |c| c.attestation.flags = 0xC0,
    ),
    ("a key that is not canonical", 0, "not one of P-256", |c| {
        c.attestation.cose_key[0] = 0xBF
    }),
    ("a short key", 0, "not one of P-256", |c| {
        c.attestation.cose_key.truncate(76)
    }),
    ("a zero after the key", 0, "no CBOR map", |c| {
        c.attestation.tail = vec![0]
    }),
    ("a list after the key", 0, "no CBOR map", |c| {
        c.attestation.tail = vec![0x80]
    }),
    ("two maps", 0, "something follows the extensions", |c| {
        c.attestation.tail = [extensions("1", 4), extensions("1", 4)].concat();
    }),
    ("a truncated map", 0, "the CBOR ends too early", |c| {
        with_extensions(c).truncate(10)
    }),
    ("a map of indefinite length", 0, "no CBOR map", |c| {
        with_extensions(c)[0] = 0xBF;
        c.attestation.tail.push(0xFF);
    }),
    (
        "a map with a member twice",
        0,
        "not in the canonical order",
        |c| c.attestation.tail = twice("apple_bundle_version_01", text("1")),
    ),
    (
        "a map in another order",
        0,
        "not in the canonical order",
        |c| {
            c.attestation.tail = map(&[
                ("apple_validation_category_01", vec![4]),
                ("apple_bundle_version_01", text("1")),
            ]);
        },
    ),
    ("a version that is a number", 0, "of another type", |c| {
        c.attestation.tail = map(&[("apple_bundle_version_01", vec![1])])
    }),
    (
        "a category of three bytes",
        0,
        "no number of four bytes",
        |c| {
            c.attestation.tail = map(&[("apple_validation_category_01", bytes(&[4, 0, 0]))]);
        },
    ),
    (
        "a category beyond four bytes",
        0,
        "no number of four bytes",
        |c| {
            c.attestation.tail = map(&[(
                "apple_validation_category_01",
                vec![0x1B, 0, 0, 0, 1, 0, 0, 0, 0],
            )]);
        },
    ),
    ("a deep map", 0, "nested too deep", |c| {
        c.attestation.tail = map(&[("deep", vec![0x81; 10_000])])
    }),
];

fn with_extensions(case: &mut Case) -> &mut Vec<u8> {
    case.attestation.tail = extensions("1314", 4);
    &mut case.attestation.tail
}

const OBJECTS: [Broken; 19] = [
    ("another format", 0, "of another format", |c| {
        c.attestation.format = "packed".into()
    }),
    ("an empty format", 0, "of another format", |c| {
        c.attestation.format.clear()
    }),
    ("nothing", 0, "ends too early", |c| c.edit = |_| Vec::new()),
    ("half of it", 0, "ends too early", |c| {
        c.edit = |object| object[..object.len() / 2].to_vec()
    }),
    ("all but a byte", 0, "ends too early", |c| {
        c.edit = |object| object[..object.len() - 1].to_vec()
    }),
    ("something after it", 0, "something follows the CBOR", |c| {
        c.edit = |object| [object, vec![0]].concat()
    }),
    (
        "a map of indefinite length",
        0,
        "an indefinite length",
        |c| {
            c.edit = |object| [&[0xBF], &object[1..], &[0xFF]].concat();
        },
    ),
    (
        "a text of indefinite length",
        0,
        "an indefinite length",
        |c| {
            c.edit = |object| {
                [
                    &object[..5],
                    &[0x7F],
                    &object[5..=FMT],
                    &[0xFF],
                    &object[FMT + 1..],
                ]
                .concat()
            };
        },
    ),
    (
        "a length that is not the shortest",
        0,
        "not written in the shortest way",
        |c| {
            c.edit = |object| [&[0xB8, 3], &object[1..]].concat();
        },
    ),
    ("a reserved length", 0, "a reserved length", |c| {
        c.edit = |object| [&[0xBC], &object[1..]].concat()
    }),
    ("fmt twice", 0, "given twice", |c| {
        c.edit = |object| [&[0xA4], &object[1..=FMT], &object[1..]].concat()
    }),
    ("an unknown member", 0, "an unknown member", |c| {
        c.edit = |object| [&[0xA4], &object[1..], &text("more"), &[0]].concat();
    }),
    ("no fmt", 0, "lacks fmt", |c| {
        c.edit = |object| [&[0xA2], &object[1 + FMT..]].concat()
    }),
    ("a list", 0, "of another type", |c| {
        c.edit = |object| [&[0x83], &object[1..]].concat()
    }),
    ("a tag around it", 0, "of another type", |c| {
        c.edit = |object| [vec![0xC1], object].concat()
    }),
    ("10,000 lists in each other", 0, "of another type", |c| {
        c.edit = |_| vec![0x81; 10_000]
    }),
    ("a map that claims 2^64 members", 0, "ends too early", |c| {
        c.edit = |_| [0xBB].into_iter().chain([0xFF; 8]).collect()
    }),
    ("a text that claims 2^64 bytes", 0, "ends too early", |c| {
        c.edit = |_| [0xA1, 0x7B].into_iter().chain([0xFF; 8]).collect()
    }),
    ("a megabyte", 0, "too long", |c| {
        c.edit = |object| [object, head(2, 1 << 20), vec![0; 1 << 20]].concat();
    }),
];

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
            Outcome::Failed(failure) => Some((step.number, failure.reason)),
            Outcome::Passed(_) | Outcome::NotTaken(_) => None,
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
            client_data_hash: HASH,
            key_id: &case.key_id,
            anchors: &anchors,
            at: Timestamp::from_millis(AT * 1000),
            categories: &[],
        };
        verify(object, &expected).passed()
    };
    assert!(passes(&object));
    // The receipt is Apple's to read: its name, its head, two bytes.
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
