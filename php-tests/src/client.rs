//! An HTTP/1.1 client that hides nothing: bytes in, bytes out, as slow, rude or early gone as a test wants it.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;

use anyhow::{Context, bail, ensure};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt,
};
use sha2::{Digest, Sha256};

use crate::files::Sha;
use crate::limits::{
    FAR_SEGMENT_BYTES, KEPT_BODY_BYTES, MAX_HEAD_BYTES, PATIENCE, SLOW_RECEIVE_BYTES,
};

/// A request, as it goes out.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A GET.
    pub fn get(target: impl Into<String>) -> Request {
        Request {
            method: "GET",
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A HEAD.
    pub fn head(target: impl Into<String>) -> Request {
        Request {
            method: "HEAD",
            ..Request::get(target)
        }
    }

    /// A POST with a body that PHP does not read by itself.
    pub fn post(target: impl Into<String>, body: Vec<u8>) -> Request {
        let request = Request {
            method: "POST",
            body,
            ..Request::get(target)
        };
        request.with("Content-Type", "application/octet-stream")
    }

    /// With one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Request line and headers.
    pub fn head_text(&self) -> String {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n",
            self.method, self.target
        );
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        if self.method == "POST" {
            text += &format!("Content-Length: {}\r\n", self.body.len());
        }
        text + "\r\n"
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head_text().into_bytes();
        bytes.extend(&self.body);
        bytes
    }
}

/// Status line and headers of a response.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// As they came, in order.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub text: String,
}

impl Head {
    /// The value of a header that is there once; where it is there more often the values are joined, so that no
    /// comparison overlooks it.
    pub fn header(&self, name: &str) -> Option<String> {
        let values = self.headers_named(name);
        (!values.is_empty()).then(|| values.join(" AND AGAIN "))
    }

    /// All values of a header.
    pub fn headers_named(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The Content-Length.
    pub fn content_length(&self) -> Option<u64> {
        self.header("Content-Length")?.parse().ok()
    }

    /// Whether the server says that it will close the connection.
    pub fn closes(&self) -> bool {
        self.headers_named("Connection")
            .iter()
            .flat_map(|value| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"))
    }

    fn parse(text: &str) -> anyhow::Result<Head> {
        let mut lines = text.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("not a status line: {status_line:?}"))?;
        let mut headers = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line
                .split_once(':')
                .with_context(|| format!("not a header: {line:?}"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Head {
            status,
            headers,
            text: text.to_owned(),
        })
    }
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As the head announced, or at the end of the connection where it announced nothing.
    Whole,
    /// Before that, and why.
    Cut(String),
}

/// A response that was read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// How long the body was.
    pub body_bytes: u64,
    /// The hash of the whole body.
    pub sha: Sha,
    /// The first part of the body, all of it below [`KEPT_BODY_BYTES`].
    pub body: Vec<u8>,
    /// Whether it is whole.
    pub ending: Ending,
}

/// One connection to a web server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
    chunks: Chunks,
}

/// Where a chunked body stands; of no meaning for others.
#[derive(Clone, Copy, Debug, Default)]
enum Chunks {
    #[default]
    None,
    /// Before the size of the first.
    First,
    /// Inside one, with so many bytes to come.
    Inside(u64),
    /// Behind the last.
    Over,
}

enum Extent {
    Bytes(u64),
    Chunked,
    ToTheEnd,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of connect(2).
    pub fn open(address: SocketAddr) -> anyhow::Result<Connection> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        Connection::on(stream)
    }

    fn on(stream: TcpStream) -> anyhow::Result<Connection> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            ahead: Vec::new(),
            chunks: Chunks::None,
        })
    }

    /// Connects with a small receive buffer: what is not read stays with the server.
    ///
    /// # Errors
    /// Those of connect(2).
    pub fn open_slow(address: SocketAddr) -> anyhow::Result<Connection> {
        let connection = Connection::open(address)?;
        setsockopt(&connection.stream, sockopt::RcvBuf, &SLOW_RECEIVE_BYTES)?;
        Ok(connection)
    }

    /// Connects as over a network, with short segments: the loopback device has such long ones that its connections
    /// take megabytes from the start.
    ///
    /// # Errors
    /// Those of socket(2), setsockopt(2) and connect(2).
    pub fn open_far(address: SocketAddr) -> anyhow::Result<Connection> {
        let SocketAddr::V4(address) = address else {
            bail!("{address} is not an IPv4 address");
        };
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        setsockopt(&socket, sockopt::TcpMaxSeg, &FAR_SEGMENT_BYTES)?;
        connect(socket.as_raw_fd(), &SockaddrIn::from(address))
            .with_context(|| format!("connecting to {address}"))?;
        Connection::on(TcpStream::from(socket))
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// Those of write(2).
    pub fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(bytes).context("sending the request")
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// Those of shutdown(2).
    pub fn half_close(&self) -> anyhow::Result<()> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Goes away with a reset.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn abort(self) -> anyhow::Result<()> {
        self.reset_on_close()
    }

    /// Makes the close that will follow a reset.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn reset_on_close(&self) -> anyhow::Result<()> {
        let at_once = nix::libc::linger {
            l_onoff: 1,
            l_linger: 0,
        };
        Ok(setsockopt(&self.stream, sockopt::Linger, &at_once)?)
    }

    /// Reads the head of the next response.
    ///
    /// # Errors
    /// Where the connection ends before, or what comes is not HTTP.
    pub fn read_head(&mut self) -> anyhow::Result<Head> {
        loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                let rest = self.ahead.split_off(end + 4);
                let head = std::mem::replace(&mut self.ahead, rest);
                let head = Head::parse(&String::from_utf8_lossy(&head))?;
                if head.status >= 200 {
                    let chunked = head.header("Transfer-Encoding").is_some();
                    self.chunks = if chunked { Chunks::First } else { Chunks::None };
                    return Ok(head);
                }
                continue;
            }
            ensure!(
                self.ahead.len() < MAX_HEAD_BYTES,
                "the response head does not end"
            );
            let mut block = [0; 4096];
            match self.stream.read(&mut block) {
                Ok(0) => bail!(
                    "the connection ended before the response head was whole: {:?}",
                    text(&self.ahead)
                ),
                Ok(n) => self.ahead.extend(&block[..n]),
                Err(error) => bail!("no response head: {error}"),
            }
        }
    }

    /// Reads so many bytes of a body, without the sizes of chunks.
    ///
    /// # Errors
    /// Where the connection ends before.
    pub fn read_some(&mut self, bytes: usize) -> anyhow::Result<Vec<u8>> {
        let mut some = vec![0; bytes];
        let mut got = 0;
        while got < bytes {
            match self
                .read_decoded(&mut some[got..])
                .context("reading the body")?
            {
                0 => bail!("the body ended after {got} bytes"),
                n => got += n,
            }
        }
        Ok(some)
    }

    /// Reads some bytes of a body, without the sizes of chunks; 0 is its end where it is chunked, else the connection's.
    ///
    /// # Errors
    /// Those of read(2), and a chunk that is none.
    pub fn read_piece(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.read_decoded(into)
    }

    /// Reads the rest of a response whose head, and the first `before` bytes of whose body, were read already.
    ///
    /// # Errors
    /// Where the framing is broken; a cut body is no error here but [`Ending::Cut`].
    pub fn read_rest(
        &mut self,
        head: Head,
        before: &[u8],
        pace: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Response> {
        let mut body = Body::default();
        body.take(before);
        let ending = match extent(&head)? {
            Extent::Bytes(length) => {
                let ending = self.read_bytes(length.saturating_sub(body.bytes), &mut body, pace);
                match ending {
                    Ending::Cut(why) => {
                        Ending::Cut(format!("{} of {length} bytes came, then {why}", body.bytes))
                    }
                    Ending::Whole => Ending::Whole,
                }
            }
            Extent::Chunked => self.read_chunks(&mut body, pace),
            Extent::ToTheEnd => self.read_to_the_end(&mut body, pace),
        };
        if head.closes() {
            // As clients do that are told so; the server waits a while for it.
            let _ = self.half_close();
        }
        Ok(Response {
            head,
            body_bytes: body.bytes,
            sha: body.hash.finalize().into(),
            body: body.kept,
            ending,
        })
    }

    /// Reads a response; `has_body` is false for the answer to a HEAD.
    ///
    /// # Errors
    /// Those of [`Connection::read_head`] and [`Connection::read_rest`].
    pub fn read_response(&mut self, has_body: bool) -> anyhow::Result<Response> {
        let mut head = self.read_head()?;
        if has_body && head.status != 304 && head.status != 204 {
            return self.read_rest(head, &[], &mut |_| {});
        }
        let text = head.text.clone();
        let headers = std::mem::take(&mut head.headers);
        let empty = Head {
            headers: vec![("Content-Length".into(), "0".into())],
            ..head
        };
        let mut response = self.read_rest(empty, &[], &mut |_| {})?;
        response.head.headers = headers;
        response.head.text = text;
        Ok(response)
    }

    /// What else comes until the connection ends: nothing, after a response with `Connection: close`.
    ///
    /// # Errors
    /// Where the connection stays open, or ends with an error.
    pub fn read_until_closed(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut rest = Vec::new();
        let mut block = [0; 4096];
        loop {
            match self
                .read(&mut block)
                .context("waiting for the connection to end")?
            {
                0 => return Ok(rest),
                n => rest.extend(&block[..n]),
            }
        }
    }

    /// One request and its response on a connection that stays usable.
    ///
    /// # Errors
    /// Those of sending and reading.
    pub fn exchange(&mut self, request: &Request) -> anyhow::Result<Response> {
        self.send(&request.bytes())?;
        self.read_response(request.method != "HEAD")
    }

    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.ahead.is_empty() {
            return self.stream.read(into);
        }
        let n = into.len().min(self.ahead.len());
        into[..n].copy_from_slice(&self.ahead[..n]);
        self.ahead.drain(..n);
        Ok(n)
    }

    fn read_bytes(&mut self, length: u64, body: &mut Body, pace: &mut dyn FnMut(u64)) -> Ending {
        let mut left = length;
        let mut block = vec![0; 256 << 10];
        while left > 0 {
            let room = block.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.read(&mut block[..room]) {
                Ok(0) => return Ending::Cut("the connection ended".into()),
                Ok(n) => {
                    body.take(&block[..n]);
                    left -= n as u64;
                    pace(body.bytes);
                }
                Err(error) => return Ending::Cut(error.to_string()),
            }
        }
        Ending::Whole
    }

    fn read_to_the_end(&mut self, body: &mut Body, pace: &mut dyn FnMut(u64)) -> Ending {
        match self.read_bytes(u64::MAX, body, pace) {
            Ending::Cut(why) if why == "the connection ended" => Ending::Whole,
            ending => ending,
        }
    }

    fn read_chunks(&mut self, body: &mut Body, pace: &mut dyn FnMut(u64)) -> Ending {
        let mut block = vec![0; 256 << 10];
        loop {
            match self.read_decoded(&mut block) {
                Ok(0) => return Ending::Whole,
                Ok(n) => {
                    body.take(&block[..n]);
                    pace(body.bytes);
                }
                Err(error) => {
                    return Ending::Cut(format!("{} bytes came, then {error}", body.bytes));
                }
            }
        }
    }

    /// Reads bytes of the body; 0 is its end in a chunked body, and the connection's in others.
    fn read_decoded(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if let Chunks::First | Chunks::Inside(0) = self.chunks {
            self.read_chunk_size()?;
        }
        let left = match self.chunks {
            Chunks::None => return self.read(into),
            Chunks::Over => return Ok(0),
            Chunks::First => 0,
            Chunks::Inside(left) => left,
        };
        let room = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let n = self.read(&mut into[..room])?;
        if n == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.chunks = Chunks::Inside(left - n as u64);
        Ok(n)
    }

    fn read_chunk_size(&mut self) -> std::io::Result<()> {
        if matches!(self.chunks, Chunks::Inside(_)) && !self.read_line()?.is_empty() {
            return Err(std::io::Error::other("no line end after a chunk"));
        }
        let line = self.read_line()?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(std::io::Error::other)?;
        self.chunks = Chunks::Inside(size);
        if size == 0 {
            self.read_line()?;
            self.chunks = Chunks::Over;
        }
        Ok(())
    }

    fn read_line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            if self.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            line.push(byte[0]);
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8_lossy(&line).into_owned())
    }
}

#[derive(Default)]
struct Body {
    hash: Sha256,
    kept: Vec<u8>,
    bytes: u64,
}

impl Body {
    fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        let room = KEPT_BODY_BYTES - self.kept.len();
        self.kept.extend(&bytes[..bytes.len().min(room)]);
        self.bytes += bytes.len() as u64;
    }
}

fn extent(head: &Head) -> anyhow::Result<Extent> {
    if let Some(coding) = head.header("Transfer-Encoding") {
        ensure!(
            coding.eq_ignore_ascii_case("chunked"),
            "transfer coding {coding:?}"
        );
        ensure!(
            head.header("Content-Length").is_none(),
            "both chunked and with a length"
        );
        return Ok(Extent::Chunked);
    }
    match head.header("Content-Length") {
        Some(length) => Ok(Extent::Bytes(
            length
                .parse()
                .with_context(|| format!("Content-Length {length:?}"))?,
        )),
        None => Ok(Extent::ToTheEnd),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answered(raw: &'static [u8]) -> anyhow::Result<Response> {
        let server = TcpListener::bind("127.0.0.1:0")?;
        let address = server.local_addr()?;
        std::thread::spawn(move || server.accept().unwrap().0.write_all(raw));
        Connection::open(address)?.read_response(true)
    }

    #[test]
    fn a_body_shorter_than_announced_is_cut() {
        let response = answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc").unwrap();
        assert!(matches!(response.ending, Ending::Cut(_)));
        assert_eq!(response.body, b"abc");
    }

    #[test]
    fn chunks_are_joined_and_a_missing_last_one_is_noticed() {
        let whole = answered(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        );
        assert_eq!(
            (
                whole.as_ref().unwrap().body.as_slice(),
                &whole.as_ref().unwrap().ending
            ),
            (&b"abc"[..], &Ending::Whole)
        );
        let cut =
            answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").unwrap();
        assert!(matches!(cut.ending, Ending::Cut(_)));
    }

    #[test]
    fn a_header_that_is_there_twice_equals_no_single_value() {
        let response =
            answered(b"HTTP/1.1 200 OK\r\nA: 1\r\na: 1\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_ne!(response.head.header("A").as_deref(), Some("1"));
    }
}
