//! The log of preflights that a browser takes as refused.

use http::Method;

use crate::harness::case;

const OURS: &str = "http://localhost:5173";

#[tokio::test]
async fn a_refused_preflight_says_why_in_the_log() {
    case(async |app| {
        let preflight = async |origin: &str, method: &str, headers: &str| {
            let before = app.logs().await.len();
            app.request(Method::OPTIONS, "/api/users/me")
                .header("origin", origin)
                .header("access-control-request-method", method)
                .header("access-control-request-headers", headers)
                .send()
                .await;
            app.logs().await.split_off(before)
        };
        for (origin, method, headers, reason) in [
            (
                "https://evil.example",
                "PUT",
                "x-canary",
                "the origin of the preflight is not in ALLOWED_ORIGINS",
            ),
            (
                OURS,
                "CANARY",
                "token",
                "the method of the preflight is not allowed",
            ),
            (
                OURS,
                "PUT",
                "content-type, x-canary",
                "a header of the preflight is not allowed",
            ),
        ] {
            let log = preflight(origin, method, headers).await;
            assert!(log.contains(reason), "{log}");
            let log = log.to_lowercase();
            assert!(!log.contains("canary") && !log.contains("evil"), "{log}");
        }
        let before = app.logs().await.len();
        app.request(Method::OPTIONS, "/api/users/me").send().await;
        let log = app.logs().await.split_off(before);
        assert!(!log.contains("ALLOWED_ORIGINS"), "without an origin: {log}");
        for (method, headers) in [
            ("PUT", "Content-Type, x-csrf-token"),
            ("HEAD", ""),
            ("DELETE", "authorization,token"),
            ("POST", "authorization, idempotency-key"),
        ] {
            let log = preflight(OURS, method, headers).await;
            assert!(!log.contains("preflight"), "{log}");
        }
    })
    .await;
}
