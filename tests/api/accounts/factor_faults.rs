//! Faults of the database while factors are changed and used: the answer is 503, no change is
//! half-written, and a retry succeeds.

use serde_json::{Value, json};

use crate::accounts::factors::{Generator, begun, codes, early_in_a_step, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Call, Fault, FaultMode, TestApp, case};

const MESSAGE: &str = "D1_ERROR: Network connection lost.";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Enrol,
    Confirm,
    Disable,
    MakeCodes,
    RecoverByCode,
    RecoverByTotp,
    ProveByTotp,
    ProveByPasskey,
    Export,
}

use Step::{
    Confirm, Disable, Enrol, Export, MakeCodes, ProveByPasskey, ProveByTotp, RecoverByCode,
    RecoverByTotp,
};

const STEPS: [Step; 9] = [
    Enrol,
    Confirm,
    Disable,
    MakeCodes,
    RecoverByCode,
    RecoverByTotp,
    ProveByTotp,
    ProveByPasskey,
    Export,
];

struct World {
    email: String,
    session: String,
    authenticator: Authenticator,
    generator: Option<Generator>,
    codes: Vec<String>,
}

async fn world(app: &TestApp, step: Step, number: usize) -> World {
    let (mut authenticator, email) = (Authenticator::new(), format!("person-{number}@example.com"));
    let made = app.sign_up(&mut authenticator, &email).await.ok();
    let session = made["session_token"].as_str().expect("a token").to_owned();
    let codes = codes(app, &session).await;
    let generator = match step {
        Enrol => None,
        Confirm => {
            early_in_a_step(app).await;
            Some(Generator::of(
                &app.post("/api/auth/totp/enroll", &json!({}))
                    .bearer(&session)
                    .send()
                    .await
                    .ok(),
            ))
        }
        _ => Some(enrolled(app, &session).await),
    };
    World {
        email,
        session,
        authenticator,
        generator,
        codes,
    }
}

/// Returns the request with the `attempt`-th code.
async fn call<'a>(app: &'a TestApp, step: Step, world: &World, attempt: usize) -> Call<'a> {
    let challenge = match step {
        RecoverByCode | RecoverByTotp => begun(app, &world.email).await,
        ProveByTotp | ProveByPasskey => app
            .post("/api/auth/reauthenticate/begin", &json!({}))
            .bearer(&world.session)
            .send()
            .await
            .ok(),
        _ => Value::Null,
    };
    let code = match &world.generator {
        Some(generator) => {
            generator
                .code(app, i64::try_from(attempt).expect("few"))
                .await
        }
        None => String::new(),
    };
    let bearer = |call: Call<'a>| call.bearer(&world.session);
    match step {
        Enrol => bearer(app.post("/api/auth/totp/enroll", &json!({}))),
        Confirm => bearer(app.post("/api/auth/totp/confirm", &json!({"code": code}))),
        Disable => bearer(app.delete("/api/auth/totp")),
        MakeCodes => bearer(app.post("/api/auth/backup-codes", &json!({}))),
        RecoverByCode => app.post(
            "/api/auth/recovery/complete",
            &json!({"challenge_id": challenge, "code": world.codes[attempt]}),
        ),
        RecoverByTotp => app.post(
            "/api/auth/recovery/complete",
            &json!({"challenge_id": challenge, "code": code}),
        ),
        ProveByTotp => bearer(app.post(
            "/api/auth/reauthenticate/complete",
            &json!({"challenge_id": challenge["challenge_id"], "code": code}),
        )),
        ProveByPasskey => {
            let response = world
                .authenticator
                .authenticate(&challenge["options"])
                .json();
            bearer(app.post(
                "/api/auth/reauthenticate/complete",
                &json!({"challenge_id": challenge["challenge_id"], "response": response}),
            ))
        }
        Export => bearer(app.get("/api/users/me/export")),
    }
}

#[tokio::test]
async fn every_factor_request_survives_a_fault_at_every_call_and_statement() {
    case(async |app| {
        let mut number = 0;
        for step in STEPS {
            number += 1;
            let ready = world(app, step, number).await;
            let (answer, cost) = app.cost(call(app, step, &ready, 0).await).await;
            answer.ok();
            for at in 0..cost.batches {
                for mode in [
                    FaultMode::Before,
                    FaultMode::After,
                    FaultMode::Within(0),
                    FaultMode::Within(2),
                ] {
                    number += 1;
                    let world = world(app, step, number).await;
                    let asked = call(app, step, &world, 0).await;
                    app.fail(&[Fault {
                        at,
                        mode,
                        message: MESSAGE,
                    }])
                    .await;
                    let answer = asked.send().await;
                    app.fail(&[]).await;
                    assert_eq!(
                        answer.problem(503),
                        "service_unavailable",
                        "{step:?} {at} {mode:?}"
                    );
                    if matches!(step, ProveByTotp | ProveByPasskey)
                        && app.me(&world.session).await == 401
                    {
                        // The request took effect and the answer with the new token is lost. The
                        // owner signs in again.
                        assert_eq!(mode, FaultMode::After, "{step:?} {at}");
                        app.passkey_sign_in(&world.authenticator).await.ok();
                        continue;
                    }
                    // The client repeats the request. If the first request took effect, the answer
                    // says so, and the next code is accepted.
                    let again = call(app, step, &world, 0).await.send().await;
                    let lost = mode == FaultMode::After;
                    match again.status() {
                        200 => {}
                        409 => assert!(
                            lost && matches!(step, Confirm | Disable),
                            "{step:?} {at} {mode:?}"
                        ),
                        401 => {
                            assert!(
                                lost && matches!(step, RecoverByCode | RecoverByTotp),
                                "{step:?} {at} {mode:?}"
                            );
                            call(app, step, &world, 1).await.send().await.ok();
                        }
                        other => panic!("{step:?} {at} {mode:?}: {other} {}", again.text()),
                    }
                }
            }
        }
    })
    .await;
}
