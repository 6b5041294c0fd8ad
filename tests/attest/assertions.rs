//! Assertions: valid assertions are accepted, and each broken step is refused for its own reason.

use hamrah_api::accounts::domain::app_attest::assertion::{AssertedUse, ExpectedAssertion, verify};
use hamrah_api::accounts::domain::verification::report::Report;

use crate::apple::{Assertion, DeviceKey, bytes, extensions, map};
use crate::{APP, HASH, OTHER_APP};

struct Case {
    assertion: Assertion,
    edit: fn(Vec<u8>) -> Vec<u8>,
    public_key: Vec<u8>,
    app_id: String,
    client_data_hash: [u8; 32],
    previous_counter: u32,
    categories: Vec<u32>,
}

impl Case {
    fn new() -> Self {
        let key = DeviceKey::new(7);
        Self {
            assertion: Assertion::new(APP, HASH, 50),
            edit: |object| object,
            public_key: key.point(),
            app_id: APP.into(),
            client_data_hash: HASH,
            previous_counter: 49,
            categories: Vec::new(),
        }
    }

    fn verify(&self) -> Report<AssertedUse> {
        self.held_against(&(self.edit)(DeviceKey::new(7).assert(&self.assertion)))
    }

    fn held_against(&self, object: &[u8]) -> Report<AssertedUse> {
        let expected = ExpectedAssertion {
            public_key: &self.public_key,
            app_id: &self.app_id,
            client_data_hash: &self.client_data_hash,
            previous_counter: self.previous_counter,
            categories: &self.categories,
        };
        verify(object, &expected)
    }
}

#[test]
fn valid_assertions_are_accepted() {
    let asserted = Case::new().verify().accepted().expect("accepted");
    assert_eq!(
        asserted,
        AssertedUse {
            counter: 50,
            bundle_version: None,
            validation_category: None
        }
    );
    let mut case = Case::new();
    case.assertion = case.assertion.ios_27("1314", 2);
    let asserted = case.verify().accepted().expect("accepted");
    assert_eq!(
        asserted,
        AssertedUse {
            counter: 50,
            bundle_version: Some("1314".into()),
            validation_category: Some(2)
        }
    );
    // ED clear, and counters far apart.
    case.assertion = Assertion {
        flags: 0x40,
        counter: u32::MAX,
        ..case.assertion
    };
    assert!(case.verify().passed());
    // The first assertion of a key.
    let first = Case {
        assertion: Assertion::new(APP, HASH, 1),
        previous_counter: 0,
        ..Case::new()
    };
    assert!(first.verify().passed());
}

/// Name, step, reason, change.
type Broken = (&'static str, u8, &'static str, fn(&mut Case));

const BROKEN: [Broken; 27] = [
    ("the same counter", 5, "not greater than before", |c| {
        c.previous_counter = 50;
    }),
    ("a lower counter", 5, "not greater than before", |c| {
        c.previous_counter = 51;
    }),
    (
        "a counter that wrapped around",
        5,
        "not greater than before",
        |c| c.previous_counter = u32::MAX,
    ),
    (
        "a counter that never moved",
        5,
        "not greater than before",
        |c| {
            c.assertion.counter = 0;
            c.previous_counter = 0;
        },
    ),
    ("another key", 3, "not by this key", |c| {
        c.public_key = DeviceKey::new(8).point();
    }),
    ("an invalid key", 3, "no point of P-256", |c| {
        c.public_key[64] ^= 1;
    }),
    ("no key", 3, "no point of P-256", |c| c.public_key.clear()),
    ("other client data", 3, "not by this key", |c| {
        c.client_data_hash[31] ^= 1;
    }),
    ("a raw signature", 3, "not DER of ECDSA", |c| {
        let signature =
            p256::ecdsa::Signature::from_der(&DeviceKey::new(7).sign(&c.assertion.nonce()))
                .expect("DER");
        c.assertion.signature = Some(signature.to_bytes().to_vec());
    }),
    ("an empty signature", 3, "not DER of ECDSA", |c| {
        c.assertion.signature = Some(Vec::new());
    }),
    ("a signature of zeros", 3, "not DER of ECDSA", |c| {
        c.assertion.signature = Some(vec![0x30, 6, 2, 1, 0, 2, 1, 0]);
    }),
    ("64 zeros", 3, "not DER of ECDSA", |c| {
        c.assertion.signature = Some(vec![0; 64]);
    }),
    (
        "something after the signature",
        3,
        "not DER of ECDSA",
        |c| {
            c.assertion.signature =
                Some([DeviceKey::new(7).sign(&c.assertion.nonce()), vec![0]].concat());
        },
    ),
    (
        "a signature over the hashes, not over the nonce",
        3,
        "not by this key",
        |c| {
            let message = [c.assertion.auth_data().as_slice(), &HASH].concat();
            c.assertion.signature = Some(DeviceKey::new(7).sign(&message));
        },
    ),
    ("another application", 4, "of another application", |c| {
        c.assertion.app_id = OTHER_APP.into();
    }),
    (
        "a category that is not accepted",
        0,
        "a way that is not accepted",
        |c| {
            c.assertion = c.assertion.clone().ios_27("1314", 5);
            c.categories = vec![2, 4];
        },
    ),
    (
        "ED without a map",
        0,
        "announces extensions and has none",
        |c| c.assertion.flags = 0xC0,
    ),
    ("a zero after the counter", 0, "no CBOR map", |c| {
        c.assertion.tail = vec![0];
    }),
    ("two maps", 0, "something follows the extensions", |c| {
        c.assertion.tail = [extensions("1", 4), extensions("1", 4)].concat();
    }),
    ("no authenticator data", 0, "authData is too short", |c| {
        c.edit = |_| {
            map(&[
                ("signature", bytes(&[0])),
                ("authenticatorData", bytes(&[0; 36])),
            ])
        };
    }),
    ("no signature", 0, "lacks signature", |c| {
        c.edit = |_| map(&[("authenticatorData", bytes(&[0; 37]))]);
    }),
    ("a signature twice", 0, "given twice", |c| {
        c.edit = |_| map(&[("signature", bytes(&[0])), ("signature", bytes(&[0]))]);
    }),
    ("an unknown member", 0, "an unknown member", |c| {
        c.edit = |object| [&[0xA3], &object[1..], b"\x64more\x00"].concat();
    }),
    ("an indefinite length", 0, "an indefinite length", |c| {
        c.edit = |object| [&[0xBF], &object[1..], &[0xFF]].concat();
    }),
    ("all but a byte", 0, "ends too early", |c| {
        c.edit = |object| object[..object.len() - 1].to_vec();
    }),
    ("something after it", 0, "something follows the CBOR", |c| {
        c.edit = |object| [object, vec![0]].concat();
    }),
    ("a megabyte", 0, "too long", |c| {
        c.edit = |object| [object, vec![0; 1 << 20]].concat();
    }),
];

#[test]
fn each_broken_step_is_refused_for_its_own_reason() {
    for (name, step, reason, change) in BROKEN {
        let mut case = Case::new();
        change(&mut case);
        let report = case.verify();
        assert!(!report.passed(), "{name}");
        let refusal = report.accepted().expect_err(name);
        assert!(
            refusal.step == step && refusal.reason.contains(reason),
            "{name}: {refusal}"
        );
    }
}

#[test]
fn a_change_of_any_bit_is_refused() {
    let case = Case::new();
    let object = DeviceKey::new(7).assert(&case.assertion);
    assert!(case.held_against(&object).passed());
    for bit in 0..object.len() * 8 {
        let mut changed = object.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!case.held_against(&changed).passed(), "bit {bit}");
    }
}
