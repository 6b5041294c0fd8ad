//! Faults of the database, at every call and inside every batch: the answer is 503, no change is
//! half-written, and a retry succeeds.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Call, Fault, FaultMode, Pair, TestApp, case, other_person};

/// The messages of D1 for transient faults.
const MESSAGES: [&str; 4] = [
    "D1_ERROR: Network connection lost.",
    "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
    "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
    "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
];

/// A use case: its preparation, its call, and the statuses other than 200 that a retry after a lost
/// answer may get.
#[derive(Clone, Copy, Debug)]
enum UseCase {
    CreateUser,
    CreateSession,
    CreateTokens,
    ValidateSession,
    ExtendSession,
    ByEmail,
    Refresh,
    RefuseReuse,
    LogOut,
    LogOutAccess,
    Me,
    Update,
    List,
    Revoke,
    RevokeAll,
    Delete,
}

use UseCase::{
    ByEmail, CreateSession, CreateTokens, CreateUser, Delete, ExtendSession, List, LogOut,
    LogOutAccess, Me, Refresh, RefuseReuse, Revoke, RevokeAll, Update, ValidateSession,
};

const ALL: [UseCase; 16] = [
    CreateUser,
    CreateSession,
    CreateTokens,
    ValidateSession,
    ExtendSession,
    ByEmail,
    Refresh,
    RefuseReuse,
    LogOut,
    LogOutAccess,
    Me,
    Update,
    List,
    Revoke,
    RevokeAll,
    Delete,
];

impl UseCase {
    fn writes(self) -> bool {
        !matches!(self, ValidateSession | ByEmail | Me | List)
    }

    /// The status of the call without a fault.
    fn succeeds_with(self) -> u16 {
        if matches!(self, RefuseReuse) {
            401
        } else {
            200
        }
    }

    /// The status of the retry if the first call took effect and its answer was lost.
    fn repeats_with(self) -> u16 {
        // The account is deleted, and the credential with it.
        if matches!(self, Delete) {
            401
        } else {
            self.succeeds_with()
        }
    }
}

/// Creates everything that a use case may need.
struct World {
    person: crate::harness::Person,
    body: Value,
    session: String,
    pair: Pair,
    other: Pair,
}

async fn world(app: &TestApp, use_case: UseCase) -> World {
    let person = app.person().await;
    let mut world = World {
        session: app.session(&person).await,
        pair: app.pair(&person).await,
        other: app.pair(&person).await,
        body: other_person(),
        person,
    };
    if matches!(use_case, ExtendSession) {
        let old = "UPDATE sessions SET token_expires_at = token_expires_at - 1728000000 \
             WHERE user_id = ?1 AND token_hash IS NOT NULL";
        app.sql(old, &[json!(world.person.id)]).await;
    }
    if matches!(use_case, RefuseReuse) {
        let second = Pair::read(&app.refresh(&world.pair.refresh).await.ok());
        app.refresh(&second.refresh).await.ok();
    }
    if matches!(use_case, CreateTokens) {
        // The largest batch links a new identity to an existing account and creates a session.
        world.body = json!({
            "email": world.person.email,
            "provider": "apple",
            "provider_id": world.person.id,
            "platform": "ios",
        });
    }
    world
}

fn call<'a>(app: &'a TestApp, use_case: UseCase, world: &World) -> Call<'a> {
    let World {
        person,
        body,
        session,
        pair,
        other,
    } = world;
    match use_case {
        CreateUser => app.internal("/api/internal/users", body),
        CreateSession => app.internal(
            "/api/internal/sessions",
            &json!({"user_id": person.id, "platform": "web"}),
        ),
        CreateTokens => app.internal("/api/internal/tokens", body),
        ValidateSession | ExtendSession => app.get("/api/auth/sessions/validate").cookie(session),
        ByEmail => app.internal(
            "/api/internal/users/by-email",
            &json!({"email": person.email}),
        ),
        Refresh | RefuseReuse => app.post(
            "/api/auth/tokens/refresh",
            &json!({"refresh_token": pair.refresh}),
        ),
        LogOut => app
            .request(Method::POST, "/api/auth/sessions/logout")
            .cookie(session),
        LogOutAccess => app
            .request(Method::POST, "/api/auth/sessions/logout")
            .bearer(&pair.access),
        Me => app.get("/api/users/me").bearer(&pair.access),
        Update => app
            .request(Method::PUT, "/api/users/me")
            .json(&json!({"name": "Other"}))
            .bearer(session),
        List => app.get("/api/users/me/tokens").bearer(session),
        Revoke => app
            .delete(&format!("/api/auth/tokens/{}/revoke", other.id))
            .bearer(&pair.access),
        RevokeAll => app
            .delete(&format!("/api/auth/users/{}/tokens/revoke", person.id))
            .bearer(session),
        Delete => app.delete("/api/users/me").bearer(session),
    }
}

fn is_503(answer: &Answer) {
    assert_eq!(answer.problem(503), "service_unavailable");
    assert!(
        answer
            .header("retry-after")
            .is_some_and(|seconds| seconds.parse::<u32>().is_ok()),
        "Retry-After"
    );
    assert!(
        !answer.text().contains("D1"),
        "the answer reveals no reason: {}",
        answer.text()
    );
}

#[tokio::test]
async fn every_use_case_survives_a_fault_at_every_call_and_statement() {
    case(async |app| {
        for use_case in ALL {
            // The calls of the use case to the database without a fault, and the most statements of
            // a call.
            let ready = world(app, use_case).await;
            let (answer, cost) = app.cost(call(app, use_case, &ready)).await;
            assert_eq!(
                answer.status(),
                use_case.succeeds_with(),
                "{use_case:?}: {}",
                answer.text()
            );
            assert!((1..=2).contains(&cost.batches), "{use_case:?}: {cost:?}");
            let mut injected = 0;
            for at in 0..cost.batches {
                let modes = [FaultMode::Before, FaultMode::After]
                    .into_iter()
                    .chain((0..=cost.statements).map(FaultMode::Within));
                for (index, mode) in modes.enumerate() {
                    let world = world(app, use_case).await;
                    let before = app.dump().await;
                    app.fail(&[Fault {
                        at,
                        mode,
                        message: MESSAGES[index % MESSAGES.len()],
                    }])
                    .await;
                    let answer = call(app, use_case, &world).send().await;
                    app.fail(&[]).await;
                    if matches!(use_case, ExtendSession) && at == 1 {
                        // The session is valid. A failure to record its use must not sign the user
                        // out.
                        assert_eq!(answer.status(), 200, "{}", answer.text());
                    } else {
                        is_503(&answer);
                    }
                    let changed = app.dump().await != before;
                    let last = at + 1 == cost.batches;
                    // Only a lost answer of the last call leaves a change.
                    assert_eq!(
                        changed,
                        mode == FaultMode::After && last && use_case.writes(),
                        "{use_case:?} {at} {mode:?}"
                    );
                    let retried = call(app, use_case, &world).send().await;
                    let expected = if changed {
                        use_case.repeats_with()
                    } else {
                        use_case.succeeds_with()
                    };
                    assert_eq!(
                        retried.status(),
                        expected,
                        "{use_case:?} {at} {mode:?}: {}",
                        retried.text()
                    );
                    injected += 1;
                }
            }
            assert!(injected >= 3, "{use_case:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_replay_revokes_the_whole_session_or_nothing() {
    case(async |app| {
        for mode in [
            FaultMode::Before,
            FaultMode::After,
            FaultMode::Within(1),
            FaultMode::Within(2),
        ] {
            let person = app.person().await;
            let first = app.pair(&person).await;
            let second = Pair::read(&app.refresh(&first.refresh).await.ok());
            let third = Pair::read(&app.refresh(&second.refresh).await.ok());
            app.fail(&[Fault {
                at: 0,
                mode,
                message: MESSAGES[0],
            }])
            .await;
            is_503(&app.refresh(&first.refresh).await);
            app.fail(&[]).await;
            // A revocation needs no second call that could fail. Either the first call revoked
            // everything, or nothing happened.
            let live = app.me(&third.access).await == 200;
            assert_eq!(live, mode != FaultMode::After, "{mode:?}");
            assert_eq!(
                app.events(&person.id)
                    .await
                    .contains(&"refresh_token_reused".to_owned()),
                !live
            );
        }
    })
    .await;
}

#[tokio::test]
async fn repeating_a_lost_refresh_creates_no_fork() {
    case(async |app| {
        let pair = app.pair(&app.person().await).await;
        app.fail(&[Fault {
            at: 0,
            mode: FaultMode::After,
            message: MESSAGES[0],
        }])
        .await;
        is_503(&app.refresh(&pair.refresh).await);
        let second = Pair::read(&app.refresh(&pair.refresh).await.ok());
        let third = Pair::read(&app.refresh(&second.refresh).await.ok());
        assert_eq!((app.me(&third.access).await, third.id), (200, pair.id));
    })
    .await;
}

#[tokio::test]
async fn a_lasting_fault_is_reported_every_time_and_changes_nothing() {
    case(async |app| {
        let pair = app.pair(&app.person().await).await;
        let faults: Vec<Fault> = (0..5)
            .map(|at| Fault {
                at,
                mode: FaultMode::Before,
                message: MESSAGES[2],
            })
            .collect();
        app.fail(&faults).await;
        for _ in 0..5 {
            is_503(&app.refresh(&pair.refresh).await);
        }
        app.refresh(&pair.refresh).await.ok();
        assert!(
            app.logs().await.contains("overloaded"),
            "the reason is in the log"
        );
    })
    .await;
}
