//! The native server: the same router over an SQLite file, with a command line around it.

mod administer;
mod attest;
mod cli;
mod demo;
mod doctor;
mod inspect;
mod pages;
mod ports;
mod proxies;
mod reference;
mod serve;
mod settings;
mod steps;

pub mod migrations;
pub mod outgoing;
pub mod rate_limits;
pub mod sqlite;

pub use cli::main;
pub use ports::{Dalek, Threads};
pub use reference::html;
