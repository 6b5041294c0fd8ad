//! Broken certificates: chains, names, times, keys and extensions.

use hamrah_api::accounts::model::attest::TrustAnchor;
use rcgen::{BasicConstraints, CustomExtension, IsCa, KeyUsagePurpose};

use super::{Broken, Case};
use crate::AT;
use crate::apple::{Authority, AuthorityPlan, map};

pub fn unknown(critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
    extension.set_criticality(critical);
    extension
}

/// A map of two members, one of which is left for the caller.
pub fn twice(member: &str, value: Vec<u8>) -> Vec<u8> {
    map(&[(member, value.clone()), (member, value)])
}

pub const CERTIFICATES: [Broken; 27] = [
    ("another root", 1, "not signed by a trusted root", |c| {
        c.plan.seed = 2;
    }),
    ("Apple's root", 1, "not signed by a trusted root", |c| {
        c.anchor = Some(TrustAnchor::apple());
    }),
    ("an expired leaf", 1, "the leaf has expired", |c| {
        c.at = c.attestation.valid.end + 1;
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
        x5c(c, |chain| chain.to_vec());
    }),
    ("the leaf alone", 0, "x5c is not two certificates", |c| {
        x5c(c, |[leaf, _, _]| vec![leaf]);
    }),
    ("no certificates", 0, "x5c is not two certificates", |c| {
        x5c(c, |_| Vec::new());
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
        c.attestation.leaf_extensions = vec![unknown(false), unknown(false)];
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
