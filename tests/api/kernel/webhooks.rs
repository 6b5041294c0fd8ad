//! Webhooks: every security event is sent at least once and signed.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use super::webhook_retries::HOUR;
use crate::accounts::factors::{codes, recover};
use crate::harness::authenticator::Authenticator;
use crate::harness::receiver::receiver;
use crate::harness::{Pair, Person, TestApp, case, case_with, race_with};

pub const SECOND: Duration = Duration::from_secs(1);

pub async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT COUNT(*) FROM outbox", &[]).await
}

/// Writes events of a kind that does not exist yet.
pub async fn happen(app: &TestApp, person: &Person, kind: &str, times: usize) {
    let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?4)
        INSERT INTO events (id, at, kind, user_id, actor, request_id)
        SELECT printf('00000000-0000-4000-8000-%06d', i) || ?3, (SELECT MAX(at) \
            FROM events), ?2 || iif(i > 50, '-' || (i / 50), ''), ?1, 'user', 'r' FROM n";
    let unique = format!("{:06x}", (times * 31 + kind.len()) % 0xFF_FFFF);
    app.sql(
        insert,
        &[json!(person.id), json!(kind), json!(unique), json!(times)],
    )
    .await;
    // The cases about deliveries do not wait for the share of the account.
    app.sql("UPDATE outbox SET next_at = at WHERE tries = 0", &[])
        .await;
}

#[tokio::test]
async fn an_event_is_sent_once_and_signed_with_every_secret() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let pair = app.pair(&person).await;
        let pair = Pair::read(&app.refresh(&pair.refresh).await.ok());
        app.delete(&format!("/api/users/me/sessions/{}", pair.id))
            .cookie(&session)
            .send()
            .await
            .ok();
        assert!(
            receiver().about(&person).is_empty(),
            "no message is sent before its time"
        );
        app.cron().await;
        let told = receiver().about(&person);
        let mut happened = app.events(&person.id).await;
        happened.retain(|kind| kind != "tokens_refreshed");
        happened.sort();
        assert_eq!(receiver().kinds(&person), happened);
        assert_eq!(
            happened,
            ["sign_in_revoked", "signed_in", "signed_in", "user_created"]
        );
        let revoked = told
            .iter()
            .find(|message| message.kind() == "sign_in_revoked")
            .expect("told")
            .json();
        let event = &app
            .sql(
                "SELECT id, at FROM events WHERE kind = 'sign_in_revoked'",
                &[],
            )
            .await[0];
        assert_eq!(revoked["data"]["event_id"], event["id"]);
        assert_eq!(revoked["data"]["kind"], "sign_in_revoked");
        assert_eq!(revoked["data"]["session_id"], json!(pair.id));
        let user = json!({
            "id": person.id,
            "email": person.email,
            "email_verified": true,
            "name": revoked["data"]["user"]["name"],
        });
        assert_eq!(revoked["data"]["user"], user);
        assert!(
            revoked["data"]["user"]["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("Person"))
        );
        let timestamp = revoked["timestamp"].as_str().expect("a time");
        assert!(
            timestamp.len() == 20 && timestamp.ends_with('Z'),
            "{timestamp}"
        );
        let seconds: i64 = told[0]
            .header("webhook-timestamp")
            .parse()
            .expect("seconds");
        assert!(
            (seconds - event["at"].as_i64().expect("a time") / 1000).abs() < 120,
            "the time of the attempt"
        );
        assert_eq!(waiting(app).await, 0);
        app.age(HOUR).await;
        app.cron().await;
        assert_eq!(receiver().about(&person).len(), happened.len(), "once");
    })
    .await;
}

#[tokio::test]
async fn without_a_webhook_the_outbox_stays_empty() {
    case(async |app| {
        let person = app.person().await;
        app.session(&person).await;
        happen(app, &person, "signed_in", 4000).await;
        assert!(waiting(app).await > 4000);
        app.cron().await;
        assert_eq!(waiting(app).await, 0);
        assert!(
            app.events(&person.id).await.len() > 4000,
            "the event log keeps them"
        );
    })
    .await;
}

/// A user who causes thousands of events does not delay the message about the recovery of another
/// account.
#[tokio::test]
async fn urgent_events_are_sent_before_a_flood_of_others() {
    case_with(&receiver().vars(), async |app| {
        let (flood, urgent_flood, victim) =
            (app.person().await, app.person().await, app.person().await);
        app.cron().await;
        happen(app, &flood, "user_updated", 1500).await;
        happen(app, &urgent_flood, "passkey_removed", 500).await;
        let codes = codes(app, &app.session(&victim).await).await;
        recover(app, &victim, &codes[0]).await.ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            20 + 2,
            "only the first events of an account"
        );
        app.cron().await;
        let told = receiver().kinds(&victim);
        assert!(
            told.contains(&"recovered".to_owned())
                && told.contains(&"backup_codes_made".to_owned()),
            "{told:?}"
        );
        assert!(waiting(app).await > 1000);
        // A message that was never attempted is not given up, however old it is.
        app.age(6 * 24 * HOUR).await;
        app.cron().await;
        assert!(waiting(app).await > 1000);
        app.sql("DELETE FROM outbox", &[]).await;
        // A new account is not a security event for the webhook. A further passkey is.
        let mut authenticator = Authenticator::new();
        let made = app
            .sign_up(&mut authenticator, "new@example.com")
            .await
            .ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            0
        );
        app.add_passkey(
            &mut Authenticator::new(),
            made["session_token"].as_str().expect("a token"),
        )
        .await
        .ok();
        assert_eq!(
            app.count("SELECT COUNT(*) FROM outbox WHERE urgent = 1", &[])
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn concurrent_runs_send_every_message_once() {
    race_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        happen(app, &person, "signed_in", 79).await;
        join_all((0..6).map(|_| app.cron())).await;
        let mut ids: Vec<_> = receiver()
            .about(&person)
            .iter()
            .map(|message| message.header("webhook-id").to_owned())
            .collect();
        assert_eq!((ids.len(), waiting(app).await), (80, 0));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 80);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_account_s_earlier_events_and_its_deletion_are_sent() {
    case_with(&receiver().vars(), async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        app.delete("/api/users/me")
            .cookie(&session)
            .send()
            .await
            .ok();
        assert_eq!(
            app.events(&person.id).await,
            ["user_deleted"],
            "the event log keeps only the deletion"
        );
        app.cron().await;
        assert_eq!(
            receiver().kinds(&person),
            ["signed_in", "user_created", "user_deleted"]
        );
        for message in receiver().about(&person) {
            let data = message.json()["data"].clone();
            assert_eq!(
                data["user"]["email"],
                json!(person.email),
                "{}",
                message.kind()
            );
            let bare = data["address"].is_null() && data["user_agent"].is_null();
            assert!(
                message.kind() != "user_deleted" || bare,
                "the message about a deletion has only the fields of the deletion event"
            );
        }
        assert_eq!(waiting(app).await, 0, "the outbox is empty");
    })
    .await;
}
