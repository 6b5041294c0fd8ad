//! The cost of the authorization service: round trips and rows read.

use http::Method;
use serde_json::{Value, json};

use super::access::stock;
use crate::harness::{case, on_workerd};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

#[tokio::test]
async fn a_read_makes_one_round_trip_and_a_change_two() {
    case(async |app| {
        let stock = stock(app).await;
        stock.employ(app).await;
        let effective = format!("/people/{}/services/Stock", stock.member.id);
        let reads = [
            (GET, "/auth/profile", Value::Null),
            (POST, "/check-token", json!({"service_id": "Stock"})),
            (GET, effective.as_str(), Value::Null),
            (GET, "/users", Value::Null),
            (GET, "/roles", Value::Null),
            (GET, "/services/Stock/roles", Value::Null),
            (GET, "/changes", Value::Null),
            (
                GET,
                "/explain?subject=root&service=Stock&permission=read",
                Value::Null,
            ),
            (
                POST,
                "/check",
                json!({"subject": "root", "service": "Stock", "permission": "read"}),
            ),
        ];
        let call = |method: Method, path: &str, body: &Value| {
            let call = app.request(method, path).token(&stock.root.token);
            if body.is_null() {
                call
            } else {
                call.json(body)
            }
        };
        for (method, path, body) in reads {
            let (answer, cost) = app.cost(call(method, path, &body)).await;
            assert_eq!((answer.status(), cost.batches), (200, 1), "{path}");
        }
        let changes = [
            (POST, "/roles", json!({"name": "Auditor"})),
            (PUT, "/roles/1", json!({"name": "Scribe"})),
            (
                POST,
                "/person-service-roles",
                json!({"person_id": "root", "service_id": "Stock", "role_id": 1}),
            ),
            (
                DELETE,
                "/person-service-roles",
                json!({"person_id": "root", "service_id": "Stock", "role_id": 1}),
            ),
            (DELETE, "/services/1?force=true", Value::Null),
        ];
        for (method, path, body) in changes {
            let (answer, cost) = app.cost(call(method.clone(), path, &body)).await;
            assert!(
                [200, 201].contains(&answer.status()),
                "{path} {}",
                answer.text()
            );
            assert_eq!(cost.batches, 2, "{method} {path}");
        }
    })
    .await;
}

/// With 10,000 people, 50 services and 200 roles, the cost of reading a person's permissions
/// depends on their own grants only.
#[tokio::test]
async fn rows_read_grow_only_with_the_grants_of_the_person() {
    case(async |app| {
        let root = app.administrator().await;
        let member = app.member(&root).await;
        let number = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ";
        let path = format!("/people/{}/services/Service%201", member.id);
        let rows_read = async || {
            let (answer, cost) = app.cost(app.get(&path).token(&root.token)).await;
            let answer = answer.ok();
            let permissions = answer["permissions"].as_array().expect("a list");
            (permissions.len(), cost.batches, cost.rows_read)
        };
        for (count, table) in [(50, "services"), (200, "roles"), (40, "permissions")] {
            let (columns, values) = if table == "services" {
                (
                    "id, name, policy_version, built_in, created_at",
                    "i, 'Service ' || i, 1, 0, 0",
                )
            } else {
                ("id, name, built_in", "i, 'Thing ' || i, 0")
            };
            let insert =
                format!("INSERT INTO {table} ({columns}) {number}{count}) SELECT {values} FROM n");
            app.sql(&insert, &[]).await;
        }
        let role_permissions =
            format!("INSERT INTO role_permissions {number}200) SELECT i, 1 + i % 40 FROM n");
        app.sql(&role_permissions, &[]).await;
        app.sql(
            "INSERT INTO service_roles SELECT s.id, r.id FROM services AS s, roles AS r \
             WHERE s.id <= 50 AND r.id <= 200",
            &[],
        )
        .await;
        let grant = "INSERT INTO person_roles (person_id, service_id, role_id) VALUES (?1, 1, ?2)";
        for role in 1..=3 {
            app.sql(grant, &[json!(member.id), json!(role)]).await;
        }
        let alone = rows_read().await;
        let users = format!(
            "INSERT INTO users (id, email, email_verified, auth_method, created_at, updated_at) \
             {number}10000) SELECT 'u' || i, 'u' || i, 0, 'x', 0, 0 FROM n"
        );
        let people = format!(
            "INSERT INTO people (user_id, username) {number}10000) \
             SELECT 'u' || i, 'p' || i FROM n"
        );
        for insert in [
            users.as_str(),
            people.as_str(),
            "INSERT INTO person_roles (person_id, service_id, role_id) \
             SELECT id, 1 + id % 50, 1 + id % 200 FROM people WHERE username LIKE 'p%'",
            "INSERT INTO person_roles (person_id, service_id, role_id) \
             SELECT id, 1, 1 + id % 199 FROM people WHERE username LIKE 'p%' AND id % 50 <> 0",
        ] {
            app.sql(insert, &[]).await;
        }
        let crowded = rows_read().await;
        println!(
            "rows read for 3 roles: {} alone, {} among 10,000 people with grants",
            alone.2, crowded.2
        );
        assert_eq!((alone.0, alone.1, crowded.1), (3, 1, 1));
        // An index is read one entry too far at each end.
        assert!(
            crowded.2 <= alone.2 + 4,
            "the grants of others are not read: {} and {}",
            alone.2,
            crowded.2
        );
        for role in 4..=30 {
            app.sql(grant, &[json!(member.id), json!(role)]).await;
        }
        let more = rows_read().await;
        println!("rows read for 30 roles: {}", more.2);
        assert_eq!((more.0, more.1), (30, 1));
        // Natively rows are not counted.
        assert!(
            more.2 < alone.2 * 10 || !on_workerd(),
            "{} for ten times as many",
            more.2
        );
        assert!(alone.2 > 0 || !on_workerd());
        // The invariants do not look at these rows, so the case may delete them.
        app.sql("DELETE FROM users WHERE id LIKE 'u%' AND email = id", &[])
            .await;
    })
    .await;
}
