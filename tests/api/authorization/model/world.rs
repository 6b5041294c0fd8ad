//! The model: the state that the API should have after every change.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use super::{Kind, Lasts, Op, PEOPLE, PERMISSIONS, ROLES, SERVICES};

#[derive(Clone, Debug, Default)]
pub struct World {
    pub there: BTreeSet<(u8, usize)>,
    pub role_permissions: BTreeSet<(usize, usize)>,
    pub service_roles: BTreeSet<(usize, usize)>,
    pub person_roles: BTreeMap<(usize, usize, usize), Lasts>,
    pub person_permissions: BTreeMap<(usize, usize, usize), Lasts>,
}

impl World {
    pub fn has(&self, kind: Kind, place: usize) -> bool {
        self.there.contains(&(kind as u8, place))
    }

    pub fn allowed(&self, person: usize, service: usize, permission: usize) -> bool {
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

    pub fn is_used(&self, kind: Kind, place: usize) -> bool {
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

    pub fn lose_service_role(&mut self, keep: impl Fn(usize, usize) -> bool) {
        self.service_roles
            .retain(|(service, role)| keep(*service, *role));
        self.person_roles
            .retain(|(_, service, role), _| keep(*service, *role));
    }

    /// Applies the change to the model and returns the expected status.
    pub fn apply(&mut self, op: &Op) -> u16 {
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

    /// Returns a model in which every object exists and no grant does.
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
        // The strategy creates more than it deletes, so that there is something to delete.
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
