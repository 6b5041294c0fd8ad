//! Queries and forms: `application/x-www-form-urlencoded` (WHATWG URL §5.1), decoded.

use std::borrow::Cow;

use http::Uri;

/// Returns the decoded names and values of a query.
pub fn parameters(uri: &Uri) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
}

/// Returns the decoded value of the first parameter of a query with this name.
#[must_use]
pub fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    parameters(uri).find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let uri: Uri = "/x?a=1&%6Cimit=%32%30&after=a+b&limit=3&empty&=x"
            .parse()
            .expect("a URI");
        assert_eq!(parameter(&uri, "limit").as_deref(), Some("20"));
        assert_eq!(parameter(&uri, "after").as_deref(), Some("a b"));
        assert_eq!(parameter(&uri, "empty").as_deref(), Some(""));
        assert_eq!(parameter(&uri, "Limit"), None);
        assert_eq!(parameter(&Uri::from_static("/x"), "limit"), None);
    }
}
