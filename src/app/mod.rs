//! The composition: the routes of all systems, the description, health and scheduled maintenance.

pub mod config;
pub mod docs;
pub mod health;
pub mod maintenance;
#[cfg(not(target_arch = "wasm32"))]
pub mod openapi;
pub mod ports;
pub mod routes;
