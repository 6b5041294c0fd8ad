//! Rate limits: per class of requests and per network, independent of other addresses.
//!
//! In production the limit of an address resets each minute. Natively it refills continuously. So a
//! case may see a few more accepted requests than the limit, never fewer.

use futures::future::{join, join_all};
use hamrah_api::app::routes::table;
use hamrah_api::kernel::domain::rate_limit::RateClass;
use hamrah_api::kernel::http::route::Access;
use serde_json::{Value, json};

use crate::harness::{Answer, Call, TestApp, case_with, race_with};

const SIGN_IN: usize = 5;
const PUBLIC: usize = 8;
const REFUSED_TOKENS: usize = 6;
const LIMITS: [(&str, &str); 4] = [
    ("RATE_LIMITS", "on"),
    ("RATE_LIMIT_REFUSED_TOKENS", "6"),
    ("RATE_LIMIT_SIGN_IN", "5"),
    ("RATE_LIMIT_PUBLIC", "8"),
];

fn begin(app: &TestApp) -> Call<'_> {
    app.post("/api/webauthn/authenticate/begin", &json!({}))
}

/// Sends requests from an address until one is refused. Returns the number of accepted requests,
/// and the refusal.
async fn until_refused<'a>(address: &str, call: impl Fn() -> Call<'a>) -> (usize, Answer) {
    for let_through in 0..40 {
        let answer = call().header("cf-connecting-ip", address).send().await;
        if answer.status() == 429 {
            return (let_through, answer);
        }
    }
    panic!("{address} is never refused");
}

fn is_about(let_through: usize, limit: usize) {
    assert!(
        (limit..=2 * limit).contains(&let_through),
        "{let_through} of {limit}"
    );
}

#[tokio::test]
async fn a_limited_request_gets_a_retry_after_header() {
    case_with(&LIMITS, async |app| {
        let (let_through, refused) = until_refused("203.0.113.1", || {
            begin(app).header("origin", "http://localhost:5173")
        })
        .await;
        is_about(let_through, SIGN_IN);
        assert_eq!(refused.problem(429), "rate_limited");
        let wait: u64 = refused
            .header("retry-after")
            .and_then(|seconds| seconds.parse().ok())
            .expect("Retry-After");
        assert!((1..=60).contains(&wait), "{wait}");
        // A page can read the header.
        assert_eq!(
            refused.header("access-control-allow-origin"),
            Some("http://localhost:5173")
        );
        assert!(
            refused
                .header("access-control-expose-headers")
                .is_some_and(|names| names.contains("retry-after"))
        );
        assert_eq!(
            begin(app)
                .header("cf-connecting-ip", "203.0.113.2")
                .send()
                .await
                .status(),
            200,
            "other addresses are not limited"
        );
        assert_eq!(
            begin(app).send().await.status(),
            200,
            "a caller without an address is not limited"
        );
    })
    .await;
}

#[tokio::test]
async fn a_limited_request_makes_no_database_call() {
    case_with(&LIMITS, async |app| {
        until_refused("203.0.113.3", || begin(app)).await;
        let refresh = app.post("/api/auth/tokens/refresh", &json!({"refresh_token": "x"}));
        let mut refused = 0;
        for call in [begin(app), refresh, begin(app), begin(app)] {
            let (answer, cost) = app
                .cost(call.header("cf-connecting-ip", "203.0.113.3"))
                .await;
            if answer.status() == 429 {
                assert_eq!(cost.batches, 0);
                refused += 1;
            }
        }
        assert!(refused > 0);
    })
    .await;
}

#[tokio::test]
async fn all_spellings_of_an_address_share_one_limit() {
    case_with(&LIMITS, async |app| {
        for spellings in [
            ["198.51.100.1", "::ffff:198.51.100.1", "::FFFF:c633:6401"],
            [
                "2001:db8:0:1::1",
                "2001:db8:0:1:ffff:ffff:ffff:ffff",
                "2001:DB8::1:0:0:0:2",
            ],
        ] {
            let mut refused = false;
            for spelling in spellings.iter().cycle().take(3 * SIGN_IN) {
                refused |= begin(app)
                    .header("cf-connecting-ip", spelling)
                    .send()
                    .await
                    .status()
                    == 429;
            }
            assert!(refused, "{spellings:?}");
        }
        assert_eq!(
            begin(app)
                .header("cf-connecting-ip", "2001:db8:0:2::1")
                .send()
                .await
                .status(),
            200,
            "the next network"
        );
    })
    .await;
}

#[tokio::test]
async fn headers_of_the_client_do_not_change_its_limit() {
    case_with(&LIMITS, async |app| {
        let mut number = 0..;
        let call = || {
            let made_up = format!("192.0.2.{}", number.next().unwrap_or(1));
            let call = begin(app)
                .header("x-forwarded-for", &made_up)
                .header("x-real-ip", &made_up);
            call.header("forwarded", &format!("for={made_up}"))
                .header("true-client-ip", &made_up)
        };
        let call = std::cell::RefCell::new(call);
        let (let_through, _) = until_refused("203.0.113.4", || (call.borrow_mut())()).await;
        is_about(let_through, SIGN_IN);
    })
    .await;
}

#[tokio::test]
async fn reads_do_not_use_up_the_limit_for_signing_in() {
    case_with(&LIMITS, async |app| {
        let person = app.person().await;
        let session = app.session(&person).await;
        let (let_through, _) =
            until_refused("203.0.113.5", || app.get("/api/users/me").bearer(&session)).await;
        is_about(let_through, PUBLIC);
        assert_eq!(
            begin(app)
                .header("cf-connecting-ip", "203.0.113.5")
                .send()
                .await
                .status(),
            200
        );
    })
    .await;
}

#[tokio::test]
async fn services_and_health_checks_are_not_limited() {
    case_with(&LIMITS, async |app| {
        until_refused("203.0.113.6", || begin(app)).await;
        for _ in 0..3 * PUBLIC {
            for path in [
                "/health",
                "/ready",
                "/openapi.json",
                "/.well-known/jwks.json",
            ] {
                assert_eq!(
                    app.get(path)
                        .header("cf-connecting-ip", "203.0.113.6")
                        .send()
                        .await
                        .status(),
                    200,
                    "{path}"
                );
            }
            let body = json!({"email": "nobody@example.com"});
            app.internal("/api/internal/users/by-email", &body)
                .header("cf-connecting-ip", "203.0.113.6")
                .send()
                .await
                .ok();
        }
    })
    .await;
}

#[tokio::test]
async fn refused_tokens_of_an_address_are_limited_and_valid_tokens_are_not() {
    case_with(&LIMITS, async |app| {
        const ATTACKER: &str = "203.0.113.8";
        let root = app.administrator().await;
        let valid = async |address: &str| {
            let call = app.get("/auth/profile").token(&root.token);
            call.header("cf-connecting-ip", address).send().await
        };
        for _ in 0..4 * REFUSED_TOKENS {
            valid("203.0.113.9").await.ok();
        }
        let number = std::cell::Cell::new(0);
        let guess = || {
            number.set(number.get() + 1);
            let token = format!("hmp_{:0>42}0", number.get());
            app.get("/auth/profile").token(&token)
        };
        let first = guess().header("cf-connecting-ip", ATTACKER).send().await;
        assert_eq!(first.refused(401), "invalid_token");
        let (let_through, refused) = until_refused(ATTACKER, guess).await;
        is_about(let_through + 1, REFUSED_TOKENS);
        assert_eq!(refused.refused(429), "rate_limited");
        assert!(refused.header("retry-after").is_some());
        valid(ATTACKER).await.ok();
        valid("203.0.113.9").await.ok();
        let other = guess().header("cf-connecting-ip", "203.0.113.10");
        assert_eq!(other.send().await.refused(401), "invalid_token");
        // The routes of the authorization service share the class.
        let check = app.post("/check", &json!({})).token("hmp_");
        let users = app.get("/users").token(&format!("hmp_{:0>42}0", 4));
        assert_eq!(check.send().await.refused(401), "invalid_token");
        let users = users.header("cf-connecting-ip", ATTACKER).send().await;
        assert!([401, 429].contains(&users.status()), "{}", users.text());
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_refused_tokens_is_looked_up_one_at_a_time() {
    race_with(&LIMITS, async |app| {
        const ATTACKER: &str = "203.0.113.11";
        let root = app.administrator().await;
        let valid = || {
            let call = app.get("/auth/profile").token(&root.token);
            call.header("cf-connecting-ip", ATTACKER).send()
        };
        valid().await.ok();
        let guesses = |first: usize| {
            (first..first + 40).map(|number| {
                let call = app.get("/auth/profile");
                let call = call.token(&format!("hmp_{number:0>42}0"));
                call.header("cf-connecting-ip", ATTACKER).send()
            })
        };
        join_all(guesses(1)).await;
        let before = app.batches().await;
        let (answers, known) = join(join_all(guesses(100)), valid()).await;
        known.ok();
        let looked_up = app.batches().await - before - 1;
        let refused = answers.iter().filter(|answer| answer.status() == 429);
        assert!(refused.count() > 30);
        assert!(looked_up < 30, "{looked_up} tokens were looked up");
    })
    .await;
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    case_with(
        &[LIMITS[2], LIMITS[3], ("RATE_LIMITS", "off")],
        async |app| {
            for _ in 0..4 * SIGN_IN {
                assert_eq!(
                    begin(app)
                        .header("cf-connecting-ip", "203.0.113.7")
                        .send()
                        .await
                        .status(),
                    200
                );
            }
        },
    )
    .await;
}

/// The routes in the class of signing in. A new route that verifies a secret or stores a row for an
/// unauthenticated caller belongs here.
const SIGNS_IN: [&str; 28] = [
    "/api/v1/auth/challenge",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/register",
    "/api/v1/auth/totp/setup",
    "/auth/bootstrap",
    "/auth/login",
    "/api/auth/password/sign-in",
    "/api/app-attestation/challenge",
    "/api/app-attestation/verify",
    "/api/app-attestation/verify-key",
    "/api/auth/backup-codes",
    "/api/auth/reauthenticate/begin",
    "/api/auth/reauthenticate/complete",
    "/api/auth/recovery/begin",
    "/api/auth/recovery/complete",
    "/api/auth/sessions/logout",
    "/api/auth/totp/confirm",
    "/api/auth/totp/enroll",
    "/api/auth/token/refresh",
    "/api/auth/tokens/refresh",
    "/api/webauthn/authenticate/begin",
    "/api/webauthn/authenticate/complete",
    "/api/webauthn/authenticate/discoverable",
    "/api/webauthn/authenticate/discoverable/verify",
    "/api/webauthn/register/begin",
    "/api/webauthn/register/complete",
    "/api/webauthn/register/verify",
];

#[test]
fn every_public_route_is_limited_and_documents_it() {
    let document = hamrah_api::app::openapi::document();
    for route in table() {
        let counted = (route.path.starts_with("/api/") && route.access != Access::Service)
            || SIGNS_IN.contains(&route.path)
            || route.access == Access::Token;
        let class = if SIGNS_IN.contains(&route.path) {
            RateClass::SignIn
        } else if route.access == Access::Token {
            RateClass::RefusedToken
        } else {
            RateClass::Public
        };
        assert_eq!(
            route.limit,
            counted.then_some(class),
            "{} {}",
            route.method,
            route.path
        );
        let told = document["paths"][route.path][route.method.as_str().to_lowercase()]["responses"]
            ["429"]
            != Value::Null;
        assert_eq!(told, counted, "{} {}", route.method, route.path);
    }
}
