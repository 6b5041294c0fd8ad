//! CSRF tokens: the requests of a browser that need one.

use http::Method;
use serde_json::json;

use super::step_up::ME;
use crate::harness::case_with;

#[tokio::test]
async fn browsers_must_send_a_csrf_token_where_it_is_required() {
    case_with(&[("CSRF_TOKEN", "require")], async |app| {
        let (ada, bob) = (app.person().await, app.person().await);
        let (session, others) = (app.session(&ada).await, app.session(&bob).await);
        let token = async |session: &str| {
            app.get("/api/auth/csrf").cookie(session).send().await.ok()["csrf_token"]
                .as_str()
                .expect("a token")
                .to_owned()
        };
        let (good, foreign) = (token(&session).await, token(&others).await);
        let put = |csrf: Option<&str>| {
            let call = app
                .request(Method::PUT, ME)
                .json(&json!({"name": "Ada"}))
                .cookie(&session)
                .header("origin", "http://localhost:3000");
            if let Some(csrf) = csrf {
                call.header("x-csrf-token", csrf)
            } else {
                call
            }
        };
        let other_end = if good.ends_with('A') { 'E' } else { 'A' };
        let changed = format!("{}{other_end}", &good[..good.len() - 1]);
        for bad in [
            None,
            Some(""),
            Some("x"),
            Some("x.y"),
            Some(foreign.as_str()),
            Some(changed.as_str()),
        ] {
            let answer = put(bad).send().await;
            assert_eq!(answer.problem(403), "csrf_token_required", "{bad:?}");
        }
        put(Some(&good)).send().await.ok();
        // Only a browser with a cookie must send a token.
        app.get(ME)
            .cookie(&session)
            .header("origin", "http://localhost:3000")
            .send()
            .await
            .ok();
        app.request(Method::PUT, ME)
            .json(&json!({"name": "Ada"}))
            .cookie(&session)
            .send()
            .await
            .ok();
        app.request(Method::PUT, ME)
            .json(&json!({"name": "Ada"}))
            .bearer(&session)
            .header("origin", "http://localhost:3000")
            .send()
            .await
            .ok();
    })
    .await;
}
