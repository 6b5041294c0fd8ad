//! The scheme of the `Authorization` header (RFC 9110 §11.6.2).

use http::{HeaderMap, header};

/// Returns true if an `Authorization` header has the scheme Bearer, also without a valid token.
///
/// Another scheme is not a credential of this service. Basic, for example, opens a staging site
/// that is protected by a password.
#[must_use]
pub fn has_bearer(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    lines.any(|line| scheme(line.as_bytes().trim_ascii_start()).eq_ignore_ascii_case(b"bearer"))
}

/// Returns the scheme, the token at the start of a header (RFC 9110 §11.1).
fn scheme(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| !is_token(*byte));
    line.split_at(end.unwrap_or(line.len())).0
}

/// Returns true for a character of a token (RFC 9110 §5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_the_scheme_bearer_is_a_credential() {
        let seen = |lines: &[&'static str]| {
            let lines = lines.iter().map(|line| HeaderValue::from_static(line));
            has_bearer(&lines.map(|line| (header::AUTHORIZATION, line)).collect())
        };
        for line in [
            "Bearer x",
            "bEARER x",
            "Bearer",
            "Bearer  x",
            " Bearer",
            "Bearer:x",
            "Bearer\tx",
        ] {
            assert!(seen(&[line]), "{line}");
        }
        for line in [
            "Basic Bearer",
            "Bearers x",
            "BearerX",
            "",
            " ",
            "Digest a=b",
            "x Bearer y",
        ] {
            assert!(!seen(&[line]), "{line}");
        }
        assert!(seen(&["Basic x", "Bearer y"]));
        assert!(!seen(&[]));
    }
}
