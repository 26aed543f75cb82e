//! The HTTP decision: request headers, arguments and what the script set, in one.

use percent_encoding::percent_decode_str;
use send_file_response::limits::{MAX_LITERAL_BYTES, MAX_PARTS};
use send_file_response::{
    Coding, FileFacts, Method, Mtime, Options, Part, RawOptions, Representations, Request,
    Response, Script, Version, respond,
};

use crate::input::Input;
use crate::limits::MAX_HEADERS;

const REQUEST_FIELDS: [&str; 8] = [
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Modified-Since",
    "If-Unmodified-Since",
    "Accept-Encoding",
    "range",
];

const SCRIPT_FIELDS: [&str; 10] = [
    "ETag",
    "Last-Modified",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Content-Disposition",
    "Cache-Control",
    "Vary",
    "Accept-Ranges",
    "Expires",
];

/// A Saturday in June 2025, as good as any.
const NOW_SECS: i64 = 1_750_000_000;

/// Sizes at which something changes.
const SIZES: [u64; 6] = [0, 1, 10, 4096, 1 << 40, i64::MAX as u64];

/// What the input says.
struct Question {
    method: Method,
    request: Vec<(&'static str, String)>,
    status: Option<u16>,
    script: Vec<(&'static str, String)>,
    size: u64,
    coded: Vec<(Coding, FileFacts)>,
}

/// Whatever is asked, the answer fits the file and can be sent; and to ask for what was answered works.
pub fn answer(data: &[u8]) {
    let mut input = Input::new(data);
    let question = Question::from(&mut input);
    let content_type = input.flag().then(|| input.piece());
    let download_as = input.flag().then(|| input.piece());
    let etag = input.flag().then(|| input.piece());
    let flags = input.byte();
    let raw = RawOptions {
        filename: b"a.txt",
        content_type,
        download_as,
        inline: flags & 1 != 0,
        offset: if flags & 2 != 0 {
            u64::from(input.u16())
        } else {
            0
        },
        length: (flags & 4 != 0).then(|| u64::from(input.u16())),
        etag,
        delete: flags & 8 != 0,
        precompressed: flags & 16 != 0,
        media_types: None,
    };
    let Ok(options) = Options::new(raw) else {
        return;
    };
    let response = question.answer(&options, None);
    assert_can_be_sent(&response);
    question.assert_fits_the_file(&response, &raw);
    question.assert_may_be_asked_again(&response, &options);
    if let Some(name) = raw.download_as {
        assert_names(&response, name, raw.inline);
    }
}

impl Question {
    fn from(input: &mut Input) -> Question {
        let method = input.one_of(&[Method::Get, Method::Get, Method::Head, Method::Other]);
        let mut headers = |fields: &[&'static str]| {
            let count = input.below(MAX_HEADERS + 1);
            let mut header = || {
                let name = input.one_of(fields);
                (name, String::from_utf8_lossy(input.piece()).into_owned())
            };
            (0..count).map(|_| header()).collect::<Vec<_>>()
        };
        let request = headers(&REQUEST_FIELDS);
        let script = headers(&SCRIPT_FIELDS);
        let status = match input.byte() {
            0..128 => None,
            _ => Some(input.u16() % 600),
        };
        let which = input.byte();
        let coded = Coding::ALL.into_iter().enumerate();
        let coded = coded
            .filter(|(bit, _)| which >> bit & 1 == 1)
            .map(|(bit, coding)| (coding, facts(bit as u64 + 5)))
            .collect();
        Question {
            method,
            request,
            status,
            script,
            size: input.one_of(&SIZES),
            coded,
        }
    }

    /// The answer, to a request with one more header.
    fn answer(&self, options: &Options, more: Option<(&'static str, &str)>) -> Response {
        let mut request = borrowed(&self.request);
        request.extend(more);
        let request = Request {
            method: self.method,
            headers: &request,
        };
        let script = Script {
            status: self.status,
            headers: &borrowed(&self.script),
        };
        let representations = Representations {
            identity: facts(self.size),
            coded: &self.coded,
        };
        respond(&request, &representations, &script, options, NOW_SECS)
    }

    fn assert_fits_the_file(&self, response: &Response, raw: &RawOptions) {
        let size = match response.coding {
            None => self.size,
            Some(chosen) => {
                assert!(raw.precompressed);
                let found = self.coded.iter().find(|(coding, _)| *coding == chosen);
                found.expect("only what is there is chosen").1.size
            }
        };
        let start = raw.offset.min(size);
        let end = raw
            .length
            .map_or(size, |length| size.min(start.saturating_add(length)));
        let mut literal_bytes = 0;
        let mut content_bytes = 0u64;
        assert!(response.parts.len() <= MAX_PARTS);
        for part in &response.parts {
            assert!(part.bytes() > 0);
            match part {
                Part::Literal(bytes) => literal_bytes += bytes.len(),
                Part::Span { offset, len } => {
                    assert!(
                        start <= *offset && offset + len <= end,
                        "{part:?} of {start}..{end}"
                    );
                    content_bytes += len;
                }
            }
        }
        assert!(literal_bytes <= MAX_LITERAL_BYTES);
        assert!(content_bytes <= end - start, "more is sent than there is");
        if response.whole {
            assert_eq!((content_bytes, literal_bytes), (end - start, 0));
        }
        let length = header(response, "Content-Length");
        match (self.method, length) {
            (Method::Head, _) => assert!(response.parts.is_empty()),
            (_, Some(length)) => assert_eq!(length, response.body_bytes().to_string()),
            (_, None) => {
                assert!(response.parts.is_empty() && response.removed.contains(&"Content-Length"))
            }
        }
        self.assert_says_which_part(response, start, end);
    }

    /// One span of a 206 of ours is the one that Content-Range names.
    fn assert_says_which_part(&self, response: &Response, start: u64, end: u64) {
        let chosen_by_script = self.status.is_some_and(|status| status > 200);
        if chosen_by_script || self.method == Method::Head {
            return;
        }
        let content_range = header(response, "Content-Range");
        match (response.status, &response.parts[..]) {
            (206, [Part::Span { offset, len }]) => {
                let first = offset - start;
                let said = format!("bytes {}-{}/{}", first, first + len - 1, end - start);
                assert_eq!(content_range, Some(&*said));
                assert!(!response.whole);
            }
            (206, parts) => {
                assert!(parts.len() >= 5 && content_range.is_none());
                let media_type = header(response, "Content-Type").expect("there is one");
                let boundary = media_type.strip_prefix("multipart/byteranges; boundary=");
                let delimiter = format!("--{}", boundary.expect("there is one"));
                for part in parts {
                    let Part::Literal(bytes) = part else { continue };
                    let text = str::from_utf8(bytes).expect("it is text");
                    assert!(text.trim_start().starts_with(&delimiter));
                }
            }
            (416, parts) => {
                assert!(parts.is_empty());
                assert_eq!(content_range, Some(&*format!("bytes */{}", end - start)));
            }
            _ => assert_eq!(content_range, None),
        }
        assert!(
            matches!(response.status, 200 | 206 | 304 | 412 | 416),
            "{}",
            response.status
        );
    }

    /// A client that comes back with the ETag it got has not got another one. Not with several lines of one field, or
    /// where something else decides first.
    fn assert_may_be_asked_again(&self, response: &Response, options: &Options) {
        let decided =
            self.method == Method::Other || self.status.is_some_and(|status| status > 200);
        let is_free = self
            .request
            .iter()
            .all(|(name, _)| matches!(*name, "Accept-Encoding" | "If-Modified-Since"));
        let Some(etag) = header(response, "ETag").filter(|_| response.status == 200) else {
            return;
        };
        if decided || !is_free {
            return;
        }
        let again = self.answer(options, Some(("If-None-Match", etag)));
        assert_eq!(again.status, 304, "{etag}");
        assert_can_be_sent(&again);
    }
}

fn facts(size: u64) -> FileFacts {
    let mtime = Mtime {
        secs: NOW_SECS - 100,
        nanos: 5,
    };
    FileFacts {
        size,
        version: Version::File { mtime, inode: 7 },
    }
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    let pairs = headers.iter().map(|(name, value)| (*name, value.as_str()));
    pairs.collect()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(other, _)| *other == name);
    found.map(|(_, value)| value.as_str())
}

fn assert_can_be_sent(response: &Response) {
    for (index, (name, value)) in response.headers.iter().enumerate() {
        assert!(!value.chars().any(char::is_control), "{name}: {value:?}");
        assert!(
            !response.removed.contains(name),
            "{name} is set and removed"
        );
        let before = &response.headers[..index];
        assert!(
            before.iter().all(|(other, _)| other != name),
            "{name} twice"
        );
    }
    assert!(response.removed.contains(&"Transfer-Encoding"));
}

/// A client finds the name that the script gave, and nothing that would lead it elsewhere.
fn assert_names(response: &Response, download_as: &[u8], inline: bool) {
    let Some(value) = header(response, "Content-Disposition") else {
        return;
    };
    let path = str::from_utf8(download_as).expect("others are refused");
    let name = path
        .rsplit(['/', '\\'])
        .next()
        .expect("there is a last one");
    let kind = if inline { "inline" } else { "attachment" };
    let rest = value.strip_prefix(kind).expect("the kind comes first");
    let quoted = rest.strip_prefix("; filename=\"").expect("then a name");
    let (plain, exact) = quoted.split_once('"').expect("with its end");
    assert!(
        value.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{value:?}"
    );
    assert!(!plain.contains(['/', '\\', '"']));
    match exact.strip_prefix("; filename*=UTF-8''") {
        Some(exact) => {
            let decoded = percent_decode_str(exact).decode_utf8();
            assert_eq!(decoded.expect("it is UTF-8"), name);
        }
        None => assert_eq!((plain, exact), (name, "")),
    }
}
