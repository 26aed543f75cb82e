//! A request, a file and a script with defaults, and the answer to them.
#![allow(dead_code)] // Each test binary uses a part of it.

use send_file_response::{
    Coding::{self, Brotli, Gzip, Zstd},
    FileFacts, Method, Mtime, Options, Part, RawOptions, Representations, Request, Response,
    Script, Version, respond,
};

pub(crate) const NOW: i64 = 1_750_000_000;
pub(crate) const ETAG: &str = "\"a-2ebc98a1-5-7\"";
pub(crate) const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
pub(crate) const CONTENT: &[u8] = b"0123456789";

/// What [`ETAG`] and [`MODIFIED`] say.
pub(crate) const FILE_VERSION: Version = Version::File {
    mtime: Mtime {
        secs: 784_111_777,
        nanos: 5,
    },
    inode: 7,
};

pub(crate) type Headers<'a> = &'a [(&'a str, &'a str)];

/// What is not the default of the request for a ten-byte `/srv/a.txt`.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) method: &'a str,
    pub(crate) request: Headers<'a>,
    pub(crate) status: Option<u16>,
    pub(crate) script: Headers<'a>,
    pub(crate) options: RawOptions<'a>,
    pub(crate) size: u64,
    pub(crate) version: Version,
    pub(crate) coded: &'a [(Coding, FileFacts)],
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            method: "GET",
            request: &[],
            status: None,
            script: &[],
            options: RawOptions {
                filename: b"/srv/a.txt",
                ..RawOptions::default()
            },
            size: CONTENT.len() as u64,
            version: FILE_VERSION,
            coded: &[],
        }
    }
}

impl Case<'_> {
    /// The answer, after checking what must hold for every answer.
    pub(crate) fn answer(&self) -> Response {
        let request = Request {
            method: Method::parse(self.method),
            headers: self.request,
        };
        let representations = Representations {
            identity: FileFacts {
                size: self.size,
                version: self.version,
            },
            coded: self.coded,
        };
        let script = Script {
            status: self.status,
            headers: self.script,
        };
        let options = Options::new(self.options).unwrap();
        let response = respond(&request, &representations, &script, &options, NOW);
        assert_sound(self, &response);
        response
    }
}

pub(crate) fn get(request: Headers) -> Response {
    Case {
        request,
        ..Case::default()
    }
    .answer()
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(other, _)| *other == name);
    found.map(|(_, value)| value.as_str())
}

/// The body, with [`CONTENT`] as the file.
pub(crate) fn body(response: &Response) -> Vec<u8> {
    let piece = |part: &Part| match part {
        Part::Span { offset, len } => CONTENT[*offset as usize..][..*len as usize].to_vec(),
        Part::Literal(bytes) => bytes.clone(),
    };
    response.parts.iter().flat_map(piece).collect()
}

pub(crate) const SIBLING_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
/// Of the siblings in [`SIBLINGS`].
pub(crate) const GZIP_ETAG: &str = "\"8-2ebc98a2-0-9\"";
pub(crate) const BROTLI_ETAG: &str = "\"6-2ebc98a2-0-9\"";

pub(crate) const SIBLINGS: &[(Coding, FileFacts)] =
    &[(Gzip, sibling(8)), (Brotli, sibling(6)), (Zstd, sibling(7))];

/// A second younger than the file of ten bytes.
pub(crate) const fn sibling(size: u64) -> FileFacts {
    FileFacts {
        size,
        version: Version::File {
            mtime: Mtime {
                secs: 784_111_778,
                nanos: 0,
            },
            inode: 9,
        },
    }
}

pub(crate) const PRECOMPRESSED: RawOptions = RawOptions {
    filename: b"/srv/a.txt",
    content_type: None,
    download_as: None,
    inline: false,
    offset: 0,
    length: None,
    etag: None,
    delete: false,
    precompressed: true,
    media_types: None,
};

pub(crate) fn precompressed<'a>(script: Headers<'a>, request: Headers<'a>) -> Case<'a> {
    Case {
        request,
        script,
        options: PRECOMPRESSED,
        coded: SIBLINGS,
        ..Case::default()
    }
}

pub(crate) fn asked(request: Headers) -> Response {
    precompressed(&[], request).answer()
}

/// Reads a body as a client does, by the boundary of the header: type, Content-Range and bytes of each part.
pub(crate) fn read_multipart(response: &Response) -> Vec<(String, String, Vec<u8>)> {
    let content_type = header(response, "Content-Type").unwrap();
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    let text = format!("\r\n{}", String::from_utf8(body(response)).unwrap());
    let delimiter = format!("\r\n--{boundary}");
    let mut pieces = text.split(delimiter.as_str());
    assert_eq!(pieces.next(), Some(""));
    let mut pieces: Vec<&str> = pieces.collect();
    assert_eq!(pieces.pop(), Some("--\r\n"));
    pieces
        .into_iter()
        .map(|piece| {
            let (head, content) = piece.split_once("\r\n\r\n").unwrap();
            let field = |name: &str| {
                let found = head.split("\r\n").find_map(|line| line.strip_prefix(name));
                found.unwrap_or_default().to_owned()
            };
            (
                field("Content-Type: "),
                field("Content-Range: "),
                content.into(),
            )
        })
        .collect()
}

fn assert_sound(case: &Case, response: &Response) {
    for (index, (name, value)) in response.headers.iter().enumerate() {
        assert!(
            !value.bytes().any(|byte| byte.is_ascii_control()),
            "{name}: {value}"
        );
        assert!(
            !response.removed.contains(name),
            "{name} is set and removed"
        );
        assert!(
            response.headers[..index]
                .iter()
                .all(|(other, _)| other != name),
            "{name} is set twice"
        );
    }
    assert!(response.removed.contains(&"Transfer-Encoding"));
    for (index, name) in response.removed.iter().enumerate() {
        assert!(!response.removed[..index].contains(name), "{name} twice");
    }
    assert!(response.parts.iter().all(|part| part.bytes() > 0));
    assert!(!(response.whole && matches!(response.status, 204 | 205 | 304 | 412 | 416)));
    if case.method == "HEAD" {
        assert!(response.parts.is_empty());
    } else if let Some(length) = header(response, "Content-Length") {
        assert_eq!(length, response.body_bytes().to_string());
    } else {
        assert!(response.removed.contains(&"Content-Length"));
        assert!(response.parts.is_empty());
    }
}
