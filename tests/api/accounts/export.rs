//! The export of an account's data.

use std::time::Duration;

use serde_json::json;

use super::factors::{codes, enrolled};
use crate::harness::authenticator::Authenticator;
use crate::harness::{PASSWORD, case};

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

/// The largest export in bytes. The server holds it in memory (docs/LIMITS.md).
const MOST_BYTES: usize = 1_000_000;

#[tokio::test]
async fn the_export_of_an_account_at_every_quota_is_bounded() {
    case(async |app| {
        app.secret(PASSWORD);
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let user = "(SELECT user_id FROM people WHERE username LIKE 'member%')";
        // Texts of the greatest length.
        let text = "hex(zeroblob(128))";
        for (count, insert) in [
            (
                250,
                format!(
                    "INSERT INTO identities (id, user_id, provider, provider_id, created_at)
                     SELECT 'seed-' || i, {user}, 'provider-of-some-length',
                            substr({text}, 1, 249) || printf('%06d', i), i FROM n"
                ),
            ),
            (
                250,
                format!(
                    "INSERT INTO sessions (id, user_id, platform, user_agent, country, amr,
                            authenticated_at, created_at, last_used_at, expires_at, revoked_at)
                     SELECT printf('%036d', i), {user}, 'web', {text}, 'PE', '[\"pwd\",\"otp\"]',
                            0, 0, 0, 9000000000000, iif(i % 2, NULL, i) FROM n"
                ),
            ),
            (
                2_400,
                format!(
                    "INSERT INTO events (id, at, kind, user_id, session_id, actor, address,
                            user_agent, request_id)
                     SELECT printf('%036d', i), i, 'a_kind_of_an_event_' || (i % 12), {user},
                            printf('%036d', i), 'owner', '2001:db8:1111:2222:3333:4444:5555:6666',
                            {text}, printf('%036d', i) FROM n"
                ),
            ),
            (
                40,
                format!(
                    "INSERT INTO passkeys (id, user_id, public_key, library, counter, transports,
                            aaguid, backup_eligible, backed_up, user_verified, name, created_at)
                     SELECT {text} || i, {user}, {text} || {text} || {text}, '', 0,
                            '[\"internal\",\"hybrid\"]', printf('%036d', i), 1, 1, 1,
                            substr({text}, 1, 64), i FROM n"
                ),
            ),
            (
                500,
                "INSERT INTO services (id, name, policy_version, built_in, created_at)
                 SELECT i, printf('%064d', i), 1, 0, 0 FROM n"
                    .to_owned(),
            ),
            (
                1,
                "INSERT INTO roles (id, name, built_in) SELECT 1, printf('%064d', i), 0 FROM n"
                    .to_owned(),
            ),
            (
                1,
                "INSERT INTO permissions (id, name, built_in)
                 SELECT 1, printf('%064d', i), 0 FROM n"
                    .to_owned(),
            ),
            (
                500,
                "INSERT INTO service_roles (service_id, role_id) SELECT i, 1 FROM n".to_owned(),
            ),
        ] {
            let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                           WHERE i < ?1)";
            let insert = insert.replacen("SELECT", &format!("{numbers} SELECT"), 1);
            app.sql(&insert, &[json!(count)]).await;
        }
        for insert in [
            "INSERT INTO person_roles (person_id, service_id, role_id, expires_at)
             SELECT ?1, service_id, 1, 9000000000000 FROM service_roles WHERE role_id = 1",
            "INSERT INTO person_permissions (person_id, service_id, permission_id, expires_at)
             SELECT ?1, service_id, 1, 9000000000000 FROM service_roles WHERE role_id = 1",
        ] {
            app.sql(insert, &[json!(member.id)]).await;
        }
        // The session is made last, because a quota revokes the session that was inserted first.
        let login = json!({"username": member.username, "password": PASSWORD});
        let signed_in = app
            .post("/api/auth/password/sign-in", &login)
            .send()
            .await
            .ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        let export = app
            .get("/api/users/me/export")
            .bearer(session)
            .send()
            .await
            .ok();
        for (part, count) in [
            ("identities", 200),
            ("sessions", 200),
            ("events", 1_000),
            ("passkeys", 40),
            ("grants", 1_000),
        ] {
            let rows = export[part].as_array().expect("a list").len();
            assert_eq!(rows, count, "{part}");
        }
        let bytes = export.to_string().len();
        println!("the largest export has {bytes} bytes");
        assert!(bytes < MOST_BYTES, "{bytes} bytes");
        app.sql(
            "UPDATE sessions SET revoked_at = 1 WHERE id LIKE '0000%'",
            &[],
        )
        .await;
    })
    .await;
}
