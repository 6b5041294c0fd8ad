//! Decoys: invented credentials for an address without passkeys.

use super::attacks::decode;
use crate::harness::authenticator::Authenticator;
use crate::harness::case;

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
