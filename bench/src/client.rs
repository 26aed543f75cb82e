//! A client that throws bodies away in the kernel, so that the server is measured, and that believes no answer unchecked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::limits::{DISCARD_BYTES, MAX_HEAD_BYTES, PATIENCE};

/// Asks for the same thing again and again, on one connection as long as the server keeps it.
pub(crate) struct Client {
    address: SocketAddr,
    request: Vec<u8>,
    body_bytes: u64,
    patience: Duration,
    stream: Option<TcpStream>,
    /// Never touched: what MSG_TRUNC discards has a length but no place.
    nowhere: Vec<u8>,
}

/// The part of a response that a client looks at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: usize,
    pub(crate) status: u16,
    pub(crate) body_bytes: Option<u64>,
    closes: bool,
}

impl Client {
    /// Expects bodies of so many bytes.
    pub(crate) fn new(address: SocketAddr, target: &str, body_bytes: u64) -> Client {
        Client {
            address,
            request: format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(),
            body_bytes,
            patience: PATIENCE,
            stream: None,
            nowhere: vec![0; DISCARD_BYTES],
        }
    }

    /// Says that it wants no further answer on the connection.
    pub(crate) fn closing(mut self) -> Client {
        self.request.truncate(self.request.len() - 2);
        self.request.extend(b"Connection: close\r\n\r\n");
        self
    }

    /// Waits no longer than this for anything.
    pub(crate) fn patient_for(mut self, patience: Duration) -> Client {
        self.patience = patience;
        self
    }

    /// One request and the whole answer.
    ///
    /// # Errors
    /// Where the answer is not 200, or not of exactly the expected length.
    pub(crate) fn exchange(&mut self) -> anyhow::Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address, self.patience)?,
        };
        stream.write_all(&self.request)?;
        let mut ahead = [0; MAX_HEAD_BYTES];
        let (head, got) = read_head(&mut stream, &mut ahead)?;
        ensure!(
            head.status == 200 && head.body_bytes == Some(self.body_bytes),
            "status {} and {:?} bytes where 200 and {} were expected: {}",
            head.status,
            head.body_bytes,
            self.body_bytes,
            String::from_utf8_lossy(&ahead[..head.length])
        );
        let mut left = self.body_bytes.checked_sub((got - head.length) as u64);
        while let Some(bytes @ 1..) = left {
            let room = self.nowhere.len().min(bytes as usize);
            let into = &mut self.nowhere[..room];
            match recv(stream.as_raw_fd(), into, MsgFlags::MSG_TRUNC).context("the body")? {
                0 => bail!("the body ended {bytes} bytes early"),
                taken => left = bytes.checked_sub(taken as u64),
            }
        }
        ensure!(left == Some(0), "the body is longer than announced");
        ensure_no_more(&stream)?;
        self.stream = (!head.closes).then_some(stream);
        Ok(())
    }
}

fn connect(address: SocketAddr, patience: Duration) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, patience)
        .with_context(|| format!("connecting to {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}

/// The head, and how much was read, which may be some of the body, too.
fn read_head(stream: &mut TcpStream, ahead: &mut [u8]) -> anyhow::Result<(Head, usize)> {
    let mut got = 0;
    loop {
        match stream.read(&mut ahead[got..]).context("the head")? {
            0 => bail!("the connection ended inside of the head, after {got} bytes"),
            taken => got += taken,
        }
        if let Some(head) = parse_head(&ahead[..got])? {
            return Ok((head, got));
        }
        ensure!(got < ahead.len(), "the head does not end");
    }
}

pub(crate) fn parse_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.split(' ').nth(1).context("a status line")?;
    let mut head = Head {
        length: end + 4,
        status: status.parse().context("a status")?,
        body_bytes: None,
        closes: false,
    };
    for line in lines {
        let (name, value) = line.split_once(':').context("a header")?;
        if name.eq_ignore_ascii_case("Content-Length") {
            head.body_bytes = Some(value.trim().parse().context("a length")?);
        } else if name.eq_ignore_ascii_case("Connection") {
            head.closes = value.trim().eq_ignore_ascii_case("close");
        }
    }
    Ok(Some(head))
}

/// A byte behind the body would be the head of an answer that nobody asked for.
fn ensure_no_more(stream: &TcpStream) -> anyhow::Result<()> {
    let mut byte = [0];
    match recv(stream.as_raw_fd(), &mut byte, MsgFlags::MSG_DONTWAIT) {
        Ok(0) | Err(Errno::EAGAIN | Errno::ECONNRESET) => Ok(()),
        Ok(_) => bail!("bytes came behind the body"),
        Err(error) => Err(error).context("behind the body"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn taken(answer: &'static [u8], body_bytes: u64) -> anyhow::Result<()> {
        let server = TcpListener::bind("127.0.0.1:0")?;
        let address = server.local_addr()?;
        let thread = std::thread::spawn(move || {
            let mut stream = server.accept().unwrap().0;
            let _ = stream.read(&mut [0; 1000]);
            let _ = stream.write_all(answer);
        });
        let result = Client::new(address, "/", body_bytes).exchange();
        thread.join().unwrap();
        result
    }

    #[test]
    fn an_answer_of_the_expected_length_is_taken() {
        taken(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", 3).unwrap();
    }

    #[test]
    fn another_status_length_or_end_is_an_error() {
        for answer in [
            &b"HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\nabc"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nabc",
        ] {
            let result = taken(answer, 3);
            assert!(result.is_err(), "{}", String::from_utf8_lossy(answer));
        }
    }

    #[test]
    fn a_byte_behind_a_body_that_was_discarded_is_an_error() {
        let answer = |behind: &str| {
            let body = "x".repeat(2 * MAX_HEAD_BYTES);
            let length = body.len();
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}{behind}");
            taken(text.leak().as_bytes(), length as u64)
        };
        answer("").unwrap();
        assert!(answer("x").is_err());
    }

    #[test]
    fn a_server_that_closes_is_believed() {
        let head = parse_head(b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n").unwrap();
        assert!(head.unwrap().closes);
    }
}
