//! Assertions that break one rule each.

use serde_json::json;

use super::{CLIENT_DATA, SETTINGS, authenticator, check};
use crate::harness::authenticator::{Assertion, Authenticator, BE, BS, base64url};
use crate::harness::case_with;

/// The name of a change to an assertion, the reason for the refusal, and the change.
type Asserting = (&'static str, &'static str, fn(&mut Assertion));

const ASSERTING: [Asserting; 22] = [
    ("the other type", "the type is of another ceremony", |a| {
        a.client_data["type"] = json!("webauthn.create");
    }),
    ("client data that is not UTF-8", "not UTF-8", |a| {
        a.client_data_prefix = vec![0xFF];
    }),
    ("another RP", "another relying party", |a| {
        a.rp_id = "evil.example".into();
    }),
    ("UP missing", "the user was not present", |a| {
        a.flags &= !0x01;
    }),
    ("UV missing", "the user was not verified", |a| {
        a.flags &= !0x04;
    }),
    ("BS without BE", "backed up without being eligible", |a| {
        a.flags |= BS;
    }),
    (
        "BE that was not set before",
        "backup eligibility changed",
        |a| {
            a.flags |= BE;
        },
    ),
    (
        "something after the counter",
        "something follows the authenticator data",
        |a| a.tail = vec![0],
    ),
    (
        "extensions that are announced and missing",
        "not CBOR",
        |a| a.flags |= 0x80,
    ),
    ("extensions that are not a map", "cannot be read", |a| {
        a.flags |= 0x80;
        a.tail = vec![0x01];
    }),
    ("deep extensions", "not CBOR", |a| {
        a.flags |= 0x80;
        a.tail = vec![0xA1; 10_000];
    }),
    (
        "a signature by another key",
        "not by this credential's key",
        |a| {
            a.signature = Some(
                Assertion {
                    signer: authenticator(),
                    ..a.clone()
                }
                .signature(),
            );
        },
    ),
    ("an empty signature", "not by this credential's key", |a| {
        a.signature = Some(Vec::new());
    }),
    (
        "a signature of zeros",
        "not by this credential's key",
        |a| a.signature = Some(vec![0; 64]),
    ),
    (
        "a signature with something after it",
        "not by this credential's key",
        |a| a.signature = Some([a.signature(), vec![0]].concat()),
    ),
    (
        "a signature over other client data",
        "not by this credential's key",
        |a| {
            a.signature = Some(a.signature());
            a.client_data["more"] = json!(1);
        },
    ),
    (
        "a signature over another counter",
        "not by this credential's key",
        |a| {
            a.signature = Some(a.signature());
            a.counter += 1;
        },
    ),
    (
        "the user handle of another account",
        "the user handle of another account",
        |a| {
            a.user_handle = Some(base64url("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        },
    ),
    (
        "no user handle",
        "no user handle, and no account was named",
        |a| a.user_handle = None,
    ),
    (
        "an empty user handle",
        "no user handle, and no account was named",
        |a| a.user_handle = Some(String::new()),
    ),
    (
        "a credential that no account has",
        "no account has this credential",
        |a| a.id = vec![3; 32],
    ),
    ("the counter going back", "the counter went back", |a| {
        a.counter = 4;
    }),
];

#[tokio::test]
async fn each_broken_assertion_is_refused_for_its_own_reason() {
    case_with(&SETTINGS, async |app| {
        let mut authenticator = Authenticator {
            counter: 5,
            ..authenticator()
        };
        app.sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        authenticator.counter = 6;
        let mut refused = Vec::new();
        let mut attempt = async |what, reason, change: &dyn Fn(&mut Assertion)| {
            let begun = app.begin_sign_in(None).await;
            let mut answer = authenticator.authenticate(&begun["options"]);
            change(&mut answer);
            let sent = app.complete_sign_in(&begun, &answer).send().await;
            assert_eq!(sent.status(), 401, "{what}: {}", sent.text());
            refused.push((what, reason, sent));
        };
        for (what, reason, change) in ASSERTING {
            attempt(what, reason, &change).await;
        }
        for (what, reason, change) in CLIENT_DATA {
            attempt(what, reason, &|assertion| {
                change(&mut assertion.client_data);
            })
            .await;
        }
        check(app, &refused).await;
        assert_eq!(
            app.count("SELECT COUNT(*) FROM sessions", &[]).await,
            1,
            "no user was signed in"
        );
        assert_eq!(
            app.count("SELECT counter FROM passkeys", &[]).await,
            5,
            "no counter changed"
        );
        app.passkey_sign_in(&authenticator).await.ok();
    })
    .await;
}
