//! Under which name clients save what a script sends with `download_as`.

use anyhow::Context;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use send_file_php_tests::browser::Browser;
use send_file_php_tests::case::Case;
use send_file_php_tests::folder::Folder;

use crate::{Body, named};

pub(super) const CASES: &[(&str, Body)] = named![
    curl_saves_under_the_name_without_what_is_not_ascii,
    wget_saves_under_the_name,
    aria2_saves_under_the_name,
    chromium_saves_under_the_name,
];

/// One name, and what becomes of it.
struct Name {
    /// As the script gives it.
    download_as: &'static str,
    /// Its file name without directories; aria2 takes it as it is.
    name: &'static str,
    /// Curl knows `filename` only, not `filename*`.
    by_curl: &'static str,
    /// Wget 1.21 decodes percent signs once more, and encodes what would be a directory again.
    by_wget: &'static str,
    /// Chromium puts `_` for what Windows does not allow, and drops leading dots.
    by_chromium: &'static str,
}

const NAMES: &[Name] = &[
    Name::same("plain name.bin"),
    Name::same("50% off; a=b, it's me & you.bin"),
    Name {
        by_curl: "gr__e _ ___ _100%_ ; _.bin",
        by_chromium: "grüße – 日本語 _100%_ ; 😀.bin",
        ..Name::same("grüße – 日本語 \"100%\" ; 😀.bin")
    },
    Name {
        download_as: "../../etc/файл.tar.gz",
        by_curl: "____.tar.gz",
        ..Name::same("файл.tar.gz")
    },
    Name {
        download_as: "C:\\folder\\name.bin",
        ..Name::same("name.bin")
    },
    Name {
        by_curl: ".._2F.._2Fname.bin",
        by_chromium: "%2F..%2Fname.bin",
        ..Name::same("..%2F..%2Fname.bin")
    },
    Name {
        by_curl: "a_41b.bin",
        by_wget: "aAb.bin",
        ..Name::same("a%41b.bin")
    },
    Name {
        by_chromium: "hidden.bin",
        ..Name::same(".hidden.bin")
    },
];

impl Name {
    const fn same(name: &'static str) -> Name {
        Name {
            download_as: name,
            name,
            by_curl: name,
            by_wget: name,
            by_chromium: name,
        }
    }

    fn url(&self, case: &Case) -> String {
        let name = utf8_percent_encode(self.download_as, NON_ALPHANUMERIC);
        let file = &case.files.page.name;
        case.url("send.php", &format!("file={file}&download_as={name}"))
            .0
    }
}

fn curl_saves_under_the_name_without_what_is_not_ascii(case: &Case) -> anyhow::Result<()> {
    let flags = [
        "--silent",
        "--show-error",
        "--remote-name",
        "--remote-header-name",
    ];
    are_saved(case, "curl", &flags, |name| name.by_curl)
}

fn wget_saves_under_the_name(case: &Case) -> anyhow::Result<()> {
    let flags = ["--no-verbose", "--tries=1", "--content-disposition"];
    are_saved(case, "wget", &flags, |name| name.by_wget)
}

fn aria2_saves_under_the_name(case: &Case) -> anyhow::Result<()> {
    let flags = ["--no-conf", "--console-log-level=warn"];
    are_saved(case, "aria2c", &flags, |name| name.name)
}

fn are_saved(
    case: &Case,
    program: &str,
    flags: &[&str],
    expected: fn(&Name) -> &'static str,
) -> anyhow::Result<()> {
    let folder = Folder::create()?;
    for name in NAMES {
        let url = name.url(case);
        folder.run(program, &[flags, &[&url]].concat())?;
        folder
            .holds_only(expected(name), &case.files.page)
            .with_context(|| format!("{program} {url}"))?;
        folder.empty()?;
    }
    Ok(())
}

fn chromium_saves_under_the_name(case: &Case) -> anyhow::Result<()> {
    let mut browser = Browser::start()?;
    for name in NAMES {
        let url = name.url(case);
        browser.download(&url)?;
        let folder = browser.folder();
        folder
            .holds_only(name.by_chromium, &case.files.page)
            .with_context(|| format!("chromium {url}"))?;
        folder.empty()?;
    }
    Ok(())
}
