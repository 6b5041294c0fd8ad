//! Whether a password leaked somewhere: a service is asked for all leaked ones whose SHA-1 begins
//! with the same five digits, so that it does not learn which one it is (the range API of Have I
//! Been Pwned).

use std::fmt::Write;
use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::accounts::domain::Ports;
use crate::accounts::model::password::Password;
use crate::kernel::domain::{GetRequest, NoResponse};

/// How long a person waits for it at most.
const PATIENCE: Duration = Duration::from_secs(3);
/// A range has some hundred lines of 40 bytes.
const MOST_BYTES: usize = 512 * 1024;
/// Hexadecimal digits that are told.
const TOLD: usize = 5;

/// Whether the password is among those that leaked; `false` if nobody is to be asked.
///
/// # Errors
/// [`NoResponse`]
pub(super) async fn is_breached(ports: &Ports, password: &Password) -> Result<bool, NoResponse> {
    let Some(base) = ports.config.passwords.breached_url.as_deref() else {
        return Ok(false);
    };
    let mut digest = String::new();
    for byte in Sha1::digest(password.as_bytes()) {
        // Writing to a String does not fail.
        let _ = write!(digest, "{byte:02X}");
    }
    let (told, kept) = digest.split_at(TOLD);
    let url = format!("{base}{told}");
    // Padded: how long the answer is tells nobody which range it was.
    let headers = [("add-padding", "true"), ("user-agent", "hamrah-api")];
    let range = ports
        .http_client
        .get(GetRequest {
            url: &url,
            headers: &headers,
            timeout: PATIENCE,
            max_bytes: MOST_BYTES,
        })
        .await?;
    // What pads was seen zero times.
    Ok(range
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .any(|(rest, seen)| rest.eq_ignore_ascii_case(kept) && seen.trim() != "0"))
}
