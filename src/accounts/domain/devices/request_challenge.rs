//! The request challenge, which an assertion signs:
//! `METHOD:absolute-URL[:sorted key:value,…]:unix-seconds` (CONTRACT §6).
//!
//! Method, URL and time are compared with the request. The part about the body cannot be reproduced
//! in general, so it is signed but not compared.

use crate::kernel::model::time::Timestamp;

/// The maximum age of a request challenge, in seconds.
const PAST: i64 = 120;
/// The maximum lead of a device's clock, in seconds.
const FUTURE: i64 = 30;
/// The maximum length, which is longer than any real request challenge.
const MOST_BYTES: usize = 8 * 1024;

/// The request that an assertion must have signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The schemes that the client may have used.
    pub schemes: &'a [&'a str],
    /// The host of the API as the client knows it, with a port if it is not the scheme's default.
    pub host: &'a str,
    /// The path and the query of the request.
    pub target: &'a str,
}

/// Compares a request challenge with the request at hand.
///
/// # Errors
/// Returns the reason why the challenge belongs to another request or time.
pub fn check(bytes: &[u8], request: &Request<'_>, now: Timestamp) -> Result<(), &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the request challenge is too long");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the request challenge is not UTF-8")?;
    let (method, rest) = text
        .split_once(':')
        .ok_or("the request challenge has no method")?;
    let (address, seconds) = rest
        .rsplit_once(':')
        .ok_or("the request challenge has no time")?;
    if method != request.method {
        return Err("the request challenge is for another method");
    }
    let after_target =
        after_host(address, request).and_then(|rest| rest.strip_prefix(request.target));
    if !after_target.is_some_and(|rest| rest.is_empty() || is_about_body(rest)) {
        return Err("the request challenge is for another address");
    }
    let digits =
        !seconds.is_empty() && seconds.len() <= 12 && seconds.bytes().all(|b| b.is_ascii_digit());
    let at = digits
        .then(|| seconds.parse::<i64>().ok())
        .flatten()
        .ok_or("the request challenge has no time")?;
    let age = now.millis().div_euclid(1000).saturating_sub(at);
    if age > PAST {
        return Err("the request challenge is too old");
    }
    if age < -FUTURE {
        Err("the request challenge is in the future")
    } else {
        Ok(())
    }
}

/// Returns the text after scheme and host if both are those of the request. Case and the scheme's
/// default port make no difference (RFC 3986 §6.2).
fn after_host<'a>(address: &'a str, request: &Request<'_>) -> Option<&'a str> {
    let (scheme, rest) = address.split_once("://")?;
    let (host, target) = rest.split_at(rest.find('/')?);
    let scheme = request
        .schemes
        .iter()
        .find(|known| known.eq_ignore_ascii_case(scheme))?;
    let port = if *scheme == "https" { ":443" } else { ":80" };
    let [host, ours] = [host, request.host].map(|host| host.strip_suffix(port).unwrap_or(host));
    (!host.is_empty() && host.eq_ignore_ascii_case(ours)).then_some(target)
}

/// Returns true if the text after the URL can be `:key:value,…` and is not a longer URL.
fn is_about_body(rest: &str) -> bool {
    rest.strip_prefix(':')
        .is_some_and(|pairs| pairs.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REQUEST: Request<'static> = Request {
        method: "GET",
        schemes: &["https"],
        host: "api.hamrah.app",
        target: "/api/users/me?x=1",
    };
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

    #[test]
    fn challenges_of_the_app_are_read() {
        for good in [
            "GET:https://api.hamrah.app/api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app/api/users/me?x=1:a:1,b:2:1800000030",
            "GET:https://api.hamrah.app/api/users/me?x=1:1799999880",
            "GET:https://api.hamrah.app:443/api/users/me?x=1:1800000000",
            "GET:HTTPS://API.hamrah.app/api/users/me?x=1:1800000000",
        ] {
            assert_eq!(check(good.as_bytes(), &REQUEST, NOW), Ok(()), "{good}");
        }
    }

    #[test]
    fn another_request_is_refused() {
        for bad in [
            "",
            "GET",
            "POST:https://api.hamrah.app/api/users/me?x=1:1800000000",
            "get:https://api.hamrah.app/api/users/me?x=1:1800000000",
            "GET:http://api.hamrah.app/api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app/api/users/me:1800000000",
            "GET:https://api.hamrah.app/api/users/me?x=12:1800000000",
            "GET:https://evil.example/api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app:80/api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app@evil.example/api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app.evil.example/api/users/me?x=1:1800000000",
            "GET:https:///api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app/API/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app//api/users/me?x=1:1800000000",
            "GET:https://api.hamrah.app",
            "GET:https://api.hamrah.app/api/users/me?x=1:1799999879",
            "GET:https://api.hamrah.app/api/users/me?x=1:1800000031",
            "GET:https://api.hamrah.app/api/users/me?x=1:",
            "GET:https://api.hamrah.app/api/users/me?x=1:x/tokens:1800000000",
            "GET:https://api.hamrah.app/api/users/me?x=1:00&x=2:1800000000",
            "GET:https://api.hamrah.app/api/users/me?x=1:+1800000000",
            "GET:https://api.hamrah.app/api/users/me?x=1:9999999999999999999",
        ] {
            assert!(check(bad.as_bytes(), &REQUEST, NOW).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes, &REQUEST, NOW);
        }
    }
}
