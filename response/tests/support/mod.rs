//! A request, a file and a script with defaults, and the answer to them.
#![allow(dead_code)] // Each test binary uses a part of it.

use send_file_response::{
    Coding, FileFacts, Method, Mtime, Options, Part, RawOptions, Representations, Request,
    Response, Script, Version, respond,
};

pub(crate) const NOW: i64 = 1_750_000_000;
pub(crate) const ETAG: &str = "\"a-2ebc98a1-5-7\"";
pub(crate) const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
pub(crate) const CONTENT: &[u8] = b"0123456789";

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
        let mtime = Mtime {
            secs: 784_111_777,
            nanos: 5,
        };
        let representations = Representations {
            identity: FileFacts {
                size: self.size,
                version: Version::File { mtime, inode: 7 },
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
    assert!(response.parts.iter().all(|part| part.bytes() > 0));
    if case.method == "HEAD" {
        assert!(response.parts.is_empty());
    } else if let Some(length) = header(response, "Content-Length") {
        assert_eq!(length, response.body_bytes().to_string());
    } else {
        assert!(response.removed.contains(&"Content-Length"));
        assert!(response.parts.is_empty());
    }
}
