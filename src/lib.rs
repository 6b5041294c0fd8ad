//! hamrah-api: accounts, sessions, tokens and permissions behind one axum router.
//!
//! The same router runs in a Cloudflare Worker over D1 and as a native binary over SQLite. The top
//! level names the systems. Start reading at [`app::routes`]; `docs/ARCHITECTURE.md` draws the
//! house.

#[macro_use]
pub mod kernel;
pub mod accounts;
pub mod app;
pub mod authorization;
pub mod platform;
pub mod relay;
