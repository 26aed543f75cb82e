//! Media types that the crate `mime_guess` lacks, or knows by a name that is wrong or was replaced.
//!
//! The names are those registered with IANA; where there is none, those of freedesktop's shared-mime-info, and of the
//! vendor. It is no list of all there is: what `mime_guess` has right is not repeated, and a test sees to that.

/// The built-in type of an extension, which has no case.
pub(crate) fn of_extension(extension: &str) -> Option<&'static str> {
    let corrected = TYPES.iter().find(|(_, extensions)| {
        extensions
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(extension))
    });
    corrected
        .map(|(media_type, _)| *media_type)
        .or_else(|| mime_guess::from_ext(extension).first_raw())
}

/// Types and their extensions.
const TYPES: &[(&str, &str)] = &[
    // Text, data and what browsers load.
    ("application/json", "map har"),
    ("application/mathml+xml", "mml"),
    ("application/sarif+json", "sarif"),
    ("application/sql", "sql"),
    ("application/toml", "toml"),
    ("application/ttml+xml", "ttml dfxp"),
    ("application/wsdl+xml", "wsdl"),
    ("application/x-ipynb+json", "ipynb"),
    ("application/x-ndjson", "ndjson jsonl"),
    ("application/xliff+xml", "xlf"),
    ("application/xml-dtd", "dtd"),
    ("application/yaml", "yaml yml"),
    ("text/javascript", "mjs cjs"),
    ("text/vcard", "vcf"),
    ("text/x-diff", "diff patch"),
    // Fonts.
    ("font/otf", "otf"),
    ("font/sfnt", "sfnt"),
    ("font/woff", "woff"),
    // Images.
    ("image/avif", "avifs"),
    ("image/emf", "emf"),
    ("image/fits", "fits fts"),
    ("image/jxr", "jxr"),
    ("image/ktx2", "ktx2"),
    ("image/vnd.adobe.photoshop", "psd"),
    ("image/vnd.dwg", "dwg"),
    ("image/vnd.dxf", "dxf"),
    ("image/vnd.zbrush.pcx", "pcx"),
    ("image/wmf", "wmf"),
    ("image/x-icon", "cur"),
    ("image/x-xcf", "xcf"),
    // Audio and video.
    ("application/vnd.apple.mpegurl", "m3u8"),
    ("audio/AMR", "amr"),
    ("audio/midi", "mid midi"),
    ("audio/mp4", "m4a m4b m4r"),
    ("audio/mpegurl", "m3u"),
    ("video/iso.segment", "m4s"),
    // TypeScript has no registered type, and is not what is downloaded under this name.
    ("video/mp2t", "ts mts m2ts"),
    ("video/mp4", "m4v"),
    ("video/mpeg", "vob"),
    // Archives and packages.
    ("application/appx", "appx"),
    ("application/appxbundle", "appxbundle"),
    ("application/gzip", "tgz"),
    ("application/msix", "msix"),
    ("application/msixbundle", "msixbundle"),
    ("application/vnd.appimage", "appimage"),
    ("application/vnd.debian.binary-package", "deb udeb"),
    ("application/vnd.flatpak", "flatpak"),
    ("application/vnd.flatpak.ref", "flatpakref"),
    ("application/vnd.microsoft.portable-executable", "exe dll"),
    ("application/vnd.ms-cab-compressed", "cab"),
    ("application/vnd.rar", "rar"),
    ("application/vnd.snap", "snap"),
    ("application/x-apple-diskimage", "dmg"),
    ("application/x-bzip2", "tbz tbz2"),
    ("application/x-iso9660-image", "iso"),
    ("application/x-lz4", "lz4"),
    ("application/x-lzip", "lz"),
    ("application/x-lzma", "lzma"),
    ("application/x-msi", "msi"),
    ("application/x-rpm", "rpm"),
    ("application/x-xz", "txz"),
    ("application/zstd", "zst tzst"),
    // Documents and books.
    ("application/vnd.amazon.mobi8-ebook", "azw3"),
    ("application/vnd.apple.keynote", "key"),
    ("application/vnd.apple.numbers", "numbers"),
    ("application/vnd.apple.pages", "pages"),
    ("application/vnd.comicbook+zip", "cbz"),
    ("application/vnd.comicbook-rar", "cbr"),
    ("application/vnd.ms-visio.drawing", "vsdx"),
    ("application/vnd.oasis.opendocument.base", "odb"),
    (
        "application/vnd.oasis.opendocument.presentation-flat-xml",
        "fodp",
    ),
    (
        "application/vnd.oasis.opendocument.spreadsheet-flat-xml",
        "fods",
    ),
    ("application/vnd.oasis.opendocument.text-flat-xml", "fodt"),
    ("application/x-cb7", "cb7"),
    ("application/x-fictionbook+xml", "fb2"),
    // Models, science, databases, keys.
    ("application/cbor", "cbor"),
    ("application/dicom", "dcm"),
    ("application/geopackage+sqlite3", "gpkg"),
    ("application/pkcs10", "csr"),
    ("application/vnd.apache.arrow.file", "arrow"),
    ("application/vnd.apache.arrow.stream", "arrows"),
    ("application/vnd.garmin.tcx+xml", "tcx"),
    ("application/vnd.sqlite3", "sqlite sqlite3"),
    ("model/3mf", "3mf"),
    ("model/mtl", "mtl"),
    ("model/obj", "obj"),
    ("model/step", "step stp"),
    ("model/stl", "stl"),
    ("model/u3d", "u3d"),
    ("model/vnd.dwf", "dwf"),
    ("model/vnd.usdz+zip", "usdz"),
    ("model/vrml", "wrl"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What web sites send, by the names of IANA's registry where it has one.
    const EXPECTED: &[(&str, &str)] = &[
        // Pages, data, text.
        ("text/html", "html htm"),
        ("application/xhtml+xml", "xhtml"),
        ("text/css", "css"),
        ("text/javascript", "js mjs cjs"),
        ("application/json", "json map"),
        ("application/ld+json", "jsonld"),
        ("application/geo+json", "geojson"),
        ("application/x-ndjson", "ndjson jsonl"),
        ("application/manifest+json", "webmanifest"),
        ("application/wasm", "wasm"),
        ("text/xml", "xml xsd"),
        ("application/rss+xml", "rss"),
        ("application/atom+xml", "atom"),
        ("text/plain", "txt text log ini conf"),
        ("text/markdown", "md markdown"),
        ("text/csv", "csv"),
        ("text/tab-separated-values", "tsv"),
        ("application/yaml", "yaml yml"),
        ("application/toml", "toml"),
        ("application/sql", "sql"),
        ("text/calendar", "ics"),
        ("text/vcard", "vcf"),
        ("text/vtt", "vtt"),
        ("application/x-subrip", "srt"),
        // Images and fonts.
        ("image/png", "png"),
        ("image/jpeg", "jpg jpeg jpe jfif"),
        ("image/gif", "gif"),
        ("image/webp", "webp"),
        ("image/avif", "avif"),
        ("image/jxl", "jxl"),
        ("image/heic", "heic"),
        ("image/heif", "heif"),
        ("image/svg+xml", "svg svgz"),
        ("image/x-icon", "ico cur"),
        ("image/bmp", "bmp"),
        ("image/tiff", "tif tiff"),
        ("image/apng", "apng"),
        ("image/vnd.adobe.photoshop", "psd"),
        ("font/woff", "woff"),
        ("font/woff2", "woff2"),
        ("font/ttf", "ttf"),
        ("font/otf", "otf"),
        ("font/collection", "ttc"),
        ("application/vnd.ms-fontobject", "eot"),
        // Audio and video.
        ("audio/mpeg", "mp3"),
        ("audio/mp4", "m4a m4b"),
        ("audio/aac", "aac"),
        ("audio/ogg", "ogg oga opus"),
        ("audio/flac", "flac"),
        ("audio/wav", "wav"),
        ("audio/webm", "weba"),
        ("audio/midi", "mid midi"),
        ("video/mp4", "mp4 m4v"),
        ("video/webm", "webm"),
        ("video/ogg", "ogv"),
        ("video/quicktime", "mov qt"),
        ("video/x-msvideo", "avi"),
        ("video/x-matroska", "mkv"),
        ("video/x-ms-wmv", "wmv"),
        ("video/x-flv", "flv"),
        ("video/3gpp", "3gp"),
        ("video/mpeg", "mpg mpeg"),
        ("video/mp2t", "ts m2ts"),
        ("video/iso.segment", "m4s"),
        ("application/vnd.apple.mpegurl", "m3u8"),
        ("application/dash+xml", "mpd"),
        // Archives and packages.
        ("application/zip", "zip"),
        ("application/gzip", "gz tgz"),
        ("application/x-bzip2", "bz2 tbz2"),
        ("application/x-xz", "xz txz"),
        ("application/zstd", "zst"),
        ("application/x-7z-compressed", "7z"),
        ("application/vnd.rar", "rar"),
        ("application/x-tar", "tar"),
        ("application/java-archive", "jar"),
        ("application/vnd.android.package-archive", "apk"),
        ("application/x-apple-diskimage", "dmg"),
        ("application/x-msi", "msi"),
        ("application/vnd.microsoft.portable-executable", "exe"),
        ("application/vnd.debian.binary-package", "deb"),
        ("application/x-rpm", "rpm"),
        ("application/x-iso9660-image", "iso"),
        ("application/x-bittorrent", "torrent"),
        // Documents, books, maps.
        ("application/pdf", "pdf"),
        ("application/msword", "doc"),
        ("application/vnd.ms-excel", "xls"),
        ("application/vnd.ms-powerpoint", "ppt"),
        (
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "docx",
        ),
        (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
        ),
        (
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "pptx",
        ),
        ("application/vnd.oasis.opendocument.text", "odt"),
        ("application/vnd.oasis.opendocument.spreadsheet", "ods"),
        ("application/vnd.oasis.opendocument.presentation", "odp"),
        ("application/rtf", "rtf"),
        ("application/epub+zip", "epub"),
        ("application/x-mobipocket-ebook", "mobi"),
        ("image/vnd.djvu", "djvu"),
        ("application/gpx+xml", "gpx"),
        ("application/vnd.google-earth.kml+xml", "kml"),
        ("application/vnd.google-earth.kmz", "kmz"),
        ("model/gltf-binary", "glb"),
        ("model/gltf+json", "gltf"),
        ("model/stl", "stl"),
        ("message/rfc822", "eml"),
        ("application/octet-stream", "bin img"),
    ];

    #[test]
    fn what_web_sites_send_has_its_registered_type() {
        for (media_type, extensions) in EXPECTED {
            for extension in extensions.split(' ') {
                assert_eq!(of_extension(extension), Some(*media_type), "{extension}");
            }
        }
    }

    #[test]
    fn extensions_have_no_case() {
        assert_eq!(of_extension("WOFF"), Some("font/woff"));
        assert_eq!(of_extension("Png"), Some("image/png"));
    }

    #[test]
    fn each_extension_is_there_once_in_lower_case_and_for_a_reason() {
        let listed = TYPES.iter().flat_map(|(media_type, extensions)| {
            let extensions = extensions.split(' ');
            extensions.map(move |extension| (extension, *media_type))
        });
        let mut seen = std::collections::HashSet::new();
        for (extension, media_type) in listed {
            assert!(seen.insert(extension), "{extension} twice");
            assert_eq!(extension, extension.to_ascii_lowercase());
            let guessed = mime_guess::from_ext(extension).first_raw();
            assert_ne!(guessed, Some(media_type), "{extension} is known");
        }
    }
}
