//! The well-known documents that browsers and Apple request.

use serde_json::json;

use crate::harness::{case, case_with};

#[tokio::test]
async fn configured_origins_and_apps_are_published() {
    let vars = [
        (
            "RELATED_ORIGINS",
            "https://hamrah.example,https://hamrah.example.org",
        ),
        ("APPLE_TEAM_ID", "UR6RM9YCF7"),
        ("APPLE_BUNDLE_ID", "app.hamrah.ios,app.hamrah.ios.beta"),
        ("ACCOUNT_URL", "https://hamrah.example/account"),
    ];
    case_with(&vars, async |app| {
        let get = async |name: &str| app.get(&format!("/.well-known/{name}")).send().await;
        let related = get("webauthn").await;
        assert_eq!(
            related.ok(),
            json!({"origins": ["https://hamrah.example", "https://hamrah.example.org"]})
        );
        assert_eq!(related.header("cache-control"), Some("public, max-age=300"));
        let apps = json!([
            "UR6RM9YCF7.app.hamrah.ios",
            "UR6RM9YCF7.app.hamrah.ios.beta"
        ]);
        assert_eq!(
            get("apple-app-site-association").await.ok(),
            json!({"webcredentials": {"apps": apps}})
        );
        let account = "https://hamrah.example/account";
        assert_eq!(
            get("passkey-endpoints").await.ok(),
            json!({"enroll": account, "manage": account})
        );
        let change = get("change-password").await;
        assert_eq!(
            (change.status(), change.header("location")),
            (302, Some(account))
        );
    })
    .await;
}

#[tokio::test]
async fn unconfigured_lists_are_empty_but_for_the_app_of_development() {
    case(async |app| {
        assert_eq!(
            app.get("/.well-known/webauthn").send().await.ok(),
            json!({"origins": []})
        );
        let apps = app
            .get("/.well-known/apple-app-site-association")
            .send()
            .await
            .ok();
        let development = json!(["UR6RM9YCF7.app.hamrah.ios"]);
        assert_eq!(apps, json!({"webcredentials": {"apps": development}}));
        assert_eq!(
            app.get("/.well-known/change-password")
                .send()
                .await
                .header("location"),
            Some("/account")
        );
    })
    .await;
}
