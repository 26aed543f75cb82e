//! The least FastCGI responder that there can be: what a web server relays from it is the bound of what it can relay at all.
//!
//! It writes the length of the file that the query names, in records of the greatest length, several a system call, of bytes that
//! never leave the processor's cache. (Headers with MSG_MORE and the file by sendfile(2) were relayed at 0.75 to 0.9 of that.) It
//! knows nothing of errors; a request that it does not understand ends its connection.

use std::io::{IoSlice, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::limits::{RECORD_BYTES, RECORDS_PER_WRITE};

/// Record types of the FastCGI specification, section 8.
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

const HEADER_BYTES: usize = 8;

/// What the headers of send_file() tell nginx, too.
const UNBUFFERED: &str = "X-Accel-Buffering: no\r\n";

/// Answers for the files of a folder for ever, to so many web servers' connections at the same time.
///
/// # Errors
/// Those of bind(2).
pub(crate) fn serve(socket: &Path, files: &Path, workers: usize) -> anyhow::Result<()> {
    let listener = UnixListener::bind(socket)?;
    // The web server has another account.
    std::fs::set_permissions(socket, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Ok((stream, _)) = listener.accept() {
                    // The web server sees a connection that ends early.
                    let _ = answer(stream, files);
                }
            });
        }
    });
    Ok(())
}

fn answer(mut stream: UnixStream, files: &Path) -> anyhow::Result<()> {
    let parameters = read_request(&mut stream)?;
    let Some(path) = requested_file(&parameters, files) else {
        stream.write_all(&record(STDOUT, b"Content-Length: 0\r\n\r\n"))?;
        return end(&mut stream);
    };
    let length = std::fs::metadata(path)?.len();
    let head = format!(
        "Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n{UNBUFFERED}\r\n"
    );
    stream.write_all(&record(STDOUT, head.as_bytes()))?;
    let mut left = length as usize;
    while left > 0 {
        let batch = left.min(RECORD_BYTES * RECORDS_PER_WRITE);
        write_records(&mut stream, batch)?;
        left -= batch;
    }
    end(&mut stream)
}

/// So many bytes of content.
fn write_records(stream: &mut UnixStream, bytes: usize) -> anyhow::Result<()> {
    static CONTENT: [u8; RECORD_BYTES] = [0; RECORD_BYTES];

    let full = header(STDOUT, RECORD_BYTES);
    let rest = bytes % RECORD_BYTES;
    let last = header(STDOUT, rest);
    let mut slices = Vec::with_capacity(2 * RECORDS_PER_WRITE);
    for _ in 0..bytes / RECORD_BYTES {
        slices.extend([IoSlice::new(&full), IoSlice::new(&CONTENT)]);
    }
    if rest > 0 {
        slices.extend([IoSlice::new(&last), IoSlice::new(&CONTENT[..rest])]);
    }
    let mut slices = &mut slices[..];
    while !slices.is_empty() {
        let written = stream.write_vectored(slices)?;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

/// The parameters, when all of the request was read.
fn read_request(stream: &mut UnixStream) -> anyhow::Result<Vec<u8>> {
    let mut parameters = Vec::new();
    loop {
        let mut header = [0; HEADER_BYTES];
        stream.read_exact(&mut header)?;
        let content_bytes = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut content = vec![0; content_bytes + usize::from(header[6])];
        stream.read_exact(&mut content)?;
        content.truncate(content_bytes);
        match header[1] {
            PARAMS => parameters.extend(content),
            STDIN if content.is_empty() => return Ok(parameters),
            _ => {}
        }
    }
}

/// The file that the query names. Parameters are pairs of lengths and of texts; the name that is looked for, and a
/// query as short as that of a benchmark, have lengths of one byte.
fn requested_file(parameters: &[u8], files: &Path) -> Option<PathBuf> {
    let query = b"QUERY_STRINGfile=";
    let at = parameters
        .windows(query.len())
        .position(|window| window == query)?;
    let value_bytes = usize::from(*parameters.get(at.checked_sub(1)?)?);
    let name = &parameters[at + query.len()..];
    let name = &name[..value_bytes.checked_sub("file=".len())?];
    Some(files.join(std::str::from_utf8(name).ok()?))
}

fn header(kind: u8, content_bytes: usize) -> [u8; HEADER_BYTES] {
    let [high, low] = (content_bytes as u16).to_be_bytes();
    [1, kind, 0, 1, high, low, 0, 0]
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = header(kind, content.len()).to_vec();
    record.extend(content);
    record
}

fn end(stream: &mut UnixStream) -> anyhow::Result<()> {
    let mut last = record(STDOUT, b"");
    last.extend(record(END_REQUEST, &[0; 8]));
    stream.write_all(&last).context("the end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_the_query_is_found_between_other_parameters() {
        let parameters = b"\x01\x02ab1\x0c\x0aQUERY_STRINGfile=a.bin\x01\x01xy";
        let path = requested_file(parameters, Path::new("/files"));
        assert_eq!(path, Some("/files/a.bin".into()));
        assert_eq!(
            requested_file(b"\x0c\x00QUERY_STRING", Path::new("/")),
            None
        );
    }

    #[test]
    fn as_many_bytes_as_the_file_has_arrive_between_headers() {
        let folder = std::env::temp_dir().join(format!("send-file-relay-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file_bytes = RECORD_BYTES * (RECORDS_PER_WRITE + 1) + 10;
        std::fs::write(folder.join("a"), vec![1; file_bytes]).unwrap();
        let (mut client, server) = UnixStream::pair().unwrap();
        let mut request = record(PARAMS, b"\x0c\x06QUERY_STRINGfile=a");
        request.extend(record(STDIN, b""));
        client.write_all(&request).unwrap();
        let files = folder.clone();
        let thread = std::thread::spawn(move || answer(server, &files));
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        thread.join().unwrap().unwrap();
        std::fs::remove_dir_all(&folder).unwrap();

        let mut rest = &answer[..];
        let mut body: Vec<u8> = Vec::new();
        while rest[1] == STDOUT {
            let length = usize::from(u16::from_be_bytes([rest[4], rest[5]]));
            body.extend(&rest[HEADER_BYTES..HEADER_BYTES + length]);
            rest = &rest[HEADER_BYTES + length..];
        }
        assert_eq!(rest[1], END_REQUEST);
        let head = body.windows(4).position(|window| window == b"\r\n\r\n");
        assert_eq!(body.len() - head.unwrap() - 4, file_bytes);
    }
}
