//! The whole service: its routes and their callers, bad input, health, description and cleanup.

mod callers;
mod cleanup;
mod heads;
mod input;
mod relay_routes;
mod routes;
pub mod service;
