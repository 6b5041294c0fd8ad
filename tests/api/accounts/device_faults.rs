//! Faults of the database while devices are attested and used: the answer is 503, no change is
//! half-written, and a retry succeeds.

use http::Method;
use serde_json::{Value, json};

use crate::harness::authenticator::{Assertion, Authenticator};
use crate::harness::devices::{BUNDLE, Device, settings, standard};
use crate::harness::{Call, Fault, FaultMode, Pair, TestApp, case_with, other_person};

const MESSAGE: &str = "D1_ERROR: Network connection lost.";
const ME: &str = "/api/users/me";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Challenge,
    Verify,
    VerifyBound,
    Use,
    SignIn,
    User,
    Passkey,
    Revoke,
    List,
}

use Step::{Challenge, List, Passkey, Revoke, SignIn, Use, User, Verify, VerifyBound};

struct World {
    device: Device,
    session: String,
    pair: Pair,
    challenge: Value,
    object: Vec<u8>,
    body: Value,
    begun: Value,
    passkey: Assertion,
    now: i64,
}

async fn world(app: &TestApp) -> World {
    let device = Device::new();
    let mut body = other_person();
    body["platform"] = json!("ios");
    body["client_attestation"] = json!(app.client_attestation(&device).await);
    let made = app
        .internal("/api/internal/tokens", &body)
        .send()
        .await
        .ok();
    let who = json!({"user_id": made["user"]["id"], "platform": "web"});
    let session = app
        .internal("/api/internal/sessions", &who)
        .send()
        .await
        .ok()["session_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    let challenge = app.attestation_challenge(None).await;
    let object = app.attestation(&device, &challenge).await;
    // The person signs in again on the device.
    body["client_attestation"] = json!(app.client_attestation(&device).await);
    let mut authenticator = Authenticator::new();
    app.add_passkey(&mut authenticator, &session).await.ok();
    let begun = app.begin_sign_in(None).await;
    let passkey = authenticator.authenticate(&begun["options"]);
    World {
        device,
        session,
        pair: Pair::read(&made),
        challenge,
        object,
        body,
        begun,
        passkey,
        now: app.now().await,
    }
}

fn call<'a>(app: &'a TestApp, step: Step, world: &mut World) -> Call<'a> {
    let verify = json!({
        "attestation_object": standard(&world.object), "key_id": world.device.key_id(),
        "challenge_id": world.challenge["challenge_id"], "bundle_id": BUNDLE,
    });
    match step {
        Challenge => app.post(
            "/api/app-attestation/challenge",
            &json!({"platform": "ios", "bundle_id": BUNDLE}),
        ),
        Verify => app
            .post("/api/app-attestation/verify", &verify)
            .bearer(&world.session),
        VerifyBound => app.post("/api/app-attestation/verify", &verify),
        Use => app
            .get(ME)
            .bearer(&world.pair.access)
            .headers(&world.device.headers(&Method::GET, ME, world.now)),
        SignIn => app.internal("/api/internal/tokens", &world.body),
        User => app.internal("/api/internal/users", &world.body),
        Passkey => {
            let headers = world.device.headers(
                &Method::POST,
                "/api/webauthn/authenticate/complete",
                world.now,
            );
            app.complete_sign_in(&world.begun, &world.passkey)
                .headers(&headers)
        }
        Revoke => {
            let id = world.device.id();
            app.delete(&format!("/api/app-attestation/keys/{id}"))
                .bearer(&world.session)
        }
        List => app.get("/api/app-attestation/keys").bearer(&world.session),
    }
}

#[tokio::test]
async fn every_device_request_survives_a_fault_at_every_call_and_statement() {
    let settings = settings("require");
    let vars: Vec<(&str, &str)> = settings
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    case_with(&vars, async |app| {
        for step in [
            Challenge,
            Verify,
            VerifyBound,
            Use,
            SignIn,
            User,
            Passkey,
            Revoke,
            List,
        ] {
            let mut ready = world(app).await;
            let (answer, cost) = app.cost(call(app, step, &mut ready)).await;
            // A key with an account does not lose it.
            let succeeds_with = if step == VerifyBound { 409 } else { 200 };
            assert_eq!(
                answer.status(),
                succeeds_with,
                "{step:?}: {}",
                answer.text()
            );
            for at in 0..cost.batches {
                for mode in [
                    FaultMode::Before,
                    FaultMode::After,
                    FaultMode::Within(0),
                    FaultMode::Within(2),
                ] {
                    let mut world = world(app).await;
                    app.fail(&[Fault {
                        at,
                        mode,
                        message: MESSAGE,
                    }])
                    .await;
                    let answer = call(app, step, &mut world).send().await;
                    app.fail(&[]).await;
                    assert_eq!(
                        answer.problem(503),
                        "service_unavailable",
                        "{step:?} {at} {mode:?}"
                    );
                    let retried = call(app, step, &mut world).send().await;
                    if retried.status() == succeeds_with {
                        continue;
                    }
                    // Only a used challenge is missing. Then the client requests a new challenge.
                    if step == Passkey {
                        assert_eq!(
                            retried.problem(401),
                            "passkey_sign_in_failed",
                            "{at} {mode:?}"
                        );
                        continue;
                    }
                    assert!(
                        matches!(step, Verify | VerifyBound | SignIn | User),
                        "{step:?} {at} {mode:?}: {}",
                        retried.text()
                    );
                    assert_eq!(
                        retried.problem(400),
                        "attestation_failed",
                        "{step:?} {at} {mode:?}"
                    );
                    app.attest(&world.device, Some(&world.session)).await.ok();
                }
            }
        }
    })
    .await;
}
