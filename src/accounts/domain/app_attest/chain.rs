//! Step 1 of an attestation: leaf, intermediate, trusted root (RFC 5280 §6.1, for a path of this
//! one shape).

use crate::accounts::domain::app_attest::certificate::Certificate;
use crate::accounts::domain::verification::report::CheckList;
use crate::accounts::model::attest::TrustAnchor;
use crate::kernel::model::time::Timestamp;

const STEP: u8 = 1;

/// Verifies the chain up to an anchor. Returns the leaf if it can be read.
pub(super) fn check(
    steps: &mut CheckList,
    leaf: &[u8],
    intermediate: &[u8],
    anchors: &[TrustAnchor],
    at: Timestamp,
) -> Option<Certificate> {
    let leaf = steps.read(STEP, "the leaf can be read", Certificate::parse(leaf));
    let intermediate = steps.read(
        STEP,
        "the intermediate can be read",
        Certificate::parse(intermediate),
    );
    let (leaf, intermediate) = (leaf?, intermediate?);
    keys(steps, &leaf, &intermediate);
    let names = leaf.names_as_issuer(&intermediate);
    steps.check(
        STEP,
        "the leaf names the intermediate as its issuer",
        names,
        "the leaf names another issuer",
        || Some(leaf.issuer()),
    );
    let signed = leaf.is_signed_by(&intermediate);
    steps.check(
        STEP,
        "the intermediate signed the leaf",
        signed,
        "the leaf is not signed by the intermediate",
        || None,
    );
    let roots = anchors
        .iter()
        .filter_map(|anchor| Certificate::parse(anchor.der()).ok());
    let root = roots
        .filter(|root| intermediate.names_as_issuer(root))
        .find(|root| intermediate.is_signed_by(root));
    let found = || Some(intermediate.issuer());
    steps.check(
        STEP,
        "a trusted root signed the intermediate",
        root.is_some(),
        "the intermediate is not signed by a trusted root",
        found,
    );
    usage(steps, &leaf, &intermediate);
    valid(
        steps,
        "the leaf is valid",
        ["the leaf is not valid yet", "the leaf has expired"],
        &leaf,
        at,
    );
    let reasons = [
        "the intermediate is not valid yet",
        "the intermediate has expired",
    ];
    valid(
        steps,
        "the intermediate is valid",
        reasons,
        &intermediate,
        at,
    );
    if let Some(root) = &root {
        valid(
            steps,
            "the root is valid",
            ["the root is not valid yet", "the root has expired"],
            root,
            at,
        );
    }
    Some(leaf)
}

fn keys(steps: &mut CheckList, leaf: &Certificate, intermediate: &Certificate) {
    let ours = leaf.p256_point().is_some();
    steps.check(
        STEP,
        "the leaf has a key of P-256",
        ours,
        "the leaf has no uncompressed key of P-256",
        || Some(leaf.subject()),
    );
    let theirs = intermediate.has_p384_key();
    let found = || Some(intermediate.subject());
    steps.check(
        STEP,
        "the intermediate has a key of P-384",
        theirs,
        "the intermediate has no key of P-384",
        found,
    );
}

fn usage(steps: &mut CheckList, leaf: &Certificate, intermediate: &Certificate) {
    let authority = intermediate.is_authority() == Some(true);
    steps.check(
        STEP,
        "the intermediate is an authority",
        authority,
        "the intermediate may not issue certificates",
        || None,
    );
    let issues = intermediate
        .key_usage()
        .is_ok_and(|usage| usage.is_some_and(|usage| usage.signs_certificates));
    let demand = "the intermediate's key may sign certificates";
    steps.check(
        STEP,
        demand,
        issues,
        "the intermediate's key usage lacks keyCertSign",
        || None,
    );
    let plain = leaf.is_authority() == Some(false);
    steps.check(
        STEP,
        "the leaf is no authority",
        plain,
        "the leaf may issue certificates",
        || None,
    );
    let signs = leaf
        .key_usage()
        .is_ok_and(|usage| usage.is_none_or(|usage| usage.signs_data));
    steps.check(
        STEP,
        "the leaf's key may sign",
        signs,
        "the leaf's key usage lacks digitalSignature",
        || None,
    );
    let unknown = [leaf, intermediate]
        .into_iter()
        .any(Certificate::has_unknown_critical);
    steps.check(
        STEP,
        "no extension is critical and unknown",
        !unknown,
        "a certificate has an unknown critical extension",
        || None,
    );
}

fn valid(
    steps: &mut CheckList,
    demand: &'static str,
    [early, late]: [&'static str; 2],
    certificate: &Certificate,
    at: Timestamp,
) {
    let (from, until) = certificate.validity();
    let reason = if at < from { early } else { late };
    // A certificate's last second belongs to it.
    let valid = from <= at && at.seconds() <= until.seconds();
    steps.check(STEP, demand, valid, reason, || {
        Some(format!("{at} is not within {from} to {until}"))
    });
}
