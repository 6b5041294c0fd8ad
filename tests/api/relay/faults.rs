//! Faults of the database at every statement: nothing is half-written, and a retry ends well.

use http::Method;
use serde_json::json;

use crate::harness::relay::{identity, prekeys, registration};
use crate::harness::{Fault, FaultMode, TestApp, case};

/// Sends `call` with a fault at each of its batches, before it, after it and within it. Then sends it
/// without one, which must end with 200 or with `repeated`.
async fn every_fault(
    app: &TestApp,
    batches: usize,
    repeated: u16,
    call: impl AsyncFn() -> crate::harness::Answer,
) {
    let modes = [
        FaultMode::Before,
        FaultMode::Within(1),
        FaultMode::Within(3),
        FaultMode::After,
    ];
    for at in 0..batches {
        for mode in modes {
            app.fail(&[Fault {
                at,
                mode,
                message: "the disk is gone",
            }])
            .await;
            let answer = call().await;
            app.fail(&[]).await;
            let status = answer.status();
            assert!(
                [200, 503].contains(&status) || status == repeated,
                "batch {at}, {mode:?}: {}",
                answer.text()
            );
        }
    }
    let answer = call().await;
    assert!(
        answer.status() == 200 || answer.status() == repeated,
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn a_fault_during_a_registration_leaves_no_half_of_an_account() {
    case(async |app| {
        let body = registration("ada", &prekeys(2));
        every_fault(app, 1, 409, async || {
            app.post("/api/v1/auth/register", &body).send().await
        })
        .await;
        for table in [
            "users",
            "people",
            "passwords",
            "relay_keys",
            "relay_prekeys",
        ] {
            let count = app
                .count(&format!("SELECT COUNT(*) FROM {table}"), &[])
                .await;
            assert_eq!(count, 1, "{table}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_fault_during_an_upload_stores_all_prekeys_or_none() {
    case(async |app| {
        let ada = app.relay_member().await;
        let body = json!({"prekeys": prekeys(5)});
        every_fault(app, 2, 409, async || {
            app.post("/api/v1/keys/prekeys", &body)
                .bearer(&ada.access)
                .send()
                .await
        })
        .await;
        let state = app
            .sql(
                "SELECT length(p.stock) / 43 AS keys, length(h.hashes) / 22 AS hashes
                   FROM relay_prekeys AS p JOIN relay_prekey_history AS h ON h.user_id = p.user_id",
                &[],
            )
            .await;
        assert_eq!(
            (&state[0]["keys"], &state[0]["hashes"]),
            (&json!(5), &json!(5))
        );
    })
    .await;
}

/// The answer that a fault lost is repeated by the `Idempotency-Key`.
#[tokio::test]
async fn a_lost_answer_loses_no_prekey() {
    case(async |app| {
        let (ada, bob) = (app.relay_member_with(5).await, app.relay_member().await);
        every_fault(app, 2, 200, async || {
            app.get(&format!("/api/v1/users/{}/keys", ada.id))
                .header("idempotency-key", "one")
                .bearer(&bob.access)
                .send()
                .await
        })
        .await;
        let left = app
            .count("SELECT length(stock) / 43 FROM relay_prekeys", &[])
            .await;
        assert_eq!(left, 4);
    })
    .await;
}

#[tokio::test]
async fn a_fault_during_a_change_of_identity_changes_all_or_nothing() {
    case(async |app| {
        let ada = app.relay_member_with(2).await;
        let body = identity(8, 9);
        every_fault(app, 2, 200, async || {
            app.request(Method::PUT, "/api/v1/keys/identity")
                .json(&body)
                .bearer(&ada.access)
                .send()
                .await
        })
        .await;
        let stock = app.count("SELECT COUNT(*) FROM relay_prekeys", &[]).await;
        assert_eq!(stock, 0);
        let events = app.events(&ada.id).await;
        let changes = events.iter().filter(|kind| *kind == "identity_key_changed");
        assert_eq!(changes.count(), 1);
    })
    .await;
}
