//! Registrations: a user creates an account with a passkey and adds another passkey.

use http::Method;
use serde_json::json;

use crate::harness::authenticator::{Authenticator, ORIGIN};
use crate::harness::{Pair, case};

#[tokio::test]
async fn a_sign_up_with_a_passkey_creates_an_account_and_a_session() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let begun = app.begin_sign_up("Ada@Example.com").await;
        let options = &begun["options"];
        assert_eq!(begun["challenge_id"], begun["challengeId"]);
        assert_eq!(options["challengeId"], begun["challenge_id"]);
        assert_eq!(options["rp"], json!({"id": "localhost", "name": "Hamrah"}));
        assert_eq!(
            (&options["user"]["name"], &options["user"]["displayName"]),
            (&json!("ada@example.com"), &json!("Newcomer"))
        );
        let algorithms: Vec<_> = options["pubKeyCredParams"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|p| p["alg"].as_i64())
            .collect();
        assert_eq!(algorithms, [Some(-7), Some(-257), Some(-8)]);
        let selection = &options["authenticatorSelection"];
        assert_eq!(
            (&selection["residentKey"], &selection["userVerification"]),
            (&json!("required"), &json!("required"))
        );
        assert_eq!(
            (&options["attestation"], &options["excludeCredentials"]),
            (&json!("none"), &json!([]))
        );
        assert_eq!(options["timeout"], 300_000);
        // The challenge reads alike in base64 and base64url: it has only letters and digits, and
        // its length is a multiple of four.
        let challenge = options["challenge"].as_str().expect("a challenge");
        assert!(
            challenge.len() == 64 && challenge.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{challenge}"
        );

        let answer = app
            .complete_registration(&begun, &authenticator.register(options))
            .header("origin", ORIGIN)
            .send()
            .await;
        let made = answer.ok();
        assert_eq!(
            (&made["verified"], &made["user"]["email"]),
            (&json!(true), &json!("ada@example.com"))
        );
        assert_eq!(
            (
                &made["user"]["email_verified"],
                &made["user"]["auth_method"]
            ),
            (&json!(false), &json!("passkey"))
        );
        assert_eq!(made["credential_id"], made["credentialId"]);
        let session = made["session_token"].as_str().expect("a session token");
        assert!(
            answer.cookies()[0].starts_with(&format!("session={session}; ")),
            "{:?}",
            answer.cookies()
        );
        let pair = Pair::read(&made);
        for token in [session, &pair.access] {
            assert_eq!(app.me(token).await, 200);
        }
        app.refresh(&pair.refresh).await.ok();
        let user = made["user"]["id"].as_str().expect("an id");
        assert_eq!(
            app.events(user).await[..3],
            ["user_created", "passkey_added", "signed_in"]
        );
        // The user handle is the account's id as text.
        let handle = authenticator.user_handle.clone().expect("a user handle");
        assert_eq!(handle, crate::harness::authenticator::base64url(user));
    })
    .await;
}

#[tokio::test]
async fn a_signed_in_user_adds_a_passkey_to_their_own_account_only() {
    case(async |app| {
        let (ada, mallory) = (app.person().await, app.person().await);
        let token = app.session(&mallory).await;
        let body = json!({
            "email": ada.email,
            "name": "Ada",
            "user_id": ada.id,
            "userId": ada.id,
            "label": " My key ",
        });
        let begun = app
            .post("/api/webauthn/register/begin", &body)
            .bearer(&token)
            .send()
            .await
            .ok();
        assert_eq!(begun["options"]["user"]["name"], mallory.email.as_str());
        let mut authenticator = Authenticator::new();
        let answer = authenticator.register(&begun["options"]);
        let added = app
            .complete_registration(&begun, &answer)
            .bearer(&token)
            .send()
            .await
            .ok();
        assert_eq!(
            (&added["user"]["id"], &added["verified"]),
            (&json!(mallory.id), &json!(true))
        );
        assert!(added.get("session_token").is_none() && added.get("access_token").is_none());
        assert_eq!(app.passkeys(&token).await[0]["name"], "My key");
        assert!(app.passkeys(&app.session(&ada).await).await.is_empty());
        // The next registration excludes the passkeys of the account.
        let excluded = &app.begin_passkey(&token).await["options"]["excludeCredentials"][0]["id"];
        assert_eq!(
            *excluded,
            crate::harness::authenticator::base64url(&authenticator.id)
        );
        assert_eq!(
            app.passkey_sign_in(&authenticator).await.ok()["user"]["id"],
            mallory.id.as_str()
        );
        assert!(
            app.events(&mallory.id)
                .await
                .contains(&"passkey_added".to_owned())
        );
    })
    .await;
}

#[tokio::test]
async fn a_taken_address_is_refused_only_after_the_ceremony() {
    case(async |app| {
        let person = app.person().await;
        let unknown = app.begin_sign_up("free@example.com").await;
        let taken = app.begin_sign_up(&person.email).await;
        let keys = |value: &serde_json::Value| {
            value
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            (keys(&unknown), keys(&unknown["options"])),
            (keys(&taken), keys(&taken["options"]))
        );
        let mut authenticator = Authenticator::new();
        let answer = authenticator.register(&taken["options"]);
        assert_eq!(
            app.complete_registration(&taken, &answer)
                .send()
                .await
                .problem(409),
            "email_taken"
        );
        assert_eq!(app.count("SELECT COUNT(*) FROM passkeys", &[]).await, 0);
        assert_eq!(
            app.passkey_sign_in(&authenticator).await.problem(401),
            "passkey_sign_in_failed"
        );
        // An unverified claim to an address does not lock its owner out, and the claimant gets no
        // access to the owner's account.
        let mut squatter = Authenticator::new();
        let claimed = app.sign_up(&mut squatter, "victim@example.com").await.ok();
        let body = json!({
            "provider": "google",
            "provider_id": "victim",
            "email": "victim@example.com",
            "platform": "web",
        });
        let owner = app.internal("/api/internal/users", &body).send().await.ok();
        assert_ne!(owner["user"]["id"], claimed["user"]["id"]);
        assert_eq!(
            (
                &owner["user"]["email_verified"],
                &claimed["user"]["email_verified"]
            ),
            (&json!(true), &json!(false))
        );
        assert_eq!(
            app.passkey_sign_in(&squatter).await.ok()["user"]["id"],
            claimed["user"]["id"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_sign_in_revokes_the_previous_session_of_the_browser() {
    case(async |app| {
        let mut authenticator = Authenticator::new();
        let first = app
            .sign_up(&mut authenticator, "ada@example.com")
            .await
            .ok();
        let old = first["session_token"].as_str().expect("a session token");
        let begun = app.begin_sign_in(None).await;
        let answer = authenticator.authenticate(&begun["options"]);
        let refused = app
            .complete_sign_in(&begun, &answer)
            .cookie(old)
            .header("origin", "https://evil.example")
            .send()
            .await;
        assert_eq!(refused.problem(403), "cross_site_request");
        // A Bearer token in addition does not make the page one of ours.
        let refused = app
            .complete_sign_in(&begun, &answer)
            .bearer("x")
            .header("origin", "https://evil.example")
            .send()
            .await;
        assert_eq!(
            (refused.problem(403), refused.cookies().len()),
            ("cross_site_request".to_owned(), 0)
        );
        let call = app
            .complete_sign_in(&begun, &answer)
            .cookie(old)
            .header("origin", ORIGIN)
            .header("sec-fetch-site", "same-origin");
        let answer = call.send().await;
        let new = answer.ok()["session_token"]
            .as_str()
            .expect("a session token")
            .to_owned();
        assert_eq!(answer.cookies().len(), 1, "{:?}", answer.cookies());
        assert_eq!((app.me(old).await, app.me(&new).await), (401, 200));
        assert_eq!(app.refresh(&Pair::read(&first).refresh).await.status(), 401);
    })
    .await;
}

#[tokio::test]
async fn begin_refuses_each_invalid_field() {
    case(async |app| {
        let begin = async |body: serde_json::Value| {
            app.post("/api/webauthn/register/begin", &body).send().await
        };
        assert_eq!(begin(json!({})).await.problem(422), "email_required");
        assert_eq!(
            begin(json!({"email": "", "name": "A"})).await.problem(422),
            "email_required"
        );
        assert_eq!(
            begin(json!({"email": "a@example.com"})).await.problem(422),
            "invalid_name"
        );
        assert_eq!(
            begin(json!({"email": "ａ@example.com", "name": "A"}))
                .await
                .problem(422),
            "invalid_email"
        );
        assert_eq!(
            begin(json!({"email": "a@example.com", "name": "A", "label": "x".repeat(65)}))
                .await
                .problem(422),
            "invalid_passkey_name"
        );
        // An invalid credential is refused. With an address it does not prevent the sign-up.
        let stale = format!("hms_{}", "A".repeat(43));
        let sent = |body: serde_json::Value| {
            app.post("/api/webauthn/register/begin", &body)
                .cookie(&stale)
                .send()
        };
        assert_eq!(
            sent(json!({"label": "x"})).await.problem(401),
            "invalid_token"
        );
        sent(json!({"email": "a@example.com", "name": "A"}))
            .await
            .ok();
        let both = app
            .post("/api/webauthn/register/begin", &json!({}))
            .cookie(&stale)
            .bearer(&stale)
            .send()
            .await;
        assert_eq!(both.problem(400), "multiple_credentials");
        assert_eq!(
            app.request(Method::POST, "/api/webauthn/authenticate/begin")
                .send()
                .await
                .problem(415),
            "unsupported_media_type"
        );
    })
    .await;
}
