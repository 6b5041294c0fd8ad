//! The client data, in which the browser or the app describes the ceremony (WebAuthn Level 3
//! §5.8.1).

use serde::Deserialize;

use crate::accounts::domain::verification::report::CheckList;
use crate::accounts::domain::webauthn::Expected;
use crate::kernel::model::origin::is_loopback;

/// The maximum length, which is more than any client sends. Longer client data is not read.
const MOST_BYTES: usize = 16 * 1024;

/// The client data. Unknown members are ignored, as §5.8.1.2 demands.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct ClientData {
    /// `webauthn.create` or `webauthn.get`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The challenge, base64url without padding.
    pub challenge: String,
    /// The origin of the page.
    pub origin: String,
    /// Whether the page was in a frame of another origin.
    #[serde(rename = "crossOrigin")]
    pub cross_origin: Option<bool>,
    /// The origin around the frame, if the page was in one.
    #[serde(rename = "topOrigin")]
    pub top_origin: Option<String>,
}

/// Decodes UTF-8 ("UTF-8 decode" of the Encoding Standard): strips a byte order mark.
///
/// # Errors
/// Returns the reason why `bytes` are not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() > MOST_BYTES {
        return Err("the client data is too long");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the client data is not UTF-8")?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// Reads the JSON.
///
/// # Errors
/// Returns the reason why `text` is not client data.
pub fn parse(text: &str) -> Result<ClientData, &'static str> {
    // Without this check serde would read a list by position.
    if !text.trim_start().starts_with('{') {
        return Err("the client data is no JSON object");
    }
    serde_json::from_str(text)
        .map_err(|_| "the client data is not JSON with type, challenge and origin, each once")
}

/// Takes the seven steps about the client data, which both ceremonies have. `first` is the number
/// of the first step. Returns `None` if the client data cannot be read.
pub(super) fn check(
    steps: &mut CheckList,
    first: u8,
    bytes: &[u8],
    kind: &str,
    expected: &Expected<'_>,
) -> Option<ClientData> {
    let text = steps.read(first, "clientDataJSON is UTF-8", decode(bytes))?;
    let data = steps.read(first + 1, "clientDataJSON is JSON", parse(text))?;
    let type_demand = if kind == "webauthn.create" {
        "type is webauthn.create"
    } else {
        "type is webauthn.get"
    };
    let found = |text: &str| Some(text.to_owned());
    steps.check(
        first + 2,
        type_demand,
        data.kind == kind,
        "the type is of another ceremony",
        || found(&data.kind),
    );
    steps.check(
        first + 3,
        "challenge is the one that was sent",
        data.challenge == expected.challenge,
        "another challenge",
        || found(&data.challenge),
    );
    let ours = expected.origins.contains(&data.origin)
        || (expected.loopback && is_loopback(data.origin.as_bytes()));
    steps.check(
        first + 4,
        "origin is one of the relying party's",
        ours,
        "a foreign origin",
        || {
            Some(format!(
                "{}; expected {}",
                data.origin,
                expected.origins.join(" or ")
            ))
        },
    );
    let cross = data.cross_origin == Some(true);
    steps.check(
        first + 5,
        "crossOrigin is not true",
        !cross,
        "a page in a foreign frame",
        || data.top_origin.clone(),
    );
    steps.check(
        first + 6,
        "topOrigin is absent",
        data.top_origin.is_none(),
        "a page in a foreign frame",
        || data.top_origin.clone(),
    );
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn client_data_of_real_clients_is_read() {
        let text = concat!(
            r#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://hamrah.app","#,
            r#""crossOrigin":false,"new":{"a":[1]}}"#
        );
        let data =
            parse(decode(format!("\u{FEFF}{text}").as_bytes()).expect("UTF-8")).expect("JSON");
        assert_eq!(
            (data.kind.as_str(), data.cross_origin, data.top_origin),
            ("webauthn.get", Some(false), None)
        );
    }

    #[test]
    fn doubtful_client_data_is_refused() {
        for bad in [
            r#"["webauthn.get","AAAA","https://hamrah.app",false,null]"#,
            concat!(
                r#"{"type":"webauthn.get","challenge":"AAAA","#,
                r#""origin":"https://a","origin":"https://b"}"#
            ),
            r#"{"type":"webauthn.get","challenge":"AAAA","origin":7}"#,
            r#"{"type":"webauthn.get","challenge":"AAAA"}"#,
            r#"{"type":"webauthn.get","challenge":"AAAA","origin":"https://a"} x"#,
            "\u{FEFF}\u{FEFF}{}",
        ] {
            assert!(decode(bad.as_bytes()).and_then(parse).is_err(), "{bad}");
        }
        assert!(decode(b"{\"type\":\"\xff\"}").is_err());
        assert!(decode(&vec![b' '; 17 * 1024]).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes).and_then(parse);
        }
    }
}
