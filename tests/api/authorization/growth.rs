//! Growing access to the service `auth`: every way to gain a permission ends the sessions and
//! tokens of the person, and is closed while another person's password or passkey is in place.

use std::time::Duration;

use serde_json::{Value, json};

use super::administration::{DELETE, GET, POST, PUT};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Answer, Member, PASSWORD, TestApp, case};

const PLANTED: &str = "planted zebra 78";
const OWN: &str = "striped zebra 79";
const ADMINISTER: i64 = 1_000_000_001;
const WRITE_PEOPLE: i64 = 1_000_000_003;
const CHECKER: i64 = 1_000_000_002;

/// A way to gain a permission in `auth`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    BuiltInRole,
    CheckerRole,
    CustomRole,
    PermissionOfHeldRole,
    Permission,
    SmallerPermission,
    RenewedGrant,
    RenewedRole,
    RoleOfServiceAgain,
}

const WAYS: [Way; 9] = [
    Way::BuiltInRole,
    Way::CheckerRole,
    Way::CustomRole,
    Way::PermissionOfHeldRole,
    Way::Permission,
    Way::SmallerPermission,
    Way::RenewedGrant,
    Way::RenewedRole,
    Way::RoleOfServiceAgain,
];

fn role(member: &Member, role: i64) -> (&'static str, Value) {
    let body = json!({"person_id": member.id, "service_id": "auth", "role_id": role});
    ("/person-service-roles", body)
}

fn permission(member: &Member, permission: i64) -> (&'static str, Value) {
    let body = json!({"person_id": member.id, "service_id": "auth", "permission_id": permission});
    ("/person-service-permissions", body)
}

impl Way {
    /// Prepares the way without a gain. Returns the request that is the gain.
    async fn prepare(self, app: &TestApp, root: &Member, member: &Member) -> (&'static str, Value) {
        match self {
            Self::BuiltInRole => role(member, ADMINISTER),
            Self::CheckerRole => role(member, CHECKER),
            Self::Permission => permission(member, ADMINISTER),
            Self::SmallerPermission => permission(member, WRITE_PEOPLE),
            Self::CustomRole | Self::PermissionOfHeldRole => {
                let custom = app.create(root, "roles", &format!("R{}", member.id)).await;
                let to_service = json!({"service_id": "auth", "role_id": custom});
                app.grant(root, "/service-roles", to_service).await;
                let added = json!({"role_id": custom, "permission_id": ADMINISTER});
                let (path, grant) = role(member, custom);
                if self == Self::CustomRole {
                    app.grant(root, "/role-permissions", added).await;
                    (path, grant)
                } else {
                    app.grant(root, path, grant).await;
                    ("/role-permissions", added)
                }
            }
            Self::RenewedGrant => {
                app.sql(
                    "INSERT INTO person_permissions (person_id, service_id, permission_id, \
                     expires_at) VALUES (?1, 1000000001, 1000000001, 1000)",
                    &[json!(member.id)],
                )
                .await;
                permission(member, ADMINISTER)
            }
            // Maintenance has marked the grant as ended.
            Self::RenewedRole => {
                app.sql(
                    "INSERT INTO person_roles (person_id, service_id, role_id, expires_at, \
                     ended) VALUES (?1, 1000000001, 1000000001, 1000, 1)",
                    &[json!(member.id)],
                )
                .await;
                role(member, ADMINISTER)
            }
            Self::RoleOfServiceAgain => {
                let custom = app.create(root, "roles", &format!("R{}", member.id)).await;
                let to_service = json!({"service_id": "auth", "role_id": custom});
                app.grant(root, "/service-roles", to_service.clone()).await;
                for insert in [
                    "INSERT INTO role_permissions (role_id, permission_id) \
                     VALUES (?2, 1000000001) ON CONFLICT DO NOTHING",
                    "INSERT INTO person_roles (person_id, service_id, role_id) \
                     VALUES (?1, 1000000001, ?2)",
                ] {
                    app.sql(insert, &[json!(member.id), json!(custom)]).await;
                }
                app.ask(root, DELETE, "/service-roles", to_service.clone())
                    .await
                    .ok();
                // The role comes back without the people who had it.
                app.grant(root, "/service-roles", to_service).await;
                role(member, custom)
            }
        }
    }
}

async fn sign_in(app: &TestApp, member: &Member, password: &str) -> String {
    let body = json!({"username": member.username, "password": password});
    let signed_in = app.post("/api/auth/password/sign-in", &body).send().await;
    let signed_in = signed_in.ok();
    let token = signed_in["session_token"].as_str();
    token.expect("a token").to_owned()
}

async fn set_own(app: &TestApp, session: &str) -> Answer {
    app.request(PUT, "/api/auth/password")
        .bearer(session)
        .json(&json!({"password": OWN}))
        .send()
        .await
}

async fn set(app: &TestApp, by: &Member, member: &Member, password: &str) {
    let body = json!({"password": password});
    app.ask(by, PUT, &format!("/users/{}", member.id), body)
        .await
        .ok();
}

async fn plant(app: &TestApp, eve: &Member, member: &Member) {
    set(app, eve, member, PLANTED).await;
}

#[tokio::test]
async fn a_gained_permission_ends_the_sessions_and_tokens_of_the_person() {
    case(async |app| {
        for secret in [PLANTED, OWN] {
            app.secret(secret);
        }
        let root = app.administrator().await;
        let other = app.member(&root).await;
        for way in WAYS {
            let member = app.member(&root).await;
            let (path, body) = way.prepare(app, &root, &member).await;
            let session = sign_in(app, &member, PASSWORD).await;
            let profile = async |member: &Member| {
                let call = app.get("/auth/profile").token(&member.token);
                call.send().await.status()
            };
            let before = (profile(&member).await, app.me(&session).await);
            assert_eq!(before, (200, 200), "{way:?}: nothing was gained yet");
            app.grant(&root, path, body.clone()).await;
            let after = (profile(&member).await, app.me(&session).await);
            assert_eq!(after, (401, 401), "{way:?}");
            assert_eq!(profile(&other).await, 200, "{way:?}");
            // A repeated request gains nothing.
            let member = app.again(&member).await;
            app.grant(&root, path, body).await;
            assert_eq!(profile(&member).await, 200, "{way:?}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM auth_access", &[]).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_person_with_a_planted_password_gains_no_permission() {
    case(async |app| {
        for secret in [PLANTED, OWN] {
            app.secret(secret);
        }
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        app.grant_permission(&root, &eve, "auth.people.write").await;
        let eve = app.again(&eve).await;
        for way in WAYS {
            let member = app.member(&root).await;
            plant(app, &eve, &member).await;
            let (path, body) = way.prepare(app, &root, &member).await;
            let refused = app.ask(&root, POST, path, body.clone()).await;
            assert_eq!(refused.refused(409), "credentials_not_own", "{way:?}");
            let held = "SELECT COUNT(*) FROM person_tokens WHERE person_id = ?1";
            assert_eq!(app.count(held, &[json!(member.id)]).await, 0, "{way:?}");

            // The one who set the password can sign in with it and change it.
            let session = sign_in(app, &member, PLANTED).await;
            set_own(app, &session).await.ok();
            let refused = app.ask(&root, POST, path, body.clone()).await;
            assert_eq!(refused.refused(409), "credentials_not_own", "{way:?}");
            set(app, &root, &member, PASSWORD).await;
            app.grant(&root, path, body).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_person_with_a_planted_passkey_gains_no_permission() {
    case(async |app| {
        for secret in [PLANTED, OWN] {
            app.secret(secret);
        }
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        app.grant_permission(&root, &eve, "auth.people.write").await;
        let eve = app.again(&eve).await;
        let member = app.member(&root).await;
        let grant = permission(&member, ADMINISTER);
        let promote = async || app.ask(&root, POST, grant.0, grant.1.clone()).await;

        plant(app, &eve, &member).await;
        let session = sign_in(app, &member, PLANTED).await;
        let mut authenticator = Authenticator::new();
        let added = app.add_passkey(&mut authenticator, &session).await.ok();
        let passkey = added["credential_id"].as_str().expect("an id").to_owned();
        // Neither the owner's new password nor a password of an administrator covers the passkey.
        set_own(app, &session).await.ok();
        assert_eq!(promote().await.refused(409), "credentials_not_own");
        set(app, &root, &member, PASSWORD).await;
        assert_eq!(promote().await.refused(409), "credentials_not_own");

        let session = sign_in(app, &member, PASSWORD).await;
        app.request(DELETE, &format!("/api/webauthn/credentials/{passkey}"))
            .bearer(&session)
            .send()
            .await
            .ok();
        set(app, &root, &member, PASSWORD).await;
        let session = sign_in(app, &member, PASSWORD).await;
        set_own(app, &session).await.ok();
        app.add_passkey(&mut Authenticator::new(), &session)
            .await
            .ok();
        assert_eq!(promote().await.status(), 200);
        assert_eq!(app.passkey_sign_in(&authenticator).await.status(), 401);
    })
    .await;
}

#[tokio::test]
async fn a_person_whom_another_person_created_gets_a_password_before_gaining_permissions() {
    case(async |app| {
        for secret in [PLANTED, OWN] {
            app.secret(secret);
        }
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        app.grant_permission(&root, &eve, "auth.people.write").await;
        let eve = app.again(&eve).await;
        let made = app.member(&eve).await;
        let (path, body) = role(&made, CHECKER);
        let refused = app.ask(&root, POST, path, body.clone()).await;
        assert_eq!(refused.refused(409), "credentials_not_own");
        // Roles in other services do not concern `auth`.
        let service = app.create(&root, "services", "Stock").await;
        let clerk = app.create(&root, "roles", "Clerk").await;
        let to_service = json!({"service_id": service, "role_id": clerk});
        app.grant(&root, "/service-roles", to_service).await;
        let elsewhere = json!({"person_id": made.id, "service_id": service, "role_id": clerk});
        app.grant(&root, "/person-service-roles", elsewhere).await;

        app.age(Duration::from_secs(1)).await;
        set(app, &root, &made, OWN).await;
        app.grant(&root, path, body).await;
        assert_eq!(
            app.actions().await.last().map(String::as_str),
            Some("role_granted")
        );
    })
    .await;
}

#[tokio::test]
async fn the_username_of_an_administrator_who_left_gives_nothing() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let (path, body) = role(&member, ADMINISTER);
        app.grant(&root, path, body).await;
        app.ask(&root, DELETE, &format!("/users/{}", member.id), Value::Null)
            .await
            .ok();
        let made = json!({"username": member.username, "name": "New", "password": PASSWORD});
        let made = app.ask(&root, POST, "/users", made).await.created();
        assert_ne!(made["id"], json!(member.id));
        let renamed = app.member(&root).await;
        app.ask(
            &root,
            DELETE,
            &format!("/users/{}", made["id"]),
            Value::Null,
        )
        .await
        .ok();
        let username = json!({"username": member.username});
        app.ask(&root, PUT, &format!("/users/{}", renamed.id), username)
            .await
            .ok();
        let path = format!("/people/{}/services/auth", member.username);
        let access = app.ask(&root, GET, &path, Value::Null).await.ok();
        assert_eq!(access["permissions"], json!([]));
        let grants = "SELECT COUNT(*) FROM person_roles WHERE role_id = 1000000001";
        assert_eq!(app.count(grants, &[]).await, 1, "that of the administrator");
    })
    .await;
}

async fn rename(app: &TestApp, by: &Member, member: &Member, username: &str) {
    let body = json!({"username": username});
    app.ask(by, PUT, &format!("/users/{}", member.id), body)
        .await
        .ok();
}

#[tokio::test]
async fn people_whose_usernames_another_person_swapped_gain_no_permission() {
    case(async |app| {
        let root = app.administrator().await;
        let eve = app.member(&root).await;
        app.grant_permission(&root, &eve, "auth.people.write").await;
        let eve = app.again(&eve).await;
        // Eve knows the password of the other account.
        let (victim, other) = (app.member(&root).await, app.member(&root).await);
        rename(app, &eve, &victim, "victim.old").await;
        rename(app, &eve, &other, &victim.username).await;
        let by_name = |username: &str| {
            let grant = json!({"person_id": username, "service_id": "auth", "role_id": ADMINISTER});
            app.ask(&root, POST, "/person-service-roles", grant)
        };
        for username in [victim.username.as_str(), "victim.old"] {
            let refused = by_name(username).await;
            assert_eq!(refused.refused(409), "credentials_not_own", "{username}");
        }
        // A password of an administrator clears the note, and so the name is the right one's again.
        rename(app, &root, &other, "other.again").await;
        rename(app, &root, &victim, &victim.username).await;
        let refused = by_name(&victim.username).await;
        assert_eq!(refused.refused(409), "credentials_not_own");
        set(app, &root, &victim, PASSWORD).await;
        assert_eq!(by_name(&victim.username).await.status(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_change_by_another_person_keeps_the_note_of_a_planted_password() {
    case(async |app| {
        app.secret(PLANTED);
        let root = app.administrator().await;
        let (eve, clerk) = (app.member(&root).await, app.member(&root).await);
        for writer in [&eve, &clerk] {
            app.grant_permission(&root, writer, "auth.people.write")
                .await;
        }
        let (eve, clerk) = (app.again(&eve).await, app.again(&clerk).await);
        let member = app.member(&root).await;
        plant(app, &eve, &member).await;
        rename(app, &clerk, &member, "renamed").await;
        // The clerk becomes an administrator, and Eve still knows the password.
        let (path, body) = role(&clerk, ADMINISTER);
        app.grant(&root, path, body).await;
        let (path, body) = role(&member, ADMINISTER);
        let refused = app.ask(&root, POST, path, body.clone()).await;
        assert_eq!(refused.refused(409), "credentials_not_own");
        set(app, &root, &member, PASSWORD).await;
        app.grant(&root, path, body).await;
    })
    .await;
}

#[tokio::test]
async fn a_username_that_an_administrator_gave_lets_the_person_gain_permissions() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        rename(app, &root, &member, "promoted").await;
        let (path, body) = role(&member, ADMINISTER);
        app.grant(&root, path, body).await;
    })
    .await;
}
