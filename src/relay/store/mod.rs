//! Every SQL statement of the relay, a file per noun.

pub mod channels;
pub mod counts;
pub mod export;
pub mod key_backup;
pub mod keys;
pub mod prekeys;
pub mod users;
