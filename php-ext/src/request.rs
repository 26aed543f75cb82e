//! What the client asked and what the script has said so far, in the terms of the crate `response`.
#![forbid(unsafe_code)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use send_file_response::{
    CODING_MARK_BYTES, FileFacts, Method, Options, Representations, Request, Response, Script,
    may_be_coded, respond,
};

use crate::error::Error;
use crate::ffi_request;

/// One request and the answer as far as the script has shaped it.
#[derive(Debug)]
pub(crate) struct Exchange {
    method: Method,
    request_headers: Vec<(String, String)>,
    status: Option<u16>,
    script_headers: Vec<(String, String)>,
    /// `SERVER_SOFTWARE`, or nothing.
    pub(crate) server_software: String,
}

impl Exchange {
    /// A subrequest (an include into a page) got the headers of the request for the page, which do not ask about the
    /// file: it gets the whole file.
    pub(crate) fn read(is_subrequest: bool) -> Result<Exchange, Error> {
        let mut request_headers = Vec::new();
        let mut server_software = String::new();
        for (name, value) in ffi_request::server_variables()? {
            if let Some(header) = name.strip_prefix("HTTP_") {
                request_headers.push((header.replace('_', "-"), value));
            } else if name == "SERVER_SOFTWARE" {
                server_software = value;
            }
        }
        // The command line has no method: it gets the whole file.
        let method = ffi_request::request_method().filter(|_| !is_subrequest);
        Ok(Exchange {
            method: method.map_or(Method::Other, |name| Method::parse(&name)),
            request_headers,
            status: u16::try_from(ffi_request::script_status())
                .ok()
                .filter(|status| *status != 0),
            script_headers: script_headers(),
            server_software,
        })
    }

    /// The answer with the file.
    pub(crate) fn respond(&self, file: &File, facts: &FileFacts, options: &Options) -> Response {
        let request_headers = borrowed(&self.request_headers);
        let script_headers = borrowed(&self.script_headers);
        let request = Request {
            method: self.method,
            headers: &request_headers,
        };
        let script = Script {
            status: self.status,
            headers: &script_headers,
        };
        let representations = Representations {
            identity: *facts,
            coded: &[],
        };
        let mut response = respond(&request, &representations, &script, options, now_secs());
        if !self.has_its_coding(file) {
            response.removed.push("Content-Encoding");
        }
        response
    }

    /// Whether the file is what a `Content-Encoding` so far says. `ob_gzhandler` sets one when it flushes, also into an
    /// outer buffer; the buffers are discarded by now, and their handlers with them, but the header is still there, and
    /// nothing tells it from one that the script has set for a compressed file. The bytes do: a header that they
    /// contradict goes.
    fn has_its_coding(&self, file: &File) -> bool {
        let codings = self.script_headers.iter();
        let mut codings = codings.filter(|(name, _)| name.eq_ignore_ascii_case("Content-Encoding"));
        codings.all(|(_, coding)| {
            let mut start = [0; CODING_MARK_BYTES];
            let read = file.read_at(&mut start, 0).unwrap_or(0);
            may_be_coded(coding, &start[..read])
        })
    }

    pub(crate) fn script_has_set(&self, name: &str) -> bool {
        self.script_headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

fn script_headers() -> Vec<(String, String)> {
    ffi_request::script_header_lines()
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim_end().to_owned(), value.trim().to_owned()))
        .collect()
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
