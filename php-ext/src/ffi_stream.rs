//! Reads PHP's streams.

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use ext_php_rs::ffi::{php_stream, zend_off_t, zval};
use ext_php_rs::types::Zval;

use crate::error::{Error, Refusal};
use crate::ffi::guarded;
use crate::limits::STREAM_BUFFER_BYTES;

unsafe extern "C" {
    // main/php_streams.h
    fn php_file_le_stream() -> c_int;
    fn php_file_le_pstream() -> c_int;
    fn _php_stream_cast(
        stream: *mut php_stream,
        cast_as: c_int,
        result: *mut *mut c_void,
        show_errors: c_int,
    ) -> c_int;
    fn _php_stream_seek(stream: *mut php_stream, offset: zend_off_t, whence: c_int) -> c_int;
    fn _php_stream_tell(stream: *mut php_stream) -> zend_off_t;
    fn _php_stream_read(stream: *mut php_stream, buffer: *mut u8, count: usize) -> isize;
    // Zend/zend_list.h
    fn zend_fetch_resource2_ex(
        resource: *const zval,
        type_name: *const std::ffi::c_char,
        type_one: c_int,
        type_two: c_int,
    ) -> *mut c_void;
}

/// main/php_streams.h: PHP_STREAM_AS_FD | PHP_STREAM_CAST_INTERNAL. Without the latter, PHP warns of what it has read ahead.
const AS_DESCRIPTOR: c_int = 1 | 0x2000_0000;
/// Zend/zend_types.h
const SUCCESS: c_int = 0;
/// stdio.h
const SEEK_SET: c_int = 0;
const SEEK_END: c_int = 2;

/// Where the content of a stream is.
#[derive(Debug)]
pub(crate) enum Backing {
    /// Behind a descriptor, which may be anything that has one. This is a copy.
    Descriptor(OwnedFd),
    /// In PHP's memory.
    Memory,
    /// Behind code: a wrapper, a compression, a socket.
    Other,
}

/// A stream by its resource, which the call frame holds. Whatever may raise an error may run code that closes the stream,
/// so it is looked up anew for each step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream<'a>(&'a Zval);

impl<'a> Stream<'a> {
    /// The stream of a resource. A `TypeError` is pending if it is closed, or none.
    pub(crate) fn of(resource: &'a Zval) -> Result<Stream<'a>, Error> {
        let stream = Stream(resource);
        stream.look_up().map(|_| stream)
    }

    /// Whether what is read from it is not what is in the file.
    pub(crate) fn is_filtered(self) -> Result<bool, Error> {
        let stream = self.look_up()?;
        // SAFETY: it is open, and nothing runs meanwhile.
        let (reading, writing) = unsafe {
            let stream = stream.as_ref();
            (stream.readfilters.head, stream.writefilters.head)
        };
        Ok(!reading.is_null() || !writing.is_null())
    }

    /// Where its content is. What the stream has buffered is written, and its position is where the script sees it.
    pub(crate) fn backing(self) -> Result<Backing, Error> {
        let stream = self.look_up()?;
        // SAFETY: the operations of an open stream are static, and so is their name.
        let operations = unsafe { CStr::from_ptr((*stream.as_ref().ops).label) };
        // The names that the operations of plain files, php://memory and php://temp have in main/streams.
        match operations.to_bytes() {
            b"STDIO" => self.descriptor(),
            b"MEMORY" => Ok(Backing::Memory),
            b"TEMP" => {
                // One that has outgrown its memory is a temporary file. At the end nothing is read ahead: being asked
                // for its descriptor, a stream with something read ahead would raise a warning.
                let place = self.go_to(0, SEEK_END)?;
                let is_a_file = self.is_behind_a_descriptor()?;
                let backing = if is_a_file {
                    self.descriptor()?
                } else {
                    Backing::Memory
                };
                self.go_back(place)?;
                Ok(backing)
            }
            _ => Ok(Backing::Other),
        }
    }

    /// Gives the whole content to `take`, in pieces; position and end of file are as before. The outer error is the
    /// engine's.
    pub(crate) fn read_all(
        self,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, Error> {
        let mut buffer = vec![0u8; STREAM_BUFFER_BYTES];
        let (bytes, room) = (buffer.as_mut_ptr(), buffer.len());
        let place = self.go_to(0, SEEK_SET)?;
        let mut taken = Ok(());
        while taken.is_ok() {
            let stream = self.look_up()?.as_ptr();
            // SAFETY: the stream is open, and the buffer has room for what is asked.
            let read = guarded(|| unsafe { _php_stream_read(stream, bytes, room) })?;
            match usize::try_from(read) {
                Ok(read @ 1..) => taken = take(&buffer[..read]),
                Ok(0) => break,
                Err(_) => taken = Err(io::ErrorKind::Other.into()),
            }
        }
        self.go_back(place)?;
        Ok(taken)
    }

    fn look_up(self) -> Result<NonNull<php_stream>, Error> {
        let resource = ptr::from_ref(self.0);
        // SAFETY: the engine's own look-up of a resource that the call frame holds.
        let stream = guarded(|| unsafe {
            let (one, two) = (php_file_le_stream(), php_file_le_pstream());
            zend_fetch_resource2_ex(resource, c"stream".as_ptr(), one, two)
        })?;
        NonNull::new(stream.cast())
            .ok_or_else(|| Refusal::Internal("no stream, and no TypeError".to_owned()).into())
    }

    /// Moves to another position; returns the one before, and whether the end had been met there.
    fn go_to(self, offset: zend_off_t, whence: c_int) -> Result<(zend_off_t, bool), Error> {
        let stream = self.look_up()?.as_ptr();
        // SAFETY: the stream is open, and its own functions are called.
        guarded(|| unsafe {
            let before = (_php_stream_tell(stream), (*stream).eof() != 0);
            _php_stream_seek(stream, offset, whence);
            before
        })
    }

    fn go_back(self, (position, at_end): (zend_off_t, bool)) -> Result<(), Error> {
        let stream = self.look_up()?.as_ptr();
        // SAFETY: as above.
        guarded(|| unsafe {
            _php_stream_seek(stream, position, SEEK_SET);
            // The width of the bit field differs between versions of PHP.
            (*stream).set_eof(at_end.into());
        })
    }

    fn is_behind_a_descriptor(self) -> Result<bool, Error> {
        let stream = self.look_up()?.as_ptr();
        // SAFETY: the stream is open; without a place for the result it is only asked whether it could be cast.
        let can =
            guarded(|| unsafe { _php_stream_cast(stream, AS_DESCRIPTOR, ptr::null_mut(), 0) })?;
        Ok(can == SUCCESS)
    }

    fn descriptor(self) -> Result<Backing, Error> {
        let stream = self.look_up()?.as_ptr();
        let mut number: c_int = -1;
        let result = (&raw mut number).cast();
        // SAFETY: the stream is open; cast as a descriptor, the result is an int.
        let cast = guarded(|| unsafe { _php_stream_cast(stream, AS_DESCRIPTOR, result, 0) })?;
        if cast != SUCCESS || number < 0 {
            return Ok(Backing::Other);
        }
        // SAFETY: the stream has it open, and nothing runs before it is copied.
        let copy = unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned();
        Ok(Backing::Descriptor(copy.map_err(Refusal::open)?))
    }
}
