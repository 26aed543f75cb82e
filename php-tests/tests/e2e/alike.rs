//! What of two answers has to be the same.

use anyhow::ensure;
use send_file_php_tests::case::Answer;

/// How much of two answers is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alike {
    /// Everything but [`OF_THE_CONNECTION`].
    InEverything,
    /// Not [`OF_THE_WEB_SERVER`] either, nor the reason phrase, nor how list fields are laid out.
    ButForTheWebServer,
}

/// Headers that may differ between two answers of one web server: the time, and what becomes of the connection.
const OF_THE_CONNECTION: [&str; 4] = ["date", "connection", "keep-alive", "x-accel-buffering"];

/// Headers that may differ between web servers besides: their names; what the administrator has added, which `php -S`
/// cannot; the request's Host, which `php -S` repeats; the framing, since Apache drops the length of a FastCGI answer;
/// the offer of HTTP/2.
const OF_THE_WEB_SERVER: [&str; 6] = [
    "server",
    "upgrade",
    "x-from-the-server",
    "host",
    "content-length",
    "transfer-encoding",
];

/// What of an answer must be the same. Boundaries are made of the time.
pub(crate) struct Seen {
    status_line: String,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Seen {
    pub(crate) fn of(answer: &Answer, alike: Alike) -> Seen {
        let head = &answer.response.head;
        let mut seen = Seen {
            status_line: head.text.lines().next().unwrap_or_default().to_owned(),
            headers: Vec::new(),
            body: answer.response.body.clone(),
        };
        for (name, value) in &head.headers {
            seen.add(name.to_ascii_lowercase(), value.clone());
        }
        // The order of lines with different names means nothing; this sort keeps that of equal ones.
        seen.headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        if alike == Alike::ButForTheWebServer {
            seen.forget_the_web_server();
        }
        seen
    }

    fn add(&mut self, name: String, value: String) {
        if OF_THE_CONNECTION.contains(&name.as_str()) {
            return;
        }
        let Some(boundary) = boundary(&value) else {
            return self.headers.push((name, value));
        };
        self.body = replaced(&self.body, boundary.as_bytes());
        self.headers
            .push((name, value.replace(boundary, "BOUNDARY")));
    }

    fn forget_the_web_server(&mut self) {
        let end = self.status_line.match_indices(' ').nth(1);
        self.status_line
            .truncate(end.map_or(self.status_line.len(), |(at, _)| at));
        self.headers
            .retain(|(name, _)| !OF_THE_WEB_SERVER.contains(&name.as_str()));
        for (name, value) in &mut self.headers {
            if name == "vary" {
                *value = value.replace(", ", ",");
            }
        }
        // RFC 9110 section 5.3: all but cookies may be joined.
        self.headers.dedup_by(|later, first| {
            let same = later.0 == first.0 && first.0 != "set-cookie";
            if same {
                first.1 = format!("{}, {}", first.1, later.1);
            }
            same
        });
    }

    pub(crate) fn is_the_same_as(&self, other: &Seen) -> anyhow::Result<()> {
        ensure!(
            self.status_line == other.status_line,
            "the status line was {:?} and is {:?}",
            self.status_line,
            other.status_line
        );
        ensure!(
            self.headers == other.headers,
            "the headers were\n{:#?}\nand are\n{:#?}",
            self.headers,
            other.headers
        );
        ensure!(self.body == other.body, "the bodies differ");
        Ok(())
    }
}

/// That of a multipart answer.
pub(crate) fn boundary(content_type: &str) -> Option<&str> {
    content_type.strip_prefix("multipart/byteranges; boundary=")
}

fn replaced(body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut rest = body;
    let mut replaced = Vec::new();
    while let Some(at) = rest.windows(boundary.len()).position(|w| w == boundary) {
        replaced.extend(&rest[..at]);
        replaced.extend(b"BOUNDARY");
        rest = &rest[at + boundary.len()..];
    }
    replaced.extend(rest);
    replaced
}
