//! Demo data: fifteen people in five services, as a policy document.

use std::error::Error;

use crate::authorization::model::policy_document::{
    GrantEntry, PersonEntry, PolicyDocument, RoleEntry, ServiceEntry,
};

/// Services with their description and roles.
const SERVICES: [(&str, Option<&str>, &[&str]); 5] = [
    (
        "Service A",
        Some("Demo catalog service"),
        &["Admin", "User"],
    ),
    ("Service B", Some("Internal billing service"), &["User"]),
    ("Service C", Some("Customer support portal"), &["Editor"]),
    ("UI Store", None, &["Viewer", "Admin", "User", "Editor"]),
    ("ui-store", Some("Frontend store surface"), &["Viewer"]),
];
const PERMISSIONS: [&str; 5] = ["read", "write", "update", "delete", "share"];
const ROLES: [(&str, &[&str]); 4] = [
    ("Admin", &["read", "write", "update", "delete"]),
    ("User", &["read", "write", "update", "delete"]),
    ("Editor", &["read", "update"]),
    ("Viewer", &["read"]),
];
/// Services with the person's role in each.
type Roles = &'static [(&'static str, &'static str)];

/// Usernames and names of people with their roles in services.
const PEOPLE: [(&str, &str, Roles); 15] = [
    ("adm1", "Admin One", &[("Service A", "Admin")]),
    ("usr1", "User One", &[("Service A", "User")]),
    ("usr2", "User Two", &[("Service B", "User")]),
    ("usr3", "User Three", &[("Service C", "Editor")]),
    (
        "editor1",
        "Editor One",
        &[("Service A", "Admin"), ("Service C", "Editor")],
    ),
    ("viewer1", "Viewer One", &[("ui-store", "Viewer")]),
    ("juan", "Juan Demo", &[("UI Store", "Viewer")]),
    ("adm2", "Admin Two", &[("UI Store", "Admin")]),
    ("adm3", "Admin Three", &[("UI Store", "Admin")]),
    ("usr4", "User Four", &[("UI Store", "User")]),
    ("usr5", "User Five", &[("UI Store", "User")]),
    ("editor2", "Editor Two", &[("UI Store", "Editor")]),
    ("editor3", "Editor Three", &[("UI Store", "Editor")]),
    ("viewer2", "Viewer Two", &[("UI Store", "Viewer")]),
    ("viewer3", "Viewer Three", &[("UI Store", "Viewer")]),
];
/// The bcrypt cost of a demo password, as low as old services used.
const COST: u32 = 8;

/// Returns the document. Each password is the username followed by `-hash`, hashed by bcrypt.
pub(super) fn document() -> Result<PolicyDocument, Box<dyn Error>> {
    let owned = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let mut document = PolicyDocument {
        permissions: owned(&PERMISSIONS),
        roles: ROLES
            .map(|(name, permissions)| RoleEntry {
                name: name.to_owned(),
                permissions: owned(permissions),
            })
            .into(),
        services: SERVICES
            .map(|(name, description, roles)| ServiceEntry {
                name: name.to_owned(),
                description: description.map(str::to_owned),
                roles: owned(roles),
            })
            .into(),
        ..PolicyDocument::default()
    };
    for (number, (username, name, grants)) in (1..).zip(PEOPLE) {
        let mut salt = [0; 16];
        crate::kernel::domain::Entropy::fill(
            &crate::platform::native::ports::SystemEntropy,
            &mut salt,
        )?;
        let hash = bcrypt::hash_with_salt(format!("{username}-hash"), COST, salt)
            .map_err(|error| error.to_string())?;
        document.people.push(PersonEntry {
            username: username.to_owned(),
            name: name.to_owned(),
            email: None,
            person_type: Some("N".to_owned()),
            document_type: Some("DNI".to_owned()),
            document_number: Some(format!("{number:08}")),
            password_hash: Some(hash.to_string()),
            credentials_by: None,
        });
        document
            .grants
            .extend(grants.iter().map(|(service, role)| GrantEntry {
                person: username.to_owned(),
                service: (*service).to_owned(),
                role: Some((*role).to_owned()),
                permission: None,
                expires_at: None,
            }));
    }
    Ok(document)
}
