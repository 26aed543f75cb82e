//! A list of media types, as in `send_file.types`.
#![forbid(unsafe_code)]

/// Media types and whole kinds of them (`video/*`); empty: all.
#[derive(Debug, Default)]
pub(crate) struct TypeList(Vec<String>);

impl TypeList {
    /// Types with commas or spaces between them; `None` if one of them is none.
    pub(crate) fn parse(text: &str) -> Option<TypeList> {
        let types = text
            .split([',', ' ', '\t', '\n', '\r'])
            .filter(|found| !found.is_empty());
        let types: Vec<String> = types.map(str::to_ascii_lowercase).collect();
        let is_type = |found: &String| {
            let (kind, subtype) = found.split_once('/').unwrap_or_default();
            is_token(kind) && is_token(subtype) && (kind != "*" || subtype == "*")
        };
        types.iter().all(is_type).then_some(TypeList(types))
    }

    /// Whether a Content-Type is one of them; its parameters do not matter.
    pub(crate) fn matches(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let matches = |listed: &String| match listed.strip_suffix('*') {
            Some("*/") => true,
            Some(kind) => essence.starts_with(kind),
            None => *listed == essence,
        };
        self.0.is_empty() || self.0.iter().any(matches)
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_char)
}
