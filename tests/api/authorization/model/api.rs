//! The API, driven by the changes of the model.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Value, json};

use super::world::World;
use super::{Kind, LASTS, Op, PASSES, PEOPLE, PERMISSIONS, SERVICES};
use crate::harness::{Member, PASSWORD, TestApp};

/// The API under test, with the current or last ids of its objects.
pub struct Api<'a> {
    pub app: &'a TestApp,
    pub root: Member,
    pub people: Vec<Member>,
    pub ids: BTreeMap<(u8, usize), i64>,
}

impl Api<'_> {
    pub fn id(&self, kind: Kind, place: usize) -> i64 {
        self.ids[&(kind as u8, place)]
    }

    pub async fn do_it(&mut self, op: &Op) -> u16 {
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
                // No token lives that long.
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

    pub async fn until(&self, ends: bool) -> Option<i64> {
        if ends {
            Some(self.app.now().await + LASTS)
        } else {
            None
        }
    }

    /// Checks that every answer agrees with the model.
    pub async fn agrees(&self, world: &World, after: &Op) {
        let (mut checks, mut expected) = (Vec::new(), Vec::new());
        for person in 0..PEOPLE {
            for service in 0..SERVICES {
                for permission in 0..PERMISSIONS {
                    // The check is by name, because a deleted object has no id.
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
