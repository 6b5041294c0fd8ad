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
/// The hexadecimal digits of a line of the range.
const SUFFIX_DIGITS: usize = 40 - PREFIX_DIGITS;

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
    counts(&range, rest).ok_or(NoResponse::Unreachable)
}

/// Returns true if a range counts the rest of a digest at least once. Returns `None` if the text is
/// not a range, such as the page of a proxy.
fn counts(range: &str, rest: &str) -> Option<bool> {
    let mut lines = range
        .trim_start_matches('\u{FEFF}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .peekable();
    lines.peek()?;
    let mut found = false;
    for line in lines {
        let (suffix, seen) = line.split_once(':')?;
        let is_suffix =
            suffix.len() == SUFFIX_DIGITS && suffix.bytes().all(|b| b.is_ascii_hexdigit());
        let seen: u64 = seen.trim().parse().ok().filter(|_| is_suffix)?;
        // Lines of the padding have the count zero.
        found |= seen > 0 && suffix.eq_ignore_ascii_case(rest);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_is_an_answer() {
        let [rest, other] = [
            "0018A45C4D1DEF81644B54AB7F969B88D65",
            "00D4F6E8FA6EECAD2A3AA415EEC418D38EC",
        ];
        for (range, expected) in [
            (format!("{rest}:3\r\n{other}:2"), Some(true)),
            (format!("\u{feff}{rest}:3\n"), Some(true)),
            (format!("{}:3", rest.to_lowercase()), Some(true)),
            (format!("{other}:2\r\n{rest}:0\r\n"), Some(false)),
            (String::new(), None),
            ("\r\n".to_owned(), None),
            ("<html>blocked</html>".to_owned(), None),
            (r#"{"error":"not found"}"#.to_owned(), None),
            (rest.to_owned(), None),
            (format!("{rest}:many"), None),
            (format!("{other}:2\n<html>"), None),
        ] {
            assert_eq!(counts(&range, rest), expected, "{range:?}");
        }
    }
}
