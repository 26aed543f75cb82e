//! The fallback: the same bytes, from this process, through the SAPI, in bounded memory.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use send_file_response::Part;
use send_file_wire::{Pace, Rate};

use crate::error::Error;
use crate::ffi;
use crate::limits::{PAGE_BYTES, STREAM_BUFFER_BYTES};

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

/// Sends a body, no faster than the rate allows, and flushes it, and with it headers that are still held back. Reads with
/// pread(2) only: the position of the file stays where it is.
pub(crate) fn send(file: &File, parts: &[Part], rate: Option<Rate>) -> Result<Ended, Error> {
    let body_bytes = parts.iter().map(Part::bytes).sum();
    let send = || {
        let mut output = Output {
            pace: rate.map(|rate| Pace::new(rate, body_bytes, Instant::now())),
        };
        let mut buffer = Buffer::take();
        for part in parts {
            let ended = match part {
                Part::Literal(bytes) => output.write(bytes)?,
                Part::Span { offset, len } => {
                    output.send_span(file, *offset, *len, buffer.with_room_for(*len))?
                }
            };
            if ended != Ended::Complete {
                return Ok(ended);
            }
        }
        flush()
    };
    if body_bytes < PAGE_BYTES && rate.is_none() {
        return ffi::ignoring_abort(send);
    }
    ffi::uninterrupted(send)
}

/// Sends a short body that needs no file.
pub(crate) fn send_literal(bytes: &[u8]) -> Result<Ended, Error> {
    ffi::ignoring_abort(|| match write_at_once(bytes)? {
        Ended::Complete => flush(),
        ended => Ok(ended),
    })
}

/// What is read of a file, kept from one call to the next: getting and clearing it costs as much as sending a small file.
struct Buffer(Vec<u8>);

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Buffer {
    fn take() -> Buffer {
        Buffer(KEPT.take())
    }

    /// As large as such a body needs, or as buffers are.
    fn with_room_for(&mut self, bytes: u64) -> &mut [u8] {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        let wanted = wanted.min(STREAM_BUFFER_BYTES);
        if self.0.len() < wanted {
            self.0.resize(wanted, 0);
        }
        &mut self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        KEPT.set(std::mem::take(&mut self.0));
    }
}

/// The SAPI may notice only now that nobody takes what it holds.
fn flush() -> Result<Ended, Error> {
    ffi::flush()?;
    Ok(unless_the_client_is_gone())
}

/// The way to the SAPI, at full speed or at a rate.
struct Output {
    pace: Option<Pace>,
}

impl Output {
    fn send_span(
        &mut self,
        file: &File,
        offset: u64,
        len: u64,
        buffer: &mut [u8],
    ) -> Result<Ended, Error> {
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
            if self.write(&buffer[..read])? == Ended::ClientGone {
                return Ok(Ended::ClientGone);
            }
            sent += read as u64;
        }
        Ok(Ended::Complete)
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<Ended, Error> {
        let Some(pace) = &mut self.pace else {
            return write_at_once(bytes);
        };
        while !bytes.is_empty() {
            let now = Instant::now();
            let allowed = usize::try_from(pace.allowance(now)).unwrap_or(usize::MAX);
            if allowed == 0 {
                // What is held back in buffers is on its way while this process waits for the time to pass.
                if flush()? == Ended::ClientGone {
                    return Ok(Ended::ClientGone);
                }
                std::thread::sleep(pace.ready_at().saturating_duration_since(now));
                continue;
            }
            let (piece, rest) = bytes.split_at(allowed.min(bytes.len()));
            if write_at_once(piece)? == Ended::ClientGone {
                return Ok(Ended::ClientGone);
            }
            pace.spend(piece.len() as u64);
            bytes = rest;
        }
        Ok(Ended::Complete)
    }
}

fn write_at_once(bytes: &[u8]) -> Result<Ended, Error> {
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
