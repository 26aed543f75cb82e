//! The rows of `table` for `send_file()` without options.

/// A request, and what it is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// GET, HEAD or POST.
    pub(crate) method: &'static str,
    /// The script.
    pub(crate) page: &'static str,
    /// The arguments of its call, as a query.
    pub(crate) options: &'static str,
    /// A file of the table.
    pub(crate) file: &'static str,
    /// Header lines, with ` | ` between them. `{date}` is the file's own, `{before}` and `{after}` a second away from it;
    /// `{etag}` is that of the content, `{br}`, `{zstd}` and `{gzip}` that of its siblings, `{file}` that of the file
    /// without any options.
    pub(crate) request: &'static str,
    /// Header lines that the script sets.
    pub(crate) script: &'static str,
    /// The status code.
    pub(crate) status: u16,
    /// `all` of the content, `nothing`, `first-last`, or the `parts` of the request. For HEAD: the length.
    pub(crate) body: &'static str,
    /// Header lines of the answer, and `no Name` for those that must not be there. The Content-Encoding names the sibling
    /// that is the content; a Vary has no spaces.
    pub(crate) headers: &'static str,
}

impl Row {
    /// The value of an option.
    pub(crate) fn option(&self, name: &str) -> Option<&'static str> {
        let options = self.options.split('&');
        let mut pairs = options.filter_map(|option| option.split_once('='));
        pairs.find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Whether the call is told to delete its file.
    pub(crate) fn deletes(&self) -> bool {
        self.page == "delete.php"
    }

    /// lighttpd looks for ranges itself where an answer is 200 and has come whole by the time it sends the head: a
    /// question of luck. It leaves answers alone that say `Accept-Ranges: none`, and requests whose If-Range is of
    /// another version.
    pub(crate) fn lighttpd_may_find_a_range(&self) -> bool {
        self.status == 200
            && self.method != "POST"
            && self.request.contains("Range: bytes=")
            && !self.request.contains("If-Range")
            && !self.script.contains("Accept-Ranges: none")
            && !self.deletes()
    }
}

const fn row(
    method: &'static str,
    file: &'static str,
    request: &'static str,
    script: &'static str,
    status: u16,
    body: &'static str,
) -> Row {
    Row {
        method,
        page: "preset.php",
        options: "",
        file,
        request,
        script,
        status,
        body,
        headers: "",
    }
}

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    // Whole files of all sizes.
    row("GET",  "empty", "", "", 200, "all"),
    row("GET",  "one",   "", "", 200, "all"),
    row("GET",  "below", "", "", 200, "all"),
    row("GET",  "limit", "", "", 200, "all"),
    row("GET",  "page",  "", "", 200, "all"),
    row("GET",  "large", "", "", 200, "all"),
    row("HEAD", "empty", "", "", 200, "all"),
    row("HEAD", "large", "", "", 200, "all"),
    row("POST", "one",   "", "", 200, "all"),
    row("POST", "large", "", "", 200, "all"),
    // One range.
    row("GET",  "page",  "Range: bytes=0-0",             "", 206, "0-0"),
    row("GET",  "page",  "Range: bytes=0-16382",         "", 206, "0-16382"),
    row("GET",  "page",  "Range: bytes=0-16383",         "", 206, "0-16383"),
    row("GET",  "page",  "Range: bytes=50000-",          "", 206, "50000-99999"),
    row("GET",  "page",  "Range: bytes=-20000",          "", 206, "80000-99999"),
    row("GET",  "page",  "Range: bytes=-999999",         "", 206, "0-99999"),
    row("GET",  "page",  "Range: bytes=0-",              "", 206, "0-99999"),
    row("GET",  "page",  "Range: bytes=99999-200000",    "", 206, "99999-99999"),
    row("GET",  "one",   "Range: bytes=0-",              "", 206, "0-0"),
    row("GET",  "large", "Range: bytes=1000003-2999999", "", 206, "1000003-2999999"),
    row("GET",  "page",  "Range: BYTES=0-9",             "", 206, "0-9"),
    row("GET",  "page",  "Range: bytes=0-9,200000-",     "", 206, "0-9"),
    // No range that can be served, or none that should.
    row("GET",  "page",  "Range: bytes=100000-",         "", 416, "nothing"),
    row("GET",  "page",  "Range: bytes=-0",              "", 416, "nothing"),
    row("GET",  "empty", "Range: bytes=0-",              "", 416, "nothing"),
    row("GET",  "empty", "Range: bytes=-5",              "", 200, "all"),
    row("GET",  "page",  "Range: bytes=9-0",             "", 200, "all"),
    row("GET",  "page",  "Range: bytes=a-b",             "", 200, "all"),
    row("GET",  "page",  "Range: lines=0-9",             "", 200, "all"),
    row("HEAD", "page",  "Range: bytes=0-9",             "", 200, "all"),
    row("HEAD", "page",  "Range: bytes=100000-",         "", 200, "all"),
    row("POST", "page",  "Range: bytes=0-9",             "", 200, "all"),
    // Several ranges.
    row("GET",  "page",  "Range: bytes=0-9,50000-50009", "", 206, "parts"),
    row("GET",  "page",  "Range: bytes=50000-50009,0-9", "", 206, "parts"),
    row("GET",  "large", "Range: bytes=2000000-2099999,0-0,1000000-1099999", "", 206, "parts"),
    row("GET",  "large", "Range: bytes=0-99999,50000-149999", "", 206, "parts"),
    row("GET",  "large", "Range: bytes=0-9,3000000-3000009,20-29", "", 206, "parts"),
    row("GET",  "page",  "Range: bytes=0-49999,50000-99999", "", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-9,5-14,7-20",   "", 200, "all"),
    row("GET",  "page",  "Range: bytes=200000-,-0",      "", 416, "nothing"),
    row("GET",  "large", "Range: bytes=0-99999,200000-299999", "Content-Type: application/x-own", 206, "parts"),
    // If-Range.
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: {etag}",      "", 206, "0-20000"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: W/{etag}",    "", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: \"other\"",   "", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: {date}",      "", 206, "0-20000"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: {before}",    "", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: {after}",     "", 200, "all"),
    row("GET",  "page",  "Range: bytes=200000- | If-Range: \"other\"",   "", 200, "all"),
    row("GET",  "large", "Range: bytes=0-9,20-29 | If-Range: {etag}",    "", 206, "parts"),
    row("GET",  "page",  "If-Range: \"other\"",                          "", 200, "all"),
    // The other conditions, and their order (RFC 9110 section 13.2.2).
    row("GET",  "page",  "If-None-Match: {etag}",                "", 304, "nothing"),
    row("GET",  "page",  "If-None-Match: W/{etag}",              "", 304, "nothing"),
    row("GET",  "page",  "If-None-Match: \"a\", {etag}, \"b\"",  "", 304, "nothing"),
    row("GET",  "page",  "If-None-Match: *",                     "", 304, "nothing"),
    row("GET",  "page",  "If-None-Match: \"other\"",             "", 200, "all"),
    row("HEAD", "page",  "If-None-Match: {etag}",                "", 304, "nothing"),
    row("POST", "page",  "If-None-Match: {etag}",                "", 200, "all"),
    row("GET",  "page",  "If-Modified-Since: {date}",            "", 304, "nothing"),
    row("GET",  "page",  "If-Modified-Since: {after}",           "", 304, "nothing"),
    row("GET",  "page",  "If-Modified-Since: {before}",          "", 200, "all"),
    row("GET",  "page",  "If-None-Match: \"other\" | If-Modified-Since: {date}", "", 200, "all"),
    row("GET",  "page",  "If-None-Match: {etag} | If-Modified-Since: {before}",  "", 304, "nothing"),
    row("GET",  "page",  "If-Match: {etag}",                     "", 200, "all"),
    row("GET",  "page",  "If-Match: \"other\"",                  "", 412, "nothing"),
    row("GET",  "page",  "If-Match: W/{etag}",                   "", 412, "nothing"),
    row("HEAD", "page",  "If-Match: \"other\"",                  "", 412, "nothing"),
    row("GET",  "page",  "If-Unmodified-Since: {date}",          "", 200, "all"),
    row("GET",  "page",  "If-Unmodified-Since: {before}",        "", 412, "nothing"),
    row("GET",  "page",  "If-Match: {etag} | Range: bytes=0-20000",                 "", 206, "0-20000"),
    row("GET",  "page",  "If-Match: \"other\" | If-None-Match: {etag}",             "", 412, "nothing"),
    row("GET",  "page",  "If-None-Match: {etag} | Range: bytes=200000-",            "", 304, "nothing"),
    row("GET",  "page",  "If-Unmodified-Since: {before} | Range: bytes=0-9",        "", 412, "nothing"),
    // What the script has set.
    row("GET",  "page",  "", "HTTP/1.1 200 OK | Content-Length: 100000", 200, "all"),
    row("HEAD", "page",  "", "HTTP/1.1 200 OK | Content-Length: 100000", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000", "HTTP/1.1 200 OK | Content-Length: 100000", 206, "0-20000"),
    row("GET",  "page",  "Range: bytes=0-9,20-29", "HTTP/1.1 200 OK | Content-Length: 100000", 206, "parts"),
    row("GET",  "page",  "Range: bytes=200000-", "HTTP/1.1 200 OK | Content-Length: 100000", 416, "nothing"),
    row("GET",  "page",  "If-None-Match: {etag}", "HTTP/1.1 200 OK | Content-Length: 100000", 304, "nothing"),
    row("GET",  "page",  "If-Match: \"other\"", "HTTP/1.1 200 OK | Content-Length: 100000", 412, "nothing"),
    row("GET",  "page",  "Range: bytes=0-9", "HTTP/1.1 404 Not Found", 404, "all"),
    row("GET",  "page",  "If-None-Match: {etag}", "HTTP/1.1 403 Forbidden", 403, "all"),
    row("GET",  "page",  "Range: bytes=0-9", "Accept-Ranges: none", 200, "all"),
    row("GET",  "page",  "If-None-Match: \"own\"", "ETag: \"own\"", 304, "nothing"),
    row("GET",  "page",  "If-None-Match: {etag}", "ETag: \"own\"", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000 | If-Range: \"own\"", "ETag: W/\"own\"", 200, "all"),
    row("GET",  "page",  "If-Modified-Since: {date}", "Last-Modified: Mon, 07 Nov 1994 08:49:37 GMT", 200, "all"),
    row("GET",  "page",  "Range: bytes=0-20000", "Cache-Control: private | Cache-Control: max-age=60", 206, "0-20000"),
    row("GET",  "page",  "If-None-Match: {etag}", "Cache-Control: private | Set-Cookie: a=1 | Set-Cookie: b=2", 304, "nothing"),
    row("GET",  "page",  "Range: bytes=200000-", "Cache-Control: max-age=60 | Content-Type: application/x-own", 416, "nothing"),
    row("GET",  "page",  "", "Content-Encoding: x-own | Content-Disposition: attachment | Vary: Cookie", 200, "all"),
];
