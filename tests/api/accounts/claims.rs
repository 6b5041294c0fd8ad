//! Claims of identity providers: they never decide about a sign-in.

use http::Method;
use serde_json::{Value, json};

use crate::harness::authenticator::Authenticator;
use crate::harness::{case, other_person};

/// Claims that our own forms refuse.
fn unfit() -> Vec<(&'static str, Value)> {
    let mut claims = vec![
        ("picture", json!("data:image/svg+xml;base64,PHN2Zy8+")),
        ("picture", json!("http://cdn.example.com/a.png")),
        ("picture", json!("//cdn.example.com/a.png")),
        (
            "picture",
            json!(format!("https://cdn.example.com/{}", "x".repeat(2100))),
        ),
        ("name", json!("x".repeat(201))),
        ("email", json!("ada@bücher.example")),
        ("email", json!("\"ada lovelace\"@example.com")),
        ("email", json!("no address")),
    ];
    for text in [
        "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
        "soft\u{AD}hyphen",
        "a\u{2068}b\u{2069}",
        "a\u{180B}",
        "\u{3164}",
        "a\tb",
        "a\0b",
        "",
    ] {
        claims.push(("name", json!(text)));
    }
    claims
}

#[tokio::test]
async fn an_unfit_claim_of_a_provider_does_not_refuse_a_sign_in() {
    case(async |app| {
        for path in ["/api/internal/users", "/api/internal/tokens"] {
            for (field, value) in unfit() {
                // A known identity.
                let mut body = other_person();
                let known = app.internal(path, &body).send().await.ok();
                body[field] = value.clone();
                let again = app.internal(path, &body).send().await.ok();
                for kept in ["id", "email", "name", "picture"] {
                    assert_eq!(
                        again["user"][kept], known["user"][kept],
                        "{path} {field} {value}"
                    );
                }
                // A new identity.
                let mut body = other_person();
                body[field] = value.clone();
                let made = app.internal(path, &body).send().await.ok();
                assert_eq!(made["user"]["picture"], Value::Null);
                if field == "email" {
                    assert_eq!(made["user"]["email_verified"], false, "{value}");
                }
            }
        }
        let mut body = other_person();
        body["name"] = json!(format!(" soft\u{AD}hyphen\ta {}", "x".repeat(300)));
        let made = app.internal("/api/internal/users", &body).send().await.ok();
        let name = made["user"]["name"].as_str().expect("a name");
        assert!(name.starts_with("softhyphen a xx") && name.chars().count() == 200);
    })
    .await;
}

#[tokio::test]
async fn the_placeholder_of_a_missing_address_is_shown_nowhere() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let body = json!({"username": member.username, "password": crate::harness::PASSWORD});
        let signed_in = app
            .post("/api/auth/password/sign-in", &body)
            .send()
            .await
            .ok();
        let session = signed_in["session_token"].as_str().expect("a token");
        let begun = app.begin_passkey(session).await;
        let enrolled = app.post("/api/auth/totp/enroll", &json!({}));
        let enrolled = enrolled.bearer(session).send().await.ok();
        app.add_passkey(&mut Authenticator::new(), session)
            .await
            .ok();
        let list = app.get("/api/webauthn/credentials").bearer(session);
        let list = list.send().await.ok();
        let waiting = app.sql("SELECT email FROM outbox", &[]).await;
        assert!(!json!(waiting).to_string().contains("people.invalid"));
        assert_eq!(signed_in["user"]["email"], json!(null));
        let own = async |path: &str| app.get(path).bearer(session).send().await.ok();
        let me = own("/api/users/me").await;
        assert_eq!(
            (&me["email"], &me["email_verified"]),
            (&json!(null), &json!(false))
        );
        let renamed = app.request(Method::PUT, "/api/users/me").bearer(session);
        let renamed = renamed.json(&json!({"name": "Ada"})).send().await.ok();
        let exported = own("/api/users/me/export").await;
        assert_eq!(exported["account"]["email"], json!(null));
        let (events, validated) = (
            own("/api/users/me/events").await,
            app.internal(
                "/api/internal/sessions/validate",
                &json!({"session_token": session}),
            ),
        );
        let validated = validated.send().await.ok();
        let id = json!({"user_id": me["id"], "platform": "web"});
        let created = app
            .internal("/api/internal/sessions", &id)
            .send()
            .await
            .ok();
        for answer in [
            begun,
            enrolled,
            list,
            signed_in.clone(),
            me.clone(),
            renamed,
            exported,
            events,
            validated,
            created,
        ] {
            assert!(!answer.to_string().contains("people.invalid"), "{answer}");
        }
        // The placeholder is not an address: nothing is found by it, and no account can claim it.
        let placeholder = format!("{}@people.invalid", me["id"].as_str().expect("an id"));
        for (path, body) in [
            ("/api/auth/recovery/begin", json!({"email": placeholder})),
            (
                "/api/webauthn/register/begin",
                json!({"email": placeholder, "name": "Eve"}),
            ),
        ] {
            assert_eq!(
                app.post(path, &body).send().await.problem(422),
                "invalid_email"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn the_first_passkey_was_used_at_the_time_of_the_sign_in() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let session = made["session_token"].as_str().expect("a token");
        let passkeys = app.passkeys(session).await;
        assert_eq!(passkeys[0]["last_used"], passkeys[0]["created_at"]);
    })
    .await;
}
