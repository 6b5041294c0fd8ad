//! The processor time of a verification. It is printed and not asserted: see `-- cpu --nocapture`.
//!
//! Each request is refused after one round trip, once with and once without the verification. The
//! difference is the cost of the verification.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::accounts::devices::{required, signed_in};
use crate::harness::devices::{BUNDLE, Device, standard};
use crate::harness::{Call, TestApp};

const REQUESTS: u32 = 200;
const ME: &str = "/api/users/me";

/// Sends the calls one after the other and returns the processor time of each on average.
async fn cost(app: &TestApp, calls: Vec<Call<'_>>, code: &str) -> Duration {
    let before = app.cpu().await;
    for call in calls {
        let answer = call.send().await;
        assert_eq!(answer.problem(answer.status()), code);
    }
    app.cpu().await.saturating_sub(before) / REQUESTS
}

async fn attestations<'a>(app: &'a TestApp, object: &[u8], device: &Device) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    for _ in 0..REQUESTS {
        let challenge: Value = app.attestation_challenge(None).await["challenge_id"].clone();
        let body = json!({
            "attestation_object": standard(object),
            "key_id": device.key_id(),
            "challenge_id": challenge,
            "bundle_id": BUNDLE,
        });
        calls.push(app.post("/api/app-attestation/verify", &body));
    }
    calls
}

#[tokio::test]
async fn the_processor_time_of_app_attest_is_printed() {
    required(async |app| {
        let device = Device::new();
        let (pair, _) = signed_in(app, &device).await;
        let now = app.now().await;
        let assertions = |device: &Device| {
            // A used count is detected only at the end of the verification.
            let headers =
                device.headers_over(&format!("{}:http://localhost{ME}:{now}", Method::GET), 0);
            (0..REQUESTS)
                .map(|_| app.get(ME).bearer(&pair.access).headers(&headers))
                .collect::<Vec<_>>()
        };
        // The first request warms up the API.
        cost(app, assertions(&device), "app_attest_failed").await;
        let with = cost(app, assertions(&device), "app_attest_failed").await;
        let without = cost(app, assertions(&Device::new()), "app_attest_failed").await;
        eprintln!(
            "cpu: an assertion {:?}, of a request of {with:?}",
            with.saturating_sub(without)
        );

        // The attestation is over another challenge. It is verified completely and twice, because a
        // client may hash the challenge in two ways.
        let challenge = app.attestation_challenge(None).await;
        let object = app.attestation(&device, &challenge).await;
        let (whole, broken) = (
            attestations(app, &object, &device).await,
            attestations(app, &object[1..], &device).await,
        );
        let with = cost(app, whole, "attestation_failed").await;
        let without = cost(app, broken, "attestation_failed").await;
        eprintln!(
            "cpu: an attestation {:?}, of a request of {with:?}",
            with.saturating_sub(without) / 2
        );
    })
    .await;
}
