//! Forms of a credential that clients, proxies and other software send beside the usual one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;

use crate::app::service::production;
use crate::harness::{case, case_with, claims};

const VALIDATE: &str = "/api/auth/sessions/validate";
const LOGOUT: &str = "/api/auth/sessions/logout";

#[tokio::test]
async fn spaces_after_the_scheme_do_not_matter() {
    case(async |app| {
        let person = app.person().await;
        for token in [app.session(&person).await, app.pair(&person).await.access] {
            for spaces in [" ", "  ", "      "] {
                let call = app
                    .get("/api/users/me")
                    .header("authorization", &format!("Bearer{spaces}{token}"));
                assert_eq!(call.send().await.status(), 200, "{spaces:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn another_scheme_is_no_credential() {
    case(async |app| {
        let token = app.session(&app.person().await).await;
        for scheme in ["Basic c3RhZ2luZzpzZWNyZXQ=", "Digest a=b", "Negotiate YQ=="] {
            let with_cookie = app.get(VALIDATE).cookie(&token);
            let answer = with_cookie.header("authorization", scheme).send().await;
            assert_eq!(answer.status(), 200, "{scheme}");
            let alone = app.get(VALIDATE).header("authorization", scheme);
            assert_eq!(alone.send().await.problem(401), "authentication_required");
        }
        // The browser sends both by itself, so a foreign page must not write with them.
        let foreign = app
            .request(Method::PUT, "/api/users/me")
            .json(&json!({"name": "Changed"}))
            .header("authorization", "Basic c3RhZ2luZzpzZWNyZXQ=")
            .header("sec-fetch-site", "cross-site");
        assert_eq!(
            foreign.cookie(&token).send().await.problem(403),
            "cross_site_request"
        );
        let both = app
            .get(VALIDATE)
            .cookie(&token)
            .header("authorization", "bearer x");
        assert_eq!(both.send().await.problem(400), "multiple_credentials");
    })
    .await;
}

#[tokio::test]
async fn a_cookie_of_other_software_does_not_hide_the_session() {
    for settings in [&[][..], &production()[..]] {
        case_with(settings, async |app| {
            let person = app.person().await;
            let (token, ended) = (app.session(&person).await, app.session(&person).await);
            let sent = async |cookies: &str| {
                let call = app.get(VALIDATE).header("cookie", cookies);
                call.send().await
            };
            let logout = app.request(Method::POST, LOGOUT);
            assert_eq!(logout.cookie(&ended).send().await.status(), 200);
            for cookies in [
                format!("session=eyJhbGciOiJub25lIn0.e30.; session={token}"),
                format!("session={token}; session=s%3Aabc.def"),
                format!("SESSION=1; session={token}; Session=2"),
                format!("=session=x; session={token}"),
                format!("session={ended}; session={token}"),
                format!("session={token}; session={ended}"),
                format!("session=a; session=b; session=c; session={token}"),
            ] {
                assert_eq!(sent(&cookies).await.status(), 200, "{cookies}");
            }
            for cookies in [
                "session=x; session=y".to_owned(),
                format!("session={ended}; session={ended}; session={ended}"),
                format!("session={ended}; session={ended}x; session={token}x"),
            ] {
                assert_eq!(
                    sent(&cookies).await.problem(401),
                    "invalid_token",
                    "{cookies}"
                );
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_second_cookie_under_the_host_prefix_is_refused() {
    let host_only = production().map(|(name, value)| match name {
        "COOKIE_DOMAIN" => (name, ""),
        _ => (name, value),
    });
    case_with(&host_only, async |app| {
        let token = app.session(&app.person().await).await;
        let sent = async |cookies: &str| {
            let call = app.get(VALIDATE).header("cookie", cookies);
            call.send().await
        };
        sent(&format!("__Host-session={token}")).await.ok();
        for cookies in [
            format!("__Host-session=x; __Host-session={token}"),
            format!("__Host-session={token}; __host-session=x"),
        ] {
            assert_eq!(sent(&cookies).await.problem(401), "invalid_token");
        }
    })
    .await;
}

#[tokio::test]
async fn a_content_type_without_a_body_has_no_effect() {
    case(async |app| {
        for content_type in [
            "application/x-www-form-urlencoded",
            "text/plain;charset=UTF-8",
            "application/octet-stream",
        ] {
            let token = app.session(&app.person().await).await;
            let logout = app.request(Method::POST, LOGOUT).cookie(&token);
            let answer = logout.header("content-type", content_type).send().await;
            assert_eq!(answer.status(), 200, "{content_type}");
            let after = app.get(VALIDATE).cookie(&token).send().await;
            assert_eq!(after.problem(401), "invalid_token");
            let typed = app
                .request(Method::POST, LOGOUT)
                .header("content-type", content_type)
                .body(b"a=b".to_vec());
            assert_eq!(typed.send().await.problem(415), "unsupported_media_type");
        }
    })
    .await;
}

#[tokio::test]
async fn claims_that_are_not_utf_8_are_refused() {
    case(async |app| {
        let token = app.pair(&app.person().await).await.access;
        let [header, _] = [0, 1].map(|part| token.split('.').nth(part).expect("a part"));
        let signed =
            |bytes: &[u8]| app.sign(&format!("{header}.{}", URL_SAFE_NO_PAD.encode(bytes)));
        let mut readable = claims(&token).as_object().expect("claims").clone();
        readable.insert("note".to_owned(), json!("NOTE"));
        let text = serde_json::to_string(&readable).expect("JSON");
        let status = async |token: &str| app.get(VALIDATE_TOKEN).bearer(token).send().await;
        assert_eq!(status(&signed(text.as_bytes())).await.status(), 200);
        let at = text.find("NOTE").expect("the claim");
        for broken in [&[0xff][..], &[0xc3, 0x28], &[0xed, 0xa0, 0x80]] {
            let mut bytes = text.clone().into_bytes();
            bytes.splice(at..at + 4, broken.iter().copied());
            assert_eq!(
                status(&signed(&bytes)).await.problem(401),
                "invalid_token",
                "{broken:?}"
            );
        }
    })
    .await;
}

const VALIDATE_TOKEN: &str = "/api/auth/tokens/validate";
