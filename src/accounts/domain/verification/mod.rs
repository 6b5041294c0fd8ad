//! Verification of ceremonies: the report of the steps that were checked.

pub mod report;
