//! Names that look like others, and passwords that are the username.

use http::Method;
use serde_json::json;

use crate::harness::{PASSWORD, case};

#[tokio::test]
async fn names_that_look_like_others_are_refused() {
    case(async |app| {
        let root = app.administrator().await;
        for kind in ["roles", "permissions", "services"] {
            let path = format!("/{kind}");
            for name in [
                "ａｕｔｈ",
                "аuth",
                "auth․administer",
                "auth.administer",
                "Αdmin",
                "ɑuth",
                "ﬁle",
                "cafe\u{301}",
                "a\u{E000}b",
                "a\u{200D}b",
                "orders\u{FE0F}",
                "orders\u{E0100}",
                "orders\u{206A}",
                "12\u{663}",
            ] {
                let body = json!({"name": name});
                let refused = app.ask(&root, Method::POST, &path, body).await;
                assert_eq!(
                    refused.refused(400),
                    "invalid_request_body",
                    "{kind} {name}"
                );
            }
            for name in ["Café no. 7", "Склад", "倉庫 A", "انبار", "read:all"] {
                let id = app.create(&root, kind, name).await;
                let body = json!({"name": "аuth"});
                let row = format!("{path}/{id}");
                let renamed = app.ask(&root, Method::PUT, &row, body).await;
                assert_eq!(renamed.refused(400), "invalid_request_body");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_username_is_no_password() {
    case(async |app| {
        let root = app.administrator().await;
        let username = "quagga.crossing-77";
        let email = "stripes.of.grey@example.com";
        let body = |password: &str| {
            json!({"username": username, "name": "Zoe", "email": email, "password": password})
        };
        for password in [username, "quagga.crossing-771", "quagga crossing 77!", email] {
            let refused = app.ask(&root, Method::POST, "/users", body(password)).await;
            assert_eq!(refused.refused(422), "common_password", "{password}");
        }
        let made = app.ask(&root, Method::POST, "/users", body(PASSWORD)).await;
        let path = format!("/users/{}", made.created()["id"]);
        for password in ["Quagga.Crossing-77", email] {
            let changed = json!({"password": password});
            let refused = app.ask(&root, Method::PUT, &path, changed).await;
            assert_eq!(refused.refused(422), "common_password", "{password}");
        }
        let signed_in = json!({"username": username, "password": PASSWORD});
        let signed_in = app.post("/api/auth/password/sign-in", &signed_in);
        let signed_in = signed_in.send().await.ok();
        let own = app.request(Method::PUT, "/api/auth/password");
        let own = own.bearer(signed_in["session_token"].as_str().expect("a token"));
        let own = own.json(&json!({"password": username})).send().await;
        assert_eq!(own.problem(422), "common_password");
    })
    .await;
}
