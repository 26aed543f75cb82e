//! What the PHP script set before it called `send_file()`.

use crate::request::{lines, trim_ows};

/// Status and headers set with `http_response_code()`, `header()` and `setcookie()`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Script<'a> {
    /// `None`, 200 and 1xx all mean that the script left the choice to us.
    pub status: Option<u16>,
    /// Names (matched without regard to ASCII case) and values; a name may occur on several lines.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Script<'a> {
    /// The status that the script insists on, which turns conditionals and ranges off. An interim one (RFC 9110 section
    /// 15.2) is none that an answer can end with: the client would wait for another.
    pub(crate) fn chosen_status(&self) -> Option<u16> {
        self.status.filter(|status| *status > 200)
    }

    pub(crate) fn all(&self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        lines(self.headers, name)
    }

    pub(crate) fn first(&self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    pub(crate) fn has(&self, name: &'a str) -> bool {
        self.first(name).is_some()
    }

    /// A script that selects a part itself, or says `Accept-Ranges: none`, wants no ranges from us.
    pub(crate) fn allows_ranges(&self) -> bool {
        !self.has("Content-Range") && !self.lists("Accept-Ranges", &["none"])
    }

    /// Whether caches may not keep the answer, whatever else it says.
    pub(crate) fn forbids_storing(&self) -> bool {
        self.lists("Cache-Control", &["no-store"])
    }

    /// Whether caches may not reuse the answer without asking.
    pub(crate) fn demands_validation(&self) -> bool {
        self.lists("Cache-Control", &["no-cache"])
    }

    /// The members of a list, on one line or several.
    pub(crate) fn members(&self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.all(name)
            .flat_map(|line| line.split(','))
            .map(trim_ows)
    }

    fn lists(&self, name: &'a str, members: &[&str]) -> bool {
        self.members(name).any(|found| {
            members
                .iter()
                .any(|member| found.eq_ignore_ascii_case(member))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_200_nor_an_interim_status_is_a_choice() {
        let with = |status| Script {
            status,
            headers: &[],
        };
        assert_eq!(with(None).chosen_status(), None);
        for status in [100, 103, 199, 200] {
            assert_eq!(with(Some(status)).chosen_status(), None, "{status}");
        }
        assert_eq!(with(Some(201)).chosen_status(), Some(201));
        assert_eq!(with(Some(404)).chosen_status(), Some(404));
    }

    #[test]
    fn list_members_are_found_on_any_line_in_any_case() {
        let script = Script {
            status: None,
            headers: &[
                ("cache-control", "private"),
                ("Cache-Control", "max-age=0 , No-Store"),
            ],
        };
        assert!(script.forbids_storing() && !script.demands_validation());
        assert!(script.allows_ranges());
    }
}
