//! Bad input: the API answers a stable code, never a 5xx, and writes no row.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Call, TestApp, case, other_person};

/// Every endpoint that accepts a body, with a valid body and its sender.
async fn bodies(app: &TestApp) -> Vec<(Method, &'static str, Value, Option<String>)> {
    let person = app.person().await;
    let token = app.session(&person).await;
    vec![
        (Method::POST, "/api/internal/users", other_person(), None),
        (Method::POST, "/api/internal/tokens", other_person(), None),
        (
            Method::POST,
            "/api/internal/sessions",
            json!({"user_id": person.id, "platform": "web", "user_agent": "x"}),
            None,
        ),
        (
            Method::POST,
            "/api/internal/sessions/validate",
            json!({"session_token": token}),
            None,
        ),
        (
            Method::POST,
            "/api/internal/users/by-email",
            json!({"email": person.email}),
            None,
        ),
        (
            Method::POST,
            "/api/auth/tokens/refresh",
            json!({"refresh_token": "hmr_x"}),
            None,
        ),
        (
            Method::PUT,
            "/api/users/me",
            json!({"name": "Name", "picture": "https://pictures.example/x.png"}),
            Some(token),
        ),
    ]
}

fn send<'a>(
    app: &'a TestApp,
    method: &Method,
    path: &str,
    bearer: Option<&str>,
    body: Vec<u8>,
) -> Call<'a> {
    let call = app
        .request(method.clone(), path)
        .header("content-type", "application/json")
        .body(body);
    let call = match bearer {
        Some(token) => call.bearer(token),
        None => call,
    };
    if path.starts_with("/api/internal") {
        call.header("x-internal-service", "hamrah-app")
            .header("x-internal-key", &app.settings["INTERNAL_API_KEY"])
    } else {
        call
    }
}

/// Values for a field.
fn values() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!(["x"]),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("\u{FFFF}"),
        json!("\u{202E}x"),
        json!("＠"),
        json!("' OR 1=1 --"),
        json!("x".repeat(60_000)),
        json!("é".repeat(5_000)),
        json!("💥"),
    ]
}

#[tokio::test]
async fn no_value_of_any_field_causes_a_server_error() {
    case(async |app| {
        for (method, path, good, bearer) in bodies(app).await {
            let fields: Vec<String> = good
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            for field in &fields {
                let mut bodies: Vec<Value> = values()
                    .into_iter()
                    .map(|value| {
                        let mut body = good.clone();
                        body[field.as_str()] = value;
                        body
                    })
                    .collect();
                let mut missing = good.clone();
                missing
                    .as_object_mut()
                    .expect("an object")
                    .remove(field.as_str());
                bodies.push(missing);
                for body in bodies {
                    let answer = send(
                        app,
                        &method,
                        path,
                        bearer.as_deref(),
                        body.to_string().into_bytes(),
                    )
                    .send()
                    .await;
                    let shown: String = body.to_string().chars().take(80).collect();
                    match answer.status() {
                        200 => drop(answer.ok()),
                        status @ (401 | 404 | 413 | 422) => drop(answer.problem(status)),
                        status => panic!("{path} {field}: {status} for {shown}: {}", answer.text()),
                    }
                }
                // A repeated field is refused, because parsers disagree about which value counts.
                let twice = format!("{{\"{field}\":\"x\",{}", &good.to_string()[1..]);
                assert_eq!(
                    send(app, &method, path, bearer.as_deref(), twice.into_bytes())
                        .send()
                        .await
                        .problem(422),
                    "invalid_body",
                    "{path} {field}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_refused() {
    case(async |app| {
        let nested = |open: &str, close: &str| {
            format!("{}1{}", open.repeat(10_000), close.repeat(10_000)).into_bytes()
        };
        let bad: Vec<(Vec<u8>, u16)> = vec![
            (b"".to_vec(), 400),
            (b"{".to_vec(), 400),
            (b"null".to_vec(), 422),
            (b"[]".to_vec(), 422),
            (b"\"x\"".to_vec(), 422),
            (b"{}x".to_vec(), 400),
            (b"{'a': 1}".to_vec(), 400),
            (b"{\"email\": \"\xff\xfe\"}".to_vec(), 400),
            (b"\xef\xbb\xbf{}".to_vec(), 400),
            (b"{\"email\": \"\\ud800\"}".to_vec(), 400),
            (b"{\"extra\": 1e999}".to_vec(), 400),
            (nested("[", "]"), 400),
            (
                format!(
                    "{{\"email\": {}}}",
                    String::from_utf8(nested("[", "]")).expect("text")
                )
                .into_bytes(),
                400,
            ),
            (
                format!(
                    "{{\"extra\": {}}}",
                    String::from_utf8(nested("[", "]")).expect("text")
                )
                .into_bytes(),
                400,
            ),
            (
                format!(
                    "{{\"extra\": {}}}",
                    String::from_utf8(nested("{\"a\":", "}")).expect("text")
                )
                .into_bytes(),
                400,
            ),
            (b"[\"name\", null]".to_vec(), 422),
            (vec![b' '; 65 * 1024], 413),
        ];
        for (method, path, _, bearer) in bodies(app).await {
            for (body, status) in &bad {
                let answer = send(app, &method, path, bearer.as_deref(), body.clone())
                    .send()
                    .await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
                // An array or an empty body may get either code. A body without a required field
                // gets the code for that.
                let got = answer.status();
                let alike = matches!((got, status), (400, 422) | (422, 400));
                // The values of unknown fields are skipped, so only their grammar is checked.
                let skipped = path == "/api/users/me"
                    && got == 200
                    && (shown.contains("ud800") || shown.contains("1e999"));
                assert!(
                    got == *status || alike || skipped,
                    "{path}: {got}, not {status}, for {shown}"
                );
                if got != 200 {
                    answer.problem(got);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_the_json_content_type_is_accepted() {
    case(async |app| {
        for (method, path, good, bearer) in bodies(app).await {
            for kind in [
                "application/x-www-form-urlencoded",
                "text/plain",
                "multipart/form-data; boundary=x",
                "text/json",
                "application/jsonx",
                "",
            ] {
                let call = app
                    .request(method.clone(), path)
                    .header("content-type", kind)
                    .body(good.to_string().into_bytes());
                let call = if let Some(token) = &bearer {
                    call.bearer(token)
                } else {
                    call
                };
                let call = call
                    .header("x-internal-service", "hamrah-app")
                    .header("x-internal-key", &app.settings["INTERNAL_API_KEY"]);
                assert_eq!(
                    call.send().await.problem(415),
                    "unsupported_media_type",
                    "{path} {kind}"
                );
            }
        }
        let logout = app
            .request(Method::POST, "/api/auth/sessions/logout")
            .header("content-type", "text/plain")
            .body(b"x".to_vec());
        assert_eq!(
            logout.send().await.problem(415),
            "unsupported_media_type",
            "also where the route reads no body"
        );
        let with_charset = app
            .request(Method::POST, "/api/internal/users")
            .header("content-type", "Application/JSON; charset=utf-8");
        let with_key = with_charset
            .header("x-internal-service", "hamrah-app")
            .header("x-internal-key", &app.settings["INTERNAL_API_KEY"]);
        with_key
            .body(other_person().to_string().into_bytes())
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn two_hundred_malformed_authorization_headers_are_refused() {
    case(async |app| {
        let person = app.person().await;
        let (session, pair) = (app.session(&person).await, app.pair(&person).await);
        let mut headers: Vec<String> = Vec::new();
        for token in [session.as_str(), &pair.access, "x", ""] {
            for scheme in [
                "Basic",
                "Token",
                "JWT",
                "Digest",
                "bear",
                "Bearers",
                "BearerX",
                "Bearer:",
                "Bearer=",
                "\"Bearer\"",
                "Bearer\t",
            ] {
                headers.push(format!("{scheme} {token}"));
            }
            headers.extend([
                token.to_owned(),
                format!("Bearer{token}"),
                format!("Bearer\t{token}"),
                format!("Bearer \"{token}\""),
                format!("Bearer {token},"),
                format!("Bearer {token}, Bearer {token}"),
                format!("Bearer {token} {token}"),
                format!("Bearer token={token}"),
                format!("Bearer {token};"),
                format!("Bearer Bearer {token}"),
                format!("Bearer %20{token}"),
                format!("Bearer ü{token}"),
                format!("{token} Bearer"),
            ]);
        }
        for index in 0..session.len() {
            headers.push(format!("Bearer {}", &session[..index]));
            headers.push(format!(
                "Bearer {}_{}",
                &session[..index],
                &session[index..]
            ));
        }
        assert!(headers.len() > 186, "{}", headers.len());
        for value in &headers {
            let answer = app
                .get("/api/users/me")
                .header("authorization", value)
                .send()
                .await;
            let code = answer.problem(401);
            // Servers and the transport remove spaces around a header's value.
            let scheme = value
                .trim_start()
                .split([' ', '\t', ':', '='])
                .next()
                .unwrap_or_default();
            let expected = if scheme.eq_ignore_ascii_case("bearer") {
                "invalid_token"
            } else {
                "authentication_required"
            };
            assert_eq!(code, expected, "{value}");
        }
        // Repeated header lines are joined before they reach a Worker.
        assert_eq!(
            app.get("/api/users/me")
                .bearer(&session)
                .bearer(&session)
                .send()
                .await
                .problem(401),
            "invalid_token"
        );
    })
    .await;
}

#[tokio::test]
async fn client_headers_do_not_identify_a_user() {
    case(async |app| {
        let person = app.person().await;
        for (name, value) in [
            ("x-user-id", person.id.as_str()),
            ("x-forwarded-user", &person.email),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-real-ip", "::1"),
            ("cf-connecting-ip", "not an address, \u{e9}"),
            ("user-agent", "hamrahIOS/1.0 CFNetwork/1 iPhone Simulator"),
            ("x-internal-service", "hamrah-app"),
        ] {
            assert_eq!(
                app.get("/api/users/me")
                    .header(name, value)
                    .send()
                    .await
                    .problem(401),
                "authentication_required",
                "{name}"
            );
        }
    })
    .await;
}
