//! The cost of a request: round trips to the database, and rows read. Neither grows with the number
//! of users.

use serde_json::json;

use crate::accounts::cost_calls::{calls, world};
use crate::harness::{TestApp, case};

/// The number of additional rows that a request may read among many users. The range of an index
/// reads one row more if another entry follows it. The triggers of the quotas read up to six ranges
/// for a new account with a session.
const RANGE_ENDS: usize = 8;

pub async fn seed(app: &TestApp, users: usize) {
    for table in [
        "INSERT INTO users (id, email, email_verified, auth_method, provider, provider_id, \
         created_at, updated_at)
         SELECT 'seed-' || i, 'seed' || i || '@example.com', 1, 'google', 'google', 'seed-' || \
             i, i, i FROM n",
        "INSERT INTO identities (id, user_id, provider, provider_id, created_at) \
         SELECT 'seed-' || i, 'seed-' || i, 'google', 'seed-' || i, i FROM n",
        "INSERT INTO sessions (id, user_id, platform, authenticated_at, created_at, \
         last_used_at, token_hash, token_expires_at, access_expires_at,
                               refresh_expires_at, expires_at)
         SELECT 'seed-' || i, 'seed-' || i, 'web', i, i, i, 'seed-' || i, 9000000000000, \
             9000000000000, 9000000000000, 9000000000000 FROM n",
        "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at) \
         SELECT 'seed-' || i, 'seed-' || i, i, 9000000000000 FROM n",
        "INSERT INTO totp (user_id, secret, created_at, confirmed_at, last_step) \
         SELECT 'seed-' || i, 'seed-' || i, i, i, 0 FROM n",
        "INSERT INTO backup_codes (user_id, code_hash, created_at) \
         SELECT 'seed-' || i, 'seed-' || i, i FROM n",
        "INSERT INTO attempts (subject, failures, last_at, free_at) \
         SELECT 'seed-' || i, 1, 9000000000000, 9000000000000 FROM n",
        "INSERT INTO passkeys (id, user_id, public_key, library, counter, transports, aaguid, \
         backup_eligible, backed_up, user_verified, name, created_at)
         SELECT 'seed-' || i, 'seed-' || i, '', '', 0, '[]', '', 0, 0, 1, 'seed', i FROM n",
    ] {
        let insert = table.replacen(
            "SELECT",
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT",
            1,
        );
        app.sql(&insert, &[json!(users)]).await;
    }
}

#[tokio::test]
async fn more_users_do_not_add_round_trips_to_a_request() {
    let measure = async |users: usize| {
        let mut costs = Vec::new();
        case(async |app| {
            seed(app, users).await;
            let world = world(app).await;
            for (name, round_trips, call) in calls(app, &world) {
                let (answer, cost) = app.cost(call).await;
                assert!(
                    matches!(answer.status(), 200 | 401),
                    "{name}: {}",
                    answer.text()
                );
                assert_eq!(cost.batches, round_trips, "{name}");
                costs.push((name, cost.rows_read));
            }
        })
        .await;
        costs
    };
    let (few, many) = (measure(10).await, measure(10_000).await);
    // Natively rows are not counted. There the harness checks the plan of every statement after
    // every case.
    for ((name, few), (_, many)) in few.iter().zip(&many) {
        assert!(
            *many <= few + RANGE_ENDS,
            "{name}: {few} rows read with 10 users, {many} with 10,000"
        );
    }
}
