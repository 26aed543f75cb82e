//! Reads PHP's streams.

use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
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

/// Where the content of a stream is.
#[derive(Debug)]
pub(crate) enum Backing<'a> {
    /// Behind a descriptor, which may be anything that has one.
    Descriptor(BorrowedFd<'a>),
    /// In PHP's memory.
    Memory,
    /// Behind code: a wrapper, a compression, a socket.
    Other,
}

/// A stream that the call frame keeps open.
#[derive(Debug)]
pub(crate) struct Stream<'a> {
    stream: NonNull<php_stream>,
    resource: PhantomData<&'a Zval>,
}

impl<'a> Stream<'a> {
    /// The stream of a resource. A `TypeError` is pending if it is closed, or none.
    pub(crate) fn of(resource: &'a Zval) -> Result<Stream<'a>, Error> {
        let resource = ptr::from_ref(resource);
        // SAFETY: the engine's own look-up of a resource that the call frame holds.
        let stream = guarded(|| unsafe {
            let (one, two) = (php_file_le_stream(), php_file_le_pstream());
            zend_fetch_resource2_ex(resource, c"stream".as_ptr(), one, two)
        })?;
        match NonNull::new(stream.cast()) {
            Some(stream) => Ok(Stream {
                stream,
                resource: PhantomData,
            }),
            None => Err(Refusal::Internal("no stream, and no TypeError".to_owned()).into()),
        }
    }

    /// Whether what is read from it is not what is in the file.
    pub(crate) fn is_filtered(&self) -> bool {
        // SAFETY: the stream is open while the call frame holds its resource.
        unsafe {
            let stream = self.stream.as_ref();
            !stream.readfilters.head.is_null() || !stream.writefilters.head.is_null()
        }
    }

    /// Where its content is. What the stream has buffered is written, and its position is where the script sees it.
    pub(crate) fn backing(&self) -> Result<Backing<'a>, Error> {
        // The names that the operations of plain files, php://memory and php://temp have in main/streams.
        match self.operations().to_bytes() {
            b"STDIO" => self.descriptor(),
            b"MEMORY" => Ok(Backing::Memory),
            // One that has outgrown its memory is a temporary file.
            b"TEMP" if self.is_behind_a_descriptor()? => self.descriptor(),
            b"TEMP" => Ok(Backing::Memory),
            _ => Ok(Backing::Other),
        }
    }

    /// Gives the whole content to `take`, in pieces; position and end of file are as before. The outer error is the
    /// engine's.
    pub(crate) fn read_all(
        &self,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, Error> {
        let stream = self.stream.as_ptr();
        let mut buffer = vec![0u8; STREAM_BUFFER_BYTES];
        let (bytes, room) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: the stream is open, and its own functions are called.
        let (position, at_end) = guarded(|| unsafe {
            let before = (_php_stream_tell(stream), (*stream).eof());
            _php_stream_seek(stream, 0, SEEK_SET);
            before
        })?;
        let mut taken = Ok(());
        while taken.is_ok() {
            // SAFETY: as above; the buffer has room for what is asked.
            let read = guarded(|| unsafe { _php_stream_read(stream, bytes, room) })?;
            match usize::try_from(read) {
                Ok(read @ 1..) => taken = take(&buffer[..read]),
                Ok(0) => break,
                Err(_) => taken = Err(io::ErrorKind::Other.into()),
            }
        }
        // SAFETY: as above.
        guarded(|| unsafe {
            _php_stream_seek(stream, position, SEEK_SET);
            (*stream).set_eof(at_end);
        })?;
        Ok(taken)
    }

    fn operations(&self) -> &CStr {
        // SAFETY: the operations of an open stream are static, and so is their name.
        unsafe { CStr::from_ptr((*self.stream.as_ref().ops).label) }
    }

    fn is_behind_a_descriptor(&self) -> Result<bool, Error> {
        let stream = self.stream.as_ptr();
        // SAFETY: the stream is open; without a place for the result it is only asked whether it could be cast.
        let can =
            guarded(|| unsafe { _php_stream_cast(stream, AS_DESCRIPTOR, ptr::null_mut(), 0) })?;
        Ok(can == SUCCESS)
    }

    fn descriptor(&self) -> Result<Backing<'a>, Error> {
        let stream = self.stream.as_ptr();
        let mut number: c_int = -1;
        let result = (&raw mut number).cast();
        // SAFETY: the stream is open; cast as a descriptor, the result is an int.
        let cast = guarded(|| unsafe { _php_stream_cast(stream, AS_DESCRIPTOR, result, 0) })?;
        if cast != SUCCESS || number < 0 {
            return Ok(Backing::Other);
        }
        // SAFETY: the stream keeps its descriptor open as long as the call frame holds the resource.
        Ok(Backing::Descriptor(unsafe {
            BorrowedFd::borrow_raw(number)
        }))
    }
}
