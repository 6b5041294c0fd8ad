//! Broken ceremonies: each is refused for its own reason, which only the log shows, and all get the
//! same answer.

mod assertions;
mod registrations;

use std::collections::BTreeMap;

use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};

use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, TestApp};

/// The settings of a relying party with a domain, so that other origins can imitate it.
pub(super) const SETTINGS: [(&str, &str); 2] = [
    ("RP_ID", "hamrah.app"),
    (
        "ALLOWED_ORIGINS",
        "https://hamrah.app,https://api.hamrah.app",
    ),
];

pub(super) fn authenticator() -> Authenticator {
    Authenticator {
        origin: "https://hamrah.app".to_owned(),
        ..Authenticator::new()
    }
}

/// The name of a change to the client data, the reason for the refusal, and the change.
type ClientData = (&'static str, &'static str, fn(&mut Value));

pub const CLIENT_DATA: [ClientData; 17] = [
    ("a subdomain", "a foreign origin", |data| {
        data["origin"] = json!("https://evil.hamrah.app");
    }),
    (
        "a look-alike with our name in front",
        "a foreign origin",
        |data| data["origin"] = json!("https://hamrah.app.evil.example"),
    ),
    (
        "a look-alike with our name at its end",
        "a foreign origin",
        |data| data["origin"] = json!("https://evilhamrah.app"),
    ),
    ("another port", "a foreign origin", |data| {
        data["origin"] = json!("https://hamrah.app:8443");
    }),
    ("no TLS", "a foreign origin", |data| {
        data["origin"] = json!("http://hamrah.app");
    }),
    ("a trailing slash", "a foreign origin", |data| {
        data["origin"] = json!("https://hamrah.app/");
    }),
    ("upper case", "a foreign origin", |data| {
        data["origin"] = json!("https://HAMRAH.app");
    }),
    ("an opaque origin", "a foreign origin", |data| {
        data["origin"] = json!("null");
    }),
    ("a page in a frame", "a page in a foreign frame", |data| {
        data["crossOrigin"] = json!(true);
    }),
    ("a page around it", "a page in a foreign frame", |data| {
        data["topOrigin"] = json!("https://hamrah.app");
    }),
    ("another challenge", "another challenge", |data| {
        data["challenge"] = json!("A".repeat(64));
    }),
    ("a padded challenge", "another challenge", |data| {
        data["challenge"] = json!(format!("{}==", data["challenge"].as_str().expect("a text")));
    }),
    ("no challenge", "not JSON with type", |data| {
        drop(data.as_object_mut().expect("an object").remove("challenge"));
    }),
    ("a challenge that is a list", "not JSON with type", |data| {
        data["challenge"] = json!([]);
    }),
    ("crossOrigin as a text", "not JSON with type", |data| {
        data["crossOrigin"] = json!("false");
    }),
    ("a list", "no JSON object", |data| {
        *data = json!([data["type"], data["challenge"], data["origin"]]);
    }),
    ("another type", "the type is of another ceremony", |data| {
        data["type"] = json!("payment.get");
    }),
];

pub(super) fn cbor_value(members: &[(&str, Cbor)]) -> Cbor {
    Cbor::Map(
        members
            .iter()
            .map(|(name, value)| (Cbor::Text((*name).to_owned()), value.clone()))
            .collect::<BTreeMap<_, _>>(),
    )
}

/// Returns the answer without the members that differ from request to request.
fn outside(answer: &Answer) -> (u16, Value) {
    let mut body = answer.json();
    body.as_object_mut()
        .expect("an object")
        .remove("request_id");
    (answer.status(), body)
}

/// Checks that every request was refused for its reason, and that all answers are equal. Only a
/// passkey with a right signature learns that its counter went back.
pub(super) async fn check(app: &TestApp, refused: &[(&str, &str, Answer)]) {
    let log = app.logs().await;
    let mut wrong = Vec::new();
    for (what, reason, answer) in refused {
        if *reason == "the counter went back" {
            assert_eq!(answer.problem(401), "passkey_counter_went_back", "{what}");
        } else {
            assert_eq!(outside(answer), outside(&refused[0].2), "{what}");
        }
        let id = answer.header("x-request-id").expect("an id");
        let line = log
            .lines()
            .flat_map(|line| line.split("\\n"))
            .find(|line| line.contains(id))
            .unwrap_or_else(|| panic!("{what}: no line"));
        if !line.contains(reason) {
            wrong.push(format!("{what}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "other reasons than expected: {wrong:#?}");
}
