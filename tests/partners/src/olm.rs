//! Olm over the relay, by the vodozemac library: two accounts seal messages from bundles alone.
//!
//! Olm wants a Curve25519 identity key beside the Ed25519 one. The relay has no such field, so the
//! signed prekey carries it: the identity key signs it, and the bundle delivers both. The one-time
//! prekeys are Olm's one-time keys.

use serde_json::{Value, json};
use vodozemac::olm::{Account, OlmMessage, Session, SessionConfig};
use vodozemac::{Curve25519PublicKey, Ed25519PublicKey, Ed25519Signature};

use crate::relay::{Api, META, Member, Read, b64, bytes, key, text};

/// An account of the relay with its keys and sessions.
pub struct OlmClient {
    pub member: Member,
    account: Account,
}

/// Returns the public keys of an Olm account, as a body.
fn upload(account: &mut Account, one_time_keys: usize) -> Value {
    account.generate_one_time_keys(one_time_keys);
    let one_time_keys: Vec<String> = account
        .one_time_keys()
        .values()
        .map(|key| b64(key.as_bytes()))
        .collect();
    account.mark_keys_as_published();
    let signed = account.curve25519_key();
    json!({
        "identity_key": b64(account.ed25519_key().as_bytes()),
        "signed_prekey": b64(signed.as_bytes()),
        "signed_prekey_signature": b64(account.sign(signed.as_bytes()).to_bytes()),
        "one_time_prekeys": one_time_keys,
    })
}

/// The checked keys of a bundle.
struct Keys {
    identity: Curve25519PublicKey,
    one_time: Option<Curve25519PublicKey>,
}

/// Returns the keys of a bundle after checking the signature of the identity key.
fn checked(bundle: &Value) -> Keys {
    let fingerprint = Ed25519PublicKey::from_slice(&key(&bundle["identity_key"])).expect("a key");
    let identity = key(&bundle["signed_prekey"]);
    let signature = Ed25519Signature::from_slice(&bytes(&bundle["signed_prekey_sig"]));
    fingerprint
        .verify(&identity, &signature.expect("a signature"))
        .expect("the identity key signed it");
    let one_time = &bundle["one_time_prekey"];
    let one_time = (!one_time.is_null()).then(|| Curve25519PublicKey::from_bytes(key(one_time)));
    Keys {
        identity: Curve25519PublicKey::from_bytes(identity),
        one_time,
    }
}

impl OlmClient {
    pub async fn new(api: &Api, one_time_keys: usize) -> Self {
        let mut account = Account::new();
        let keys = upload(&mut account, one_time_keys);
        let member = api.register(keys).await;
        Self { member, account }
    }

    /// Begins a session from the bundle of another account.
    async fn begin(&self, api: &Api, to: &Self) -> Session {
        let keys = checked(&api.bundle(&self.member, &to.member, "first").await);
        let one_time = keys.one_time.expect("a one-time key is left");
        self.account
            .create_outbound_session(SessionConfig::default(), keys.identity, one_time)
            .expect("a session")
    }

    /// Begins a session from the first message of another account. Returns the text too.
    async fn accept(&mut self, api: &Api, from: &Self, sealed: &Read) -> (Session, String) {
        let OlmMessage::PreKey(message) = opened(sealed) else {
            panic!("not a first message");
        };
        let keys = checked(&api.bundle(&self.member, &from.member, "check").await);
        let made = self
            .account
            .create_inbound_session(SessionConfig::default(), keys.identity, &message)
            .expect("a session");
        (made.session, utf8(made.plaintext))
    }

    async fn direct_message(&self, api: &Api, to: &Self) -> String {
        let body = json!({"target_user_id": to.member.id, "encrypted_meta": META});
        text(&api.post(&self.member, "/dm", &body).await.ok()["id"])
    }

    /// Seals a text and sends it.
    async fn say(&self, api: &Api, channel: &str, session: &mut Session, text: &str) -> i64 {
        let (kind, sealed) = session.encrypt(text).expect("sealed").to_parts();
        let kind = u8::try_from(kind).expect("a small number");
        let body = [&[kind], sealed.as_slice()].concat();
        api.send(&self.member, channel, &body).await
    }
}

/// Returns the Olm message of a body: a byte with the kind, then the ciphertext.
fn opened(read: &Read) -> OlmMessage {
    let (kind, sealed) = read.body.split_first().expect("a byte");
    OlmMessage::from_parts(usize::from(*kind), sealed).expect("a message of Olm")
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

fn decrypt(session: &mut Session, read: &Read) -> String {
    utf8(session.decrypt(&opened(read)).expect("opens"))
}

#[tokio::test]
async fn two_accounts_seal_their_messages_with_olm() {
    let api = &Api::new();
    let (ada, mut bob) = (OlmClient::new(api, 0).await, OlmClient::new(api, 2).await);
    let eve = OlmClient::new(api, 0).await;
    let texts = ["the first secret", "the second secret", "the reply to both"];
    let channel = ada.direct_message(api, &bob).await;
    let mut of_ada = ada.begin(api, &bob).await;
    for text in &texts[..2] {
        ada.say(api, &channel, &mut of_ada, text).await;
    }

    // Bob begins his side from the first message and opens the second one with it.
    let received = api.read(&bob.member, &channel, 0).await;
    let (mut of_bob, first) = bob.accept(api, &ada, &received[0]).await;
    assert_eq!(first, texts[0]);
    assert_eq!(decrypt(&mut of_bob, &received[1]), texts[1]);
    let reply = bob.say(api, &channel, &mut of_bob, texts[2]).await;

    // After the reply the keys change with each turn.
    let received = api.read(&ada.member, &channel, 2).await;
    assert_eq!(received[0].seq, reply);
    assert_eq!(decrypt(&mut of_ada, &received[0]), texts[2]);
    for turn in 0..6 {
        let said = format!("turn {turn}");
        let (by, with, to, other) = if turn % 2 == 0 {
            (&ada, &mut of_ada, &bob, &mut of_bob)
        } else {
            (&bob, &mut of_bob, &ada, &mut of_ada)
        };
        let seq = by.say(api, &channel, with, &said).await;
        let received = api.read(&to.member, &channel, seq - 1).await;
        assert!(matches!(opened(&received[0]), OlmMessage::Normal(_)));
        assert_eq!(decrypt(other, &received[0]), said);
    }
    api.check_sealed(&eve.member, &ada.member, &channel, &texts)
        .await;
}

#[tokio::test]
async fn each_caller_begins_with_a_one_time_key_of_its_own() {
    let api = &Api::new();
    let mut bob = OlmClient::new(api, 3).await;
    let mut sessions = Vec::new();
    for number in 0..3 {
        let caller = OlmClient::new(api, 0).await;
        let channel = caller.direct_message(api, &bob).await;
        let mut session = caller.begin(api, &bob).await;
        let said = format!("caller {number}");
        caller.say(api, &channel, &mut session, &said).await;
        sessions.push((caller, channel, said));
    }
    // Each first message opens, in any order, because no two callers got the same key.
    for (caller, channel, said) in sessions.iter().rev() {
        let received = api.read(&bob.member, channel, 0).await;
        assert_eq!(bob.accept(api, caller, &received[0]).await.1, *said);
    }
    assert_eq!(bob.account.stored_one_time_key_count(), 0);
    // Without one-time keys Olm begins no session, so the next caller waits for an upload.
    let late = OlmClient::new(api, 0).await;
    let bundle = api.bundle(&late.member, &bob.member, "empty").await;
    assert!(checked(&bundle).one_time.is_none());
    let more = upload(&mut bob.account, 1);
    let more = json!({"prekeys": more["one_time_prekeys"]});
    api.post(&bob.member, "/keys/prekeys", &more).await.ok();
    let channel = late.direct_message(api, &bob).await;
    let mut session = late.begin(api, &bob).await;
    late.say(api, &channel, &mut session, "late").await;
    let received = api.read(&bob.member, &channel, 0).await;
    assert_eq!(bob.accept(api, &late, &received[0]).await.1, "late");
}

#[tokio::test]
async fn a_lost_bundle_is_asked_for_again_and_begins_a_session() {
    let api = &Api::new();
    let (ada, mut bob) = (OlmClient::new(api, 0).await, OlmClient::new(api, 2).await);
    let asked = async || checked(&api.bundle(&ada.member, &bob.member, "lost").await);
    // The first answer is lost.
    let (lost, again) = (asked().await, asked().await);
    assert_eq!(lost.one_time, again.one_time);
    let stock = api.get(&bob.member, "/keys/prekeys/count").await.ok();
    assert_eq!(stock["count"], 1);
    let one_time = again.one_time.expect("a key");
    let mut session = ada
        .account
        .create_outbound_session(SessionConfig::default(), again.identity, one_time)
        .expect("a session");
    let channel = ada.direct_message(api, &bob).await;
    ada.say(api, &channel, &mut session, "after a lost answer")
        .await;
    let received = api.read(&bob.member, &channel, 0).await;
    let (_, said) = bob.accept(api, &ada, &received[0]).await;
    assert_eq!(said, "after a lost answer");
}
