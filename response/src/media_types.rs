//! The administrator's own table of media types: the format of Apache's and Debian's `mime.types`.

use std::collections::HashMap;

use crate::limits::{MAX_CONTENT_TYPE_BYTES, MAX_MALFORMED_LINES};
use crate::media_type::is_type_and_subtype;

/// Media types by extension, looked up before the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaTypes {
    /// The key is in lower case.
    by_extension: HashMap<String, String>,
    malformed_lines: Vec<usize>,
}

impl MediaTypes {
    /// Reads lines of `type/subtype extension extension ...`; `#` begins a comment. A line that is none of that is
    /// skipped as a whole. If an extension is on two lines, the later one counts, as it does for Apache.
    pub fn parse(text: &str) -> MediaTypes {
        let mut types = MediaTypes::default();
        for (index, line) in text.lines().enumerate() {
            match Line::parse(line) {
                Some(line) => types.add(&line),
                None if types.malformed_lines.len() < MAX_MALFORMED_LINES => {
                    types.malformed_lines.push(index + 1);
                }
                None => {}
            }
        }
        types
    }

    /// The numbers of the lines that were skipped, from 1; the first [`MAX_MALFORMED_LINES`] of them.
    pub fn malformed_lines(&self) -> &[usize] {
        &self.malformed_lines
    }

    /// Extensions have no case.
    pub(crate) fn of_extension(&self, extension: &str) -> Option<&str> {
        let found = self.by_extension.get(&extension.to_ascii_lowercase());
        found.map(String::as_str)
    }

    fn add(&mut self, line: &Line) {
        for extension in &line.extensions {
            self.by_extension
                .insert(extension.to_ascii_lowercase(), line.media_type.to_owned());
        }
    }
}

struct Line<'a> {
    media_type: &'a str,
    /// None in an empty line, or for a type that has none.
    extensions: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Line<'a>> {
        let words = line.split_ascii_whitespace();
        let mut words = words.take_while(|word| !word.starts_with('#'));
        let media_type = words.next().unwrap_or_default();
        let extensions: Vec<&str> = words.collect();
        let is_comment = media_type.is_empty();
        let is_well_formed = is_type_and_subtype(media_type)
            && media_type.len() <= MAX_CONTENT_TYPE_BYTES
            && extensions.iter().copied().all(is_extension);
        (is_comment || is_well_formed).then_some(Line {
            media_type,
            extensions,
        })
    }
}

/// What can stand behind a dot of a name, `tar.gz` included. Other punctuation is a sign of another format, such as
/// nginx's.
fn is_extension(word: &str) -> bool {
    let is_known = |c: char| c.is_alphanumeric() || "!#$%&'+-.=@^_`~".contains(c);
    word.chars().all(is_known) && !word.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_its_type_to_all_its_extensions() {
        let types = MediaTypes::parse("text/x-own  own OWN2\tthird\r\nimage/x-none\n");
        for extension in ["own", "Own2", "THIRD"] {
            assert_eq!(types.of_extension(extension), Some("text/x-own"));
        }
        assert_eq!(types.of_extension("x-none"), None);
        assert!(types.malformed_lines().is_empty());
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        let types = MediaTypes::parse("# text/a a\n\n \t\ntext/b b # text/c c\n  #text/d d");
        assert_eq!(types.of_extension("a"), None);
        assert_eq!(types.of_extension("b"), Some("text/b"));
        assert_eq!(types.of_extension("c"), None);
        assert!(types.malformed_lines().is_empty());
    }

    #[test]
    fn the_later_of_two_lines_counts() {
        let types = MediaTypes::parse("text/a x\ntext/b x");
        assert_eq!(types.of_extension("x"), Some("text/b"));
    }

    #[test]
    fn malformed_lines_are_skipped_and_named() {
        let long = "x".repeat(MAX_CONTENT_TYPE_BYTES);
        let text = format!(
            "text a\ntext/a a;\ntypes {{\ntext/b .b\ntext/\u{e9} c\ntext/{long} d\ntext/ok ok\n}}"
        );
        let types = MediaTypes::parse(&text);
        assert_eq!(types.malformed_lines(), [1, 2, 3, 4, 5, 6, 8]);
        for extension in ["a", "a;", "{", "b", ".b", "c", "d"] {
            assert_eq!(types.of_extension(extension), None, "{extension}");
        }
        assert_eq!(types.of_extension("ok"), Some("text/ok"));
    }

    #[test]
    fn only_the_first_malformed_lines_are_kept() {
        let types = MediaTypes::parse(&"bad\n".repeat(MAX_MALFORMED_LINES + 1));
        assert_eq!(types.malformed_lines().len(), MAX_MALFORMED_LINES);
    }
}
