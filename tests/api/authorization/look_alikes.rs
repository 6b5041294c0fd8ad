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

/// Names that look like a Latin name, or like the same name without an invisible part.
const LOOK_ALIKES: [&str; 24] = [
    // All letters of another script.
    "ѕсоре",
    "сору",
    "ΟΡΕΝ",
    "ρονι",
    "օոսհ",
    "ӓӧ",
    "ѕсоре 7",
    "סו",
    "اه",
    "ꓮꓴꓔꓧ",
    "ᎪᎡᎢ",
    // Marks that stack up, stand alone, or are of another script.
    "o\u{336}rders",
    "orders\u{64B}",
    "7\u{94D}",
    "\u{5B0}",
    "गो\u{94D}\u{94D}दाम",
    // Unassigned or invisible characters.
    "orders\u{378}",
    "Склад\u{530}",
    "\u{1FFFF}",
    "انبار\u{61C}",
    // Signs that look like others.
    "read‐all",
    "read∶all",
    "Sales  Team",
    "٧٧",
];

#[tokio::test]
async fn names_of_another_script_that_look_latin_are_refused() {
    case(async |app| {
        let root = app.administrator().await;
        for kind in ["roles", "permissions", "services"] {
            let path = format!("/{kind}");
            for name in LOOK_ALIKES {
                let body = json!({"name": name});
                let refused = app.ask(&root, Method::POST, &path, body).await;
                let code = refused.refused(400);
                assert_eq!(code, "invalid_request_body", "{kind} {name:?}");
            }
            for name in [
                "Склад 7",
                "Отчёты",
                "Κατάλογος",
                "Պահեստ",
                "מחסן",
                "انبار ۳",
                "गोदाम",
                "คลัง",
                "창고",
                "Größe M",
                "Đơn hàng",
                "R&D (EU): 50 €",
                "read:all 🦊",
            ] {
                app.create(&root, kind, name).await;
            }
        }
    })
    .await;
}

/// Other ways to write the texts of a person, each of which an attacker tries first.
const FORMS: [&str; 10] = [
    "ｑｕａｇｇａ．ｃｒｏｓｓｉｎｇ－７７",
    "quagga.crossing-٧٧",
    "۷۷Quagga_Crossing۷۷۷",
    "𝐪𝐮𝐚𝐠𝐠𝐚crossing",
    "stripes of grey example com",
    "STRIPES.OF.GREY१२३",
    "ΟΔΥΣΣΈΑΣ STRASSE",
    "οδυσσέασstraße4",
    "Οδυσσε\u{301}ας-Straße",
    "οδυσσεας strasse",
];

#[tokio::test]
async fn no_form_of_the_own_texts_is_a_password_on_any_route() {
    case(async |app| {
        let root = app.administrator().await;
        let person = json!({
            "username": "quagga.crossing-77",
            "name": "Οδυσσέας Straße",
            "email": "stripes.of.grey@example.com",
            "password": PASSWORD,
        });
        let made = app.ask(&root, Method::POST, "/users", person.clone()).await;
        let path = format!("/users/{}", made.created()["id"]);
        let signed_in = json!({"username": person["username"], "password": PASSWORD});
        let signed_in = app.post("/api/auth/password/sign-in", &signed_in);
        let signed_in = signed_in.send().await.ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        for password in FORMS {
            let mut other = person.clone();
            other["password"] = json!(password);
            let refused = app.ask(&root, Method::POST, "/users", other).await;
            assert_eq!(refused.refused(422), "common_password", "{password}");
            let body = json!({"password": password});
            let refused = app.ask(&root, Method::PUT, &path, body.clone()).await;
            assert_eq!(refused.refused(422), "common_password", "{password}");
            let own = app.request(Method::PUT, "/api/auth/password").json(&body);
            let own = own.bearer(session).send().await;
            assert_eq!(own.problem(422), "common_password", "{password}");
        }
    })
    .await;
}
