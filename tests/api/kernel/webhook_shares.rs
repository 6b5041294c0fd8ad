//! The share of an account in the outbox.

use serde_json::json;

use super::webhooks::waiting;
use crate::harness::case_with;
use crate::harness::receiver::receiver;

#[tokio::test]
async fn a_flood_of_one_account_does_not_delay_the_messages_of_others() {
    case_with(&receiver().vars(), async |app| {
        let (flood, other) = (app.person().await, app.person().await);
        app.cron().await;
        let insert =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
            INSERT INTO events (id, at, kind, user_id, actor, request_id)
            SELECT printf('00000000-0000-4000-8000-%012d', i), (SELECT MAX(at) FROM events), \
                'flood-' || (i / 40), ?1, 'user', 'r' FROM n";
        app.sql(insert, &[json!(flood.id)]).await;
        app.session(&other).await;
        app.cron().await;
        let told = receiver().kinds(&other);
        assert_eq!(told, ["signed_in", "user_created"]);
        let told = receiver().about(&flood).len();
        assert!((20..40).contains(&told), "{told}");

        // Every kind keeps its newest 50 entries.
        let one_kind = insert.replace("i / 40", "'x'").replace("8000-%", "9000-%");
        app.sql(&one_kind, &[json!(flood.id)]).await;
        let kept = "SELECT COUNT(*) FROM outbox WHERE kind = 'flood-x'";
        assert_eq!(app.count(kept, &[]).await, 50);
        assert!(waiting(app).await > 1000);
        app.sql("DELETE FROM outbox", &[]).await;
    })
    .await;
}
