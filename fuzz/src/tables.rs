//! `mime.types` and lists of media types.

use send_file_response::limits::{MAX_CONTENT_TYPE_BYTES, MAX_MALFORMED_LINES};
use send_file_response::{MediaTypes, Options, RawOptions, Script, TypeList};

/// The first line is a file name and a list of types, the others are the table.
pub fn tables(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, table) = text.split_once('\n').unwrap_or((&text, ""));
    let (filename, list) = first.split_once('\0').unwrap_or((first, first));
    let media_types = MediaTypes::parse(table);
    assert_names_lines(&media_types, table);
    let options = Options::new(RawOptions {
        filename: filename.as_bytes(),
        media_types: Some(&media_types),
        ..RawOptions::default()
    })
    .expect("no argument can be wrong");
    let media_type = options
        .media_type_in_force(&Script::default())
        .expect("there is always a type");
    assert!(media_type.len() <= MAX_CONTENT_TYPE_BYTES, "{media_type}");
    assert!(
        media_type.bytes().all(|byte| byte.is_ascii_graphic()),
        "{media_type:?}"
    );
    assert!(
        media_type
            .split_once('/')
            .is_some_and(|(kind, subtype)| !kind.is_empty() && !subtype.is_empty())
    );
    assert_lists(list, media_type);
}

fn assert_names_lines(media_types: &MediaTypes, table: &str) {
    let malformed = media_types.malformed_lines();
    assert!(malformed.len() <= MAX_MALFORMED_LINES);
    assert!(malformed.is_sorted_by(|one, next| one < next));
    assert!(
        malformed
            .iter()
            .all(|line| (1..=table.lines().count()).contains(line))
    );
}

/// A list that is one names the types it matches, and each member is one by itself.
fn assert_lists(list: &str, media_type: &str) {
    let members = || {
        list.split([',', ' ', '\t', '\n', '\r'])
            .filter(|member| !member.is_empty())
    };
    let singles: Option<Vec<TypeList>> = members().map(TypeList::parse).collect();
    let parsed = TypeList::parse(list);
    assert_eq!(parsed.is_some(), singles.is_some(), "{list:?}");
    let (Some(parsed), Some(singles)) = (parsed, singles) else {
        return;
    };
    for content_type in members().chain([media_type]) {
        let by_one =
            singles.is_empty() || singles.iter().any(|single| single.matches(content_type));
        assert_eq!(parsed.matches(content_type), by_one);
        let with_parameter = format!(" {}; a=b", content_type.to_ascii_uppercase());
        assert_eq!(parsed.matches(&with_parameter), by_one, "{content_type}");
    }
    for member in members().filter(|member| !member.ends_with('*')) {
        assert!(parsed.matches(member), "{member:?} of {list:?}");
    }
}
