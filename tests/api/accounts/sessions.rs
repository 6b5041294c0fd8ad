//! Web sessions: cookies and Bearer tokens, sliding and absolute expiry, and logout.

use std::time::Duration;

use serde_json::json;

use crate::app::service::production;
use crate::harness::{TestApp, case, case_with};

const DAY: Duration = Duration::from_hours(24);
const VALIDATE: &str = "/api/auth/sessions/validate";
const LOGOUT: &str = "/api/auth/sessions/logout";

async fn validates(app: &TestApp, token: &str) -> u16 {
    app.get(VALIDATE).cookie(token).send().await.status()
}

#[tokio::test]
async fn a_session_is_valid_as_cookie_and_as_bearer() {
    case(async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        for call in [
            app.get(VALIDATE).cookie(&token),
            app.get(VALIDATE).bearer(&token),
            app.get("/api/auth/tokens/validate").bearer(&token),
        ] {
            let valid = call.send().await.ok();
            assert_eq!(
                (valid["success"].as_bool(), valid["user"]["id"].as_str()),
                (Some(true), Some(person.id.as_str()))
            );
            assert!(
                valid["expires_at"]
                    .as_str()
                    .is_some_and(|at| at.ends_with('Z') && at.len() == 20)
            );
        }
        let pair = app.pair(&person).await;
        assert_eq!(
            app.get(VALIDATE)
                .bearer(&pair.access)
                .send()
                .await
                .problem(401),
            "invalid_token",
            "an access token is not a session token"
        );
        assert_eq!(
            app.get("/api/users/me")
                .cookie(&pair.access)
                .send()
                .await
                .problem(401),
            "invalid_token"
        );
    })
    .await;
}

#[tokio::test]
async fn using_a_session_extends_it_and_rewrites_its_cookie() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        app.age(14 * DAY).await;
        let answer = app.get(VALIDATE).cookie(&token).send().await;
        answer.ok();
        assert!(
            answer.cookies().is_empty(),
            "more than half of the lifetime is left: {:?}",
            answer.cookies()
        );
        app.age(2 * DAY).await;
        let answer = app.get("/api/users/me").cookie(&token).send().await;
        answer.ok();
        let [cookie] = answer.cookies()[..] else {
            panic!("one cookie: {:?}", answer.cookies())
        };
        assert_eq!(
            cookie,
            format!("session={token}; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")
        );
        app.age(29 * DAY).await;
        assert_eq!(
            validates(app, &token).await,
            200,
            "45 days after it was created"
        );
        app.age(31 * DAY).await;
        assert_eq!(
            validates(app, &token).await,
            401,
            "not used for more than 30 days"
        );
    })
    .await;
}

#[tokio::test]
async fn internal_validation_extends_the_session_and_reports_it() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        app.age(20 * DAY).await;
        let body = json!({"session_token": token});
        assert_eq!(
            app.internal("/api/internal/sessions/validate", &body)
                .send()
                .await
                .ok()["renewed"],
            true
        );
        assert_eq!(
            app.internal("/api/internal/sessions/validate", &body)
                .send()
                .await
                .ok()["renewed"],
            false
        );
    })
    .await;
}

#[tokio::test]
async fn a_session_expires_after_ninety_days_despite_use() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        for day in (10..90).step_by(10) {
            app.age(10 * DAY).await;
            assert_eq!(validates(app, &token).await, 200, "day {day}");
        }
        app.age(10 * DAY).await;
        assert_eq!(validates(app, &token).await, 401, "day 90");
    })
    .await;
}

#[tokio::test]
async fn logging_out_revokes_the_session_and_clears_the_cookie() {
    case(async |app| {
        let person = app.person().await;
        let (token, other) = (app.session(&person).await, app.session(&person).await);
        let answer = app
            .request(http::Method::POST, LOGOUT)
            .cookie(&token)
            .send()
            .await;
        assert_eq!(answer.ok()["success"], true);
        assert_eq!(
            answer.cookies(),
            ["session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"]
        );
        assert_eq!(
            (validates(app, &token).await, validates(app, &other).await),
            (401, 200)
        );
        // A second logout succeeds, and so does a logout without a credential or with an invalid
        // one.
        for call in [
            app.request(http::Method::POST, LOGOUT).cookie(&token),
            app.request(http::Method::POST, LOGOUT),
            app.request(http::Method::POST, LOGOUT).bearer("nonsense"),
            app.request(http::Method::POST, LOGOUT)
                .header("authorization", "Basic eDp5"),
            app.request(http::Method::POST, LOGOUT)
                .header("cookie", "session=a; session=b"),
            app.request(http::Method::POST, LOGOUT)
                .cookie("a")
                .bearer("b"),
            app.post(LOGOUT, &json!({})),
        ] {
            let answer = call.header("x-secret", "do-not-echo").send().await;
            answer.ok();
            assert!(!answer.text().contains("do-not-echo") && !answer.text().contains("nonsense"));
        }
        let pair = app.pair(&person).await;
        app.request(http::Method::POST, LOGOUT)
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        assert_eq!(
            (
                app.me(&pair.access).await,
                app.refresh(&pair.refresh).await.status()
            ),
            (401, 401)
        );
        assert_eq!(
            app.events(&person.id).await,
            [
                "user_created",
                "signed_in",
                "signed_in",
                "signed_out",
                "signed_in",
                "signed_out"
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn logging_out_revokes_every_presented_credential() {
    case(async |app| {
        let person = app.person().await;
        let (one, two, pair) = (
            app.session(&person).await,
            app.session(&person).await,
            app.pair(&person).await,
        );
        let cookies = format!("session=tossed; Session=x; session={one}; session={two}");
        app.request(http::Method::POST, LOGOUT)
            .header("cookie", &cookies)
            .bearer(&pair.access)
            .send()
            .await
            .ok();
        for token in [&one, &two, &pair.access] {
            assert_eq!(app.me(token).await, 401);
        }
    })
    .await;
}

#[tokio::test]
async fn foreign_cookies_may_hold_any_bytes() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        let call = app.get(VALIDATE).header(
            "cookie",
            &format!("lang=فارسی; broken; =; session={token}; x=\"y z\""),
        );
        call.send().await.ok();
    })
    .await;
}

#[tokio::test]
async fn every_sign_in_creates_a_session_whose_id_is_not_a_token() {
    case(async |app| {
        let person = app.person().await;
        let (one, two) = (app.session(&person).await, app.session(&person).await);
        assert_ne!(one, two);
        let pair = app.pair(&person).await;
        for token in [pair.id.as_str(), person.id.as_str()] {
            assert_eq!(
                app.get(VALIDATE).bearer(token).send().await.problem(401),
                "invalid_token"
            );
            assert_eq!(
                app.get(VALIDATE).cookie(token).send().await.problem(401),
                "invalid_token"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn production_cookies_are_secure_and_shared_only_where_configured() {
    case_with(&production(), async |app| {
        let token = app.session(&app.person().await).await;
        app.age(16 * DAY).await;
        let answer = app.get(VALIDATE).cookie(&token).send().await;
        let expected = format!(
            "session={token}; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax; \
             Domain=.hamrah.app"
        );
        assert_eq!(answer.cookies(), [expected.as_str()]);
        let cleared = app
            .request(http::Method::POST, LOGOUT)
            .cookie(&token)
            .send()
            .await;
        assert_eq!(
            cleared.cookies(),
            [
                "session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
                "session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax; Domain=.hamrah.app"
            ]
        );
    })
    .await;
    let host_only = production().map(|(name, value)| {
        if name == "COOKIE_DOMAIN" {
            (name, "")
        } else {
            (name, value)
        }
    });
    case_with(&host_only, async |app| {
        let token = app.session(&app.person().await).await;
        let answer = app
            .get(VALIDATE)
            .header("cookie", &format!("a=b; __Host-session={token}"))
            .send()
            .await;
        answer.ok();
        assert_eq!(
            validates(app, &token).await,
            401,
            "any page of the domain can set a cookie without the prefix"
        );
        let cleared = app
            .request(http::Method::POST, LOGOUT)
            .header("cookie", &format!("__Host-session={token}"))
            .send()
            .await;
        assert_eq!(
            cleared.cookies(),
            ["__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"]
        );
    })
    .await;
}

#[tokio::test]
async fn ambiguous_credentials_are_refused() {
    case(async |app| {
        let person = app.person().await;
        let token = app.session(&person).await;
        for (cookies, code) in [
            (format!("session={token}x"), "invalid_token"),
            ("session=".to_owned(), "invalid_token"),
            (format!("Session={token}"), "authentication_required"),
            (format!("=session={token}"), "authentication_required"),
            ("session".to_owned(), "authentication_required"),
        ] {
            assert_eq!(
                app.get(VALIDATE)
                    .header("cookie", &cookies)
                    .send()
                    .await
                    .problem(401),
                code,
                "{cookies}"
            );
        }
        let both = app.get(VALIDATE).cookie(&token).bearer(&token).send().await;
        assert_eq!(both.problem(400), "multiple_credentials");
        for name in ["access_token", "session_token", "ACCESS_TOKEN"] {
            let asked = app
                .get(&format!("/api/users/me?{name}={token}"))
                .send()
                .await;
            assert_eq!(asked.problem(400), "token_in_query");
        }
        let anonymous = app.get(VALIDATE).send().await;
        assert_eq!(anonymous.problem(401), "authentication_required");
        assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"));
        let wrong = app.get(VALIDATE).bearer("wrong").send().await;
        assert_eq!(
            wrong.header("www-authenticate"),
            Some("Bearer error=\"invalid_token\"")
        );
    })
    .await;
}
