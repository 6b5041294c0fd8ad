//! Every route of the authorization service with every kind of invalid token. New routes are
//! included automatically.

use std::time::Duration;

use hamrah_api::app::routes::table;
use hamrah_api::kernel::http::route::{Access, ErrorForm};
use http::Method;
use serde_json::json;

use crate::harness::{PASSWORD, case};

#[tokio::test]
async fn every_route_refuses_an_invalid_token() {
    case(async |app| {
        let root = app.administrator().await;
        let person = app.person().await;
        let token = async || {
            app.login("root", PASSWORD).await.ok()["token"]
                .as_str()
                .expect("a token")
                .to_owned()
        };
        let (revoked, expired) = (token().await, token().await);
        app.request(Method::POST, "/auth/logout")
            .token(&revoked)
            .send()
            .await
            .ok();
        let (session, access) = (app.session(&person).await, app.pair(&person).await.access);
        app.age(Duration::from_secs(301)).await;
        let unknown = format!("hmp_{}", "A".repeat(43));
        for route in table().iter().filter(|route| route.access == Access::Token) {
            let path = route
                .path
                .replace("{id}", "1")
                .replace("{person_id}", "1")
                .replace("{service_id}", "1")
                .replace("{role_id}", "1");
            let path = if path == "/explain" {
                "/explain?subject=root&service=auth&permission=x".to_owned()
            } else {
                path
            };
            // A route checks the token before the body. Where it does not, a valid body reveals
            // nothing either.
            let body = json!({
                "name": "x",
                "username": "x",
                "password": PASSWORD,
                "person_id": 1,
                "service_id": 1,
                "role_id": 1,
                "permission_id": 1,
                "subject": 1,
                "service": 1,
                "permission": "x",
                "checks": [],
            });
            let body = if route.path.starts_with("/access/") {
                json!({
                    "subject": {"type": "user", "id": "1"},
                    "action": {"name": "x"},
                    "resource": {"type": "service", "id": "1"},
                })
            } else if route.path == "/check-token" || route.path == "/person-service-permissions" {
                json!({"person_id": 1, "service_id": 1, "permission_id": 1})
            } else {
                body
            };
            let call = || app.request(route.method.clone(), &path).json(&body);
            let name = format!("{} {}", route.method, route.path);
            assert_eq!(
                call().send().await.refused(401),
                "missing_token_header",
                "{name}"
            );
            assert_eq!(
                call().bearer(&root.token).send().await.refused(401),
                "missing_token_header",
                "{name}"
            );
            assert_eq!(
                call().cookie(&session).send().await.refused(401),
                "missing_token_header",
                "{name}"
            );
            for bad in [&revoked, &unknown, &session, &access] {
                assert_eq!(
                    call().token(bad).send().await.refused(401),
                    "invalid_token",
                    "{name}"
                );
            }
            assert_eq!(
                call().token(&expired).send().await.refused(401),
                "expired_token",
                "{name}"
            );
        }
    })
    .await;
}

#[test]
fn every_operation_has_a_unique_name() {
    let document = hamrah_api::app::openapi::document();
    let mut names: Vec<String> = table()
        .iter()
        .filter_map(|route| {
            document["paths"][route.path][route.method.as_str().to_lowercase()]["operationId"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(names.len(), table().len(), "a route is not described");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), table().len());
}

#[test]
fn the_flat_error_form_belongs_to_the_authorization_service() {
    for route in table() {
        let core = route.path.starts_with("/api/")
            || route.path.starts_with("/.well-known/")
            || !route.path[1..].contains('/');
        let core = core && route.access != Access::Token;
        assert_eq!(route.errors == ErrorForm::Flat, !core, "{}", route.path);
    }
    // Routes without a token have their own cases, and this list keeps new ones from being added
    // unnoticed.
    let others = table()
        .into_iter()
        .filter(|route| route.errors == ErrorForm::Flat && route.access != Access::Token);
    let others: Vec<_> = others.map(|route| (route.path, route.access)).collect();
    let (open, service) = (Access::Anyone, Access::Service);
    assert_eq!(
        others,
        [
            ("/auth/login", open),
            ("/auth/bootstrap", open),
            ("/oauth/introspect", service),
            ("/oauth/revoke", service)
        ]
    );
}
