//! The part of the request that the answer depends on.

/// The method, as far as it changes the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Conditionals and ranges apply.
    Get,
    /// Conditionals apply; a range does not, it is only defined for GET (RFC 9110 section 14.2).
    Head,
    /// The whole file, whatever the headers ask: the script has already acted on the request.
    Other,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 section 9.1): `get` is [`Method::Other`].
    pub fn parse(name: &str) -> Method {
        match name {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        }
    }
}

/// The request's header fields that an answer depends on; others need not be passed (RFC 9110 sections 12.5.3, 13.1
/// and 14.2).
pub const REQUEST_FIELDS: [&str; 7] = [
    "Accept-Encoding",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
];

/// What the client asked.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The request method.
    pub method: Method,
    /// Names (matched without regard to ASCII case) and values; a name may occur on several lines.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Request<'a> {
    pub(crate) fn lines(&self, name: &'a str) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        debug_assert!(REQUEST_FIELDS.contains(&name), "{name} is not listed");
        lines(self.headers, name)
    }

    pub(crate) fn has(&self, name: &'a str) -> bool {
        self.lines(name).next().is_some()
    }

    /// The value of a field that is no list: several lines of it are as good as none.
    pub(crate) fn single(&self, name: &'a str) -> Option<&'a str> {
        let mut lines = self.lines(name);
        let value = lines.next()?;
        lines.next().is_none().then_some(value)
    }
}

/// The values of a field, one per line, without the whitespace around them (RFC 9110 section 5.5).
pub(crate) fn lines<'a>(
    headers: &'a [(&'a str, &'a str)],
    name: &'a str,
) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
    headers
        .iter()
        .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| trim_ows(value))
}

/// Optional whitespace is space and tab only (RFC 9110 section 5.6.3).
pub(crate) fn trim_ows(value: &str) -> &str {
    value.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::parse("GET"), Method::Get);
        assert_eq!(Method::parse("HEAD"), Method::Head);
        assert_eq!(Method::parse("get"), Method::Other);
    }

    #[test]
    fn field_names_are_not_case_sensitive_and_values_are_trimmed() {
        let request = Request {
            method: Method::Get,
            headers: &[("RANGE", " \tbytes=0-1 ")],
        };
        assert_eq!(request.single("Range"), Some("bytes=0-1"));
    }

    #[test]
    fn a_single_field_on_two_lines_has_no_value() {
        let request = Request {
            method: Method::Get,
            headers: &[("Range", "bytes=0-1"), ("range", "bytes=0-1")],
        };
        assert!(request.has("Range"));
        assert_eq!(request.single("Range"), None);
    }
}
