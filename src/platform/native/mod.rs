//! The native server: the same router over an SQLite file, with a command line around it.

// `println!` panics if the reader closes the pipe. `output` ends the process quietly.
#![warn(clippy::print_stdout)]

mod accept;
mod administer;
mod answered;
mod attest;
mod cli;
mod command_line;
mod demo;
mod dev_vars;
mod doctor;
mod inspect;
mod known_settings;
mod origins;
mod output;
mod pages;
mod patience;
mod people_files;
mod places;
mod ports;
mod proxies;
mod reference;
mod report_printer;
mod serve;
mod settings;
mod socket;
mod socket_queue;

pub mod channels;
pub mod http_client;
mod hub_states;
pub mod hubs;
pub mod migrations;
pub mod rate_limits;
pub mod sqlite;

pub use cli::main;
pub use ports::{Dalek, Threads};
pub use reference::html;
