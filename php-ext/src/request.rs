//! What the client asked and what the script has said so far, in the terms of the crate `response`.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{SystemTime, UNIX_EPOCH};

use send_file_response::{
    CODING_MARK_BYTES, Coding, Method, Options, REQUEST_FIELDS, Representations, Request, Response,
    Script, TypeList, may_be_coded, respond,
};

use crate::error::Error;
use crate::ffi_request::{self, ServerVariables};

/// The header that is the status behind CGI and FastCGI.
pub(crate) const CGI_STATUS: &str = "Status";

/// [`REQUEST_FIELDS`] as server variables (RFC 3875 section 4.1.18).
const NAMES_IN_CGI: [&CStr; REQUEST_FIELDS.len()] = [
    c"HTTP_ACCEPT_ENCODING",
    c"HTTP_IF_MATCH",
    c"HTTP_IF_MODIFIED_SINCE",
    c"HTTP_IF_NONE_MATCH",
    c"HTTP_IF_RANGE",
    c"HTTP_IF_UNMODIFIED_SINCE",
    c"HTTP_RANGE",
];

const CODING_HEADER: &str = "Content-Encoding";

/// One request and the answer as far as the script has shaped it.
#[derive(Debug)]
pub(crate) struct Exchange {
    method: Method,
    request_headers: Vec<(&'static str, String)>,
    status: Option<u16>,
    script_headers: Vec<(String, String)>,
    /// There is a `Content-Encoding` that must not go out.
    has_a_false_coding: bool,
    /// `SERVER_SOFTWARE`, or nothing.
    pub(crate) server_software: String,
}

impl Exchange {
    /// A subrequest (an include into a page) got the headers of the request for the page, which do not ask about the
    /// file: it gets the whole file.
    pub(crate) fn read(is_subrequest: bool) -> Result<Exchange, Error> {
        let variables = ServerVariables::of_this_request()?;
        // The command line has no method: it gets the whole file.
        let method = ffi_request::request_method().filter(|_| !is_subrequest);
        let mut script_headers = script_headers();
        let cgi_status = take_cgi_status(&mut script_headers);
        Ok(Exchange {
            method: method.map_or(Method::Other, |name| Method::parse(&name)),
            request_headers: request_headers(variables),
            status: cgi_status.or_else(|| {
                let status = u16::try_from(ffi_request::script_status()).ok();
                status.filter(|status| *status != 0)
            }),
            script_headers,
            has_a_false_coding: false,
            server_software: variables.value(c"SERVER_SOFTWARE").unwrap_or_default(),
        })
    }

    /// Has an answer say the type of the content although it has none.
    pub(crate) fn keep_type(&self, response: &mut Response, options: &Options) {
        let media_type =
            self.view(|_, script| options.media_type_in_force(script).map(str::to_owned));
        if let Some(media_type) = media_type {
            response.removed.retain(|name| *name != "Content-Type");
            response.headers.push(("Content-Type", media_type));
        }
    }

    /// Which precompressed siblings could be the answer.
    pub(crate) fn codings_to_try(&self, options: &Options) -> Vec<Coding> {
        self.view(|request, script| options.codings_to_try(request, script))
    }

    /// Whether the content is of a listed type.
    pub(crate) fn is_of_a_type(&self, types: &TypeList, options: &Options) -> bool {
        self.view(|_, script| {
            types.matches(options.media_type_in_force(script).unwrap_or_default())
        })
    }

    /// The answer with one of the representations.
    pub(crate) fn respond(&self, representations: &Representations, options: &Options) -> Response {
        let mut response = self
            .view(|request, script| respond(request, representations, script, options, now_secs()));
        let sets_a_coding = |(name, _): &(&str, String)| *name == CODING_HEADER;
        if self.has_a_false_coding && !response.headers.iter().any(sets_a_coding) {
            response.removed.push(CODING_HEADER);
        }
        response
    }

    /// Forgets a `Content-Encoding` that the file has not. `ob_gzhandler` sets one when it flushes, also into an outer
    /// buffer; the buffers are discarded by now, and their handlers with them, but the header is still there, and nothing
    /// tells it from one that the script has set for a compressed file. The bytes do.
    pub(crate) fn forget_a_false_coding(&mut self, file: &File) {
        let is_coding = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(CODING_HEADER);
        let may_be_true = self
            .script_headers
            .iter()
            .filter(is_coding)
            .all(|(_, coding)| {
                let mut start = [0; CODING_MARK_BYTES];
                let read = file.read_at(&mut start, 0).unwrap_or(0);
                may_be_coded(coding, &start[..read])
            });
        if !may_be_true {
            self.script_headers.retain(|header| !is_coding(&header));
            self.has_a_false_coding = true;
        }
    }

    fn view<R>(&self, look: impl FnOnce(&Request, &Script) -> R) -> R {
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
        look(&request, &script)
    }

    /// Neither asked for headers alone nor by a client that may have the file already.
    pub(crate) fn may_have_a_body(&self) -> bool {
        let is_about_a_copy =
            |(name, _): &(&str, String)| matches!(*name, "If-None-Match" | "If-Modified-Since");
        self.method != Method::Head && !self.request_headers.iter().any(is_about_a_copy)
    }

    pub(crate) fn script_has_set(&self, name: &str) -> bool {
        self.script_headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }
}

/// Those that the answer depends on.
fn request_headers(variables: ServerVariables) -> Vec<(&'static str, String)> {
    REQUEST_FIELDS
        .iter()
        .zip(NAMES_IN_CGI)
        .filter_map(|(field, name)| Some((*field, variables.value(name)?)))
        .collect()
}

fn script_headers() -> Vec<(String, String)> {
    ffi_request::script_header_lines()
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim_end().to_owned(), value.trim().to_owned()))
        .collect()
}

/// The header with which CGI scripts choose the status (RFC 3875 section 6.3.3). PHP passes it on, and behind FastCGI it is
/// the status then; under other interfaces it would be a header like any other, but the choice is meant.
fn take_cgi_status(headers: &mut Vec<(String, String)>) -> Option<u16> {
    let at = headers
        .iter()
        .position(|(name, _)| name.eq_ignore_ascii_case(CGI_STATUS))?;
    let (_, value) = headers.remove(at);
    let code = value.split(' ').next()?.parse().ok()?;
    (100..=599).contains(&code).then_some(code)
}

fn borrowed<N: AsRef<str>>(headers: &[(N, String)]) -> Vec<(&str, &str)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_str()))
        .collect()
}

fn now_secs() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().cast_signed())
}
