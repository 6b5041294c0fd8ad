//! The readable content of an attestation or an assertion, as JSON.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::accounts::domain::app_attest::authenticator_data;
use crate::accounts::domain::app_attest::authenticator_data::{Extensions, Header};
use crate::accounts::domain::app_attest::certificate::Certificate;
use crate::accounts::domain::app_attest::object;
use crate::accounts::model::attest::AttestEnvironment;

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

/// Returns the readable content of an attestation, verified or not.
pub(super) fn attestation_json(cbor: &[u8]) -> Value {
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

/// Returns the readable content of an assertion, verified or not.
pub(super) fn assertion_json(cbor: &[u8]) -> Value {
    let data = object::parse_assertion(cbor)
        .and_then(|object| authenticator_data::parse_assertion(object.authenticator_data));
    data.map_or(
        Value::Null,
        |data| json!({"assertion": data_json(&data.header, &data.extensions)}),
    )
}
