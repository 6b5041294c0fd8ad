//! The relay: accounts and keys.

mod accounts;
mod faults;
mod keys;
mod races;
