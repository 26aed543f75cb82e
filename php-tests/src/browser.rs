//! Chromium without a window, driven by the DevTools protocol through its pipe: JSON with a zero byte behind each message
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStdin, ChildStdout};
use std::time::Instant;

use anyhow::{Context, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::limits::PATIENCE;
use crate::process::{Process, tail};

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    /// First, so that it is closed first: Chromium ends by itself then.
    commands: ChildStdin,
    messages: Messages,
    process: Process,
    folder: Folder,
    last_id: u64,
    session: String,
    events: Vec<Value>,
}

/// What a web server answered to the browser, as it was on the wire.
#[derive(Debug)]
pub struct Exchange {
    /// Of the response.
    pub status: u64,
    headers: Value,
}

impl Browser {
    /// Starts a browser with a new profile; it saves downloads in its folder.
    ///
    /// # Errors
    /// Where Chromium is not installed, or with the end of its log.
    pub fn start() -> anyhow::Result<Browser> {
        let folder = Folder::create()?;
        let log = folder.outside().join("chromium.log");
        // The pipe is at the descriptors 3 and 4.
        let mut command = folder.command("/bin/sh");
        command
            .args([
                "-c",
                "exec \"$@\" 3<&0 4>&1 0</dev/null 1>&2",
                "sh",
                "chromium",
            ])
            .args(FLAGS)
            .arg(format!(
                "--user-data-dir={}",
                folder.outside().join("profile").display()
            ));
        let (process, commands, messages) = Process::start_with_pipes(command, &log)?;
        let mut browser = Browser {
            commands,
            messages: Messages::new(messages),
            process,
            folder,
            last_id: 0,
            session: String::new(),
            events: Vec::new(),
        };
        browser.open_page()?;
        Ok(browser)
    }

    fn open_page(&mut self) -> anyhow::Result<()> {
        let target = self.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let session = self.call("Target.attachToTarget", target)?;
        session["sessionId"]
            .as_str()
            .context("the page's session")?
            .clone_into(&mut self.session);
        self.call("Page.enable", json!({}))?;
        self.call("Network.enable", json!({}))?;
        let downloads = json!({
            "behavior": "allow",
            "downloadPath": self.folder.path(),
            "eventsEnabled": true,
        });
        self.call("Browser.setDownloadBehavior", downloads)?;
        Ok(())
    }

    /// Where it saves what it downloads.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// Where it cannot be, or not in time.
    pub fn open(&mut self, url: &str) -> anyhow::Result<()> {
        self.events.clear();
        let navigated = self.call("Page.navigate", json!({"url": url}))?;
        if let Some(error) = navigated.get("errorText") {
            bail!("opening {url}: {error}");
        }
        self.wait_until("the page is loaded", |events| {
            named(events, "Page.loadEventFired").next().map(drop)
        })
    }

    /// Goes to a URL that is a download, and waits until it is complete.
    ///
    /// # Errors
    /// Where it is cancelled, or takes too long.
    pub fn download(&mut self, url: &str) -> anyhow::Result<()> {
        self.events.clear();
        self.call("Page.navigate", json!({"url": url}))?;
        let state = self.wait_until("the download is over", |events| {
            named(events, "Browser.downloadProgress")
                .find_map(|event| {
                    event["state"]
                        .as_str()
                        .filter(|state| *state != "inProgress")
                })
                .map(str::to_owned)
        })?;
        match state.as_str() {
            "completed" => Ok(()),
            state => bail!("the download of {url} ended as {state:?}"),
        }
    }

    /// What an expression in the page comes to, promises included.
    ///
    /// # Errors
    /// With what it throws.
    pub fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", parameters)?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{expression} throws {thrown}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until the answers to requests of the page whose URL has this in it are enough.
    ///
    /// # Errors
    /// Where they are not in time.
    pub fn wait_for_exchanges(
        &mut self,
        in_url: &str,
        enough: impl Fn(&[Exchange]) -> bool,
    ) -> anyhow::Result<Vec<Exchange>> {
        let what = format!("there are enough answers to requests for {in_url}");
        self.wait_until(&what, |events| {
            Some(exchanges(events, in_url)).filter(|exchanges| enough(exchanges))
        })
    }

    /// Sends a command and returns its result; events that come before are kept.
    fn call(&mut self, method: &str, parameters: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            command["sessionId"] = self.session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&command)?;
        bytes.push(0);
        let sent = self.commands.write_all(&bytes);
        sent.with_context(|| self.trouble(method))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut message = self.next_message(deadline, method)?;
            if message["id"] != self.last_id {
                self.events.push(message);
            } else if let Some(error) = message.get("error") {
                bail!("{method}: {error}");
            } else {
                return Ok(message["result"].take());
            }
        }
    }

    fn next_message(&mut self, deadline: Instant, awaited: &str) -> anyhow::Result<Value> {
        let message = self.messages.next(deadline);
        message.with_context(|| self.trouble(awaited))
    }

    fn trouble(&self, awaited: &str) -> String {
        let log = tail(self.process.log());
        format!("waiting for chromium: {awaited}\n--- chromium.log\n{log}")
    }

    /// Waits until the events since the page was opened tell something.
    fn wait_until<T>(
        &mut self,
        what: &str,
        told: impl Fn(&[Value]) -> Option<T>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = told(&self.events) {
                return Ok(value);
            }
            let event = self.next_message(deadline, what)?;
            self.events.push(event);
        }
    }
}

impl Exchange {
    /// The first byte of the range that its Content-Range tells (RFC 9110 section 14.4).
    pub fn first_byte(&self) -> Option<u64> {
        let headers = self.headers.as_object()?;
        let (_, content_range) = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Content-Range"))?;
        let range = content_range.as_str()?.strip_prefix("bytes ")?;
        range.split('-').next()?.parse().ok()
    }
}

const FLAGS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    // The sandbox needs rights that root in a container does not have.
    "--no-sandbox",
    "--disable-gpu",
    // Docker gives /dev/shm 64 MB.
    "--disable-dev-shm-usage",
    "--no-first-run",
    // Plays without a click, and without a sound device.
    "--autoplay-policy=no-user-gesture-required",
    "--mute-audio",
    // Nothing leaves the machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/// The parameters of the events of this name.
fn named<'a>(events: &'a [Value], name: &'a str) -> impl Iterator<Item = &'a Value> {
    events
        .iter()
        .filter(move |event| event["method"] == name)
        .map(|event| &event["params"])
}

/// The ExtraInfo events tell what was on the wire; the others show a 304 as the 200 out of the cache.
fn exchanges(events: &[Value], in_url: &str) -> Vec<Exchange> {
    let requests: Vec<&Value> = named(events, "Network.requestWillBeSent")
        .filter(|request| {
            let url = request["request"]["url"].as_str();
            url.is_some_and(|url| url.contains(in_url))
        })
        .map(|request| &request["requestId"])
        .collect();
    named(events, "Network.responseReceivedExtraInfo")
        .filter(|response| requests.contains(&&response["requestId"]))
        .map(|response| Exchange {
            status: response["statusCode"].as_u64().unwrap_or_default(),
            headers: response["headers"].clone(),
        })
        .collect()
}

/// The messages that come out of the pipe.
#[derive(Debug)]
struct Messages {
    pipe: ChildStdout,
    buffered: Vec<u8>,
}

impl Messages {
    fn new(pipe: ChildStdout) -> Messages {
        Messages {
            pipe,
            buffered: Vec::new(),
        }
    }

    fn next(&mut self, deadline: Instant) -> anyhow::Result<Value> {
        loop {
            if let Some(end) = self.buffered.iter().position(|byte| *byte == 0) {
                let message = serde_json::from_slice(&self.buffered[..end])?;
                self.buffered.drain(..=end);
                return Ok(message);
            }
            self.read_some(deadline)?;
        }
    }

    fn read_some(&mut self, deadline: Instant) -> anyhow::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut pipe = [PollFd::new(self.pipe.as_fd(), PollFlags::POLLIN)];
        if poll(&mut pipe, PollTimeout::try_from(left)?)? == 0 {
            bail!("chromium says nothing more");
        }
        let mut some = [0; 64 << 10];
        match self.pipe.read(&mut some)? {
            0 => bail!("chromium has ended"),
            n => self.buffered.extend(&some[..n]),
        }
        Ok(())
    }
}
