//! Every route of the table with every kind of caller.

use std::time::Duration;

use hamrah_api::app::routes::table;
use hamrah_api::kernel::http::route::{Access, ErrorForm};
use http::Method;
use serde_json::json;

use super::routes::{OTHER, Row, rows};
use crate::harness::{Call, TestApp, case};

fn call<'a>(app: &'a TestApp, row: &Row, path: &str) -> Call<'a> {
    let call = app.request(row.0.clone(), path);
    if row.2.is_null() {
        call
    } else {
        call.json(&row.2)
    }
}

/// A caller and the credentials that it has: a session token and an access token.
struct Caller(&'static str, Option<[String; 2]>);

async fn callers(app: &TestApp) -> Vec<Caller> {
    let credentials = async || {
        let person = app.person().await;
        let pair = app.pair(&person).await;
        (app.session(&person).await, pair, person)
    };
    let (expired_session, expired_pair, expired) = credentials().await;
    app.sql(
        "UPDATE sessions SET token_expires_at = 1, refresh_expires_at = 1, last_used_at = 1 \
         WHERE user_id = ?1",
        &[json!(expired.id)],
    )
    .await;
    let (revoked_session, revoked_pair, _) = credentials().await;
    for token in [&revoked_session, &revoked_pair.access] {
        app.request(Method::POST, "/api/auth/sessions/logout")
            .bearer(token)
            .send()
            .await
            .ok();
    }
    let (deleted_session, deleted_pair, _) = credentials().await;
    app.delete("/api/users/me")
        .bearer(&deleted_session)
        .send()
        .await
        .ok();
    vec![
        Caller("no credential", None),
        Caller("another user", None),
        Caller("expired", Some([expired_session, expired_pair.access])),
        Caller("revoked", Some([revoked_session, revoked_pair.access])),
        Caller("deleted", Some([deleted_session, deleted_pair.access])),
        Caller("owner", None),
    ]
}

#[tokio::test]
async fn every_route_answers_every_caller_with_the_status_in_the_table() {
    case(async |app| {
        let rows = rows();
        let callers = callers(app).await;
        // The routes of the authorization service have a separate table.
        let core: Vec<_> = table()
            .into_iter()
            .filter(|route| route.errors != ErrorForm::Flat)
            .collect();
        for route in &core {
            let row = rows
                .iter()
                .find(|row| row.0 == route.method && row.1 == route.path);
            let row = row.unwrap_or_else(|| {
                panic!("{} {} has no row in this table", route.method, route.path)
            });
            for (index, Caller(name, credentials)) in callers.iter().enumerate() {
                for kind in 0..2 {
                    // A caller that may succeed is created again, because some routes revoke the
                    // credential of the call.
                    let owner = app.person().await;
                    let pair = app.pair(&owner).await;
                    let caller = if index == OTHER {
                        app.person().await
                    } else {
                        owner.clone()
                    };
                    let fresh = [
                        app.session(&caller).await,
                        if index == OTHER {
                            app.pair(&caller).await.access
                        } else {
                            pair.access.clone()
                        },
                    ];
                    let path = route
                        .path
                        .replace("{user_id}", &owner.id)
                        .replace("{token_id}", &pair.id)
                        .replace("{session_id}", &pair.id);
                    let path = if path.contains("{key_id}") {
                        path.replace("{key_id}", &app.known_key(&owner).await)
                    } else {
                        path
                    };
                    let path = if path.contains("{id}") {
                        path.replace("{id}", &app.passkey(&owner).await)
                    } else {
                        path
                    };
                    let mut call = call(app, row, &path);
                    if *name != "no credential" {
                        call = call.bearer(&credentials.as_ref().unwrap_or(&fresh)[kind]);
                    }
                    let mut expected = row.3[index];
                    if route.access == Access::Session && kind == 1 {
                        expected = 401;
                    }
                    let answer = call.send().await;
                    assert_eq!(
                        answer.status(),
                        expected,
                        "{} {} for {name}, kind {kind}: {}",
                        route.method,
                        route.path,
                        answer.text()
                    );
                    if index == OTHER && route.path.contains('{') {
                        assert_eq!(
                            (
                                app.me(&pair.access).await,
                                app.refresh(&pair.refresh).await.status()
                            ),
                            (200, 200),
                            "{}: untouched",
                            route.path
                        );
                    }
                }
            }
        }
        assert_eq!(rows.len(), core.len(), "a row without a route");
    })
    .await;
}

#[tokio::test]
async fn an_old_session_is_refused_where_recent_authentication_is_required() {
    case(async |app| {
        for route in table()
            .iter()
            .filter(|route| route.access == Access::RecentlySignedIn)
        {
            let person = app.person().await;
            let (session, pair) = (app.session(&person).await, app.pair(&person).await);
            app.age(Duration::from_mins(10) + Duration::from_secs(1))
                .await;
            for token in [&session, &pair.access] {
                let answer = app
                    .request(route.method.clone(), route.path)
                    .bearer(token)
                    .send()
                    .await;
                assert_eq!(
                    answer.problem(403),
                    "reauthentication_required",
                    "{}",
                    route.path
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn no_spelling_of_a_path_bypasses_the_middleware() {
    case(async |app| {
        for route in table()
            .iter()
            .filter(|route| route.access != Access::Anyone)
        {
            let path = route
                .path
                .replace("{user_id}", "67e55044-10b1-426f-9247-bb680e5fe0c8")
                .replace("{token_id}", "67e55044-10b1-426f-9247-bb680e5fe0c8");
            let tricks = [
                format!("/{path}"),
                format!("{path}/"),
                format!("{path};x=y"),
                format!("{path}%00"),
                format!("/health/..{path}"),
                format!("/x/%2e%2e{path}"),
                path.replacen("/api", "/API", 1),
                path.replacen("/api/", "/api//", 1),
                path.replacen("/api/", "/api%2f", 1),
                path.replacen("/api/", "/api/./", 1),
                path.replacen("/api/", "/%61pi/", 1),
            ];
            for trick in tricks {
                for method in [
                    route.method.clone(),
                    Method::HEAD,
                    Method::OPTIONS,
                    Method::TRACE,
                ] {
                    let sent = app
                        .request(method.clone(), &trick)
                        .header("x-user-id", "1")
                        .header("x-forwarded-for", "127.0.0.1");
                    let answer = sent
                        .header("x-original-url", "/health")
                        .header("x-http-method-override", "GET")
                        .send()
                        .await;
                    // The CORS middleware answers OPTIONS with an empty body.
                    let harmless = method == Method::OPTIONS && answer.body.is_empty();
                    assert!(
                        harmless || (400..500).contains(&answer.status()),
                        "{method} {trick}: {} {}",
                        answer.status(),
                        answer.text()
                    );
                }
            }
        }
    })
    .await;
}
