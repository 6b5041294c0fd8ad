//! CORS, and requests that a foreign page makes a browser send.

use http::Method;
use serde_json::json;

use crate::accounts::factors::{begun, codes};
use crate::harness::authenticator::Authenticator;
use crate::harness::{Call, case, case_with};

const OURS: &str = "http://localhost:5173";
const FOREIGN: [&str; 7] = [
    "https://evil.example",
    "null",
    "http://localhost:5173.evil.example",
    "http://localhost",
    "https://localhost:5173",
    "http://evil-localhost:5173",
    "HTTP://LOCALHOST:5173",
];

/// Checks whether a request with a cookie and these two headers may write.
fn may(site: Option<&str>, origin: Option<&str>) -> bool {
    match (site, origin) {
        (Some("same-origin"), _) | (None | Some("none"), None) => true,
        (Some("same-site" | "none") | None, Some(origin)) => origin == OURS,
        _ => false,
    }
}

#[tokio::test]
async fn only_our_own_pages_may_write_with_a_cookie() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        let sites = [
            None,
            Some("same-origin"),
            Some("same-site"),
            Some("cross-site"),
            Some("none"),
            Some("Same-Origin"),
            Some("nonsense"),
            Some(""),
        ];
        let origins: Vec<Option<&str>> = [None, Some(OURS)]
            .into_iter()
            .chain(FOREIGN.map(Some))
            .collect();
        for site in sites {
            for origin in &origins {
                for method in [Method::GET, Method::PUT, Method::POST] {
                    let mut call = match method {
                        Method::GET => app.get("/api/users/me"),
                        Method::PUT => app
                            .request(Method::PUT, "/api/users/me")
                            .json(&json!({"name": "Changed"})),
                        _ => app.post("/api/auth/tokens/refresh", &json!({"refresh_token": "x"})),
                    };
                    for (name, value) in [("sec-fetch-site", site), ("origin", *origin)] {
                        if let Some(value) = value {
                            call = call.header(name, value);
                        }
                    }
                    let answer = call.cookie(&token).send().await;
                    let allowed = if method == Method::POST { 401 } else { 200 };
                    let expected = if method == Method::GET || may(site, *origin) {
                        allowed
                    } else {
                        403
                    };
                    assert_eq!(
                        answer.status(),
                        expected,
                        "{method} {site:?} {origin:?}: {}",
                        answer.text()
                    );
                    if expected == 403 {
                        assert_eq!(answer.problem(403), "cross_site_request");
                    }
                }
            }
        }
        // A browser never adds a Bearer token by itself.
        let bearer = app
            .request(Method::PUT, "/api/users/me")
            .json(&json!({"name": "x"}))
            .bearer(&token);
        bearer
            .header("origin", "https://evil.example")
            .header("sec-fetch-site", "cross-site")
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn a_page_at_another_host_name_reads_why_it_may_not_write() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        for (origin, expected) in [
            (OURS, "localhost and 127.0.0.1 are two."),
            ("https://evil.example", "allowed origin"),
        ] {
            for path in ["/api/users/me", "/api/webauthn/authenticate/complete"] {
                let call = if path == "/api/users/me" {
                    let call = app.request(Method::PUT, path);
                    call.json(&json!({"name": "Changed"})).cookie(&token)
                } else {
                    app.post(path, &json!({})).bearer(&token)
                };
                let call = call.header("origin", origin);
                let answer = call.header("sec-fetch-site", "cross-site").send().await;
                assert_eq!(answer.problem(403), "cross_site_request", "{path}");
                assert!(answer.text().contains(expected), "{}", answer.text());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_configured_origins_may_read() {
    case(async |app| {
        for origin in FOREIGN {
            let answer = app
                .get("/api/users/me")
                .header("origin", origin)
                .send()
                .await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
        for path in ["/api/users/me", "/health", "/nothing-here"] {
            let answer = app.get(path).header("origin", OURS).send().await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                Some(OURS),
                "{path}: errors too"
            );
            assert_eq!(
                answer.header("access-control-allow-credentials"),
                Some("true"),
                "{path}"
            );
            assert!(
                answer
                    .header("vary")
                    .is_some_and(|vary| vary.to_lowercase().contains("origin")),
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn preflights_list_the_allowed_methods_and_headers() {
    case(async |app| {
        let preflight = async |path: &str, origin: &str| {
            let call = app
                .request(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", "PUT");
            call.header(
                "access-control-request-headers",
                "content-type,x-request-id",
            )
            .send()
            .await
        };
        let allowed = preflight("/api/users/me", OURS).await;
        assert_eq!(
            (
                allowed.status(),
                allowed.header("access-control-allow-origin")
            ),
            (200, Some(OURS))
        );
        let listed = |name: &str| allowed.header(name).unwrap_or_default().to_lowercase();
        for method in ["get", "post", "put", "patch", "delete"] {
            assert!(
                listed("access-control-allow-methods")
                    .split(',')
                    .any(|listed| listed == method),
                "{method}"
            );
        }
        for header in [
            "authorization",
            "content-type",
            "accept",
            "x-request-id",
            "x-request-challenge",
            "x-ios-app-attest-key",
            "x-ios-app-attest-assertion",
            "x-ios-app-bundle-id",
            "x-requested-with",
            "x-csrf-token",
            "x-expected-user",
            "x-d1-bookmark",
        ] {
            assert!(
                listed("access-control-allow-headers")
                    .split(',')
                    .any(|listed| listed == header),
                "{header}"
            );
        }
        assert!(
            !listed("access-control-allow-headers").contains('*')
                && !listed("access-control-allow-methods").contains('*')
        );
        for origin in FOREIGN {
            assert_eq!(
                preflight("/api/users/me", origin)
                    .await
                    .header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
        let internal = preflight("/api/internal/users", OURS).await;
        assert_eq!(
            internal.header("access-control-allow-origin"),
            None,
            "internal endpoints have no CORS headers"
        );
    })
    .await;
}

/// A foreign page must not sign a visitor in to an account of its choice (login CSRF).
#[tokio::test]
async fn a_foreign_page_cannot_sign_a_visitor_in() {
    case(async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let mut authenticator = Authenticator::new();
        app.add_passkey(&mut authenticator, &session).await.ok();
        let codes = codes(app, &session).await;
        let before = app.count("SELECT COUNT(*) FROM sessions", &[]).await;
        let (sign_in, sign_up) = (
            app.begin_sign_in(None).await,
            app.begin_sign_up("new@example.com").await,
        );
        let recovery = json!({"challenge_id": begun(app, &person.email).await, "code": codes[0]});
        let calls = || {
            [
                app.complete_sign_in(&sign_in, &authenticator.authenticate(&sign_in["options"])),
                app.complete_registration(
                    &sign_up,
                    &Authenticator::new().register(&sign_up["options"]),
                ),
                app.post("/api/auth/recovery/complete", &recovery),
            ]
        };
        for foreign in [
            ("origin", FOREIGN[0]),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            for bearer in [None, Some(&session)] {
                for call in calls() {
                    let call = call.header(foreign.0, foreign.1);
                    let call = if let Some(token) = bearer {
                        call.bearer(token)
                    } else {
                        call
                    };
                    let answer = call.send().await;
                    assert_eq!(answer.problem(403), "cross_site_request", "{foreign:?}");
                    assert!(answer.header("set-cookie").is_none(), "{foreign:?}");
                }
            }
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM sessions", &[]).await,
            before
        );
        // The credentials were not used up and are still valid.
        for call in calls() {
            call.header("origin", OURS).send().await.ok();
        }
    })
    .await;
}

/// A page can read the reason of a refusal only if the response has CORS headers.
#[tokio::test]
async fn a_page_of_ours_can_read_every_refusal() {
    case(async |app| {
        let refused = async |status: u16, call: Call<'_>| {
            let answer = call.header("origin", OURS).send().await;
            assert_eq!(answer.status(), status, "{}", answer.text());
            assert_eq!(answer.header("access-control-allow-origin"), Some(OURS));
            assert_eq!(
                answer.header("access-control-allow-credentials"),
                Some("true")
            );
        };
        let begin = "/api/webauthn/authenticate/begin";
        let post = || app.request(Method::POST, begin);
        let json = |body: &[u8]| {
            post()
                .header("content-type", "application/json")
                .body(body.to_vec())
        };
        refused(400, json(b"{")).await;
        refused(413, json(&vec![b' '; 70_000])).await;
        refused(
            415,
            post()
                .header("content-type", "text/plain")
                .body(b"x".to_vec()),
        )
        .await;
        refused(401, app.get("/api/users/me")).await;
        refused(401, app.get("/auth/profile")).await;
        refused(404, app.get("/nothing-here")).await;
        refused(405, app.delete(begin)).await;
        refused(
            413,
            app.request(Method::POST, "/nothing-here")
                .body(vec![b' '; 70_000]),
        )
        .await;
        let token = app.session(&app.person().await).await;
        let foreign = app.request(Method::PUT, "/api/users/me").cookie(&token);
        refused(403, foreign.header("sec-fetch-site", "cross-site")).await;
    })
    .await;
}

#[tokio::test]
async fn in_development_every_port_of_the_machine_is_an_origin() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        for origin in ["http://localhost:4321", "http://127.0.0.1:4200"] {
            let renamed = app
                .request(Method::PUT, "/api/users/me")
                .json(&json!({"name": "Changed"}))
                .cookie(&token);
            let answer = renamed.header("origin", origin).send().await;
            assert_eq!(answer.status(), 200, "{origin}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        }
        let mut authenticator = Authenticator::new();
        "http://localhost:4321".clone_into(&mut authenticator.origin);
        app.sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        app.passkey_sign_in(&authenticator).await.ok();
    })
    .await;
}

#[tokio::test]
async fn the_page_of_an_app_calls_without_cookies() {
    let origins = "https://hamrah.app,capacitor://localhost,tauri://localhost";
    case_with(&[("ALLOWED_ORIGINS", origins)], async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        for origin in ["capacitor://localhost", "tauri://localhost"] {
            let read = app.get("/api/users/me").header("origin", origin);
            let answer = read.bearer(&token).send().await;
            assert_eq!(answer.status(), 200, "{origin}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            let write = app
                .request(Method::PUT, "/api/users/me")
                .json(&json!({"name": "Changed"}));
            let answer = write.header("origin", origin).cookie(&token).send().await;
            assert_eq!(answer.problem(403), "cross_site_request");
        }
        for origin in [
            "capacitor://localhost:1",
            "Capacitor://localhost",
            "ionic://localhost",
        ] {
            let answer = app
                .get("/api/users/me")
                .header("origin", origin)
                .send()
                .await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{origin}"
            );
        }
    })
    .await;
}
