//! The rows of `table` for the options and for the functions beside `send_file()`.

use crate::table_rows::Row;

/// A call of `send_file()` with these options.
const fn file(
    method: &'static str,
    file: &'static str,
    options: &'static str,
    request: &'static str,
    status: u16,
    body: &'static str,
    headers: &'static str,
) -> Row {
    Row {
        method,
        page: "preset.php",
        options,
        file,
        request,
        script: "",
        status,
        body,
        headers,
    }
}

impl Row {
    /// After the script has set these header lines.
    const fn after(self, script: &'static str) -> Row {
        Row { script, ..self }
    }

    /// By another script than the one with `send_file()`.
    const fn by(self, page: &'static str) -> Row {
        Row { page, ..self }
    }
}

const BUFFER: &str = "buffer.php";
const STREAM: &str = "stream.php";
const DELETE: &str = "delete.php";

#[rustfmt::skip]
pub(crate) const OPTION_ROWS: &[Row] = &[
    // Windows: lengths, ranges and 416 are relative to them, and the entity tag names them.
    file("GET",  "page",  "offset=1000&length=50000",  "",                                       200, "all", "Accept-Ranges: bytes | ETag: {etag} | Last-Modified: {date}"),
    file("HEAD", "page",  "offset=1000&length=50000",  "",                                       200, "all", ""),
    file("POST", "page",  "offset=1000&length=50000",  "",                                       200, "all", "no ETag"),
    file("GET",  "large", "offset=1000003",            "",                                       200, "all", ""),
    file("GET",  "page",  "length=16383",              "",                                       200, "all", ""),
    file("GET",  "page",  "length=16384",              "",                                       200, "all", ""),
    file("GET",  "page",  "offset=90000&length=99999", "",                                       200, "all", ""),
    file("GET",  "page",  "offset=100000",             "",                                       200, "all", ""),
    file("GET",  "page",  "offset=5&length=0",         "",                                       200, "all", ""),
    file("GET",  "page",  "offset=5&length=0",         "Range: bytes=0-",                        416, "nothing", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=0-0",                       206, "0-0", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=20000-",                    206, "20000-49999", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=-20000",                    206, "30000-49999", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=49999-60000",               206, "49999-49999", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=50000-",                    416, "nothing", ""),
    file("GET",  "large", "offset=7&length=2000000",   "Range: bytes=0-99999,1900000-1999999",   206, "parts", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=0-20000 | If-Range: {etag}", 206, "0-20000", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=0-20000 | If-Range: {file}", 200, "all", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "If-None-Match: {etag}",                  304, "nothing", "ETag: {etag}"),
    file("GET",  "page",  "offset=1000&length=50000",  "If-None-Match: {file}",                  200, "all", ""),
    file("GET",  "page",  "offset=1000&length=50000",  "If-Match: {file}",                       412, "nothing", ""),
    file("GET",  "page",  "offset=0&length=100000",    "If-None-Match: {file}",                  304, "nothing", "ETag: {file}"),
    file("GET",  "style.css", "offset=0&length=50000&precompressed=1", "Accept-Encoding: gzip",  200, "all", "no Content-Encoding | no Vary"),

    // An entity tag of the script's own: quoted for it, complete, weak, none.
    file("GET",  "page",  "etag=own",                  "",                                       200, "all", "ETag: \"own\""),
    file("GET",  "page",  "etag=%22own%22",            "",                                       200, "all", "ETag: \"own\""),
    file("HEAD", "page",  "etag=own",                  "",                                       200, "all", "ETag: \"own\""),
    file("GET",  "page",  "etag=own",                  "If-None-Match: \"own\"",                 304, "nothing", "ETag: \"own\""),
    file("GET",  "page",  "etag=own",                  "If-None-Match: {file}",                  200, "all", ""),
    file("GET",  "page",  "etag=own",                  "If-Match: {file}",                       412, "nothing", "ETag: \"own\""),
    file("GET",  "page",  "etag=own",                  "Range: bytes=0-20000 | If-Range: \"own\"", 206, "0-20000", "ETag: \"own\""),
    file("GET",  "page",  "etag=own",                  "Range: bytes=0-20000 | If-Range: {file}",  200, "all", ""),
    file("GET",  "page",  "etag=own&offset=9&length=20000", "If-None-Match: \"own\"",            304, "nothing", ""),
    file("GET",  "page",  "etag=own",                  "If-None-Match: \"own\"",                 304, "nothing", "ETag: \"own\"").after("ETag: \"script\""),
    file("GET",  "page",  "etag=W/%22own%22",          "",                                       200, "all", "ETag: W/\"own\""),
    file("GET",  "page",  "etag=W/%22own%22",          "If-None-Match: \"own\"",                 304, "nothing", "ETag: W/\"own\""),
    file("GET",  "page",  "etag=W/%22own%22",          "If-Match: W/\"own\"",                    412, "nothing", ""),
    file("GET",  "page",  "etag=W/%22own%22",          "Range: bytes=0-20000 | If-Range: W/\"own\"", 200, "all", ""),
    file("GET",  "page",  "etag=",                     "",                                       200, "all", "no ETag | Last-Modified: {date}"),
    file("GET",  "page",  "etag=",                     "",                                       200, "all", "no ETag").after("ETag: \"script\""),
    file("GET",  "page",  "etag=",                     "If-None-Match: {file}",                  200, "all", "no ETag"),
    file("GET",  "page",  "etag=",                     "If-None-Match: *",                       304, "nothing", "no ETag"),
    file("GET",  "page",  "etag=",                     "If-Match: *",                            200, "all", "no ETag"),
    file("GET",  "page",  "etag=",                     "If-Match: {file}",                       412, "nothing", "no ETag"),
    file("GET",  "page",  "etag=",                     "If-Modified-Since: {date}",              304, "nothing", "no ETag"),
    file("GET",  "page",  "etag=",                     "Range: bytes=0-20000",                   206, "0-20000", "no ETag"),
    file("GET",  "page",  "etag=",                     "Range: bytes=0-20000 | If-Range: {date}", 206, "0-20000", "no ETag"),
    file("GET",  "page",  "etag=",                     "Range: bytes=0-20000 | If-Range: {file}", 200, "all", "no ETag"),

    // Deletion: no ranges, and only after a whole answer. Each copy has an inode, and so a computed tag, of its own.
    file("GET",  "page",  "etag=own",                  "",                                       200, "all", "Accept-Ranges: none").by(DELETE),
    file("GET",  "below", "etag=own",                  "",                                       200, "all", "Accept-Ranges: none").by(DELETE),
    file("GET",  "empty", "etag=own",                  "",                                       200, "all", "").by(DELETE),
    file("POST", "page",  "etag=own",                  "",                                       200, "all", "").by(DELETE),
    file("GET",  "page",  "etag=own",                  "Range: bytes=0-9",                       200, "all", "no Content-Range").by(DELETE),
    file("GET",  "page",  "etag=own",                  "Range: bytes=0-9 | If-Range: \"own\"",   200, "all", "no Content-Range").by(DELETE),
    file("GET",  "page",  "etag=own",                  "Range: bytes=100000-",                   200, "all", "").by(DELETE),
    file("HEAD", "page",  "etag=own",                  "",                                       200, "all", "Accept-Ranges: none").by(DELETE),
    file("GET",  "page",  "etag=own",                  "If-None-Match: \"own\"",                 304, "nothing", "").by(DELETE),
    file("GET",  "page",  "etag=own",                  "If-Match: \"other\"",                    412, "nothing", "").by(DELETE),
    file("GET",  "page",  "etag=own",                  "",                                       404, "all", "").by(DELETE).after("HTTP/1.1 404 Not Found"),
    file("GET",  "page",  "etag=own&precompressed=1",  "Accept-Encoding: gzip",                  200, "all", "no Content-Encoding | no Vary").by(DELETE),

    // Siblings: what the client takes, then the smallest.
    file("GET",  "style.css", "precompressed=1", "",                                             200, "all", "no Content-Encoding | Vary: Accept-Encoding | ETag: {file}"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: gzip | Vary: Accept-Encoding | Content-Type: text/css"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: zstd",                        200, "all", "Content-Encoding: zstd"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip, zstd, br",              200, "all", "Content-Encoding: br"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: br;q=0.5, gzip",              200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: br;q=0, *",                   200, "all", "Content-Encoding: zstd"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: identity",                    200, "all", "no Content-Encoding | Vary: Accept-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip;q=0",                    200, "all", "no Content-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: deflate, identity;q=0",       200, "all", "no Content-Encoding"),
    file("HEAD", "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: gzip | ETag: {gzip}"),
    file("POST", "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: gzip | no ETag"),
    file("GET",  "script.css", "precompressed=1", "Accept-Encoding: gzip",                       200, "all", "Content-Encoding: gzip"),
    file("GET",  "script.css", "precompressed=1", "Accept-Encoding: br",                         200, "all", "no Content-Encoding"),
    file("GET",  "old.css",   "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "no Content-Encoding | Vary: Accept-Encoding"),
    file("GET",  "page",      "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "no Content-Encoding | Vary: Accept-Encoding"),
    file("GET",  "style.css", "",                "Accept-Encoding: gzip",                        200, "all", "no Content-Encoding | no Vary"),
    // A range is one of the file itself, unless the request names a sibling.
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=40000-",  206, "40000-59999", "no Content-Encoding | Vary: Accept-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-9,50000-50009", 206, "parts", "no Content-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip, identity;q=0 | Range: bytes=0-20000", 206, "0-20000", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: {etag}", 206, "0-20000", "no Content-Encoding | ETag: {etag}"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: {gzip}", 206, "0-20000", "Content-Encoding: gzip | ETag: {gzip}"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip, br | Range: bytes=0-20000 | If-Range: {gzip}", 206, "0-20000", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: \"other\"", 200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: {date}", 206, "0-20000", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: {before}", 200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=30000- | If-Range: {gzip}", 416, "nothing", "no Content-Encoding | Vary: Accept-Encoding | Content-Range: bytes */30000"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-9,20-29 | If-Range: {gzip}", 200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Match: {gzip}", 206, "0-20000", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Match: {etag}", 206, "0-20000", "no Content-Encoding"),
    // The other conditions are judged by what would be sent.
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-None-Match: {gzip}", 304, "nothing", "ETag: {gzip} | Vary: Accept-Encoding | no Content-Encoding"),
    file("HEAD", "style.css", "precompressed=1", "Accept-Encoding: gzip | If-None-Match: {gzip}", 304, "nothing", "ETag: {gzip} | Vary: Accept-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-None-Match: {etag}", 200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-None-Match: {br}, {gzip}", 304, "nothing", "ETag: {gzip}"),
    file("GET",  "style.css", "precompressed=1", "If-None-Match: {gzip}",                        200, "all", "no Content-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-None-Match: {gzip} | Range: bytes=0-9 | If-Range: {gzip}", 304, "nothing", "ETag: {gzip}"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-Modified-Since: {date}", 304, "nothing", "Vary: Accept-Encoding"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip | If-Match: {etag}",     412, "nothing", "Vary: Accept-Encoding"),
    file("GET",  "style.css", "precompressed=1&etag=v1", "Accept-Encoding: gzip",                200, "all", "Content-Encoding: gzip | ETag: \"v1-gzip\""),
    file("GET",  "style.css", "precompressed=1&etag=v1", "Accept-Encoding: gzip | If-None-Match: \"v1-gzip\"", 304, "nothing", "ETag: \"v1-gzip\""),
    file("GET",  "style.css", "precompressed=1&etag=v1", "Accept-Encoding: gzip | If-None-Match: \"v1\"", 200, "all", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1&etag=v1", "Accept-Encoding: gzip | Range: bytes=0-20000 | If-Range: \"v1-gzip\"", 206, "0-20000", "Content-Encoding: gzip"),
    file("GET",  "style.css", "precompressed=1&etag=", "Accept-Encoding: gzip",                  200, "all", "Content-Encoding: gzip | no ETag"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: gzip | ETag: \"v1-gzip\"").after("ETag: \"v1\""),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: x-own | no Vary").after("Content-Encoding: x-own"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip",                        200, "all", "Content-Encoding: gzip | Vary: Cookie,Accept-Encoding").after("Vary: Cookie"),
    file("GET",  "style.css", "precompressed=1", "Accept-Encoding: gzip",                        404, "all", "Content-Encoding: gzip").after("HTTP/1.1 404 Not Found"),

    // Strings: the computed tag is of their bytes, and there is no date.
    file("GET",  "page",  "",                          "",                                       200, "all", "no Last-Modified | ETag: {etag} | Content-Type: application/octet-stream").by(BUFFER),
    file("GET",  "below", "",                          "",                                       200, "all", "").by(BUFFER),
    file("GET",  "limit", "",                          "",                                       200, "all", "").by(BUFFER),
    file("GET",  "empty", "",                          "",                                       200, "all", "").by(BUFFER),
    file("GET",  "large", "content_type=text/csv",     "",                                       200, "all", "Content-Type: text/csv").by(BUFFER),
    file("HEAD", "page",  "",                          "",                                       200, "all", "ETag: {etag}").by(BUFFER),
    file("POST", "page",  "",                          "",                                       200, "all", "no ETag").by(BUFFER),
    file("GET",  "page",  "",                          "Range: bytes=50000-",                    206, "50000-99999", "").by(BUFFER),
    file("GET",  "large", "",                          "Range: bytes=0-99999,200000-299999",     206, "parts", "").by(BUFFER),
    file("GET",  "page",  "",                          "Range: bytes=100000-",                   416, "nothing", "").by(BUFFER),
    file("GET",  "page",  "",                          "Range: bytes=0-20000 | If-Range: {etag}", 206, "0-20000", "").by(BUFFER),
    file("GET",  "page",  "",                          "Range: bytes=0-20000 | If-Range: {file}", 200, "all", "").by(BUFFER),
    file("GET",  "page",  "",                          "Range: bytes=0-20000 | If-Range: {date}", 200, "all", "").by(BUFFER),
    file("GET",  "page",  "",                          "If-None-Match: {etag}",                  304, "nothing", "ETag: {etag}").by(BUFFER),
    file("GET",  "page",  "",                          "If-Modified-Since: {date}",              200, "all", "").by(BUFFER),
    file("GET",  "page",  "",                          "If-Unmodified-Since: {before}",          200, "all", "").by(BUFFER),
    file("GET",  "page",  "",                          "If-Match: \"other\"",                    412, "nothing", "").by(BUFFER),
    file("GET",  "page",  "etag=own",                  "If-None-Match: \"own\"",                 304, "nothing", "").by(BUFFER),
    file("GET",  "page",  "etag=",                     "",                                       200, "all", "no ETag | no Last-Modified").by(BUFFER),
    file("GET",  "page",  "offset=1000&length=50000",  "Range: bytes=0-20000",                   206, "0-20000", "").by(BUFFER),

    // Streams: of a file with what the file has, in memory with what a string has.
    file("GET",  "page",  "kind=file",                 "",                                       200, "all", "Last-Modified: {date} | ETag: {file}").by(STREAM),
    file("GET",  "page",  "kind=file",                 "Range: bytes=50000- | If-Range: {file}", 206, "50000-99999", "").by(STREAM),
    file("GET",  "page",  "kind=file",                 "If-Modified-Since: {date}",              304, "nothing", "").by(STREAM),
    file("GET",  "page",  "kind=file",                 "Range: bytes=100000-",                   416, "nothing", "").by(STREAM),
    file("GET",  "large", "kind=file&offset=9&length=2000000", "Range: bytes=0-99999,200000-299999", 206, "parts", "").by(STREAM),
    file("HEAD", "large", "kind=file",                 "",                                       200, "all", "ETag: {file}").by(STREAM),
    file("GET",  "page",  "kind=memory",               "",                                       200, "all", "no Last-Modified | ETag: {etag}").by(STREAM),
    file("GET",  "below", "kind=memory",               "",                                       200, "all", "").by(STREAM),
    file("GET",  "empty", "kind=memory",               "",                                       200, "all", "").by(STREAM),
    file("GET",  "page",  "kind=memory",               "Range: bytes=0-20000 | If-Range: {etag}", 206, "0-20000", "").by(STREAM),
    file("GET",  "page",  "kind=memory",               "If-None-Match: {etag}",                  304, "nothing", "").by(STREAM),
    file("GET",  "large", "kind=memory",               "Range: bytes=0-99999,200000-299999",     206, "parts", "").by(STREAM),
    file("HEAD", "page",  "kind=memory",               "",                                       200, "all", "").by(STREAM),
    file("GET",  "page",  "kind=temp&etag=own",        "Range: bytes=0-20000 | If-Range: \"own\"", 206, "0-20000", "").by(STREAM),

    // Names and types: on every answer with the content, on none without.
    file("GET",  "page",  "download_as=report.pdf",    "",                                       200, "all", "Content-Disposition: attachment; filename=\"report.pdf\""),
    file("GET",  "page",  "download_as=report.pdf&inline=1", "",                                 200, "all", "Content-Disposition: inline; filename=\"report.pdf\""),
    file("GET",  "page",  "download_as=M%C3%A4rz.pdf", "",                                       200, "all", "Content-Disposition: attachment; filename=\"M_rz.pdf\"; filename*=UTF-8''M%C3%A4rz.pdf"),
    file("GET",  "page",  "download_as=..%2Fa%2Fb.pdf", "",                                      200, "all", "Content-Disposition: attachment; filename=\"b.pdf\""),
    file("GET",  "page",  "inline=1",                  "",                                       200, "all", "no Content-Disposition"),
    file("GET",  "page",  "inline=1",                  "",                                       200, "all", "Content-Disposition: attachment").after("Content-Disposition: attachment"),
    file("GET",  "page",  "download_as=report.pdf",    "",                                       200, "all", "Content-Disposition: attachment; filename=\"report.pdf\"").after("Content-Disposition: inline"),
    file("HEAD", "page",  "download_as=report.pdf",    "",                                       200, "all", "Content-Disposition: attachment; filename=\"report.pdf\""),
    file("GET",  "page",  "download_as=report.pdf",    "Range: bytes=0-20000",                   206, "0-20000", "Content-Disposition: attachment; filename=\"report.pdf\""),
    file("GET",  "page",  "download_as=report.pdf",    "Range: bytes=0-9,50000-50009",           206, "parts", "Content-Disposition: attachment; filename=\"report.pdf\""),
    file("GET",  "page",  "download_as=report.pdf",    "Range: bytes=100000-",                   416, "nothing", "no Content-Disposition"),
    file("GET",  "page",  "download_as=report.pdf",    "If-None-Match: {etag}",                  304, "nothing", "no Content-Disposition"),
    file("GET",  "page",  "download_as=report.pdf",    "If-Match: \"other\"",                    412, "nothing", "no Content-Disposition"),
    file("GET",  "style.css", "",                      "",                                       200, "all", "Content-Type: text/css"),
    file("GET",  "style.css", "content_type=text/x-own;charset=utf-8", "",                       200, "all", "Content-Type: text/x-own;charset=utf-8"),
    file("GET",  "style.css", "content_type=text/x-own", "",                                     200, "all", "Content-Type: text/x-own").after("Content-Type: application/x-script"),
    file("HEAD", "style.css", "content_type=text/x-own", "",                                     200, "all", "Content-Type: text/x-own"),
    file("GET",  "style.css", "content_type=text/x-own", "Range: bytes=0-20000",                 206, "0-20000", "Content-Type: text/x-own"),
    file("GET",  "style.css", "content_type=text/x-own", "Range: bytes=0-9,50000-50009",         206, "parts", ""),
    file("GET",  "style.css", "",                      "Range: bytes=0-9,50000-50009",           206, "parts", ""),
    file("GET",  "style.css", "content_type=text/x-own", "Range: bytes=60000-",                  416, "nothing", ""),
    file("GET",  "style.css", "content_type=text/x-own", "If-None-Match: {etag}",                304, "nothing", ""),
];
