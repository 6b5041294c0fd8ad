//! The ceremonies of passkeys, as a client performs them.

use serde_json::{Value, json};

use super::authenticator::{Assertion, Authenticator, Registration};
use super::{Answer, Call, Person, TestApp};

const BEGIN_REGISTRATION: &str = "/api/webauthn/register/begin";
const COMPLETE_REGISTRATION: &str = "/api/webauthn/register/complete";
const BEGIN_SIGN_IN: &str = "/api/webauthn/authenticate/begin";
const COMPLETE_SIGN_IN: &str = "/api/webauthn/authenticate/complete";

impl TestApp {
    /// Begins the creation of an account.
    pub async fn begin_sign_up(&self, email: &str) -> Value {
        self.post(
            BEGIN_REGISTRATION,
            &json!({"email": email, "name": "Newcomer"}),
        )
        .send()
        .await
        .ok()
    }

    /// Begins the addition of a passkey to the account of a token.
    pub async fn begin_passkey(&self, token: &str) -> Value {
        self.post(BEGIN_REGISTRATION, &json!({}))
            .bearer(token)
            .send()
            .await
            .ok()
    }

    /// Completes a registration.
    pub fn complete_registration(&self, begun: &Value, answer: &Registration) -> Call<'_> {
        self.post(
            COMPLETE_REGISTRATION,
            &json!({"challenge_id": begun["challenge_id"], "response": answer.json()}),
        )
    }

    /// Creates an account with the authenticator's credential, as a page does.
    pub async fn sign_up(&self, authenticator: &mut Authenticator, email: &str) -> Answer {
        let begun = self.begin_sign_up(email).await;
        let answer = authenticator.register(&begun["options"]);
        self.complete_registration(&begun, &answer)
            .header("origin", &authenticator.origin)
            .send()
            .await
    }

    /// Adds the authenticator's credential to the account of a token.
    pub async fn add_passkey(&self, authenticator: &mut Authenticator, token: &str) -> Answer {
        let begun = self.begin_passkey(token).await;
        let answer = authenticator.register(&begun["options"]);
        self.complete_registration(&begun, &answer)
            .bearer(token)
            .send()
            .await
    }

    /// Adds a passkey to the account of a token. Returns its id.
    pub async fn passkey(&self, person: &Person) -> String {
        let session = self.session(person).await;
        let added = self
            .add_passkey(&mut Authenticator::new(), &session)
            .await
            .ok();
        added["credential_id"].as_str().expect("an id").to_owned()
    }

    /// Begins a sign-in, with an address or with any passkey of the client.
    pub async fn begin_sign_in(&self, email: Option<&str>) -> Value {
        self.post(BEGIN_SIGN_IN, &json!({"email": email}))
            .send()
            .await
            .ok()
    }

    /// Completes a sign-in.
    pub fn complete_sign_in(&self, begun: &Value, answer: &Assertion) -> Call<'_> {
        self.post(
            COMPLETE_SIGN_IN,
            &json!({"challenge_id": begun["challenge_id"], "response": answer.json()}),
        )
    }

    /// Signs in with the authenticator's credential, without an address.
    pub async fn passkey_sign_in(&self, authenticator: &Authenticator) -> Answer {
        let begun = self.begin_sign_in(None).await;
        self.complete_sign_in(&begun, &authenticator.authenticate(&begun["options"]))
            .send()
            .await
    }

    /// Returns the passkeys of the account.
    pub async fn passkeys(&self, token: &str) -> Vec<Value> {
        let list = self
            .get("/api/webauthn/credentials")
            .bearer(token)
            .send()
            .await
            .ok();
        let credentials = list["credentials"].as_array().expect("a list").clone();
        assert_eq!(list["count"], credentials.len());
        credentials
    }
}
