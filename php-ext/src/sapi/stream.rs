//! The fallback: the same bytes, from this process, through the SAPI, in bounded memory.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use send_file_response::Part;

use crate::error::Error;
use crate::ffi;
use crate::limits::STREAM_BUFFER_BYTES;

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All bytes were given to the SAPI.
    Complete,
    /// The client does not want the rest.
    ClientGone,
    /// The file has fewer bytes than announced, or cannot be read. Nothing is made up in their place.
    Short,
}

/// Sends a body and flushes it, and with it headers that are still held back. Reads with pread(2) only: the position of
/// the file stays where it is.
pub(crate) fn send(file: &File, parts: &[Part]) -> Result<Ended, Error> {
    ffi::uninterrupted(|| {
        let mut buffer = Vec::new();
        for part in parts {
            let ended = match part {
                Part::Literal(bytes) => write(bytes)?,
                Part::Span { offset, len } => {
                    buffer.resize(STREAM_BUFFER_BYTES, 0);
                    send_span(file, *offset, *len, &mut buffer)?
                }
            };
            if ended != Ended::Complete {
                return Ok(ended);
            }
        }
        flush()
    })
}

/// Sends a body that needs no file.
pub(crate) fn send_literal(bytes: &[u8]) -> Result<Ended, Error> {
    ffi::uninterrupted(|| match write(bytes)? {
        Ended::Complete => flush(),
        ended => Ok(ended),
    })
}

/// The SAPI may notice only now that nobody takes what it holds.
fn flush() -> Result<Ended, Error> {
    ffi::flush()?;
    Ok(unless_the_client_is_gone())
}

fn send_span(file: &File, offset: u64, len: u64, buffer: &mut [u8]) -> Result<Ended, Error> {
    let mut sent = 0;
    while sent < len {
        let wanted = buffer
            .len()
            .min(usize::try_from(len - sent).unwrap_or(usize::MAX));
        let read = match file.read_at(&mut buffer[..wanted], offset + sent) {
            Ok(0) => return Ok(Ended::Short),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return Ok(Ended::Short),
        };
        if write(&buffer[..read])? == Ended::ClientGone {
            return Ok(Ended::ClientGone);
        }
        sent += read as u64;
    }
    Ok(Ended::Complete)
}

fn write(bytes: &[u8]) -> Result<Ended, Error> {
    if ffi::client_is_gone() || ffi::write_body(bytes)? < bytes.len() {
        return Ok(Ended::ClientGone);
    }
    Ok(unless_the_client_is_gone())
}

fn unless_the_client_is_gone() -> Ended {
    if ffi::client_is_gone() {
        Ended::ClientGone
    } else {
        Ended::Complete
    }
}
