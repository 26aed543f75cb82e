//! A list of media types, as in `send_file.types`.

use crate::media_type::is_token;

/// Media types and whole kinds of them (`video/*`); empty: all.
#[derive(Debug, Default)]
pub struct TypeList(Vec<String>);

impl TypeList {
    /// Types with commas or spaces between them; `None` if one of them is none.
    pub fn parse(text: &str) -> Option<TypeList> {
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
    pub fn matches(&self, content_type: &str) -> bool {
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
