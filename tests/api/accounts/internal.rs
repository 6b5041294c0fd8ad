//! The internal endpoints and the key that protects them.

use serde_json::{Value, json};

use crate::harness::{case, case_with, other_person};

const PATHS: [&str; 5] = [
    "/api/internal/users",
    "/api/internal/users/by-email",
    "/api/internal/sessions",
    "/api/internal/sessions/validate",
    "/api/internal/tokens",
];

#[tokio::test]
async fn the_internal_endpoints_require_the_key() {
    case(async |app| {
        let body = other_person();
        let key = app.settings["INTERNAL_API_KEY"].clone();
        let near = format!(
            "{}{}",
            &key[..key.len() - 1],
            if key.ends_with('A') { 'B' } else { 'A' }
        );
        for path in PATHS {
            let refused = [
                app.post(path, &body),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app"),
                app.post(path, &body).header("x-internal-key", &key),
                app.post(path, &body)
                    .header("x-internal-service", "other-app")
                    .header("x-internal-key", &key),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", &near),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", ""),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", &key.to_uppercase()),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", "hamrah-internal-service-key-2025"),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .bearer(&key),
                app.post(path, &body)
                    .header("user-agent", "hamrah-app-internal/1.0")
                    .header("x-request-id", "internal-request"),
                app.post(path, &body)
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", &key)
                    .header("x-internal-key", &near),
            ];
            for call in refused {
                assert_eq!(
                    call.send().await.problem(401),
                    "internal_key_required",
                    "{path}"
                );
            }
            for (name, value) in [
                ("origin", "https://hamrah.app"),
                ("origin", "null"),
                ("sec-fetch-site", "same-origin"),
                ("sec-fetch-site", "none"),
            ] {
                assert_eq!(
                    app.internal(path, &body)
                        .header(name, value)
                        .send()
                        .await
                        .problem(403),
                    "browser_request",
                    "{path} {name}"
                );
            }
        }
        assert_eq!(
            app.count("SELECT COUNT(*) FROM users", &[]).await,
            0,
            "no request was accepted"
        );
        app.internal(PATHS[0], &body).send().await.ok();
    })
    .await;
}

#[tokio::test]
async fn both_keys_are_accepted_during_a_rotation() {
    let (old, new) = (
        "old-key-Zp4uVb8nXy2Lk6Wd0Qm3",
        "new-key-Tr7hJc1fGs5Ne9Ba2Ko4",
    );
    let (old, new) = (format!("{old}-0123456789"), format!("{new}-0123456789"));
    case_with(
        &[("INTERNAL_API_KEY", &format!("{new},{old}"))],
        async |app| {
            for key in [&old, &new] {
                let call = app
                    .post("/api/internal/users", &other_person())
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", key);
                call.send().await.ok();
            }
            let both = app
                .post("/api/internal/users", &other_person())
                .header("x-internal-service", "hamrah-app");
            both.header("x-internal-key", &format!("{new},{old}"))
                .send()
                .await
                .problem(401);
        },
    )
    .await;
}

#[tokio::test]
async fn an_unknown_address_has_no_user() {
    case(async |app| {
        let asked = app
            .internal(
                "/api/internal/users/by-email",
                &json!({"email": "nobody@example.com"}),
            )
            .send()
            .await
            .ok();
        assert_eq!(
            asked,
            json!({"success": true, "user_exists": false, "user": null})
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_is_created_for_an_existing_account() {
    case(async |app| {
        let person = app.person().await;
        let body = json!({"userId": person.id, "platform": "web", "userAgent": "Browser/1.0"});
        let session = app
            .internal("/api/internal/sessions", &body)
            .send()
            .await
            .ok();
        assert_eq!(session["access_token"], session["session_token"]);
        assert_eq!(session["accessToken"], session["session_token"]);
        assert_eq!(
            (&session["expires_in"], &session["refresh_token"]),
            (&json!(2_592_000), &Value::Null)
        );
        assert_eq!(session["user"]["id"].as_str(), Some(person.id.as_str()));
        let token = session["session_token"].as_str().expect("a token");
        let valid = app
            .internal(
                "/api/internal/sessions/validate",
                &json!({"sessionToken": token}),
            )
            .send()
            .await
            .ok();
        assert_eq!(
            (
                &valid["renewed"],
                &valid["user"]["id"],
                &valid["expires_at"]
            ),
            (
                &json!(false),
                &session["user"]["id"],
                &session["session_expires_at"]
            )
        );
        let unknown = json!({"user_id": "67e55044-10b1-426f-9247-bb680e5fe0c8", "platform": "web"});
        assert_eq!(
            app.internal("/api/internal/sessions", &unknown)
                .send()
                .await
                .problem(404),
            "user_not_found"
        );
        for bad in [
            "",
            "x",
            "hms_short",
            token.trim_end_matches(|_| true),
            &token[1..],
            &format!("{token}A"),
            &token.to_uppercase(),
        ] {
            assert_eq!(
                app.internal(
                    "/api/internal/sessions/validate",
                    &json!({"session_token": bad})
                )
                .send()
                .await
                .problem(401),
                "invalid_token"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn tokens_are_created_for_an_identity_or_an_account() {
    case(async |app| {
        let body = json!({
            "email": "ada@example.com",
            "auth_method": "apple",
            "provider": "apple",
            "provider_id": "a-1",
            "platform": "ios",
        });
        let answer = app
            .internal("/api/internal/tokens", &body)
            .send()
            .await
            .ok();
        assert_eq!(
            (
                &answer["success"],
                &answer["expires_in"],
                &answer["expiresIn"]
            ),
            (&json!(true), &json!(3600), &json!(3600))
        );
        assert_eq!(
            (&answer["access_token"], &answer["refresh_token"]),
            (&answer["accessToken"], &answer["refreshToken"])
        );
        assert!(answer.get("session_token").is_none());
        let id = answer["user"]["id"].as_str().expect("id").to_owned();
        assert_eq!(
            app.me(answer["access_token"].as_str().expect("a token"))
                .await,
            200
        );
        let more = app
            .internal(
                "/api/internal/tokens",
                &json!({"user_id": id, "platform": "api"}),
            )
            .send()
            .await
            .ok();
        assert_eq!(more["user"]["id"].as_str(), Some(id.as_str()));
        assert_eq!(
            app.events(&id).await,
            ["user_created", "signed_in", "signed_in"]
        );
        let claims = crate::harness::claims(more["access_token"].as_str().expect("a token"));
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&json!(id), &json!("api"))
        );

        let unknown = json!({"user_id": "67e55044-10b1-426f-9247-bb680e5fe0c8", "platform": "ios"});
        assert_eq!(
            app.internal("/api/internal/tokens", &unknown)
                .send()
                .await
                .problem(404),
            "user_not_found"
        );
        let both = json!({
            "user_id": id,
            "provider": "google",
            "provider_id": "1",
            "platform": "ios",
        });
        assert_eq!(
            app.internal("/api/internal/tokens", &both)
                .send()
                .await
                .problem(422),
            "ambiguous_subject"
        );
        assert_eq!(
            app.internal("/api/internal/users", &both)
                .send()
                .await
                .problem(422),
            "ambiguous_subject"
        );
    })
    .await;
}

#[tokio::test]
async fn each_invalid_field_is_refused_by_name() {
    case(async |app| {
        let long = "x".repeat(300);
        for (field, value, code) in [
            ("email", json!(""), "email_required"),
            ("email", Value::Null, "email_required"),
            ("auth_method", json!("a b"), "invalid_auth_method"),
            ("provider", json!(""), "invalid_provider"),
            ("provider", json!("../x"), "invalid_provider"),
            ("provider_id", json!(long), "invalid_provider_id"),
            ("provider_id", Value::Null, "invalid_provider_id"),
            ("platform", json!("desktop"), "invalid_platform"),
            ("platform", json!(7), "invalid_body"),
            ("platform", Value::Null, "invalid_body"),
        ] {
            for path in ["/api/internal/users", "/api/internal/tokens"] {
                let mut body = other_person();
                body[field] = value.clone();
                assert_eq!(
                    app.internal(path, &body).send().await.problem(422),
                    code,
                    "{path} {field} {value}"
                );
            }
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM users", &[]).await, 0);
        for (body, code) in [
            (
                json!({"user_id": "x", "platform": "web"}),
                "invalid_user_id",
            ),
            (json!({"platform": "web"}), "invalid_body"),
        ] {
            assert_eq!(
                app.internal("/api/internal/sessions", &body)
                    .send()
                    .await
                    .problem(422),
                code
            );
        }
    })
    .await;
}
