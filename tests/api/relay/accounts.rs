//! Accounts of the relay: registration, sign-in, tokens and search.

use http::Method;
use serde_json::{Value, json};

use crate::harness::relay::{b64, identity, prekeys, registration};
use crate::harness::{PASSWORD, TestApp, case, case_with};

const REGISTER: &str = "/api/v1/auth/register";
pub const LOGIN: &str = "/api/v1/auth/login";

pub async fn login(app: &TestApp, username: &str, password: &str) -> crate::harness::Answer {
    let body = json!({"username": username, "password": password});
    app.post(LOGIN, &body).send().await
}

#[tokio::test]
async fn a_registration_makes_an_account_of_the_whole_service() {
    case(async |app| {
        let mut body = registration("Ada_1", &prekeys(3));
        body["display_name"] = json!("Ada");
        body["unknown"] = json!(1);
        let answer = app.post(REGISTER, &body).send().await.ok();
        assert_eq!(answer["user"]["username"], "Ada_1");
        assert_eq!(answer["user"]["display_name"], "Ada");
        assert_eq!(answer["user"]["about_me"], Value::Null);
        assert_eq!(answer["expires_in"], 86400);
        let access = answer["access_token"].as_str().expect("a token");
        let me = app.get("/api/users/me").bearer(access).send().await.ok();
        assert_eq!(me["id"], answer["user"]["id"]);
        assert_eq!(me["email"], Value::Null);
        let by_password = json!({"username": "Ada_1", "password": PASSWORD});
        app.post("/api/auth/password/sign-in", &by_password)
            .send()
            .await
            .ok();
        // A username is the same in any case.
        let mut taken = registration("aDA_1", &[]);
        assert_eq!(
            app.post(REGISTER, &taken).send().await.problem(409),
            "username_taken"
        );
        taken["username"] = json!("ada-1");
        app.post(REGISTER, &taken).send().await.ok();
        let user = answer["user"]["id"].as_str().expect("an id");
        assert_eq!(
            app.events(user).await,
            ["user_created", "signed_in", "signed_in"]
        );
    })
    .await;
}

#[tokio::test]
async fn a_registration_with_a_bad_field_names_it_and_takes_no_username() {
    case(async |app| {
        let good = registration("grace", &prekeys(2));
        let other = identity(8, 9);
        let bad = [
            ("username", json!("ab")),
            ("username", json!("gräce")),
            ("username", json!(7)),
            ("username", Value::Null),
            ("password", json!("short")),
            ("password", json!("x".repeat(129))),
            ("display_name", json!("x".repeat(65))),
            ("display_name", json!("a\u{202e}b")),
            ("email", json!("nobody")),
            ("identity_key", json!("AAAA")),
            ("identity_key", json!(b64([0; 32]))),
            ("identity_key", json!("not base64!")),
            ("signed_prekey", json!(b64([9; 31]))),
            ("signed_prekey_signature", json!(b64([0; 64]))),
            (
                "signed_prekey_signature",
                other["signed_prekey_signature"].clone(),
            ),
            ("one_time_prekeys", json!("x")),
            ("one_time_prekeys", json!([b64([1; 33])])),
            ("one_time_prekeys", json!([b64([1; 32]), b64([1; 32])])),
            ("one_time_prekeys", json!(prekeys(101))),
            ("one_time_prekeys", Value::Null),
            ("pow_nonce", json!(7)),
        ];
        for (field, value) in bad {
            let mut body = good.clone();
            body[field] = value.clone();
            let answer = app.post(REGISTER, &body).send().await;
            assert_eq!(answer.status(), 400, "{field} {value}: {}", answer.text());
            let error = answer.json()["error"].to_string();
            assert!(error.contains(field), "{field} {value}: {error}");
        }
        assert_eq!(app.count("SELECT COUNT(*) FROM users", &[]).await, 0);
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_keys", &[]).await, 0);
        app.post(REGISTER, &good).send().await.ok();
    })
    .await;
}

#[tokio::test]
async fn a_stale_credential_does_not_disturb_routes_that_need_none() {
    case(async |app| {
        let ada = app.relay_member().await;
        app.post("/api/v1/auth/logout", &json!({}))
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        let body = json!({"username": ada.username, "password": PASSWORD});
        app.post(LOGIN, &body).bearer(&ada.access).send().await.ok();
        app.get("/api/v1/auth/challenge")
            .bearer("nonsense")
            .send()
            .await
            .ok();
        let dead = app
            .get("/api/v1/keys/prekeys/count")
            .bearer(&ada.access)
            .send()
            .await;
        assert_eq!(dead.problem(401), "invalid_token");
        // A sign-out without a body, with the content type that the clients always send.
        let again = login(app, &ada.username, PASSWORD).await.ok();
        app.request(Method::POST, "/api/v1/auth/logout")
            .header("content-type", "application/json")
            .bearer(again["access_token"].as_str().expect("a token"))
            .send()
            .await
            .ok();
    })
    .await;
}

#[tokio::test]
async fn every_failed_sign_in_gets_the_same_answer() {
    case(async |app| {
        let ada = app.relay_member().await;
        let long = "x".repeat(5_000);
        let tried = [
            (ada.username.as_str(), "zebra crossing 78"),
            ("nobody", PASSWORD),
            ("", PASSWORD),
            (&ada.username, ""),
            (&ada.username, &long),
        ];
        let mut bodies = Vec::new();
        for (username, password) in tried {
            let answer = login(app, username, password).await;
            assert_eq!(answer.problem(401), "invalid_credentials", "{username}");
            let mut body = answer.json();
            assert_eq!(body["error"], "Invalid username or password");
            body["request_id"] = Value::Null;
            bodies.push(body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1);
        for body in [
            json!({}),
            json!({"username": "ada"}),
            json!({"username": 1, "password": "x"}),
        ] {
            assert_eq!(
                app.post(LOGIN, &body).send().await.problem(400),
                "invalid_request_body"
            );
        }
        let signed_in = login(app, &ada.username.to_uppercase(), PASSWORD)
            .await
            .ok();
        assert_eq!(signed_in["user"]["username"], ada.username);
    })
    .await;
}

/// All spellings of a username share one count, which only its owner clears.
#[tokio::test]
async fn guesses_count_for_a_username_in_any_case() {
    case(async |app| {
        let ada = app.relay_member().await;
        let upper = ada.username.to_uppercase();
        for spelling in [&ada.username, &upper, &ada.username, &upper, &upper] {
            login(app, spelling, "wrong password 1").await.problem(401);
        }
        for spelling in [&ada.username, &upper] {
            let braked = login(app, spelling, PASSWORD).await;
            assert_eq!(braked.problem(429), "too_many_attempts");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_rotates_the_pair_by_the_rules_of_the_core() {
    case(async |app| {
        let ada = app.relay_member().await;
        let refresh = async |token: &str| {
            app.post("/api/v1/auth/refresh", &json!({"refresh_token": token}))
                .send()
                .await
        };
        let first = refresh(&ada.refresh).await.ok();
        assert_eq!(first["user"]["username"], ada.username);
        assert_eq!(first["expires_in"], 86400);
        let next = first["refresh_token"].as_str().expect("a token");
        refresh(next).await.ok();
        assert_eq!(
            refresh(&ada.refresh).await.problem(401),
            "invalid_refresh_token"
        );
        assert_eq!(refresh(next).await.problem(401), "invalid_refresh_token");
        assert_eq!(refresh("x").await.problem(401), "invalid_refresh_token");
    })
    .await;
}

#[tokio::test]
async fn a_sign_out_ends_every_session_with_a_pair() {
    case(async |app| {
        let ada = app.relay_member().await;
        let other = login(app, &ada.username, PASSWORD).await.ok();
        let other = other["access_token"].as_str().expect("a token").to_owned();
        app.post("/api/v1/auth/logout", &json!({}))
            .bearer(&ada.access)
            .send()
            .await
            .ok();
        for token in [&ada.access, &other] {
            assert_eq!(app.me(token).await, 401);
        }
    })
    .await;
}

#[tokio::test]
async fn a_registration_shows_the_proof_of_work_that_the_settings_ask_for() {
    case_with(&[("RELAY_POW_BITS", "8")], async |app| {
        use sha2::{Digest, Sha256};
        let challenge = async || {
            let answer = app.get("/api/v1/auth/challenge").send().await.ok();
            assert_eq!(answer["difficulty"], 8);
            answer["challenge"].as_str().expect("a text").to_owned()
        };
        let solve = |challenge: &str, good: bool| {
            (0..100_000)
                .map(|nonce: u32| nonce.to_string())
                .find(|nonce| (Sha256::digest(format!("{challenge}{nonce}"))[0] == 0) == good)
                .expect("a nonce")
        };
        let register = async |username: &str, challenge: &str, nonce: &str| {
            let mut body = registration(username, &[]);
            body["pow_challenge"] = json!(challenge);
            body["pow_nonce"] = json!(nonce);
            app.post(REGISTER, &body).send().await
        };
        let first = challenge().await;
        let refused = register("ada", &first, &solve(&first, false)).await;
        assert_eq!(refused.problem(400), "proof_of_work_required");
        let nonce = solve(&first, true);
        // A refused password uses no proof up.
        let mut common = registration("ada", &[]);
        common["password"] = json!("password123");
        common["pow_challenge"] = json!(first);
        common["pow_nonce"] = json!(nonce);
        let refused = app.post(REGISTER, &common).send().await;
        assert_eq!(refused.status(), 400, "{}", refused.text());
        register("ada", &first, &nonce).await.ok();
        let again = register("bob", &first, &nonce).await;
        assert_eq!(again.problem(400), "proof_of_work_required");
        let old = challenge().await;
        app.sql("UPDATE challenges SET expires_at = 1", &[]).await;
        let late = register("bob", &old, &solve(&old, true)).await;
        assert_eq!(late.problem(400), "proof_of_work_required");
        let without = app.post(REGISTER, &registration("bob", &[])).send().await;
        assert_eq!(without.problem(400), "proof_of_work_required");
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_one_account_with_keys_by_its_exact_username() {
    case(async |app| {
        let (ada, bob) = (app.relay_member().await, app.relay_member().await);
        let search = async |name: &str| {
            app.get(&format!("/api/v1/users/search?username={name}"))
                .bearer(&bob.access)
                .send()
                .await
        };
        let found = search(&ada.username.to_uppercase()).await.ok();
        assert_eq!(found["id"], ada.id);
        assert!(found.get("email").is_none());
        for unknown in ["member", "", "%25", "member-%25"] {
            assert_eq!(search(unknown).await.problem(404), "user_not_found");
        }
        let administrator = app.administrator().await;
        assert_eq!(
            search(&administrator.username).await.problem(404),
            "user_not_found",
            "without keys"
        );
        app.sql("UPDATE relay_counts SET count = 300", &[]).await;
        let braked = search(&ada.username).await;
        assert_eq!(braked.problem(429), "too_many_attempts");
        assert!(braked.header("retry-after").is_some());
    })
    .await;
}

#[tokio::test]
async fn the_relay_can_be_switched_off() {
    case_with(&[("RELAY", "off")], async |app| {
        let answer = app.post(REGISTER, &registration("ada", &[])).send().await;
        assert_eq!(answer.problem(404), "not_found");
    })
    .await;
}

#[tokio::test]
async fn an_address_is_stored_only_as_a_keyed_hash() {
    let key = b64([5; 32]);
    case_with(&[("RELAY_EMAIL_KEY", key.as_str())], async |app| {
        app.secret("ada@example.com");
        let mut body = registration("ada", &[]);
        body["email"] = json!("Ada@Example.com");
        app.post(REGISTER, &body).send().await.ok();
        let rows = app.sql("SELECT email_hash FROM relay_keys", &[]).await;
        assert_eq!(rows[0]["email_hash"].as_str().map(str::len), Some(43));
    })
    .await;
}

/// A registration counts as a sign-up of its network, as one by passkey does.
#[tokio::test]
async fn a_network_registers_a_limited_number_of_accounts() {
    let six = [("RATE_LIMITS", "off"), ("SIGN_UPS_PER_NETWORK", "6")];
    case_with(&six, async |app| {
        let register = async |from: &str, username: &str| {
            app.post(REGISTER, &registration(username, &prekeys(1)))
                .header("cf-connecting-ip", from)
                .send()
                .await
        };
        register("192.0.2.1", "ada").await.ok();
        // A taken username counts too.
        for _ in 0..5 {
            let taken = register("192.0.2.1", "ada").await;
            assert_eq!(taken.problem(409), "username_taken");
        }
        for username in ["ada", "bob"] {
            let refused = register("192.0.2.1", username).await;
            assert_eq!(refused.problem(429), "too_many_attempts");
            assert!(refused.header("retry-after").is_some());
        }
        register("192.0.2.2", "bob").await.ok();
        assert_eq!(app.count("SELECT COUNT(*) FROM relay_keys", &[]).await, 2);
    })
    .await;
}
