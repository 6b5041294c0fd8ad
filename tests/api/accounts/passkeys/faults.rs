//! Faults of the database during a ceremony: the answer is 503, no change is half-written, and a
//! new ceremony succeeds.
//!
//! A challenge is used up before any verification. So if the answer to that statement is lost, the
//! ceremony has failed, and the client begins again.

use http::Method;
use serde_json::{Value, json};

use crate::harness::authenticator::{Authenticator, base64url};
use crate::harness::{Call, Fault, FaultMode, Person, TestApp, case};

const MESSAGE: &str = "D1_ERROR: Network connection lost.";
/// The rows that a ceremony writes: all of them or none.
const TABLES: [&str; 5] = ["users", "sessions", "refresh_tokens", "passkeys", "events"];

async fn counts(app: &TestApp) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(
            app.count(&format!("SELECT COUNT(*) FROM {table}"), &[])
                .await,
        );
    }
    counts
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    BeginSignUp,
    SignUp,
    BeginAdding,
    Add,
    BeginSignIn,
    BeginNamed,
    SignIn,
    List,
    Rename,
    Remove,
    SignIns,
    EndSignIn,
    Events,
}

use Step::{
    Add, BeginAdding, BeginNamed, BeginSignIn, BeginSignUp, EndSignIn, Events, List, Remove,
    Rename, SignIn, SignIns, SignUp,
};

const ALL: [Step; 13] = [
    BeginSignUp,
    SignUp,
    BeginAdding,
    Add,
    BeginSignIn,
    BeginNamed,
    SignIn,
    List,
    Rename,
    Remove,
    SignIns,
    EndSignIn,
    Events,
];

struct World {
    person: Person,
    token: String,
    other: String,
    authenticator: Authenticator,
    begun: Value,
    email: String,
}

async fn world(app: &TestApp, step: Step, number: usize) -> World {
    let person = app.person().await;
    let token = app.session(&person).await;
    let other = app.pair(&person).await.id;
    let mut authenticator = Authenticator::new();
    app.add_passkey(&mut authenticator, &token).await.ok();
    let email = format!("fault{number}{step:?}@example.com");
    let begun = match step {
        SignUp => app.begin_sign_up(&email).await,
        Add => app.begin_passkey(&token).await,
        SignIn => app.begin_sign_in(None).await,
        _ => Value::Null,
    };
    World {
        person,
        token,
        other,
        authenticator,
        begun,
        email,
    }
}

fn call<'a>(app: &'a TestApp, step: Step, world: &mut World) -> Call<'a> {
    let World {
        person,
        token,
        other,
        authenticator,
        begun,
        email,
    } = world;
    let id = base64url(&authenticator.id);
    let begin = |body: Value| app.post("/api/webauthn/register/begin", &body);
    match step {
        BeginSignUp => begin(json!({"email": email, "name": "A"})),
        SignUp => {
            app.complete_registration(begun, &Authenticator::new().register(&begun["options"]))
        }
        BeginAdding => begin(json!({})).bearer(token),
        Add => app
            .complete_registration(begun, &Authenticator::new().register(&begun["options"]))
            .bearer(token),
        BeginSignIn => app.post("/api/webauthn/authenticate/begin", &json!({})),
        BeginNamed => app.post(
            "/api/webauthn/authenticate/begin",
            &json!({"email": person.email}),
        ),
        SignIn => app.complete_sign_in(begun, &authenticator.authenticate(&begun["options"])),
        List => app.get("/api/webauthn/credentials").bearer(token),
        Rename => app
            .request(Method::PATCH, &format!("/api/webauthn/credentials/{id}"))
            .json(&json!({"name": "N"}))
            .bearer(token),
        Remove => app
            .delete(&format!("/api/webauthn/credentials/{id}"))
            .bearer(token),
        SignIns => app.get("/api/users/me/sessions").bearer(token),
        EndSignIn => app
            .delete(&format!("/api/users/me/sessions/{other}"))
            .bearer(token),
        Events => app.get("/api/users/me/events").bearer(token),
    }
}

#[tokio::test]
async fn every_ceremony_survives_a_fault_at_every_call_and_statement() {
    case(async |app| {
        let mut number = 0;
        for step in ALL {
            let mut ready = world(app, step, number).await;
            let (answer, cost) = app.cost(call(app, step, &mut ready)).await;
            answer.ok();
            // Beginning makes two round trips, completing makes three.
            assert!(
                cost.batches
                    <= if matches!(step, SignUp | Add | SignIn) {
                        3
                    } else {
                        2
                    },
                "{step:?}: {cost:?}"
            );
            for at in 0..cost.batches {
                let modes = [FaultMode::Before, FaultMode::After]
                    .into_iter()
                    .chain((0..=cost.statements).map(FaultMode::Within));
                for mode in modes {
                    number += 1;
                    let mut world = world(app, step, number).await;
                    let before = counts(app).await;
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
                    assert!(answer.header("retry-after").is_some());
                    let lost = mode == FaultMode::After && at + 1 == cost.batches;
                    let writes =
                        matches!(step, SignUp | Add | SignIn | Remove | Rename | EndSignIn);
                    assert_eq!(
                        counts(app).await != before,
                        lost && writes,
                        "{step:?} {at} {mode:?}: all or nothing"
                    );
                    let retried = call(app, step, &mut world).send().await;
                    if retried.status() == 200 {
                        continue;
                    }
                    // Only an action that took effect cannot be repeated: a challenge was used up,
                    // or a passkey was removed.
                    let taken = matches!(step, SignUp | SignIn) && at > 0 || step == Add && at > 1;
                    assert!(
                        mode == FaultMode::After || taken,
                        "{step:?} {at} {mode:?}: {}",
                        retried.text()
                    );
                    let expected = match step {
                        Remove => 404,
                        SignIn => 401,
                        _ => 400,
                    };
                    assert_eq!(
                        retried.status(),
                        expected,
                        "{step:?} {at} {mode:?}: {}",
                        retried.text()
                    );
                    match step {
                        SignIn => drop(app.passkey_sign_in(&world.authenticator).await.ok()),
                        Add => drop(
                            app.add_passkey(&mut Authenticator::new(), &world.token)
                                .await
                                .ok(),
                        ),
                        // The account exists, or its address is free.
                        SignUp => {
                            assert_eq!(
                                app.sign_up(&mut Authenticator::new(), &world.email)
                                    .await
                                    .status(),
                                if lost { 409 } else { 200 }
                            );
                        }
                        _ => {}
                    }
                }
            }
        }
    })
    .await;
}
