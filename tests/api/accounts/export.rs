//! The export of an account's data.

use std::time::Duration;

use super::factors::{codes, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::case;

#[tokio::test]
async fn an_export_contains_everything_except_secrets() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let session = made["session_token"].as_str().expect("a token").to_owned();
        enrolled(app, &session).await;
        codes(app, &session).await;
        let (export, cost) = app
            .cost(app.get("/api/users/me/export").bearer(&session))
            .await;
        assert_eq!(cost.batches, 3);
        let export = export.ok();
        assert_eq!(export["account"]["email"], "ada@example.com");
        for (part, count) in [
            ("passkeys", 1),
            ("sessions", 1),
            ("backup_codes", 10),
            ("identities", 0),
            ("devices", 0),
        ] {
            assert_eq!(
                export[part].as_array().expect("a list").len(),
                count,
                "{part}"
            );
        }
        // An export is expensive. After five exports an account must wait, at first for a minute.
        // Another account need not wait.
        let exports = async || {
            app.get("/api/users/me/export")
                .bearer(&session)
                .send()
                .await
        };
        for _ in 0..4 {
            exports().await.ok();
        }
        assert_eq!(exports().await.problem(429), "too_many_attempts");
        let others = app.session(&app.person().await).await;
        app.get("/api/users/me/export")
            .bearer(&others)
            .send()
            .await
            .ok();
        app.age(Duration::from_secs(61)).await;
        exports().await.ok();
        assert!(
            export["totp"]["confirmed_at"].is_i64()
                && export["events"].as_array().expect("a list").len() >= 4
        );
        let text = export.to_string();
        for secret in ["token_hash", "code_hash", "secret", "receipt"] {
            assert!(!text.contains(&format!("\"{secret}\"")), "{secret}");
        }
    })
    .await;
}
