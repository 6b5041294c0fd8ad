//! Tokens of the authorization service: checks, service tokens, introspection and the log.

use http::Method;
use serde_json::{Value, json};

use crate::harness::case;

#[tokio::test]
async fn each_kind_of_invalid_token_gets_its_own_code() {
    case(async |app| {
        let root = app.administrator().await;
        for (method, path) in [
            (Method::GET, "/auth/profile"),
            (Method::POST, "/auth/logout"),
            (Method::POST, "/check-token"),
            (Method::GET, "/users"),
        ] {
            let call = || app.request(method.clone(), path);
            assert_eq!(
                call().send().await.refused(401),
                "missing_token_header",
                "{path}"
            );
            assert_eq!(
                call().bearer(&root.token).send().await.refused(401),
                "missing_token_header",
                "{path}"
            );
            for bad in [
                "",
                "x",
                "hmp_x",
                &root.token[1..],
                &format!("{}A", root.token),
                &format!("hms_{}", &root.token[4..]),
            ] {
                assert_eq!(
                    call().token(bad).send().await.refused(401),
                    "invalid_token",
                    "{path} {bad}"
                );
            }
            assert_eq!(
                call()
                    .token(&root.token)
                    .token(&root.token)
                    .send()
                    .await
                    .refused(401),
                "invalid_token",
                "two tokens in one request"
            );
            let in_query = app
                .request(method.clone(), &format!("{path}?token={}", root.token))
                .token(&root.token)
                .send()
                .await;
            assert_eq!(in_query.refused(400), "token_in_query", "{path}");
        }
        let unknown = format!("hmp_{}", "A".repeat(43));
        let answer = app
            .request(Method::POST, "/check-token")
            .token(&unknown)
            .send()
            .await;
        assert_eq!(
            (answer.refused(401), &answer.json()["valid"]),
            ("invalid_token".to_owned(), &json!(false))
        );
        assert_eq!(
            app.request(Method::POST, "/check-token")
                .send()
                .await
                .json()["valid"],
            false
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_check_returns_the_person_and_the_permission() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let (service, role) = (
            app.create(&root, "services", "Stock").await,
            app.create(&root, "roles", "Clerk").await,
        );
        let permission = app.create(&root, "permissions", "read").await;
        app.grant(
            &root,
            "/service-roles",
            json!({"service_id": service, "role_id": role}),
        )
        .await;
        app.grant(
            &root,
            "/role-permissions",
            json!({"role_id": role, "permission_id": permission}),
        )
        .await;
        app.grant(
            &root,
            "/person-service-roles",
            json!({"person_id": member.id, "service_id": service, "role_id": role}),
        )
        .await;
        let check = async |body: Value| app.ask(&member, Method::POST, "/check-token", body).await;
        for named in [json!(service), json!("Stock"), json!(service.to_string())] {
            let access = check(json!({"user_id": member.id, "service_id": named}))
                .await
                .ok()["access"]
                .clone();
            assert_eq!(
                (
                    &access["service_id"],
                    &access["roles"],
                    &access["permissions"]
                ),
                (&json!(service), &json!(["Clerk"]), &json!(["read"]))
            );
        }
        assert_eq!(
            check(json!({"service_id": "Stock"})).await.ok()["access"]["max_age"],
            60
        );
        let ends = app.now().await + 30;
        let ending = json!({
            "person_id": member.id,
            "service_id": service,
            "role_id": role,
            "expires_at": ends,
        });
        app.grant(&root, "/person-service-roles", ending).await;
        let lasts = check(json!({"service_id": "Stock"})).await.ok()["access"]["max_age"]
            .as_i64()
            .expect("seconds");
        assert!(
            (27..=30).contains(&lasts),
            "the answer expires no later than the grant: {lasts}"
        );
        assert_eq!(check(json!({})).await.ok()["valid"], true);
        let other = check(json!({"user_id": root.id})).await;
        assert_eq!(
            (other.refused(401), &other.json()["valid"]),
            ("invalid_token".to_owned(), &json!(false))
        );
        assert_eq!(
            check(json!({"service_id": "Nowhere"})).await.refused(404),
            "service_not_found"
        );
        assert_eq!(
            check(json!({"service_id": -1})).await.refused(400),
            "invalid_service_id"
        );
        assert_eq!(
            check(json!({"user_id": 0})).await.refused(400),
            "invalid_user_id"
        );
        assert_eq!(
            check(json!({"user_id": true})).await.refused(400),
            "invalid_request_body"
        );
        let malformed = app
            .request(Method::POST, "/check-token")
            .token(&member.token)
            .header("content-type", "application/json");
        assert_eq!(
            malformed
                .body(b"{\"user_id\":".to_vec())
                .send()
                .await
                .refused(400),
            "invalid_request_body",
            "a malformed body is never ignored"
        );
        let plain = app
            .request(Method::POST, "/check-token")
            .token(&member.token)
            .body(b"user_id=1".to_vec())
            .send()
            .await;
        assert_eq!(plain.status(), 415, "a body of another type is refused");
    })
    .await;
}

#[tokio::test]
async fn an_administrator_issues_a_service_token() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let body = json!({"person_id": member.username});
        let issued = app
            .ask(&root, Method::POST, "/service-tokens", body.clone())
            .await
            .created();
        let ends = issued["expires_at"].as_i64().expect("seconds") - app.now().await;
        assert!((604_790..=604_800).contains(&ends), "{ends}");
        let token = issued["token"].as_str().expect("a token");
        assert_eq!(
            app.get("/auth/profile").token(token).send().await.ok()["payload"]["user_id"],
            member.id
        );
        assert_eq!(
            app.ask(&member, Method::POST, "/service-tokens", body)
                .await
                .refused(403),
            "forbidden"
        );
        assert_eq!(
            app.ask(
                &root,
                Method::POST,
                "/service-tokens",
                json!({"person_id": 999})
            )
            .await
            .refused(404),
            "person_not_found"
        );
    })
    .await;
}

#[tokio::test]
async fn services_introspect_and_revoke_both_kinds_of_token() {
    case(async |app| {
        let root = app.administrator().await;
        let person = app.person().await;
        let (session, pair) = (app.session(&person).await, app.pair(&person).await);
        let form = |path: &str, token: &str| {
            app.request(Method::POST, path)
                .header("x-internal-service", "hamrah-app")
                .header("x-internal-key", &app.settings["INTERNAL_API_KEY"])
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("token={token}&token_type_hint=access_token").into_bytes())
        };
        let told = form("/oauth/introspect", &root.token).send().await.ok();
        assert_eq!(
            (
                &told["active"],
                &told["username"],
                &told["user_id"],
                &told["token_type"]
            ),
            (
                &json!(true),
                &json!("root"),
                &json!(root.id),
                &json!("user")
            )
        );
        for (token, kind) in [(&session, "session"), (&pair.access, "access_token")] {
            let told = form("/oauth/introspect", token).send().await.ok();
            assert_eq!(
                (&told["active"], &told["sub"], &told["token_type"]),
                (&json!(true), &json!(person.id), &json!(kind))
            );
            assert!(told["exp"].as_i64() > Some(app.now().await));
        }
        for bad in ["x", "hmp_x", &format!("hmp_{}", "A".repeat(43))] {
            assert_eq!(
                form("/oauth/introspect", bad).send().await.ok(),
                json!({"active": false}),
                "{bad}"
            );
            assert_eq!(
                form("/oauth/revoke", bad).send().await.ok(),
                json!({}),
                "{bad}"
            );
        }
        for path in ["/oauth/introspect", "/oauth/revoke"] {
            let none = app
                .request(Method::POST, path)
                .header("content-type", "application/x-www-form-urlencoded");
            assert_eq!(
                none.body(format!("token={}", root.token).into_bytes())
                    .send()
                    .await
                    .refused(401),
                "internal_key_required"
            );
        }
        assert_eq!(
            form("/oauth/introspect", "").send().await.refused(400),
            "invalid_request_body"
        );
        // Forms are decoded (RFC 7662 §2.1, RFC 7009 §2.1).
        let encoded: Vec<String> = root
            .token
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        let encoded = encoded.concat();
        let told = form("/oauth/introspect", &encoded).send().await.ok();
        assert_eq!(told["active"], json!(true));
        let encoded = root.token.replace('_', "%5f");
        for token in [&encoded, &session, &pair.refresh] {
            assert_eq!(form("/oauth/revoke", token).send().await.ok(), json!({}));
        }
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
        assert_eq!(
            (
                app.me(&session).await,
                app.me(&pair.access).await,
                app.refresh(&pair.refresh).await.status()
            ),
            (401, 401, 401)
        );
    })
    .await;
}

#[tokio::test]
async fn the_log_names_the_caller_and_never_the_token() {
    case(async |app| {
        let root = app.administrator().await;
        app.get("/auth/profile")
            .token(&root.token)
            .header("x-client-id", "stock-backend")
            .send()
            .await
            .ok();
        let log = app.logs().await;
        let hashes = app.sql("SELECT token_hash FROM person_tokens", &[]).await;
        let hash = hashes[0]["token_hash"].as_str().expect("a hash");
        assert!(
            log.contains("stock-backend")
                && log.contains("/auth/profile")
                && log.contains(&hash[..8])
        );
        assert!(!log.contains(hash) && !log.contains(&root.token));
    })
    .await;
}
