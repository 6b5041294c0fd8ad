//! The two mains: the Worker and the native server. They hold no rules and no routes.

#[cfg(not(target_arch = "wasm32"))]
pub mod native;
#[cfg(target_arch = "wasm32")]
pub mod worker;
