//! From what the script passed to what the call does.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::num::NonZeroU64;

use ext_php_rs::types::Zval;
use send_file_response::{Options, RawOptions};
use send_file_wire::Rate;
use send_file_wire::limits::MAX_TAG_BYTES;

use crate::error::Error;
use crate::ini::Settings;
use crate::media_types;

/// What a call is about, as the script passed it.
#[derive(Clone, Copy)]
pub(crate) enum RawSubject<'a> {
    File(&'a [u8]),
    Buffer(&'a [u8]),
    Stream(&'a Zval),
}

/// The values as the script passed them.
pub(crate) struct RawArguments<'a> {
    pub(crate) subject: RawSubject<'a>,
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

/// What the call is about.
pub(crate) enum Subject<'a> {
    Path(CString),
    Buffer(&'a [u8]),
    Stream(&'a Zval),
}

/// What the call does.
pub(crate) struct Arguments<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) options: Options,
    pub(crate) rate: Option<Rate>,
    pub(crate) delete: bool,
    pub(crate) tag: &'a [u8],
    pub(crate) end_request: bool,
}

impl<'a> Arguments<'a> {
    /// Checks the values of a call; what it leaves open, the settings decide.
    pub(crate) fn new(raw: RawArguments<'a>, settings: &Settings) -> Result<Arguments<'a>, Error> {
        let (subject, filename) = subject(raw.subject)?;
        if filename.is_none() {
            refuse_for_data(&raw)?;
        }
        // What has no name of its own is of the type of the name it is to get.
        let typed_name = filename.or(raw.download_as).unwrap_or_default();
        let media_types = match raw.content_type {
            None if !typed_name.is_empty() => media_types::in_force(&settings.mime_types),
            _ => None,
        };
        let options = Options::new(RawOptions {
            filename: typed_name,
            content_type: raw.content_type,
            download_as: raw.download_as,
            inline: raw.inline,
            offset: at_least(0, "offset", raw.offset)?,
            length: raw
                .length
                .map(|bytes| at_least(0, "length", bytes))
                .transpose()?,
            etag: raw.etag,
            delete: raw.delete,
            precompressed: filename.is_some() && (raw.precompressed || settings.precompressed),
            media_types: media_types.as_deref(),
        });
        let tag = raw.tag.unwrap_or_default();
        if tag.len() > MAX_TAG_BYTES {
            let sentence = format!("must not be longer than {MAX_TAG_BYTES} bytes");
            return Err(Error::value("tag", &sentence));
        }
        Ok(Arguments {
            subject,
            // The sentence starts with the name of the argument.
            options: options.map_err(|error| Error::Value(format!("Argument ${error}")))?,
            rate: rate(&raw, settings)?,
            delete: raw.delete,
            tag,
            end_request: raw.end_request,
        })
    }
}

fn subject(raw: RawSubject<'_>) -> Result<(Subject<'_>, Option<&[u8]>), Error> {
    match raw {
        RawSubject::File(filename) => Ok((Subject::Path(path(filename)?), Some(filename))),
        RawSubject::Buffer(data) => Ok((Subject::Buffer(data), None)),
        RawSubject::Stream(stream) => Ok((Subject::Stream(stream), None)),
    }
}

/// A buffer or a stream has no name by which something beside it could be found or removed.
fn refuse_for_data(raw: &RawArguments) -> Result<(), Error> {
    let for_files = [("delete", raw.delete), ("precompressed", raw.precompressed)];
    match for_files.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::value(name, "is for send_file() only")),
        None => Ok(()),
    }
}

/// The call's own rate, or the one that the settings give to all.
fn rate(raw: &RawArguments, settings: &Settings) -> Result<Option<Rate>, Error> {
    let burst_bytes = at_least(0, "burst", raw.burst.unwrap_or(0))?;
    let bytes_per_sec = match raw.rate {
        Some(rate) => NonZeroU64::new(at_least(1, "rate", rate)?),
        None => settings.rate,
    };
    Ok(bytes_per_sec.map(|bytes_per_sec| Rate {
        bytes_per_sec,
        burst_bytes,
    }))
}

fn at_least(least: u64, name: &str, value: i64) -> Result<u64, Error> {
    match u64::try_from(value) {
        Ok(value) if value >= least => Ok(value),
        _ => {
            let sentence = format!("must be greater than or equal to {least}");
            Err(Error::value(name, &sentence))
        }
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
