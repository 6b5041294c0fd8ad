//! The limits of a request's head, which are the same on both targets.

use crate::harness::case;

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_with_a_document() {
    case(async |app| {
        let with_headers = |count: usize| {
            (0..count).fold(app.get("/health"), |call, number| {
                call.header(&format!("x-number-{number}"), "1")
            })
        };
        with_headers(60).send().await.ok();
        let many = with_headers(101).send().await;
        assert_eq!(many.problem(431), "headers_too_large");
        let size = |bytes: usize| app.get("/health").header("x-long", &"a".repeat(bytes));
        size(30_000).send().await.ok();
        let large = size(33_000).header("origin", "http://localhost:5173");
        let large = large.send().await;
        assert_eq!(large.problem(431), "headers_too_large");
        assert_eq!(
            large.header("access-control-allow-origin"),
            Some("http://localhost:5173")
        );
        let path = |bytes: usize| format!("/api/users/me?x={}", "a".repeat(bytes));
        assert_eq!(
            app.get(&path(8_000)).send().await.problem(401),
            "authentication_required"
        );
        assert_eq!(
            app.get(&path(8_192)).send().await.problem(414),
            "uri_too_long"
        );
        let unknown = app.get(&format!("/{}", "a".repeat(8_200)));
        assert_eq!(unknown.send().await.problem(414), "uri_too_long");
    })
    .await;
}
