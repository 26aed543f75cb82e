//! The arguments of `send_file()` that shape the answer: raw, then validated.

use crate::disposition::content_disposition;
use crate::limits::{MAX_CONTENT_TYPE_BYTES, MAX_DOWNLOAD_NAME_BYTES};
use crate::media_type::MediaType;

/// The arguments as PHP has them: bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawOptions<'a> {
    /// The path, for the guess of the media type by extension. It appears in no header.
    pub filename: &'a [u8],
    /// The media type; wins over a `header('Content-Type: ...')` before.
    pub content_type: Option<&'a [u8]>,
    /// The name to save under, in UTF-8; directories are dropped. Wins over a
    /// `header('Content-Disposition: ...')` before.
    pub download_as: Option<&'a [u8]>,
    /// With `download_as`: shown in the browser and named only when saved.
    pub inline: bool,
}

/// The arguments, known to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(crate) media_type: MediaType,
    /// The value of Content-Disposition.
    pub(crate) disposition: Option<String>,
}

impl Options {
    /// Validates the arguments.
    ///
    /// # Errors
    /// What the caller has to change: a malformed media type, or a name that cannot be one.
    pub fn new(raw: RawOptions) -> Result<Options, OptionError> {
        let media_type = match raw.content_type {
            Some(value) => MediaType::explicit(value)?,
            None => MediaType::guess(raw.filename),
        };
        let disposition = raw
            .download_as
            .map(|name| content_disposition(name, raw.inline))
            .transpose()?;
        Ok(Options {
            media_type,
            disposition,
        })
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
        assert_eq!(options.media_type, MediaType::Guessed("text/plain"));
        assert_eq!(options.disposition, None);
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
