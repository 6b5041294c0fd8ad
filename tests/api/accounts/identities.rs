//! Identities at providers: the account that each one gets, and the addresses that link them.

use serde_json::{Value, json};

use crate::harness::case;

#[tokio::test]
async fn an_identity_keeps_its_account() {
    case(async |app| {
        let body = json!({
            "email": " Ada@Example.com ",
            "name": "Ada",
            "picture": "https://pictures.example/ada.png",
            "auth_method": "google",
            "provider": "google",
            "provider_id": "ada-1",
            "platform": "web",
            "user_agent": "Browser/1.0",
        });
        let user = app.internal("/api/internal/users", &body).send().await.ok()["user"].clone();
        assert_eq!(user["email"], "ada@example.com");
        assert_eq!(
            (&user["email_verified"], &user["name"], &user["auth_method"]),
            (&json!(true), &json!("Ada"), &json!("google"))
        );
        assert_eq!(
            (
                &user["provider_id"],
                &user["providerId"],
                &user["last_login_platform"]
            ),
            (&json!("ada-1"), &json!("ada-1"), &json!("web"))
        );
        // Apple and other providers send the address only once. A name that the owner changed is
        // not overwritten.
        let again = json!({
            "email": "",
            "name": "Somebody Else",
            "provider": "google",
            "providerId": "ada-1",
            "authMethod": "google",
            "platform": "ios",
        });
        let same = app
            .internal("/api/internal/users", &again)
            .send()
            .await
            .ok()["user"]
            .clone();
        assert_eq!(
            (&same["id"], &same["name"], &same["email"]),
            (&user["id"], &json!("Ada"), &json!("ada@example.com"))
        );
        assert_eq!(same["last_login_platform"], "ios");
        assert_eq!(
            app.events(user["id"].as_str().expect("id")).await,
            ["user_created"]
        );
    })
    .await;
}

#[tokio::test]
async fn only_a_verified_address_links_providers() {
    case(async |app| {
        let sign_in = async |provider: &str, id: &str, email: &str, extra: Value| {
            let mut body = json!({
                "email": email,
                "provider": provider,
                "provider_id": id,
                "auth_method": provider,
                "platform": "web",
            });
            body.as_object_mut()
                .expect("an object")
                .extend(extra.as_object().expect("an object").clone());
            app.internal("/api/internal/users", &body).send().await.ok()["user"].clone()
        };
        let nothing = json!({});
        // An attacker registers the victim's address with providers that do not verify it.
        let claimed = sign_in("passkey", "p-1", "victim@example.com", nothing.clone()).await;
        let lying = sign_in(
            "github",
            "h-1",
            "victim@example.com",
            json!({"email_verified": true, "id": "x", "role": "admin"}),
        )
        .await;
        let lowered = sign_in(
            "google",
            "g-9",
            "victim@example.com",
            json!({"email_verified": false}),
        )
        .await;
        let written = sign_in(
            "apple",
            "a-9",
            "victim@example.com",
            json!({"emailVerified": "false"}),
        )
        .await;
        for user in [&claimed, &lying, &lowered, &written] {
            assert_eq!(user["email_verified"], false, "{user}");
        }
        // The owner signs in with a provider that verifies the address and gets a separate account.
        let owner = sign_in("google", "g-1", "Victim@example.com", nothing.clone()).await;
        assert_eq!(owner["email_verified"], true);
        for user in [&claimed, &lying, &lowered] {
            assert_ne!(user["id"], owner["id"]);
        }
        // A second provider that verifies the address is linked. The first one stays the account's
        // provider.
        let linked = sign_in("apple", "a-1", "VICTIM@example.com", nothing.clone()).await;
        assert_eq!(
            (&linked["id"], &linked["provider"], &linked["provider_id"]),
            (&owner["id"], &json!("google"), &json!("g-1"))
        );
        assert_eq!(
            sign_in("apple", "a-1", "", nothing.clone()).await["id"],
            owner["id"]
        );
        assert_eq!(
            app.events(owner["id"].as_str().expect("id")).await,
            ["user_created", "identity_linked"]
        );
        // A later sign-in without verification is still not linked, and identities never move.
        assert_ne!(
            sign_in("github", "h-2", "victim@example.com", nothing.clone()).await["id"],
            owner["id"]
        );
        assert_eq!(
            sign_in("github", "h-1", "other@example.com", nothing.clone()).await["id"],
            lying["id"]
        );
        let asked = app
            .internal(
                "/api/internal/users/by-email",
                &json!({"email": "victim@EXAMPLE.com"}),
            )
            .send()
            .await
            .ok();
        assert_eq!(
            (&asked["user_exists"], &asked["user"]["id"]),
            (&json!(true), &owner["id"]),
            "the verified account owns the address"
        );
    })
    .await;
}
