//! From what the script passed to what the call does.
#![forbid(unsafe_code)]

use std::ffi::CString;

use send_file_response::{Options, RawOptions};
use send_file_wire::limits::MAX_TAG_BYTES;

use crate::error::Error;

/// The values as the script passed them.
pub(crate) struct RawArguments<'a> {
    pub(crate) filename: &'a [u8],
    pub(crate) content_type: Option<&'a [u8]>,
    pub(crate) download_as: Option<&'a [u8]>,
    pub(crate) inline: bool,
    pub(crate) offset: i64,
    pub(crate) length: Option<i64>,
    pub(crate) etag: Option<&'a [u8]>,
    pub(crate) rate: Option<i64>,
    pub(crate) burst: Option<i64>,
    pub(crate) delete: bool,
    pub(crate) tag: Option<&'a [u8]>,
    pub(crate) precompressed: bool,
    pub(crate) end_request: bool,
}

/// What the call does.
pub(crate) struct Arguments {
    pub(crate) path: CString,
    pub(crate) options: Options,
    pub(crate) tag: Vec<u8>,
    pub(crate) end_request: bool,
}

impl TryFrom<RawArguments<'_>> for Arguments {
    type Error = Error;

    fn try_from(raw: RawArguments) -> Result<Arguments, Error> {
        let path = path(raw.filename)?;
        refuse_negative(&raw)?;
        refuse_what_is_to_come(&raw)?;
        let options = Options::new(RawOptions {
            filename: raw.filename,
            content_type: raw.content_type,
            download_as: raw.download_as,
            inline: raw.inline,
            ..RawOptions::default()
        });
        let options = options.map_err(|error| Error::Value(format!("send_file(): {error}")))?;
        let tag = raw.tag.unwrap_or_default();
        if tag.len() > MAX_TAG_BYTES {
            let sentence = format!("must not be longer than {MAX_TAG_BYTES} bytes");
            return Err(Error::value("tag", &sentence));
        }
        Ok(Arguments {
            path,
            options,
            tag: tag.to_vec(),
            end_request: raw.end_request,
        })
    }
}

fn path(filename: &[u8]) -> Result<CString, Error> {
    if filename.is_empty() {
        return Err(Error::value("filename", "must not be empty"));
    }
    if names_a_stream_wrapper(filename) {
        return Err(Error::value(
            "filename",
            "must be a path in the file system, not the URL of a stream wrapper",
        ));
    }
    CString::new(filename).map_err(|_| Error::value("filename", "must not contain any null bytes"))
}

/// The rule of `php_stream_locate_url_wrapper()` (main/streams/streams.c), whether or not such a wrapper exists.
fn names_a_stream_wrapper(filename: &[u8]) -> bool {
    let scheme_bytes = filename
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte))
        .count();
    let (scheme, rest) = filename.split_at(scheme_bytes);
    (scheme.len() > 1 && rest.starts_with(b"://"))
        || (scheme.eq_ignore_ascii_case(b"data") && rest.starts_with(b":"))
}

fn refuse_negative(raw: &RawArguments) -> Result<(), Error> {
    let numbers = [
        ("offset", Some(raw.offset)),
        ("length", raw.length),
        ("rate", raw.rate),
        ("burst", raw.burst),
    ];
    match numbers
        .iter()
        .find(|(_, value)| value.is_some_and(|value| value < 0))
    {
        Some((name, _)) => Err(Error::value(name, "must be greater than or equal to 0")),
        None => Ok(()),
    }
}

fn refuse_what_is_to_come(raw: &RawArguments) -> Result<(), Error> {
    let unsupported = [
        ("offset", raw.offset != 0),
        ("length", raw.length.is_some()),
        ("etag", raw.etag.is_some()),
        ("rate", raw.rate.is_some()),
        ("burst", raw.burst.is_some()),
        ("delete", raw.delete),
        ("precompressed", raw.precompressed),
    ];
    match unsupported.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::value(name, "is not supported by this version")),
        None => Ok(()),
    }
}
