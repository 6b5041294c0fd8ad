//! Independent clients: 1Password's authenticator and client, and the forms in which real clients
//! send their responses.

use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::AvailableBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::{CredentialCreationOptions, CredentialRequestOptions};
use serde_json::{Value, json};
use url::Url;

use crate::harness::authenticator::{Authenticator as ByHand, ORIGIN};
use crate::harness::{Pair, TestApp, case, case_with};

/// A user who is present and consents.
struct Willing;

#[async_trait::async_trait]
impl UserValidationMethod for Willing {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence,
            verification,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

type OnePassword =
    Client<Option<Passkey>, Willing, AvailableBackend, public_suffix::PublicSuffixList, ()>;

fn one_password(counts: bool) -> OnePassword {
    let mut authenticator =
        Authenticator::new(Aaguid::new_empty(), None, Willing, AvailableBackend);
    authenticator.set_make_credentials_with_signature_counter(counts);
    Client::new(authenticator).allows_insecure_localhost(true)
}

async fn registered(client: &mut OnePassword, origin: &str, begun: &Value) -> Value {
    let options: CredentialCreationOptions =
        serde_json::from_value(json!({"publicKey": begun["options"]}))
            .expect("options that it can read");
    let origin = Url::parse(origin).expect("a URL");
    let made = client
        .register(&origin, options, DefaultClientData)
        .await
        .expect("a credential");
    serde_json::to_value(made).expect("JSON")
}

async fn asserted(client: &mut OnePassword, origin: &str, begun: &Value) -> Value {
    let mut options = begun["options"].clone();
    if options["allowCredentials"] == json!([]) {
        options["allowCredentials"] = Value::Null;
    }
    let options: CredentialRequestOptions =
        serde_json::from_value(json!({"publicKey": options})).expect("options that it can read");
    let origin = Url::parse(origin).expect("a URL");
    serde_json::to_value(
        client
            .authenticate(&origin, options, DefaultClientData)
            .await
            .expect("an assertion"),
    )
    .expect("JSON")
}

async fn complete(app: &TestApp, path: &str, begun: &Value, response: &Value) -> Value {
    app.post(
        path,
        &json!({"challenge_id": begun["challenge_id"], "response": response}),
    )
    .send()
    .await
    .ok()
}

#[tokio::test]
async fn an_independent_authenticator_registers_and_signs_in() {
    case(async |app| {
        for (email, counts) in [("ada@example.com", false), ("bob@example.com", true)] {
            let mut client = one_password(counts);
            let begun = app.begin_sign_up(email).await;
            let response = registered(&mut client, ORIGIN, &begun).await;
            let made = complete(app, "/api/webauthn/register/complete", &begun, &response).await;
            for name in [None, Some(email)] {
                let begun = app.begin_sign_in(name).await;
                let response = asserted(&mut client, ORIGIN, &begun).await;
                let signed_in = complete(
                    app,
                    "/api/webauthn/authenticate/complete",
                    &begun,
                    &response,
                )
                .await;
                assert_eq!(signed_in["user"]["id"], made["user"]["id"]);
                assert_eq!(app.me(&Pair::read(&signed_in).access).await, 200);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_independent_authenticator_works_on_a_real_domain() {
    let vars = [
        ("RP_ID", "hamrah.app"),
        ("ALLOWED_ORIGINS", "https://api.hamrah.app"),
        ("RELATED_ORIGINS", "https://hamrah.example"),
    ];
    case_with(&vars, async |app| {
        let mut client = one_password(false);
        let begun = app.begin_sign_up("ada@example.com").await;
        // The app's associated domain is the domain of the relying party. A page on a subdomain is
        // allowed by name.
        let response = registered(&mut client, "https://hamrah.app", &begun).await;
        complete(app, "/api/webauthn/register/complete", &begun, &response).await;
        let begun = app.begin_sign_in(None).await;
        let response = asserted(&mut client, "https://api.hamrah.app", &begun).await;
        complete(
            app,
            "/api/webauthn/authenticate/complete",
            &begun,
            &response,
        )
        .await;
        // The browser accepts a related origin because the relying party lists it.
        let related = ByHand {
            origin: "https://hamrah.example".to_owned(),
            ..ByHand::new()
        };
        let begun = app.begin_sign_up("bob@example.com").await;
        let answer = related.clone().register(&begun["options"]);
        app.complete_registration(&begun, &answer).send().await.ok();
    })
    .await;
}

fn standard(value: &Value) -> Value {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    json!(
        STANDARD.encode(
            URL_SAFE_NO_PAD
                .decode(value.as_str().expect("a text"))
                .expect("base64url")
        )
    )
}

/// Returns the response in the form of the iOS app: padded base64 throughout, no optional members,
/// and an empty user handle if it has none.
fn as_the_app(mut response: Value, user_handle: Option<&str>) -> Value {
    let inner = response["response"].as_object().expect("an object").clone();
    let mut sent = json!({});
    for (name, value) in &inner {
        if !matches!(name.as_str(), "transports" | "userHandle") {
            sent[name] = standard(value);
        }
    }
    if let Some(handle) = user_handle {
        sent["userHandle"] = json!(handle);
    }
    response = json!({
        "id": standard(&response["id"]),
        "rawId": standard(&response["rawId"]),
        "type": "public-key",
        "response": sent,
    });
    response
}

#[tokio::test]
async fn the_form_of_the_ios_app_is_accepted() {
    case(async |app| {
        let mut authenticator = ByHand::new();
        let begun = app.begin_sign_up("ada@example.com").await;
        let response = as_the_app(authenticator.register(&begun["options"]).json(), None);
        let body = json!({"challengeId": begun["options"]["challengeId"], "response": response});
        app.post("/api/webauthn/register/verify", &body)
            .header("user-agent", "hamrahIOS/1")
            .send()
            .await
            .ok();
        // Without an address the response names the user. With one it may omit the user handle.
        for (name, handle) in [
            (
                None,
                authenticator
                    .user_handle
                    .as_deref()
                    .map(|h| standard(&json!(h))),
            ),
            (Some("ada@example.com"), Some(json!(""))),
        ] {
            let body = json!({"email": name.unwrap_or_default()});
            let begun = app
                .post("/api/webauthn/authenticate/discoverable", &body)
                .send()
                .await
                .ok();
            let handle = handle.as_ref().and_then(Value::as_str);
            let response = as_the_app(authenticator.authenticate(&begun["options"]).json(), handle);
            let body = json!({"challenge_id": begun["challengeId"], "response": response});
            let call = app
                .post("/api/webauthn/authenticate/discoverable/verify", &body)
                .header("user-agent", "hamrahIOS/1");
            assert_eq!(call.send().await.ok()["user"]["last_login_platform"], "ios");
        }
    })
    .await;
}

#[tokio::test]
async fn the_form_of_the_browser_library_is_accepted() {
    case(async |app| {
        // @simplewebauthn/browser adds members to the required ones.
        let mut authenticator = ByHand::new();
        let begun = app.begin_sign_up("ada@example.com").await;
        let mut response = authenticator.register(&begun["options"]).json();
        response["authenticatorAttachment"] = json!("platform");
        response["clientExtensionResults"] = json!({"credProps": {"rk": true}});
        for (name, value) in [
            ("publicKeyAlgorithm", json!(-7)),
            ("publicKey", json!("AAAA")),
            ("authenticatorData", json!("AAAA")),
        ] {
            response["response"][name] = value;
        }
        complete(app, "/api/webauthn/register/complete", &begun, &response).await;
        let begun = app.begin_sign_in(None).await;
        let mut response = authenticator.authenticate(&begun["options"]).json();
        response["authenticatorAttachment"] = json!("cross-platform");
        complete(
            app,
            "/api/webauthn/authenticate/complete",
            &begun,
            &response,
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_malformed_response_is_refused_with_the_name_of_its_field() {
    case(async |app| {
        let begun = app.begin_sign_in(None).await;
        let good = ByHand::new().authenticate(&begun["options"]).json();
        let send = async |response: Value| {
            let body = json!({"challenge_id": begun["challenge_id"], "response": response});
            app.post("/api/webauthn/authenticate/complete", &body)
                .send()
                .await
        };
        for field in ["clientDataJSON", "authenticatorData", "signature"] {
            for bad in [
                Value::Null,
                json!(7),
                json!("not base64!"),
                json!([]),
                json!({}),
            ] {
                let mut response = good.clone();
                response["response"][field] = bad;
                assert_eq!(send(response).await.problem(422), "invalid_body", "{field}");
            }
            let mut response = good.clone();
            response["response"]
                .as_object_mut()
                .expect("an object")
                .remove(field);
            assert_eq!(send(response).await.problem(422), "invalid_body", "{field}");
        }
        let mut without_id = good.clone();
        without_id["id"] = Value::Null;
        without_id["rawId"] = Value::Null;
        assert_eq!(send(without_id).await.problem(422), "invalid_body");
        for (field, value) in [("type", json!("password")), ("id", json!("AAAA"))] {
            let mut response = good.clone();
            response[field] = value;
            // The first response uses up the challenge.
            assert_eq!(
                send(response).await.problem(401),
                "passkey_sign_in_failed",
                "{field}"
            );
        }
    })
    .await;
}
