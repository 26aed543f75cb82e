//! The arguments of `send_file()` that shape the answer: raw, then validated.

use crate::coding::Coding;
use crate::disposition::content_disposition;
use crate::etag::EtagArgument;
use crate::limits::{MAX_CONTENT_TYPE_BYTES, MAX_DOWNLOAD_NAME_BYTES, MAX_ETAG_BYTES};
use crate::media_type::MediaType;
use crate::media_types::MediaTypes;
use crate::negotiation;
use crate::request::Request;
use crate::script::Script;
use crate::window::WindowArguments;

/// The arguments as PHP has them: bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawOptions<'a> {
    /// The path, for the guess of the media type by extension. It appears in no header. Empty if
    /// there is none.
    pub filename: &'a [u8],
    /// The media type; wins over a `header('Content-Type: ...')` before.
    pub content_type: Option<&'a [u8]>,
    /// The name to save under, in UTF-8; directories are dropped. Wins over a
    /// `header('Content-Disposition: ...')` before.
    pub download_as: Option<&'a [u8]>,
    /// With `download_as`: shown in the browser and named only when saved.
    pub inline: bool,
    /// Position in the file where the content begins.
    pub offset: u64,
    /// How many bytes from there are the content; `None`: all.
    pub length: Option<u64>,
    /// The entity tag, with its quotes or without; empty: there is none. Wins over a
    /// `header('ETag: ...')` before. `None`: computed.
    pub etag: Option<&'a [u8]>,
    /// The file goes once it is sent: it is sent whole or not at all.
    pub delete: bool,
    /// Precompressed siblings of the file may be sent in its place.
    pub precompressed: bool,
    /// Looked up before the built-in table.
    pub media_types: Option<&'a MediaTypes>,
}

/// The arguments, known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) media_type: MediaType,
    /// The value of Content-Disposition.
    pub(crate) disposition: Option<String>,
    pub(crate) window: WindowArguments,
    pub(crate) etag: EtagArgument,
    pub(crate) delete: bool,
    pub(crate) precompressed: bool,
}

impl Options {
    /// Validates the arguments.
    ///
    /// # Errors
    /// What the caller has to change: a malformed media type or entity tag, a name that cannot be
    /// one, or two arguments that exclude each other.
    pub fn new(raw: RawOptions) -> Result<Options, OptionError> {
        let media_type = match raw.content_type {
            Some(value) => MediaType::explicit(value)?,
            None => MediaType::guess(raw.filename, raw.media_types),
        };
        let disposition = raw
            .download_as
            .map(|name| content_disposition(name, raw.inline))
            .transpose()?;
        let window = WindowArguments {
            offset: raw.offset,
            length: raw.length,
        };
        if raw.delete && !window.are_default() {
            return Err(OptionError::DeleteWindow);
        }
        Ok(Options {
            media_type,
            disposition,
            window,
            etag: EtagArgument::new(raw.etag)?,
            delete: raw.delete,
            // A sibling is another file: its bytes are not those at the same offsets, and it stays when this one goes.
            precompressed: raw.precompressed && !raw.delete && window.are_default(),
        })
    }

    /// Whether `offset` lies inside a file of this length, or at its end. [`respond`](crate::respond)
    /// takes a window behind the end for an empty one.
    pub fn begins_within(&self, file_bytes: u64) -> bool {
        self.window.offset <= file_bytes
    }

    /// The codings of the siblings that [`respond`](crate::respond) could choose for this request; it need not be told
    /// of others.
    pub fn codings_to_try(&self, request: &Request, script: &Script) -> Vec<Coding> {
        negotiation::codings_to_try(request, script, self)
    }

    /// A file that goes once it is sent is not there for a second part.
    pub(crate) fn allows_ranges(&self, script: &Script) -> bool {
        script.allows_ranges() && !self.delete
    }

    /// The media type of the content, multipart or not: what the client will be told, by the argument, the script or
    /// the guess. `None` if the script has set an empty one.
    pub fn media_type_in_force<'a>(&'a self, script: &Script<'a>) -> Option<&'a str> {
        self.media_type.in_force(script)
    }
}

/// An argument that cannot be used. `Display` is the sentence that a PHP developer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionError {
    /// Would end the header line, or worse.
    #[error("content_type must not contain control characters")]
    ContentTypeControl,
    /// A media type is ASCII.
    #[error("content_type must be ASCII")]
    ContentTypeNotAscii,
    /// Not `type/subtype`.
    #[error(
        "content_type must be a media type such as \"text/plain\" or \"text/html; charset=utf-8\""
    )]
    ContentTypeMalformed,
    /// Longer than [`MAX_CONTENT_TYPE_BYTES`].
    #[error("content_type must not be longer than {MAX_CONTENT_TYPE_BYTES} bytes")]
    ContentTypeTooLong,
    /// No file should be named so, and no header may.
    #[error("download_as must not contain control characters")]
    DownloadAsControl,
    /// Guessing the encoding would save the file under a wrong name.
    #[error("download_as must be valid UTF-8")]
    DownloadAsNotUtf8,
    /// Empty, `.`, `..`, or ends with a separator.
    #[error("download_as must end with a file name")]
    DownloadAsEmpty,
    /// Longer than [`MAX_DOWNLOAD_NAME_BYTES`].
    #[error("download_as must not name a file with more than {MAX_DOWNLOAD_NAME_BYTES} bytes")]
    DownloadAsTooLong,
    /// Neither an entity tag nor text that becomes one between quotes.
    #[error("etag must be visible ASCII, such as v1, \"v1\" or W/\"v1\"")]
    EtagMalformed,
    /// Longer than [`MAX_ETAG_BYTES`].
    #[error("etag must not be longer than {MAX_ETAG_BYTES} bytes")]
    EtagTooLong,
    /// What is sent of the file would not be what is deleted.
    #[error("delete cannot be combined with offset or length")]
    DeleteWindow,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_guess_without_disposition() {
        let options = Options::new(RawOptions {
            filename: b"/a/b.txt",
            inline: true,
            ..RawOptions::default()
        })
        .unwrap();
        assert_eq!(options.media_type, MediaType::Guessed("text/plain".into()));
        assert_eq!(options.disposition, None);
    }

    #[test]
    fn a_file_that_is_deleted_has_no_window() {
        let new = |offset, length| {
            Options::new(RawOptions {
                delete: true,
                offset,
                length,
                ..RawOptions::default()
            })
        };
        assert_eq!(new(1, None), Err(OptionError::DeleteWindow));
        assert_eq!(new(0, Some(0)), Err(OptionError::DeleteWindow));
        assert!(new(0, None).is_ok());
    }

    #[test]
    fn an_error_is_a_sentence_about_the_argument() {
        let error = Options::new(RawOptions {
            content_type: Some(b"a\nb"),
            ..RawOptions::default()
        })
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "content_type must not contain control characters"
        );
    }
}
