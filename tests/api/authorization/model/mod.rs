//! Random changes and checks, compared with a model that knows no tables. It is a state machine of
//! proptest and runs on either target.

mod api;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use self::api::Api;
use self::world::World;
use crate::harness::{case, on_workerd};

pub const PEOPLE: usize = 2;
pub const SERVICES: usize = 2;
pub const ROLES: usize = 3;
pub const PERMISSIONS: usize = 3;

/// The lifetime of a grant with an expiry, in seconds.
pub const LASTS: i64 = 1_000;

/// The time that passes in one step.
pub const PASSES: Duration = Duration::from_secs(1_100);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Service,
    Role,
    Permission,
}

impl Kind {
    pub const fn path(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Role => "roles",
            Self::Permission => "permissions",
        }
    }
}

/// A change. Objects are named by their places in the lists of the model.
#[derive(Clone, Debug)]
pub enum Op {
    Create(Kind, usize),
    Delete(Kind, usize, bool),
    RolePermission(bool, usize, usize),
    ServiceRole(bool, usize, usize),
    PersonRole(bool, usize, usize, usize, bool),
    PersonPermission(bool, usize, usize, usize, bool),
    TimePasses,
}

/// The expiry of a grant: none, in the future, or in the past.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lasts {
    Forever,
    AWhile,
    Ended,
}

#[test]
fn random_changes_agree_with_the_model() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (cases, steps) = if on_workerd() { (6, 25) } else { (40, 40) };
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    });
    let outcome = runner.run(
        &World::sequential_strategy(10..steps),
        |(mut world, ops, _)| {
            runtime.block_on(case(async |app| {
                let root = app.administrator().await;
                let mut api = Api {
                    app,
                    people: vec![app.member(&root).await, app.member(&root).await],
                    root,
                    ids: BTreeMap::new(),
                };
                for (kind, count) in [
                    (Kind::Service, SERVICES),
                    (Kind::Role, ROLES),
                    (Kind::Permission, PERMISSIONS),
                ] {
                    for place in 0..count {
                        assert_eq!(api.do_it(&Op::Create(kind, place)).await, 201);
                    }
                }
                for op in &ops {
                    let (expected, got) = (world.apply(op), api.do_it(op).await);
                    assert_eq!(got, expected, "{op:?} among {ops:?}");
                    api.agrees(&world, op).await;
                }
            }));
            Ok(())
        },
    );
    outcome.expect("the API agrees with the model");
}
