//! The memory of the process after many password hashes, natively.

#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    reason = "a test binary has no API, and panics are how it fails"
)]

use std::thread;

use hamrah_api::accounts::domain::passwords::hash::{hash, verifies};
use hamrah_api::accounts::model::password::{Argon2Cost, Password, PasswordSettings, Pepper};

/// The number of passwords that are hashed at once.
const PLACES: usize = 8;
/// The memory of a hash in KiB.
const MEMORY: u32 = 2 * 1024;
const HASHES: usize = 5_000;

/// Returns the resident memory of this process in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}

#[test]
fn memory_after_5000_hashes_is_that_of_the_places() {
    let settings = PasswordSettings {
        cost: Argon2Cost {
            memory: MEMORY,
            passes: 1,
            lanes: 1,
        },
        pepper: Pepper::default(),
        min_length: 8,
        at_once: PLACES,
        breached_url: None,
    };
    let password = Password::presented("zebra-77").expect("a password");
    let wrong = Password::presented("zebra-78").expect("a password");
    let stored = hash(&settings, &password, &[7; 16]).expect("a hash");
    let before = resident();
    // Each round has threads of its own, as the runtime replaces idle threads.
    for _ in 0..HASHES / PLACES / 5 {
        thread::scope(|scope| {
            for _ in 0..PLACES {
                scope.spawn(|| {
                    for _ in 0..5 {
                        assert!(!verifies(&settings, &wrong, &stored));
                    }
                });
            }
        });
    }
    let grown = resident().saturating_sub(before);
    let most = PLACES * usize::try_from(MEMORY).expect("fits") * 3 / 2;
    assert!(
        grown <= most,
        "{grown} KiB more, and at most {most} expected"
    );
}
