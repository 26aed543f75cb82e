//! The decision: which answer it is, and what goes with it.

use crate::conditional::{self, Verdict};
use crate::multipart;
use crate::negotiation;
use crate::options::Options;
use crate::range::{self, ByteRange, Selection};
use crate::representation::{Representations, Selected};
use crate::request::{Method, Request};
use crate::response::{Part, Response};
use crate::script::Script;
use crate::validators::{Field, Validators};

/// Decides the answer to `request` with the file or one of its precompressed siblings.
///
/// `now_secs` is the time of the answer in seconds since the epoch.
pub fn respond(
    request: &Request,
    representations: &Representations,
    script: &Script,
    options: &Options,
    now_secs: i64,
) -> Response {
    let selected = negotiation::select(request, representations, script, options, now_secs);
    let validators = Validators::of(&selected, script, options, now_secs);
    let answer = Answer {
        method: request.method,
        selected: &selected,
        validators: &validators,
        script,
        options,
        now_secs,
    };
    if let Some(status) = script.chosen_status() {
        return answer.as_the_script_chose(status);
    }
    if request.method == Method::Other {
        return answer.whole(200);
    }
    match conditional::evaluate(request, &validators) {
        Verdict::NotModified => answer.not_modified(),
        Verdict::PreconditionFailed => answer.precondition_failed(),
        Verdict::Proceed => match answer.selection(request) {
            Selection::Whole => answer.whole(200),
            Selection::Unsatisfiable => answer.range_not_satisfiable(),
            Selection::One(range) => answer.one_range(range),
            Selection::Many(ranges) => answer.many_ranges(&ranges),
        },
    }
}

/// Headers that describe content, which an answer without content does not have, or has of another kind (RFC 9110
/// sections 15.4.5, 15.5.13 and 15.5.17; the digests: RFC 9530).
pub const CONTENT_FIELDS: [&str; 7] = [
    "Content-Type",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Range",
    "Content-Digest",
    "Content-MD5",
];

/// Digests of the content, which is not what the script computed them of if only a part is sent.
const CONTENT_DIGESTS: [&str; 2] = ["Content-Digest", "Content-MD5"];

/// Digests of the representation, which is not what the script computed them of if a sibling was selected.
const REPRESENTATION_DIGESTS: [&str; 2] = ["Repr-Digest", "Digest"];

/// What caches in between obey before Cache-Control, even before its no-store: RFC 9213, Edge Architecture, nginx.
const CACHE_FIELDS_OF_INTERMEDIARIES: [&str; 3] =
    ["CDN-Cache-Control", "Surrogate-Control", "X-Accel-Expires"];

struct Answer<'a> {
    method: Method,
    selected: &'a Selected,
    validators: &'a Validators<'a>,
    script: &'a Script<'a>,
    options: &'a Options,
    now_secs: i64,
}

impl Answer<'_> {
    /// Several Range lines are ignored: they are no list, and joined they would be malformed.
    fn selection(&self, request: &Request) -> Selection {
        if self.method != Method::Get || !self.options.allows_ranges(self.script) {
            return Selection::Whole;
        }
        match request.single("Range") {
            Some(value) if conditional::if_range(request, self.validators) => {
                match range::select(value, self.selected.window.bytes) {
                    Selection::Many(_) if self.is_coded() => Selection::Whole,
                    selection => selection,
                }
            }
            _ => Selection::Whole,
        }
    }

    /// A multipart body is not coded but its parts are, and Content-Encoding cannot say so: clients would decode the
    /// delimiters.
    fn is_coded(&self) -> bool {
        self.selected.coding.is_some() || self.script.has("Content-Encoding")
    }

    /// The script knows what it says: no conditionals, no ranges.
    fn as_the_script_chose(&self, status: u16) -> Response {
        match status {
            // RFC 9110 section 8.6: never a Content-Length, since never content.
            204 => {
                let mut response = self.new_response(status);
                remove(&mut response, &["Content-Length"]);
                response
            }
            // RFC 9110 section 15.3.6: no content, but framed like any answer.
            205 => {
                let mut response = self.new_response(status);
                set(&mut response, "Content-Length", "0".to_owned());
                response
            }
            304 => self.not_modified(),
            206 => self.part_the_script_chose(),
            _ => self.whole(status),
        }
    }

    /// The file as the part of something larger. RFC 9110 section 15.3.7.1: one part needs a Content-Range, and one
    /// that speaks of other bytes than these breaks the client: it gets the file for what it is. What a range in another
    /// unit means only the script knows.
    fn part_the_script_chose(&self) -> Response {
        if self.is_multipart() {
            return self.whole(206);
        }
        let mut lines = self.script.all("Content-Range").peekable();
        if lines.peek().is_some() {
            let window_bytes = Some(self.selected.window.bytes);
            if lines.all(|line| {
                !ByteRange::is_in_bytes(line) || ByteRange::bytes_named(line) == window_bytes
            }) {
                return self.whole(206);
            }
            let mut response = self.whole(200);
            remove(&mut response, &["Content-Range"]);
            return response;
        }
        if self.selected.window.bytes == 0 {
            // There is no part to name.
            return self.whole(200);
        }
        let mut response = self.whole(206);
        set(&mut response, "Content-Range", self.whole_content_range());
        response
    }

    fn whole(&self, status: u16) -> Response {
        let mut response = self.with_content(status);
        let window = &self.selected.window;
        let whole = Part::Span {
            offset: window.offset,
            len: window.bytes,
        };
        self.set_content(&mut response, vec![whole]);
        response.whole = self.method != Method::Head;
        response
    }

    fn is_multipart(&self) -> bool {
        let media_type = self.options.media_type.in_part(self.script);
        media_type.is_some_and(|value| {
            value
                .to_ascii_lowercase()
                .starts_with("multipart/byteranges")
        })
    }

    fn whole_content_range(&self) -> String {
        let whole = ByteRange {
            first: 0,
            last: self.selected.window.bytes - 1,
        };
        whole.content_range(self.selected.window.bytes)
    }

    fn one_range(&self, range: ByteRange) -> Response {
        let mut response = self.with_content(206);
        remove(&mut response, &CONTENT_DIGESTS);
        let content_range = range.content_range(self.selected.window.bytes);
        set(&mut response, "Content-Range", content_range);
        let span = Part::Span {
            offset: self.selected.window.offset + range.first,
            len: range.bytes(),
        };
        self.set_content(&mut response, vec![span]);
        response
    }

    fn many_ranges(&self, ranges: &[ByteRange]) -> Response {
        let boundary = multipart::boundary(&self.selected.etag(), ranges, self.now_secs);
        let part_type = self.options.media_type.in_part(self.script);
        let parts = multipart::parts(ranges, &self.selected.window, part_type, &boundary);
        let mut response = self.with_content(206);
        remove(&mut response, &CONTENT_DIGESTS);
        set(
            &mut response,
            "Content-Type",
            multipart::content_type(&boundary),
        );
        self.set_content(&mut response, parts);
        response
    }

    /// RFC 9110 section 15.4.5. Last-Modified is sent too: a cache that stored an answer without
    /// ETag finds it by that (RFC 9111 section 4.3.4).
    fn not_modified(&self) -> Response {
        let mut response = self.new_response(304);
        self.set_validators(&mut response);
        remove(&mut response, &["Content-Length"]);
        remove(&mut response, &CONTENT_FIELDS);
        response
    }

    fn precondition_failed(&self) -> Response {
        self.refusal(412)
    }

    /// RFC 9110 section 15.5.17.
    fn range_not_satisfiable(&self) -> Response {
        let mut response = self.refusal(416);
        self.set_default(&mut response, "Accept-Ranges", "bytes".to_owned());
        set(
            &mut response,
            "Content-Range",
            format!("bytes */{}", self.selected.window.bytes),
        );
        response
    }

    /// An empty answer that says which version there is. What the script said about caching was
    /// meant for the file: a cache would store the refusal by it, and give it to clients that ask
    /// for the whole file, since neither Range nor preconditions are part of its key (RFC 9111
    /// sections 3 and 4). Without it, 412 and 416 are not stored. Nor may no-cache stand alone: asked whether the stored
    /// refusal is still good, we would answer 304 to its entity tag (section 4.3).
    fn refusal(&self, status: u16) -> Response {
        let mut response = self.new_response(status);
        self.set_validators(&mut response);
        set(&mut response, "Content-Length", "0".to_owned());
        remove(&mut response, &CONTENT_FIELDS);
        if !self.script.forbids_storing() {
            remove(&mut response, &["Cache-Control", "Expires"]);
            if self.script.demands_validation() {
                set(&mut response, "Cache-Control", "no-store".to_owned());
            }
        }
        remove(&mut response, &CACHE_FIELDS_OF_INTERMEDIARIES);
        response
    }

    /// An answer with everything that describes the file, still without content.
    fn with_content(&self, status: u16) -> Response {
        let mut response = self.new_response(status);
        if let Some(media_type) = self.options.media_type.header(self.script) {
            set(&mut response, "Content-Type", media_type.to_owned());
        }
        if let Some(coding) = self.selected.coding {
            set(&mut response, "Content-Encoding", coding.name().to_owned());
            remove(&mut response, &CONTENT_DIGESTS);
        }
        if let Some(disposition) = &self.options.disposition {
            set(&mut response, "Content-Disposition", disposition.clone());
        }
        // With another status the file may be an error page, whose version is not the resource's. The answer to another
        // method is no representation of the resource at all (RFC 9110 section 6.4.2), and after a PUT a validator would
        // say that this is what was stored (section 9.3.4).
        let is_retrieval = self.method != Method::Other;
        if is_retrieval && matches!(status, 200 | 203 | 206) {
            self.set_validators(&mut response);
        }
        if self.options.delete {
            set(&mut response, "Accept-Ranges", "none".to_owned());
        } else if is_retrieval
            && self.script.chosen_status().is_none()
            && self.script.allows_ranges()
        {
            self.set_default(&mut response, "Accept-Ranges", "bytes".to_owned());
        }
        response
    }

    /// Content-Length must never meet Transfer-Encoding (RFC 9112 section 6.2), so that of the
    /// script goes, whatever the answer is. An explicit entity tag and what the answer
    /// depends on (RFC 9110 section 12.5.5) are said in all of them, too.
    fn new_response(&self, status: u16) -> Response {
        let mut response = Response {
            status,
            headers: Vec::new(),
            removed: vec!["Transfer-Encoding"],
            parts: Vec::new(),
            coding: self.selected.coding,
            whole: false,
        };
        if self.options.etag.is_given() {
            self.set_etag(&mut response);
        }
        if self.selected.coding.is_some() {
            remove(&mut response, &REPRESENTATION_DIGESTS);
        }
        if negotiation::is_negotiated(self.script, self.options)
            && let Some(vary) = negotiation::vary(self.script)
        {
            set(&mut response, "Vary", vary);
        }
        response
    }

    fn set_validators(&self, response: &mut Response) {
        if !self.options.etag.is_given() {
            self.set_etag(response);
        }
        if let Field::Ours(date) = &self.validators.last_modified {
            set(response, "Last-Modified", date.clone());
        }
    }

    fn set_etag(&self, response: &mut Response) {
        match &self.validators.etag {
            Field::Ours(etag) => set(response, "ETag", etag.clone()),
            Field::OfTheScript(_) => {}
            Field::Absent => remove(response, &["ETag"]),
        }
    }

    /// Sets the body and its length; HEAD has only the length.
    fn set_content(&self, response: &mut Response, mut parts: Vec<Part>) {
        parts.retain(|part| part.bytes() > 0);
        response.parts = parts;
        let body_bytes = response.body_bytes();
        set(response, "Content-Length", body_bytes.to_string());
        if self.method == Method::Head {
            response.parts.clear();
        }
    }

    fn set_default(&self, response: &mut Response, name: &'static str, value: String) {
        if !self.script.has(name) {
            set(response, name, value);
        }
    }
}

/// Names headers that must not go out, each once.
fn remove(response: &mut Response, names: &[&'static str]) {
    for name in names {
        if !response.removed.contains(name) {
            response.removed.push(name);
        }
    }
}

/// Sets a header of ours once: the last value stands, and it is not to be removed.
fn set(response: &mut Response, name: &'static str, value: String) {
    response.headers.retain(|(other, _)| *other != name);
    response.removed.retain(|other| *other != name);
    response.headers.push((name, value));
}
