//! What is compared: a web server, and a way to make it send a file.

/// A web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Web {
    /// nginx, with php-fpm behind it where PHP is needed.
    Nginx,
    /// Apache prefork, with mod_php where PHP is needed.
    Apache,
    /// lighttpd in front of php-cgi.
    Lighttpd,
}

/// Who decides and who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The web server alone.
    Static,
    /// PHP decides, and names the file to the web server in a header.
    Redirect,
    /// PHP reads and prints the file.
    Readfile,
    /// This project.
    SendFile,
    /// The least FastCGI responder that there can be, as the bound of what a web server relays.
    Relay,
}

/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) web: Web,
    pub(crate) way: Way,
}

pub(crate) const APACHE_STATIC: Peer = Peer::new("apache-static", Web::Apache, Way::Static);
pub(crate) const APACHE_XSENDFILE: Peer = Peer::new("apache-xsendfile", Web::Apache, Way::Redirect);
pub(crate) const APACHE_READFILE: Peer = Peer::new("apache-readfile", Web::Apache, Way::Readfile);
pub(crate) const APACHE_SEND_FILE: Peer = Peer::new("apache-send_file", Web::Apache, Way::SendFile);
pub(crate) const NGINX_STATIC: Peer = Peer::new("nginx-static", Web::Nginx, Way::Static);
pub(crate) const NGINX_ACCEL: Peer = Peer::new("nginx-x-accel", Web::Nginx, Way::Redirect);
pub(crate) const NGINX_READFILE: Peer = Peer::new("nginx-readfile", Web::Nginx, Way::Readfile);
pub(crate) const NGINX_RELAY: Peer = Peer::new("nginx-relay", Web::Nginx, Way::Relay);
pub(crate) const NGINX_SEND_FILE: Peer = Peer::new("nginx-send_file", Web::Nginx, Way::SendFile);
pub(crate) const LIGHTTPD_XSENDFILE: Peer =
    Peer::new("lighttpd-xsendfile", Web::Lighttpd, Way::Redirect);

/// The length of what [`Peer::page`] answers.
pub(crate) const HELLO_BYTES: u64 = 12;

impl Peer {
    /// All of them, in the order of the tables.
    pub(crate) const ALL: [Peer; 10] = [
        APACHE_SEND_FILE,
        APACHE_STATIC,
        APACHE_XSENDFILE,
        APACHE_READFILE,
        NGINX_SEND_FILE,
        NGINX_RELAY,
        NGINX_READFILE,
        NGINX_ACCEL,
        NGINX_STATIC,
        LIGHTTPD_XSENDFILE,
    ];

    const fn new(name: &'static str, web: Web, way: Way) -> Peer {
        Peer { name, web, way }
    }

    /// Whether a script of PHP answers.
    pub(crate) fn runs_php(self) -> bool {
        !matches!(self.way, Way::Static | Way::Relay)
    }

    /// What a client asks for to get a page; where there is no PHP, a file of that length.
    pub(crate) fn page(self) -> &'static str {
        match self.way {
            Way::Static => "/files/page.txt",
            Way::Relay => "/relay.php?file=page.txt",
            _ => "/page.php",
        }
    }

    /// What a client asks for to get this file.
    pub(crate) fn target(self, file: &str) -> String {
        match (self.way, self.web) {
            (Way::Static, _) => format!("/files/{file}"),
            (Way::Redirect, Web::Nginx) => format!("/accel.php?file={file}"),
            (Way::Redirect, _) => format!("/xsendfile.php?file={file}"),
            (Way::Readfile, _) => format!("/readfile.php?file={file}"),
            (Way::SendFile, _) => format!("/send.php?file={file}"),
            (Way::Relay, _) => format!("/relay.php?file={file}"),
        }
    }
}
