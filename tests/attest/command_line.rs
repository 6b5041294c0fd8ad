//! `hamrah-api attest inspect` and `inspect-assertion`, as processes.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hamrah_api::kernel::model::time::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::apple::{Assertion, Authority, DeviceKey, cose, nonce_extension};
use crate::{APP, AT};

const CHALLENGE: &[u8] = b"a challenge of twenty-four..";

struct Ran {
    fine: bool,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// Returns the steps that failed.
    fn failed(&self) -> Vec<u64> {
        let json = self.json();
        let steps = json["steps"].as_array().expect("steps");
        steps
            .iter()
            .filter(|step| step["passed"] == false)
            .filter_map(|step| step["step"].as_u64())
            .collect()
    }
}

fn run(command: &str, input: &[u8], arguments: &[&str]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hamrah-api"))
        .args(["attest", command])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary");
    // The process ends without reading if its arguments are wrong.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        fine: output.status.success(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// A valid attestation, and a folder with the trusted root.
struct Given {
    key: DeviceKey,
    object: Vec<u8>,
    root: tempfile::NamedTempFile,
}

impl Given {
    fn new() -> Self {
        let (key, authority) = (DeviceKey::new(7), Authority::new());
        let attestation = key.attestation(
            APP,
            Sha256::digest(CHALLENGE).into(),
            Timestamp::from_millis(AT * 1000),
        );
        let object = authority.attest(&attestation.ios_27("1314", 4));
        let mut root = tempfile::NamedTempFile::new().expect("a file");
        root.write_all(authority.root_pem().as_bytes())
            .expect("written");
        Self { key, object, root }
    }

    fn inspect(&self, input: &[u8], arguments: &[&str]) -> Ran {
        let (root, at) = (
            self.root.path().to_str().expect("a path"),
            Timestamp::from_millis(AT * 1000).to_string(),
        );
        run(
            "inspect",
            input,
            &[
                &[
                    "--team",
                    "UR6RM9YCF7",
                    "--bundle",
                    "app.hamrah.ios",
                    "--root",
                    root,
                    "--at",
                    &at,
                ],
                arguments,
            ]
            .concat(),
        )
    }
}

#[test]
fn an_attestation_is_read_in_every_spelling() {
    let given = Given::new();
    let (challenge, key_id) = (STANDARD.encode(CHALLENGE), STANDARD.encode(given.key.id()));
    let sent = json!({
        "attestation_object": STANDARD.encode(&given.object),
        "challenge": challenge,
        "key_id": key_id,
    })
    .to_string();
    let explicit: &[&str] = &["--challenge", &challenge, "--key-id", &key_id];
    let inputs: [(Vec<u8>, &[&str]); 6] = [
        (given.object.clone(), explicit),
        (STANDARD.encode(&given.object).into_bytes(), explicit),
        (
            (URL_SAFE_NO_PAD.encode(&given.object) + "\n").into_bytes(),
            explicit,
        ),
        (
            json!({"attestation": STANDARD.encode(&given.object)})
                .to_string()
                .into_bytes(),
            explicit,
        ),
        (sent.clone().into_bytes(), &[]),
        (STANDARD.encode(sent).into_bytes(), &[]),
    ];
    for (input, arguments) in inputs {
        let ran = given.inspect(&input, &[arguments, &["--json"]].concat());
        assert!(ran.fine, "{}{}", ran.out, ran.err);
        let json = ran.json();
        assert_eq!(json["passed"], true);
        assert_eq!(json["attestation"]["key_id"], key_id);
        assert_eq!(json["attestation"]["validation_category"], "4 (App Store)");
    }
    let hash = hex(&Sha256::digest(CHALLENGE));
    let text = String::from_utf8(CHALLENGE.to_vec()).expect("UTF-8");
    for (name, value) in [
        ("--challenge", &hex(CHALLENGE)),
        ("--client-data-hash", &hash),
        ("--client-data", &text),
    ] {
        let ran = given.inspect(&given.object, &[name, value, "--key-id", &key_id]);
        assert!(
            ran.fine && ran.out.contains("attestation step  9  passed"),
            "{}{}",
            ran.out,
            ran.err
        );
    }
}

#[test]
fn a_hashed_text_of_the_challenge_is_accepted_as_the_server_accepts_it() {
    let (key, authority) = (DeviceKey::new(7), Authority::new());
    let (text, key_id) = (STANDARD.encode(CHALLENGE), STANDARD.encode(key.id()));
    let at = Timestamp::from_millis(AT * 1000);
    let hash = Sha256::digest(&text).into();
    let object = authority.attest(&key.attestation(APP, hash, at));
    let given = Given::new();
    let ran = given.inspect(&object, &["--challenge", &text, "--key-id", &key_id]);
    assert!(ran.fine, "{}{}", ran.out, ran.err);
    let sent =
        json!({"attestation": STANDARD.encode(&object), "challenge": text, "key_id": key_id});
    let ran = given.inspect(sent.to_string().as_bytes(), &[]);
    assert!(ran.fine, "{}{}", ran.out, ran.err);
    // The arguments count, not the challenge in the JSON.
    let ran = given.inspect(
        sent.to_string().as_bytes(),
        &["--client-data", "another text"],
    );
    assert!(!ran.fine, "{}", ran.out);
}

#[test]
fn a_client_data_hash_of_any_length_is_taken_as_it_is() {
    let (key, authority) = (DeviceKey::new(7), Authority::new());
    let (at, key_id) = (Timestamp::from_millis(AT * 1000), STANDARD.encode(key.id()));
    // Apple's published samples hash nothing.
    let mut attestation = key.attestation(APP, [0; 32], at);
    let nonce = Sha256::digest([attestation.auth_data().as_slice(), CHALLENGE].concat());
    attestation.nonce_extension = Some(nonce_extension(&nonce));
    let given = Given::new();
    let object = authority.attest(&attestation);
    let data = hex(CHALLENGE);
    let explicit = ["--client-data-hash", &data, "--key-id", &key_id];
    let ran = given.inspect(&object, &explicit);
    assert!(ran.fine, "{}{}", ran.out, ran.err);

    let mut assertion = Assertion::new(APP, [0; 32], 1);
    let nonce = Sha256::digest([assertion.auth_data().as_slice(), CHALLENGE].concat());
    assertion.signature = Some(key.sign(&nonce));
    let public_key = hex(&key.point());
    let app = ["--app-id", APP, "--public-key", &public_key];
    let ran = run(
        "inspect-assertion",
        &key.assert(&assertion),
        &[&app[..], &["--client-data-hash", &data]].concat(),
    );
    assert!(ran.fine, "{}{}", ran.out, ran.err);
}

#[test]
fn a_failed_step_is_reported_and_the_others_still_run() {
    let given = Given::new();
    let (challenge, key_id) = (STANDARD.encode(CHALLENGE), STANDARD.encode(given.key.id()));
    let explicit = ["--challenge", &challenge, "--key-id", &key_id];
    let failed = |arguments: &[&str]| {
        let ran = given.inspect(&given.object, &[arguments, &["--json"]].concat());
        assert!(!ran.fine);
        ran.failed()
    };
    assert_eq!(failed(&["--challenge", "00", "--key-id", &key_id]), [4]);
    assert_eq!(
        failed(&["--challenge", &challenge, "--key-id", &challenge]),
        [5, 9]
    );
    assert_eq!(
        failed(&[&explicit[..], &["--environment", "development"]].concat()),
        [8]
    );
    let text = given.inspect(&given.object, &["--challenge", "00", "--key-id", &key_id]);
    assert!(
        text.out.contains("attestation step  4  FAILED") && text.out.contains("for another nonce"),
        "{}",
        text.out
    );
    // The command expects Apple's root, another application or another time.
    let at = ["--at", "2020-01-01T00:00:00Z", "--json"];
    let ran = run(
        "inspect",
        &given.object,
        &[
            &explicit[..],
            &["--app-id", "UR6RM9YCF7.app.hamrah.other"],
            &at,
        ]
        .concat(),
    );
    assert!(!ran.fine);
    assert_eq!(ran.failed(), [1, 1, 1, 6]);
}

#[test]
fn an_assertion_is_checked_against_a_key_in_every_spelling() {
    let key = DeviceKey::new(7);
    let data = "POST:https://api.hamrah.app/api/users/me:1790000000";
    let assertion = STANDARD
        .encode(key.assert(&Assertion::new(APP, Sha256::digest(data).into(), 3).ios_27("1314", 4)));
    let spki = format!(
        "3059301306072a8648ce3d020106082a8648ce3d030107034200{}",
        hex(&key.point())
    );
    let signed: [[&str; 2]; 3] = [
        ["--client-data", data],
        ["--challenge", &STANDARD.encode(data)],
        ["--client-data-hash", &hex(&Sha256::digest(data))],
    ];
    for public_key in [
        hex(&key.point()),
        STANDARD.encode(key.point()),
        hex(&cose(&key.point())),
        spki,
    ] {
        for signed in signed {
            let arguments = [
                &signed[..],
                &[
                    "--app-id",
                    APP,
                    "--public-key",
                    &public_key,
                    "--previous-counter",
                    "2",
                ],
            ]
            .concat();
            let ran = run("inspect-assertion", assertion.as_bytes(), &arguments);
            assert!(
                ran.fine && ran.out.contains("assertion step  5  passed"),
                "{}{}",
                ran.out,
                ran.err
            );
        }
    }
    let key = hex(&key.point());
    let failed = |arguments: &[&str]| {
        let common = ["--app-id", APP, "--public-key", &key, "--json"];
        let ran = run(
            "inspect-assertion",
            assertion.as_bytes(),
            &[&common, arguments].concat(),
        );
        assert!(!ran.fine);
        ran.failed()
    };
    assert_eq!(
        failed(&["--client-data", data, "--previous-counter", "3"]),
        [5]
    );
    assert_eq!(
        failed(&["--client-data", "GET:https://api.hamrah.app/:1"]),
        [3]
    );
}

#[test]
fn unreadable_input_is_reported() {
    let given = Given::new();
    let key_id = STANDARD.encode(given.key.id());
    let all = ["--challenge", "00", "--key-id", &key_id];
    for (input, arguments) in [
        (&b""[..], &all[..]),
        (b"{}", &all),
        (b"{", &all),
        (b"not base64!", &all),
        (b"oA==", &["--challenge", "00"]),
        (b"oA==", &["--key-id", &key_id]),
        (b"oA==", &["--challenge", "00", "--key-id", "?"]),
        (b"oA==", &["--client-data-hash", "?", "--key-id", &key_id]),
    ] {
        let ran = given.inspect(input, arguments);
        assert!(
            !ran.fine && !ran.err.is_empty() && ran.out.is_empty(),
            "{}",
            ran.out
        );
    }
    // CBOR without an attestation fails a step.
    assert!(
        given
            .inspect(b"oA==", &all)
            .out
            .contains("attestation step  0  FAILED")
    );
    assert!(!run("inspect", b"oA==", &all).fine, "no application");
    let ran = run(
        "inspect",
        b"oA==",
        &[
            "--app-id",
            APP,
            "--root",
            "/none",
            "--challenge",
            "00",
            "--key-id",
            &key_id,
        ],
    );
    assert!(ran.err.contains("/none"), "{}", ran.err);
}
