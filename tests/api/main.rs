//! Black-box cases of the API. Every case runs natively in memory and, from `make test`, against
//! the built Worker in workerd.
//!
//! The case in this file is the example to copy. Cases stand in the folder of their system.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test binary has no API, and panics are how it fails"
)]
#![allow(
    clippy::too_many_lines,
    reason = "a case is one sequence of calls, and a table of requests is one function"
)]

#[allow(dead_code, unused_imports, reason = "each test target uses its part")]
#[path = "../support/apple/mod.rs"]
mod apple;
mod harness;

mod accounts;
mod app;
mod authorization;
mod kernel;
mod relay;

use http::Method;
use serde_json::json;

use crate::harness::case;

#[tokio::test]
async fn a_user_renames_their_account() {
    // `case` starts an API with an empty database. After the case it checks the invariants.
    case(async |app| {
        // A person with an account, and a web session of that person.
        let person = app.person().await;
        let session = app.session(&person).await;

        // A call is built from its method, path and body, and then sent.
        let body = json!({"name": "Grace"});
        let rename = || app.request(Method::PUT, "/api/users/me").json(&body);

        // `problem` checks the status and the whole problem document, and returns its code.
        let refused = rename().send().await;
        assert_eq!(refused.problem(401), "authentication_required");

        // `ok` checks for status 200 and returns the body.
        let renamed = rename().bearer(&session).send().await.ok();
        assert_eq!(renamed["name"], "Grace");

        // Only the accepted call wrote an event.
        let events = app.events(&person.id).await;
        assert_eq!(events, ["user_created", "signed_in", "user_updated"]);
    })
    .await;
}
