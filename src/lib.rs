//! hamrah-api: users, sessions, tokens and internal calls behind one axum router.
//!
//! The same router runs in a Cloudflare Worker over D1 and as a native binary over SQLite.
//! Start reading at [`http::router`]; `docs/ARCHITECTURE.md` draws the house.

pub mod domain;
pub mod http;
pub mod model;
pub mod platform;
pub mod store;
