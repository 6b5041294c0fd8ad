//! The check that a password is not among leaked ones (the range API of Have I Been Pwned). The
//! request names only the first five digits of the SHA-1, so the other service does not learn the
//! password.

use std::fmt::Write;
use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::accounts::domain::Ports;
use crate::accounts::model::password::Password;
use crate::kernel::domain::{GetRequest, NoResponse};

/// The time limit of the request, because a user waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The maximum size of a range. A range has some hundred lines of 40 bytes.
const MAX_BYTES: usize = 512 * 1024;
/// The hexadecimal digits that the request names.
const PREFIX_DIGITS: usize = 5;

/// Returns true if the password leaked, and `false` if the check is off.
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
    let (prefix, rest) = digest.split_at(PREFIX_DIGITS);
    let url = format!("{base}{prefix}");
    // The padding hides from an observer which range the response holds.
    let headers = [("add-padding", "true"), ("user-agent", "hamrah-api")];
    let range = ports
        .http_client
        .get(GetRequest {
            url: &url,
            headers: &headers,
            timeout: TIMEOUT,
            max_bytes: MAX_BYTES,
        })
        .await?;
    // Lines of the padding have the count zero.
    Ok(range
        .lines()
        .filter_map(|line| line.trim().split_once(':'))
        .any(|(suffix, seen)| suffix.eq_ignore_ascii_case(rest) && seen.trim() != "0"))
}
