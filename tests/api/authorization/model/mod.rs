//! Random changes and checks, held against a model that knows nothing of tables: a state machine
//! (proptest), run on either target.

mod api;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use self::api::Api;
use self::world::World;
use crate::harness::{case, on_workerd};

pub const PEOPLE: usize = 2;
pub const SERVICES: usize = 2;
pub const ROLES: usize = 3;
pub const PERMISSIONS: usize = 3;

/// Until when a grant that ends lasts, and how much time passes at once.
pub const LASTS: i64 = 1_000;

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

/// Something that happens. Things are named by their places.
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

/// Whether a grant counts still, or has an end, or has ended.
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
    outcome.expect("they agree");
}
