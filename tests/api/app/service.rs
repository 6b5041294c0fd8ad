//! The service as a whole: health, keys, reference, headers, and errors of the router.

use serde_json::Value;

use crate::harness::{case, case_with};

#[tokio::test]
async fn health_needs_no_database_and_readiness_does() {
    case(async |app| {
        let health = app.get("/health").send().await.ok();
        assert_eq!(
            (health["status"].as_str(), health["version"].as_str()),
            (Some("ok"), Some(env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(
            health["timestamp"].as_str().map(str::len),
            Some("2026-01-01T00:00:00Z".len())
        );
        assert_eq!(app.get("/ready").send().await.ok()["status"], "ok");
        app.sql("ALTER TABLE users RENAME TO gone", &[]).await;
        let answer = app.get("/ready").send().await;
        app.sql("ALTER TABLE gone RENAME TO users", &[]).await;
        assert_eq!(answer.problem(503), "service_unavailable");
        assert!(answer.header("retry-after").is_some());
    })
    .await;
}

#[tokio::test]
async fn a_missing_table_is_a_server_error_without_details() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        app.sql("ALTER TABLE sessions RENAME TO gone", &[]).await;
        let answer = app.get("/api/users/me").bearer(&token).send().await;
        app.sql("ALTER TABLE gone RENAME TO sessions", &[]).await;
        assert_eq!(answer.problem(500), "internal_error");
        assert!(
            !answer.text().contains("table") && !answer.text().contains("SQL"),
            "{}",
            answer.text()
        );
        assert!(
            app.logs().await.contains("no such table"),
            "the reason is in the log"
        );
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    case(async |app| {
        for path in [
            "/health",
            "/nothing-here",
            "/docs",
            "/api/users/me",
            "/api/internal/users",
            "/.well-known/jwks.json",
        ] {
            let answer = app.get(path).send().await;
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{path}"
            );
            assert_eq!(
                answer.header("referrer-policy"),
                Some("no-referrer"),
                "{path}"
            );
            assert!(
                answer
                    .header("content-security-policy")
                    .is_some_and(|policy| policy.contains("frame-ancestors 'none'")),
                "{path}"
            );
            assert_eq!(
                answer.header("strict-transport-security"),
                None,
                "plain http in development: {path}"
            );
            let public = matches!(path, "/docs" | "/.well-known/jwks.json");
            let cache = if public {
                "public, max-age=300"
            } else {
                "no-store"
            };
            assert_eq!(answer.header("cache-control"), Some(cache), "{path}");
        }
    })
    .await;
    case_with(&production(), async |app| {
        for path in ["/health", "/nothing-here"] {
            assert!(
                app.get(path)
                    .send()
                    .await
                    .header("strict-transport-security")
                    .is_some(),
                "{path}"
            );
        }
    })
    .await;
}

/// Settings that resemble production.
pub fn production() -> [(&'static str, &'static str); 6] {
    [
        ("ENVIRONMENT", "production"),
        (
            "ALLOWED_ORIGINS",
            "https://hamrah.app,https://api.hamrah.app",
        ),
        ("COOKIE_DOMAIN", ".hamrah.app"),
        ("RP_ID", "hamrah.app"),
        ("JWT_ISSUER", "https://api.hamrah.app"),
        ("JWT_AUDIENCE", "hamrah"),
    ]
}

#[tokio::test]
async fn only_a_well_formed_request_id_is_accepted() {
    case(async |app| {
        let answer = app
            .get("/nothing-here")
            .header("x-request-id", "client-0001.a_b")
            .send()
            .await;
        assert_eq!(answer.header("x-request-id"), Some("client-0001.a_b"));
        answer.problem(404);
        for bad in [
            "short",
            "with space",
            "semi;colon-is-bad",
            "<script>alert(1)</script>",
            &"a".repeat(65),
            "ünïcödé-id",
        ] {
            let answer = app
                .get("/nothing-here")
                .header("x-request-id", bad)
                .send()
                .await;
            let id = answer.header("x-request-id").expect("an id").to_owned();
            assert_eq!(id.len(), 36, "{bad}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_reference_is_served_and_loads_nothing_from_other_hosts() {
    case(async |app| {
        let document = app.get("/openapi.json").send().await.ok();
        assert_eq!(
            document["openapi"].as_str().map(|version| &version[..3]),
            Some("3.1")
        );
        let page = app.get("/docs").send().await;
        assert_eq!(
            (page.status(), page.header("content-type")),
            (200, Some("text/html; charset=utf-8"))
        );
        assert!(
            page.header("content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'"))
        );
        let text = page.text();
        assert!(text.contains("/api/auth/tokens/refresh") && text.contains("error-invalid_token"));
        assert!(
            !text.contains("http://") && !text.contains("https://") && !text.contains("<script"),
            "no resource of another host"
        );
        assert_eq!(
            app.get("/docs.css").send().await.header("content-type"),
            Some("text/css; charset=utf-8")
        );
    })
    .await;
}

/// In production Cloudflare serves the reference and reads its headers from a file. Natively the
/// handlers write them.
#[tokio::test]
async fn the_reference_has_the_same_headers_on_both_targets() {
    case(async |app| {
        let rules = std::fs::read_to_string("web/_headers").expect("web/_headers");
        for path in ["/docs", "/docs.css", "/openapi.json"] {
            let block = rules
                .lines()
                .skip_while(|line| *line != path)
                .skip(1)
                .take_while(|line| line.starts_with(' '));
            let expected: Vec<_> = block
                .filter_map(|line| line.trim().split_once(": "))
                .collect();
            assert_eq!(expected.len(), 6, "{path}");
            let answer = app.get(path).send().await;
            assert_eq!(answer.status(), 200, "{path}");
            // Plain http in development.
            for (name, value) in expected
                .into_iter()
                .filter(|(name, _)| *name != "Strict-Transport-Security")
            {
                assert_eq!(answer.header(name), Some(value), "{path}: {name}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_keys_are_published_without_their_private_halves() {
    case(async |app| {
        let keys = app.get("/.well-known/jwks.json").send().await.ok();
        let configured: Value =
            serde_json::from_str(&app.settings["JWT_SIGNING_KEYS"]).expect("a JWK set");
        let (published, configured) = (&keys["keys"][0], &configured["keys"][0]);
        assert_eq!(
            (
                &published["x"],
                published["alg"].as_str(),
                published["use"].as_str()
            ),
            (&configured["x"], Some("EdDSA"), Some("sig"))
        );
        assert!(published["kid"].is_string() && published.get("d").is_none());
        assert!(
            !keys
                .to_string()
                .contains(configured["d"].as_str().expect("d"))
        );
    })
    .await;
}

#[tokio::test]
async fn requests_that_the_router_refuses_get_a_problem_document() {
    case(async |app| {
        assert_eq!(
            app.get("/nothing-here").send().await.problem(404),
            "not_found"
        );
        let answer = app.delete("/health").send().await;
        assert_eq!(answer.problem(405), "method_not_allowed");
        assert!(
            answer
                .header("allow")
                .is_some_and(|allow| allow.contains("GET"))
        );
        assert_eq!(
            app.get("/api/users/%ff")
                .bearer(&app.session(&app.person().await).await)
                .send()
                .await
                .problem(400),
            "bad_request"
        );
    })
    .await;
}
