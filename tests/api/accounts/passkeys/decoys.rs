//! Decoys: invented credentials for an address without passkeys.

use std::cell::RefCell;

use hamrah_api::accounts::model::signing_keys::{SigningKey, SigningKeys};
use serde_json::Value;

use super::attacks::decode;
use crate::harness::authenticator::Authenticator;
use crate::harness::{case, case_with};

/// A decoy gets the answers of a genuine credential for as many round trips.
#[tokio::test]
async fn a_decoy_costs_as_many_round_trips_as_a_genuine_credential() {
    case(async |app| {
        let mut owner = Authenticator::new();
        app.sign_up(&mut owner, "owner@example.com").await.ok();
        let token = app.session(&app.person().await).await;
        for number in 0..8 {
            let email = format!("nobody{number}@example.com");
            let asked = app.begin_sign_in(Some(&email)).await;
            let list = asked["options"]["allowCredentials"].as_array();
            for made_up in list.expect("a list") {
                let mut costs = Vec::new();
                for id in [owner.id.clone(), decode(&made_up["id"])] {
                    let mut used = Authenticator {
                        id,
                        ..Authenticator::new()
                    };
                    let begun = app.begin_passkey(&token).await;
                    let answer = used.register(&begun["options"]);
                    let added = app.complete_registration(&begun, &answer).bearer(&token);
                    let begun = app.begin_sign_up("other@example.com").await;
                    let answer = used.register(&begun["options"]);
                    let signed_up = app.complete_registration(&begun, &answer);
                    let begun = app.begin_sign_in(None).await;
                    used.user_handle = owner.user_handle.clone();
                    let signed_in =
                        app.complete_sign_in(&begun, &used.authenticate(&begun["options"]));
                    let mut cost = Vec::new();
                    for call in [added, signed_up, signed_in] {
                        let (answer, each) = app.cost(call).await;
                        cost.push((answer.status(), answer.json()["code"].clone(), each.batches));
                    }
                    costs.push(cost);
                }
                assert_eq!(costs[0], costs[1]);
            }
        }
    })
    .await;
}

/// An observer asks before and after a rotation. Changed decoys would tell an unknown address.
#[tokio::test]
async fn decoys_stay_when_the_signing_key_is_rotated() {
    let other = SigningKeys::single(SigningKey::from_seed(std::array::from_fn(|index| {
        u8::try_from(index * 5 + 3).expect("a byte")
    })));
    let asked = RefCell::new(Vec::new());
    let ask = async |app: &crate::harness::TestApp| {
        let mut lists: Vec<Value> = Vec::new();
        for number in 0..40 {
            let email = format!("unknown{number}@example.com");
            let begun = app.begin_sign_in(Some(&email)).await;
            lists.push(begun["options"]["allowCredentials"].clone());
        }
        asked.borrow_mut().push(lists);
    };
    let kept = ("SECRETS_KEY", "kF3nS8xQ1vZ0bT7yLw2uRc9mHd5pJa6eGiOqXfVtYsE");
    case_with(&[kept], ask).await;
    case_with(&[kept, ("JWT_SIGNING_KEYS", &other.to_json())], ask).await;
    let asked = asked.borrow();
    assert_eq!(asked[0], asked[1]);
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let counts: Vec<usize> = asked[0].iter().map(count).collect();
    assert!(counts.contains(&1) && counts.iter().any(|count| *count > 2));
}
