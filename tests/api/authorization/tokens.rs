//! Tokens of the authorization service: given, shown to be good, renewed, revoked, swept.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::accounts::factors::{early_in_a_step, enrolled};
use crate::harness::{PASSWORD, case, on_workerd, race};

#[tokio::test]
async fn a_password_gives_a_token_that_tells_who_somebody_is() {
    case(async |app| {
        let root = app.administrator().await;
        let answer = app.login("root", PASSWORD).await.ok();
        assert_eq!(
            answer["payload"],
            json!({"user_id": root.id, "username": "root", "name": "Root"})
        );
        let ends = answer["expires_at"].as_i64().expect("seconds");
        assert!((295..=300).contains(&(ends - app.now().await)), "{ends}");
        let token = answer["token"].as_str().expect("a token");
        let profile = app.get("/auth/profile").token(token).send().await.ok();
        assert_eq!(
            profile,
            json!({"payload": answer["payload"], "renewed": false, "expires_at": ends})
        );
        let checked = app
            .request(Method::POST, "/check-token")
            .token(token)
            .send()
            .await
            .ok();
        assert_eq!(
            checked,
            json!({
                "valid": true,
                "payload": answer["payload"],
                "renewed": false,
                "expires_at": ends,
            })
        );
        assert_eq!(
            app.sql(
                "SELECT * FROM person_tokens WHERE token_hash = ?1",
                &[json!(token)]
            )
            .await
            .len(),
            0,
            "only its hash is kept"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_no_good_token_is_told_in_its_own_words() {
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
                "two of them"
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
async fn a_login_that_fails_does_not_tell_why() {
    case(async |app| {
        let root = app.administrator().await;
        for (username, password) in [
            ("root", "zebra crossing 78"),
            ("nobody", PASSWORD),
            ("ROOT", PASSWORD),
            ("root", ""),
            ("", ""),
        ] {
            assert_eq!(
                app.login(username, password).await.refused(401),
                "invalid_credentials",
                "{username}"
            );
        }
        for body in [
            json!({}),
            json!({"username": "root"}),
            json!({"username": 7, "password": PASSWORD}),
            json!([]),
        ] {
            assert_eq!(
                app.post("/auth/login", &body).send().await.refused(400),
                "invalid_request_body",
                "{body}"
            );
        }
        let malformed = app
            .request(Method::POST, "/auth/login")
            .header("content-type", "application/json")
            .body(b"{".to_vec());
        assert_eq!(malformed.send().await.refused(400), "invalid_request_body");
        for _ in 0..4 {
            app.login("root", "zebra crossing 78").await;
        }
        let braked = app.login("root", PASSWORD).await;
        assert_eq!(braked.refused(429), "too_many_attempts");
        assert!(braked.header("retry-after").is_some());
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .status(),
            200,
            "who is signed in stays so"
        );
    })
    .await;
}

#[tokio::test]
async fn totp_is_asked_for_here_too() {
    case(async |app| {
        let root = app.administrator().await;
        let signed_in = app
            .post(
                "/api/auth/password/sign-in",
                &json!({"username": "root", "password": PASSWORD}),
            )
            .send()
            .await
            .ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        let generator = enrolled(app, session).await;
        assert_eq!(
            app.login("root", PASSWORD).await.refused(401),
            "second_factor_required"
        );
        early_in_a_step(app).await;
        let code = generator.code(app, 0).await;
        let body = json!({"username": "root", "password": PASSWORD, "code": code});
        assert_eq!(
            app.post("/auth/login", &body).send().await.ok()["payload"]["user_id"],
            root.id
        );
        assert_eq!(
            app.post("/auth/login", &body).send().await.refused(401),
            "invalid_credentials",
            "a code is good once"
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_is_checked_for_whose_it_is_and_what_it_allows() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let (service, role) = (
            app.thing(&root, "services", "Stock").await,
            app.thing(&root, "roles", "Clerk").await,
        );
        let permission = app.thing(&root, "permissions", "read").await;
        app.relate(
            &root,
            "/service-roles",
            json!({"service_id": service, "role_id": role}),
        )
        .await;
        app.relate(
            &root,
            "/role-permissions",
            json!({"role_id": role, "permission_id": permission}),
        )
        .await;
        app.relate(
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
        app.relate(&root, "/person-service-roles", ending).await;
        let lasts = check(json!({"service_id": "Stock"})).await.ok()["access"]["max_age"]
            .as_i64()
            .expect("seconds");
        assert!(
            (27..=30).contains(&lasts),
            "not longer than the grant lasts: {lasts}"
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
            "never ignored"
        );
        let plain = app
            .request(Method::POST, "/check-token")
            .token(&member.token)
            .body(b"user_id=1".to_vec())
            .send()
            .await;
        assert_eq!(plain.status(), 415, "nor a body of another kind");
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_to_the_second_and_is_swept() {
    case(async |app| {
        let root = app.administrator().await;
        let ends = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok()["expires_at"]
            .as_i64()
            .expect("seconds");
        let left = u64::try_from(ends - app.now().await).expect("in the future");
        if on_workerd() {
            app.age(Duration::from_secs(left + 2)).await;
        } else {
            // Within the last second it is good; it is put back so that it is not renewed.
            app.age(Duration::from_secs(left - 1)).await;
            let renewed = app
                .get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .ok();
            assert_eq!(renewed["renewed"], true);
            app.sql(
                "UPDATE person_tokens SET expires_at = ?1",
                &[json!(ends * 1000)],
            )
            .await;
            app.age(Duration::from_secs(1)).await;
        }
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "expired_token"
        );
        assert_eq!(
            app.request(Method::POST, "/auth/logout")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "expired_token"
        );
        let checked = app
            .request(Method::POST, "/check-token")
            .token(&root.token)
            .send()
            .await;
        assert_eq!(
            (checked.refused(401), &checked.json()["valid"]),
            ("expired_token".to_owned(), &json!(false))
        );
        app.cron().await;
        assert_eq!(
            app.count("SELECT COUNT(*) FROM person_tokens", &[]).await,
            0
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
    })
    .await;
}

#[tokio::test]
async fn of_many_callers_one_renews_a_token() {
    race(async |app| {
        let root = app.administrator().await;
        app.age(Duration::from_secs(275)).await;
        let calls = (0..32).map(|_| app.get("/auth/profile").token(&root.token).send());
        let answers: Vec<Value> = futures::future::join_all(calls)
            .await
            .iter()
            .map(crate::harness::Answer::ok)
            .collect();
        assert_eq!(
            answers
                .iter()
                .filter(|answer| answer["renewed"] == true)
                .count(),
            1
        );
        let ends = answers[0]["expires_at"].as_i64().expect("seconds");
        assert!((295..=300).contains(&(ends - app.now().await)));
        assert!(
            answers.iter().all(|answer| answer["expires_at"] == ends),
            "all are told when it ends now"
        );
        let again = app
            .get("/auth/profile")
            .token(&root.token)
            .send()
            .await
            .ok();
        assert_eq!(again["renewed"], false);
    })
    .await;
}

#[tokio::test]
async fn logging_out_renews_nothing_and_is_for_good() {
    case(async |app| {
        let root = app.administrator().await;
        let other = app.login("root", PASSWORD).await.ok();
        app.age(Duration::from_secs(280)).await;
        let call = || app.request(Method::POST, "/auth/logout").token(&root.token);
        assert_eq!(call().send().await.ok(), json!({"status": "logged_out"}));
        assert_eq!(call().send().await.refused(401), "invalid_token");
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .refused(401),
            "invalid_token"
        );
        assert_eq!(
            app.get("/auth/profile")
                .token(other["token"].as_str().expect("a token"))
                .send()
                .await
                .status(),
            200,
            "only this one"
        );
    })
    .await;
}

#[tokio::test]
async fn of_a_renewal_and_a_revocation_the_revocation_wins() {
    case(async |app| {
        let root = app.administrator().await;
        app.age(Duration::from_secs(280)).await;
        // The token was looked at; before it is renewed it is revoked.
        let answer = app
            .held(app.get("/auth/profile").token(&root.token), 1, async {
                app.sql("DELETE FROM person_tokens", &[]).await;
            })
            .await;
        assert_eq!(answer.refused(401), "invalid_token");
        assert_eq!(
            app.count("SELECT COUNT(*) FROM person_tokens", &[]).await,
            0
        );
    })
    .await;
    race(async |app| {
        let root = app.administrator().await;
        for _ in 0..8 {
            let token = app.login("root", PASSWORD).await.ok()["token"]
                .as_str()
                .expect("a token")
                .to_owned();
            let hashes = app
                .sql(
                    "SELECT token_hash FROM person_tokens ORDER BY rowid DESC LIMIT 1",
                    &[],
                )
                .await;
            app.sql(
                "UPDATE person_tokens SET expires_at = expires_at - 280000 WHERE token_hash = ?1",
                &[hashes[0]["token_hash"].clone()],
            )
            .await;
            let renewals = (0..8).map(|_| app.get("/auth/profile").token(&token).send());
            let logout = app
                .request(Method::POST, "/auth/logout")
                .token(&token)
                .send();
            let (answers, out) =
                futures::future::join(futures::future::join_all(renewals), logout).await;
            assert_eq!(out.status(), 200);
            assert!(
                answers
                    .iter()
                    .all(|answer| [200, 401].contains(&answer.status()))
            );
            assert_eq!(
                app.get("/auth/profile")
                    .token(&token)
                    .send()
                    .await
                    .refused(401),
                "invalid_token",
                "it does not come back"
            );
        }
        assert_eq!(
            app.get("/auth/profile")
                .token(&root.token)
                .send()
                .await
                .status(),
            200
        );
    })
    .await;
}

#[tokio::test]
async fn a_backend_gets_a_token_of_its_own_from_an_administrator() {
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
async fn the_first_administrator_is_made_once_and_by_the_secret_only() {
    case(async |app| {
        let body = |secret: &str| {
            json!({
                "secret": secret,
                "username": "root",
                "name": "Root",
                "password": PASSWORD,
            })
        };
        assert_eq!(
            app.post("/auth/bootstrap", &body("wrong"))
                .send()
                .await
                .refused(401),
            "invalid_credentials"
        );
        app.administrator().await;
        let again = json!({
            "secret": app.settings["BOOTSTRAP_SECRET"],
            "username": "other",
            "name": "Other",
            "password": PASSWORD,
        });
        assert_eq!(
            app.post("/auth/bootstrap", &again)
                .send()
                .await
                .refused(403),
            "bootstrap_closed"
        );
        assert_eq!(app.actions().await, ["user_created", "administrator_made"]);
        assert_eq!(app.count("SELECT COUNT(*) FROM people", &[]).await, 1);
    })
    .await;
    race(async |app| {
        let calls = (0..8).map(|n| {
            let body = json!({
                "secret": app.settings["BOOTSTRAP_SECRET"],
                "username": format!("root{n}"),
                "name": "Root",
                "password": PASSWORD,
            });
            app.post("/auth/bootstrap", &body).send()
        });
        let made = futures::future::join_all(calls)
            .await
            .iter()
            .filter(|answer| answer.status() == 201)
            .count();
        assert_eq!(made, 1);
        assert_eq!(app.count("SELECT COUNT(*) FROM people", &[]).await, 1);
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
        for token in [&root.token, &session, &pair.refresh] {
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
async fn the_log_tells_who_asked_and_never_the_token() {
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
