//! Canaries: unique strings that the relay sees while it works, and that no store and no log may
//! keep in the wrong place.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::calls::{META, call, first_channel, id, invite, server};
use super::messages::{base64, with};
use crate::harness::relay::{RelayMember, prekeys};
use crate::harness::{Call, PASSWORD, TestApp, race_with};

/// The address of a client that signs in. The event log keeps it for the owner of the account.
const SIGN_IN_ADDRESS: &str = "2001:db8:5ca1:ab1e::516e";
/// The address of a client that calls the relay.
const ADDRESS: &str = "2001:db8:5ca1:ab1e::7e57";
const SECRET: &[u8; 32] = b"the secret of the message: 5ca1a";
const CLIENT_ID: &[u8; 16] = b"client-id-5ca1ab";
const KEY: &str = "idempotency-5ca1ab1e";
const TOKEN: &[u8; 20] = b"sender-token-5ca1ab1";
const BODY: &str = "sealed-body-5ca1ab1e";
const NEW_BODY: &str = "edited-body-5ca1ab1e";

/// The content of a kind of store.
struct Store {
    name: &'static str,
    content: String,
}

/// Returns a text with a character for each byte, because the search in texts is fast.
fn searchable(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Returns the content of the files below a folder whose paths contain `part`, or do not.
fn files(folder: &Path, part: &str, contain: bool) -> Vec<u8> {
    let mut content = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().contains(part) == contain {
                content.extend(std::fs::read(path).expect("a file"));
            }
        }
    }
    content
}

/// Returns the log of the API. Miniflare logs the path of each request beside it.
async fn log(app: &TestApp) -> String {
    let log = app.logs().await;
    let Ok(lines) = serde_json::from_str::<Vec<String>>(&log) else {
        return log;
    };
    let of_api = lines.iter().filter(|line| !line.starts_with("[mf:info]"));
    of_api.map(String::as_str).collect()
}

/// Returns the database, the channels, and the log. The files have their write-ahead logs beside
/// them, and rows that were removed.
async fn stores(app: &TestApp) -> [Store; 3] {
    let folder = app.files().await;
    // Natively `test-channels.db`, in Miniflare the folder of the class.
    let of_channels = if crate::harness::on_workerd() {
        "ChannelObject"
    } else {
        "channels"
    };
    let mut database = files(&folder, of_channels, false);
    database.extend(app.dump().await.join("\n").into_bytes());
    [
        ("database", database),
        ("channels", files(&folder, of_channels, true)),
        ("log", log(app).await.into_bytes()),
    ]
    .map(|(name, content)| Store {
        name,
        content: searchable(&content),
    })
}

/// Returns the forms in which a store may keep bytes.
fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let digits = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    let hex: String = bytes.iter().flat_map(digits).collect();
    let mut forms = vec![
        bytes.to_vec(),
        STANDARD_NO_PAD.encode(bytes).into_bytes(),
        URL_SAFE_NO_PAD.encode(bytes).into_bytes(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    // An id is kept as text, as hexadecimal digits, or as 16 bytes.
    if let Some(id) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| uuid::Uuid::parse_str(text).ok())
    {
        forms.push(id.simple().to_string().into_bytes());
        forms.push(id.as_bytes().to_vec());
    }
    forms
}

impl Store {
    fn has(&self, bytes: &[u8]) -> bool {
        let finds = |form: &Vec<u8>| self.content.contains(&searchable(form));
        forms(bytes).iter().any(finds)
    }
}

/// Adds the address of the client to a call.
fn from(call: Call<'_>) -> Call<'_> {
    call.header("cf-connecting-ip", ADDRESS)
}

/// Calls each kind of route of the relay. Returns two accounts and the ids of two messages.
async fn work(app: &TestApp) -> ([RelayMember; 2], Vec<String>) {
    let (ada, bob) = (
        app.relay_member_with(3).await,
        app.relay_member_with(3).await,
    );
    let credentials = json!({"username": ada.username, "password": PASSWORD});
    app.post("/api/v1/auth/login", &credentials)
        .header("cf-connecting-ip", SIGN_IN_ADDRESS)
        .send()
        .await
        .ok();
    let wrong = json!({"username": ada.username, "password": "a wrong password"});
    assert_eq!(
        from(app.post("/api/v1/auth/login", &wrong))
            .send()
            .await
            .status(),
        401
    );
    let home = server(app, &ada).await;
    let code = invite(app, &ada, &home, &json!({})).await;
    let channel = first_channel(app, &ada, &home).await;
    let all = async |by: &RelayMember, method: Method, path: &str, body: Option<&Value>| {
        let call = from(call(app, by, method, path));
        let call = body.into_iter().fold(call, Call::json);
        call.send().await
    };
    all(
        &bob,
        Method::POST,
        &format!("/invites/{code}/join"),
        Some(&json!({})),
    )
    .await
    .ok();
    all(&ada, Method::GET, &format!("/users/{}/keys", bob.id), None)
        .await
        .ok();
    all(
        &ada,
        Method::POST,
        "/keys/prekeys",
        Some(&json!({"prekeys": prekeys(3)})),
    )
    .await
    .ok();
    let direct = json!({"target_user_id": bob.id, "encrypted_meta": META});
    all(&ada, Method::POST, "/dm", Some(&direct)).await.ok();
    let skdm = json!({"distributions": [{"to_user_id": bob.id, "distribution_id": channel,
                                         "encrypted_skdm": "AAAA"}]});
    let sender_keys = format!("/channels/{channel}/sender-keys");
    all(&ada, Method::POST, &sender_keys, Some(&skdm))
        .await
        .ok();

    let messages = format!("/channels/{channel}/messages");
    let fields = json!({
        "sender_token": base64(TOKEN),
        "client_id": base64(CLIENT_ID),
        "edit_key_hash": base64(Sha256::digest(SECRET)),
    });
    let one = all(&ada, Method::POST, &messages, Some(&with(BODY, &fields)))
        .await
        .ok();
    let keyed = from(call(app, &bob, Method::POST, &messages)).header("idempotency-key", KEY);
    let two = keyed
        .json(&with("two", &json!({"sender_token": base64(TOKEN)})))
        .send()
        .await
        .ok();
    let path = format!("/messages/{}", id(&one));
    let edit = json!({"encrypted_body": base64(NEW_BODY), "secret": base64(SECRET)});
    all(&ada, Method::PATCH, &path, Some(&edit)).await.ok();
    let other = base64("another secret of sixteen bytes");
    let wrong = json!({"encrypted_body": base64(NEW_BODY), "secret": other});
    assert_eq!(
        all(&bob, Method::PATCH, &path, Some(&wrong)).await.status(),
        403
    );
    all(&bob, Method::GET, &format!("{messages}?since=0"), None)
        .await
        .ok();
    all(&bob, Method::GET, &messages, None).await.ok();
    all(
        &ada,
        Method::DELETE,
        &format!("/servers/{home}/members/{}", bob.id),
        None,
    )
    .await
    .ok();
    assert_eq!(all(&bob, Method::GET, &messages, None).await.status(), 404);
    ([ada, bob], vec![id(&one), id(&two)])
}

#[tokio::test]
async fn no_store_keeps_a_sender_an_address_or_a_secret() {
    // The harness names the address of a client only with this setting.
    race_with(&[("RATE_LIMITS", "off")], async |app| {
        let (accounts, messages) = work(app).await;
        let marker = "canary-log-5ca1ab1e";
        let health = app.get("/health").header("x-request-id", marker);
        health.send().await;
        app.cron().await;
        let [database, channels, log] = stores(app).await;

        // The scanner finds a string in each store that keeps it.
        assert!(log.has(marker.as_bytes()), "the log");
        for text in [BODY, NEW_BODY] {
            assert!(channels.has(text.as_bytes()), "the channels");
        }
        assert!(channels.has(TOKEN), "the channels");

        // Nowhere.
        let mut secrets: Vec<Vec<u8>> = vec![
            ADDRESS.into(),
            b"a wrong password".into(),
            PASSWORD.into(),
            SECRET.into(),
            CLIENT_ID.into(),
            KEY.into(),
        ];
        secrets.extend(accounts.iter().flat_map(|account| {
            [
                account.access.clone().into(),
                account.refresh.clone().into(),
            ]
        }));
        for store in [&database, &channels, &log] {
            for secret in &secrets {
                let text = String::from_utf8_lossy(secret);
                assert!(!store.has(secret), "{text} is in the {}", store.name);
            }
        }
        // Accounts are in the database, and messages in the channels. No store has both.
        for RelayMember { id, username, .. } in &accounts {
            assert!(database.has(id.as_bytes()) && database.has(username.as_bytes()));
            assert!(database.has(SIGN_IN_ADDRESS.as_bytes()));
            for text in [id, username, SIGN_IN_ADDRESS] {
                for store in [&channels, &log] {
                    assert!(
                        !store.has(text.as_bytes()),
                        "{text} is in the {}",
                        store.name
                    );
                }
            }
        }
        for id in &messages {
            assert!(channels.has(id.as_bytes()));
            for store in [&database, &log] {
                assert!(!store.has(id.as_bytes()), "{id} is in the {}", store.name);
            }
        }
        for sealed in [BODY.as_bytes(), NEW_BODY.as_bytes(), TOKEN] {
            for store in [&database, &log] {
                let text = String::from_utf8_lossy(sealed);
                assert!(!store.has(sealed), "{text} is in the {}", store.name);
            }
        }
    })
    .await;
}
