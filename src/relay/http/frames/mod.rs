//! The frames of a socket as JSON: `{"type": "…", "payload": {…}}`.

pub mod read;
pub mod write;

#[cfg(test)]
mod tests;
