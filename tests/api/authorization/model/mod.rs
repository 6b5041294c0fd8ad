//! Random changes and checks, held against a model that knows nothing of tables: a state machine
//! (proptest), run on either target.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use proptest_state_machine::ReferenceStateMachine;
use serde_json::{Value, json};

use crate::harness::{Member, PASSWORD, TestApp, case, on_workerd};

const PEOPLE: usize = 2;
const SERVICES: usize = 2;
const ROLES: usize = 3;
const PERMISSIONS: usize = 3;
/// Until when a grant that ends lasts, and how much time passes at once.
const LASTS: i64 = 1_000;
const PASSES: Duration = Duration::from_secs(1_100);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Service,
    Role,
    Permission,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Role => "roles",
            Self::Permission => "permissions",
        }
    }
}

/// Something that happens. Things are named by their places.
#[derive(Clone, Debug)]
enum Op {
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
enum Lasts {
    Forever,
    AWhile,
    Ended,
}

#[derive(Clone, Debug, Default)]
struct World {
    there: BTreeSet<(u8, usize)>,
    role_permissions: BTreeSet<(usize, usize)>,
    service_roles: BTreeSet<(usize, usize)>,
    person_roles: BTreeMap<(usize, usize, usize), Lasts>,
    person_permissions: BTreeMap<(usize, usize, usize), Lasts>,
}

impl World {
    fn has(&self, kind: Kind, place: usize) -> bool {
        self.there.contains(&(kind as u8, place))
    }

    fn allowed(&self, person: usize, service: usize, permission: usize) -> bool {
        let counts = |lasts: &Lasts| *lasts != Lasts::Ended;
        self.person_permissions
            .get(&(person, service, permission))
            .is_some_and(counts)
            || (0..ROLES).any(|role| {
                self.person_roles
                    .get(&(person, service, role))
                    .is_some_and(counts)
                    && self.role_permissions.contains(&(role, permission))
            })
    }

    fn is_used(&self, kind: Kind, place: usize) -> bool {
        match kind {
            Kind::Role => self.service_roles.iter().any(|(_, role)| *role == place),
            Kind::Permission => {
                self.role_permissions
                    .iter()
                    .any(|(_, permission)| *permission == place)
                    || self
                        .person_permissions
                        .keys()
                        .any(|(_, _, permission)| *permission == place)
            }
            Kind::Service => {
                self.person_roles
                    .keys()
                    .any(|(_, service, _)| *service == place)
                    || self
                        .person_permissions
                        .keys()
                        .any(|(_, service, _)| *service == place)
            }
        }
    }

    fn lose_service_role(&mut self, keep: impl Fn(usize, usize) -> bool) {
        self.service_roles
            .retain(|(service, role)| keep(*service, *role));
        self.person_roles
            .retain(|(_, service, role), _| keep(*service, *role));
    }

    /// Does it, and says which status it gets.
    fn apply(&mut self, op: &Op) -> u16 {
        match *op {
            Op::Create(kind, place) => {
                if self.there.insert((kind as u8, place)) {
                    201
                } else {
                    409
                }
            }
            Op::Delete(kind, place, _) if !self.has(kind, place) => 404,
            Op::Delete(kind, place, false) if self.is_used(kind, place) => 409,
            Op::Delete(kind, place, _) => {
                self.there.remove(&(kind as u8, place));
                match kind {
                    Kind::Role => {
                        self.role_permissions.retain(|(role, _)| *role != place);
                        self.lose_service_role(|_, role| role != place);
                    }
                    Kind::Permission => {
                        self.role_permissions
                            .retain(|(_, permission)| *permission != place);
                        self.person_permissions
                            .retain(|(_, _, permission), _| *permission != place);
                    }
                    Kind::Service => {
                        self.person_permissions
                            .retain(|(_, service, _), _| *service != place);
                        self.lose_service_role(|service, _| service != place);
                    }
                }
                200
            }
            Op::RolePermission(_, role, permission)
                if !self.has(Kind::Role, role) || !self.has(Kind::Permission, permission) =>
            {
                404
            }
            Op::RolePermission(true, role, permission) => {
                self.role_permissions.insert((role, permission));
                200
            }
            Op::RolePermission(false, role, permission) => {
                self.role_permissions.remove(&(role, permission));
                200
            }
            Op::ServiceRole(_, service, role)
                if !self.has(Kind::Service, service) || !self.has(Kind::Role, role) =>
            {
                404
            }
            Op::ServiceRole(true, service, role) => {
                self.service_roles.insert((service, role));
                200
            }
            Op::ServiceRole(false, service, role) => {
                self.lose_service_role(|s, r| (s, r) != (service, role));
                200
            }
            Op::PersonRole(_, _, service, role, _)
                if !self.has(Kind::Service, service) || !self.has(Kind::Role, role) =>
            {
                404
            }
            Op::PersonRole(true, _, service, role, _)
                if !self.service_roles.contains(&(service, role)) =>
            {
                409
            }
            Op::PersonRole(true, person, service, role, ends) => {
                self.person_roles.insert(
                    (person, service, role),
                    if ends { Lasts::AWhile } else { Lasts::Forever },
                );
                200
            }
            Op::PersonRole(false, person, service, role, _) => {
                self.person_roles.remove(&(person, service, role));
                200
            }
            Op::PersonPermission(_, _, service, permission, _)
                if !self.has(Kind::Service, service) || !self.has(Kind::Permission, permission) =>
            {
                404
            }
            Op::PersonPermission(true, person, service, permission, ends) => {
                self.person_permissions.insert(
                    (person, service, permission),
                    if ends { Lasts::AWhile } else { Lasts::Forever },
                );
                200
            }
            Op::PersonPermission(false, person, service, permission, _) => {
                self.person_permissions
                    .remove(&(person, service, permission));
                200
            }
            Op::TimePasses => {
                for lasts in self
                    .person_roles
                    .values_mut()
                    .chain(self.person_permissions.values_mut())
                {
                    if *lasts == Lasts::AWhile {
                        *lasts = Lasts::Ended;
                    }
                }
                200
            }
        }
    }
}

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Op;

    /// Everything is there, and nothing is related.
    fn init_state() -> BoxedStrategy<Self> {
        let things = |kind: Kind, count: usize| (0..count).map(move |place| (kind as u8, place));
        let there = things(Kind::Service, SERVICES)
            .chain(things(Kind::Role, ROLES))
            .chain(things(Kind::Permission, PERMISSIONS))
            .collect();
        Just(Self {
            there,
            ..Self::default()
        })
        .boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Op> {
        let kind = || {
            prop_oneof![
                (0..SERVICES).prop_map(|place| (Kind::Service, place)),
                (0..ROLES).prop_map(|place| (Kind::Role, place)),
                (0..PERMISSIONS).prop_map(|place| (Kind::Permission, place)),
            ]
        };
        // More is made than undone, so that something is there to be undone.
        let make = || prop::bool::weighted(0.75);
        prop_oneof![
            2 => kind().prop_map(|(kind, place)| Op::Create(kind, place)),
            2 => (kind(), any::<bool>())
                .prop_map(|((kind, place), force)| Op::Delete(kind, place, force)),
            5 => (make(), 0..ROLES, 0..PERMISSIONS)
                .prop_map(|(make, role, permission)| Op::RolePermission(make, role, permission)),
            5 => (make(), 0..SERVICES, 0..ROLES)
                .prop_map(|(make, service, role)| Op::ServiceRole(make, service, role)),
            8 => (make(), 0..PEOPLE, 0..SERVICES, 0..ROLES, any::<bool>())
                .prop_map(|(make, p, s, r, ends)| Op::PersonRole(make, p, s, r, ends)),
            4 => (make(), 0..PEOPLE, 0..SERVICES, 0..PERMISSIONS, any::<bool>())
                .prop_map(|(make, p, s, m, ends)| Op::PersonPermission(make, p, s, m, ends)),
            1 => Just(Op::TimePasses),
        ]
        .boxed()
    }

    fn apply(mut state: Self, op: &Op) -> Self {
        let _ = World::apply(&mut state, op);
        state
    }
}

/// The API, with the ids that things have in it now or had last.
struct Api<'a> {
    app: &'a TestApp,
    root: Member,
    people: Vec<Member>,
    ids: BTreeMap<(u8, usize), i64>,
}

impl Api<'_> {
    fn id(&self, kind: Kind, place: usize) -> i64 {
        self.ids[&(kind as u8, place)]
    }

    async fn do_it(&mut self, op: &Op) -> u16 {
        let (method, path, body) = match *op {
            Op::Create(kind, place) => (
                Method::POST,
                format!("/{}", kind.path()),
                json!({"name": format!("thing {place}")}),
            ),
            Op::Delete(kind, place, force) => (
                Method::DELETE,
                format!("/{}/{}?force={force}", kind.path(), self.id(kind, place)),
                Value::Null,
            ),
            Op::RolePermission(make, role, permission) => {
                let body = json!({
                    "role_id": self.id(Kind::Role, role),
                    "permission_id": self.id(Kind::Permission, permission),
                });
                (method(make), "/role-permissions".to_owned(), body)
            }
            Op::ServiceRole(make, service, role) => {
                let body = json!({
                    "service_id": self.id(Kind::Service, service),
                    "role_id": self.id(Kind::Role, role),
                });
                (method(make), "/service-roles".to_owned(), body)
            }
            Op::PersonRole(make, person, service, role, ends) => {
                let body = json!({
                    "person_id": self.people[person].id,
                    "service_id": self.id(Kind::Service, service),
                    "role_id": self.id(Kind::Role, role),
                    "expires_at": self.until(ends).await,
                });
                (method(make), "/person-service-roles".to_owned(), body)
            }
            Op::PersonPermission(make, person, service, permission, ends) => {
                let body = json!({
                    "person_id": self.people[person].username,
                    "service_id": self.id(Kind::Service, service),
                    "permission_id": self.id(Kind::Permission, permission),
                    "expires_at": self.until(ends).await,
                });
                (method(make), "/person-service-permissions".to_owned(), body)
            }
            Op::TimePasses => {
                self.app.age(PASSES).await;
                // So long no token lives.
                let answer = self.app.login("root", PASSWORD).await.ok();
                answer["token"]
                    .as_str()
                    .expect("a token")
                    .clone_into(&mut self.root.token);
                return 200;
            }
        };
        let answer = self.app.ask(&self.root, method, &path, body).await;
        if let (Op::Create(kind, place), 201) = (op, answer.status()) {
            self.ids.insert(
                (*kind as u8, *place),
                answer.json()["id"].as_i64().expect("an id"),
            );
        }
        answer.status()
    }

    async fn until(&self, ends: bool) -> Option<i64> {
        if ends {
            Some(self.app.now().await + LASTS)
        } else {
            None
        }
    }

    /// Everything that can be asked agrees with the model.
    async fn agrees(&self, world: &World, after: &Op) {
        let (mut checks, mut expected) = (Vec::new(), Vec::new());
        for person in 0..PEOPLE {
            for service in 0..SERVICES {
                for permission in 0..PERMISSIONS {
                    // By name: what was deleted has none.
                    let (service_name, permission_name) =
                        (format!("thing {service}"), format!("thing {permission}"));
                    checks.push(json!({
                        "subject": self.people[person].id,
                        "service": service_name,
                        "permission": permission_name,
                    }));
                    expected.push(world.allowed(person, service, permission));
                }
            }
        }
        let answer = self
            .app
            .ask(
                &self.root,
                Method::POST,
                "/check/batch",
                json!({"checks": checks}),
            )
            .await
            .ok();
        let got: Vec<bool> = answer["results"]
            .as_array()
            .expect("results")
            .iter()
            .map(|each| each["allowed"] == true)
            .collect();
        assert_eq!(got, expected, "after {after:?}");
        for person in 0..PEOPLE {
            for service in (0..SERVICES).filter(|service| world.has(Kind::Service, *service)) {
                let path = format!(
                    "/people/{}/services/{}",
                    self.people[person].id,
                    self.id(Kind::Service, service)
                );
                let access = self
                    .app
                    .ask(&self.root, Method::GET, &path, Value::Null)
                    .await
                    .ok();
                let mut names: Vec<&str> = access["permissions"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                names.sort_unstable();
                let expected: Vec<String> = (0..PERMISSIONS)
                    .filter(|permission| world.allowed(person, service, *permission))
                    .map(|p| format!("thing {p}"))
                    .collect();
                assert_eq!(names, expected, "after {after:?}");
            }
        }
    }
}

const fn method(make: bool) -> Method {
    if make { Method::POST } else { Method::DELETE }
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
