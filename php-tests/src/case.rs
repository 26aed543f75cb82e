//! What the body of a test case works with: requests to its stack, and assertions named like sentences.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use crate::client::{Connection, Ending, Request, Response};
use crate::files::{Files, Sample, hex, marks_dir};
use crate::limits::{MIN_HANDOFF_BYTES, PATIENCE, POLL};
use crate::manager::Job;
use crate::stack::Stack;

/// One test case on one stack.
#[derive(Debug)]
pub struct Case<'a> {
    /// The web server.
    pub stack: &'a Stack,
    /// What it can send.
    pub files: &'static Files,
}

/// A request with a tag of its own, by which the manager's log and the marks of scripts name it.
#[derive(Clone, Debug)]
pub struct Tagged {
    /// As it goes out.
    pub request: Request,
    /// Unique in the run.
    pub tag: String,
    keeps_lengths: bool,
}

/// A response, with what it answers: assertions name both.
#[derive(Debug)]
pub struct Answer {
    /// The tag of the request.
    pub tag: String,
    /// What came.
    pub response: Response,
    request_text: String,
    keeps_lengths: bool,
}

impl<'a> Case<'a> {
    /// A case on this stack.
    pub fn on(stack: &'a Stack) -> Case<'a> {
        Case {
            stack,
            files: Files::current(),
        }
    }

    /// Whether there is a manager.
    pub fn has_manager(&self) -> bool {
        self.stack.manager.is_some()
    }

    /// A GET of a script with a query, tagged.
    pub fn get(&self, script: &str, query: &str) -> Tagged {
        self.tagged(script, query, Request::get)
    }

    /// A HEAD of a script with a query, tagged.
    pub fn head(&self, script: &str, query: &str) -> Tagged {
        self.tagged(script, query, Request::head)
    }

    /// A POST of a body to a script with a query, tagged.
    pub fn post(&self, script: &str, query: &str, body: Vec<u8>) -> Tagged {
        self.tagged(script, query, |target| Request::post(target, body))
    }

    fn tagged(&self, script: &str, query: &str, request: impl FnOnce(String) -> Request) -> Tagged {
        let (target, tag) = tagged_target(script, query);
        Tagged {
            request: request(target),
            tag,
            keeps_lengths: self.stack.kind.keeps_lengths(),
        }
    }

    /// A GET of a file through send.php.
    pub fn get_file(&self, sample: &Sample) -> Tagged {
        self.get("send.php", &format!("file={}", sample.name))
    }

    /// The same with HEAD.
    pub fn head_file(&self, sample: &Sample) -> Tagged {
        self.head("send.php", &format!("file={}", sample.name))
    }

    /// A POST of a body that the script leaves unread.
    pub fn post_file(&self, sample: &Sample, body: Vec<u8>) -> Tagged {
        self.post("send.php", &format!("file={}", sample.name), body)
    }

    /// The URL of a script with a query, for programs that make their requests themselves; and its tag.
    pub fn url(&self, script: &str, query: &str) -> (String, String) {
        let (target, tag) = tagged_target(script, query);
        (format!("http://{}{target}", self.stack.address), tag)
    }

    /// Sends a request on a connection of its own, and reads the whole response.
    ///
    /// # Errors
    /// With the request.
    pub fn ask(&self, tagged: &Tagged) -> anyhow::Result<Answer> {
        let mut connection = Connection::open(self.stack.address)?;
        self.ask_on(&mut connection, tagged)
    }

    /// Sends a request on this connection, and reads the whole response.
    ///
    /// # Errors
    /// With the request.
    pub fn ask_on(&self, connection: &mut Connection, tagged: &Tagged) -> anyhow::Result<Answer> {
        let response = connection
            .exchange(&tagged.request)
            .with_context(|| format!("in answer to\n{}", tagged.request.head_text()))?;
        Ok(tagged.answered(response))
    }

    /// Whether a page still comes, and what it says.
    ///
    /// # Errors
    /// Where it does not, or not in time.
    pub fn page(&self) -> anyhow::Result<Answer> {
        let page = self.ask(&self.get("page.php", ""))?;
        page.has_status(200)?;
        page.is_whole()?;
        ensure!(
            page.response.body.starts_with(b"page of "),
            "not the page: {page:?}"
        );
        Ok(page)
    }

    /// That the manager sent this body, where there is a manager and the body is worth a handoff.
    ///
    /// # Errors
    /// Where the manager's log does not say so.
    pub fn was_handed_off(&self, answer: &Answer) -> anyhow::Result<()> {
        if self.has_manager() && answer.response.body_bytes >= MIN_HANDOFF_BYTES {
            self.job_is_whole(&answer.tag, answer.response.body_bytes)?;
        }
        Ok(())
    }

    /// That the manager sent all of a body of this length.
    ///
    /// # Errors
    /// Where the manager's log does not say so.
    pub fn job_is_whole(&self, tag: &str, body_bytes: u64) -> anyhow::Result<Job> {
        let job = self.stack.manager().wait_for_job(tag)?;
        ensure!(
            job.bytes == body_bytes && job.of == body_bytes,
            "the manager should have sent {body_bytes} bytes, but says {}",
            job.line
        );
        Ok(job)
    }

    /// That the manager had no part in this answer. Whether it had is known only when a later job has ended.
    ///
    /// # Errors
    /// Where the manager's log has a job for it.
    pub fn was_not_handed_off(&self, answer: &Answer) -> anyhow::Result<()> {
        let Some(manager) = &self.stack.manager else {
            return Ok(());
        };
        let later = self.ask(&self.get_file(&self.files.page))?;
        self.was_handed_off(&later)?;
        let jobs = manager.jobs_with(&answer.tag);
        ensure!(
            jobs.is_empty(),
            "it should not have been handed off, but was: {jobs:?}"
        );
        Ok(())
    }

    /// Waits for a script's mark and returns its text.
    ///
    /// # Errors
    /// Where it does not come in time.
    pub fn wait_for_mark(&self, tag: &str, event: &str) -> anyhow::Result<String> {
        let path = mark_path(tag, event)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(text) = fs::read_to_string(&path) {
                return Ok(text);
            }
            if Instant::now() > deadline {
                bail!("the script did not get to its mark {event:?}");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Leaves a mark that a script waits for.
    ///
    /// # Errors
    /// Those of writing.
    pub fn leave_mark(&self, tag: &str, event: &str) -> anyhow::Result<()> {
        Ok(fs::write(mark_path(tag, event)?, "")?)
    }

    /// That a script has not left this mark.
    ///
    /// # Errors
    /// Where it has.
    pub fn has_no_mark(&self, tag: &str, event: &str) -> anyhow::Result<()> {
        ensure!(
            !mark_path(tag, event)?.exists(),
            "the script got to its mark {event:?}"
        );
        Ok(())
    }
}

impl Tagged {
    /// With one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Tagged {
        self.request = self.request.with(name, value);
        self
    }

    /// This response answers it.
    pub fn answered(&self, response: Response) -> Answer {
        Answer {
            tag: self.tag.clone(),
            response,
            request_text: self.request.head_text(),
            keeps_lengths: self.keeps_lengths,
        }
    }
}

impl Answer {
    /// Its status is this.
    ///
    /// # Errors
    /// With request and response.
    pub fn has_status(&self, status: u16) -> anyhow::Result<()> {
        let got = self.response.head.status;
        self.ensure(got == status, || {
            format!("the status is {got} where {status} was expected")
        })
    }

    /// A header is there once, with this value.
    ///
    /// # Errors
    /// With request and response.
    pub fn has_header(&self, name: &str, value: &str) -> anyhow::Result<()> {
        let got = self.response.head.header(name);
        self.ensure(got.as_deref() == Some(value), || {
            format!("the header {name} is {got:?} where {value:?} was expected")
        })
    }

    /// A header is not there.
    ///
    /// # Errors
    /// With request and response.
    pub fn has_no_header(&self, name: &str) -> anyhow::Result<()> {
        let got = self.response.head.header(name);
        self.ensure(got.is_none(), || {
            format!("there is a header {name}: {got:?}")
        })
    }

    /// The value of a header that must be there.
    ///
    /// # Errors
    /// With request and response.
    pub fn header(&self, name: &str) -> anyhow::Result<String> {
        let got = self.response.head.header(name);
        self.ensure(got.is_some(), || format!("there is no header {name}"))?;
        Ok(got.unwrap_or_default())
    }

    /// The body came as long as announced.
    ///
    /// # Errors
    /// With request and response.
    pub fn is_whole(&self) -> anyhow::Result<()> {
        self.ensure(self.response.ending == Ending::Whole, || {
            format!("the body was cut: {:?}", self.response.ending)
        })
    }

    /// The client can tell that the body is not all there.
    ///
    /// # Errors
    /// With request and response.
    pub fn is_cut(&self) -> anyhow::Result<()> {
        self.ensure(self.response.ending != Ending::Whole, || {
            "the body looks complete, but cannot be".into()
        })
    }

    /// The answer is 200 with exactly the bytes of the file.
    ///
    /// # Errors
    /// With request and response.
    pub fn is_the_file(&self, sample: &Sample) -> anyhow::Result<()> {
        self.has_status(200)?;
        self.has_the_bytes_of(sample)?;
        self.has_length(sample.len)
    }

    /// The head announces this length, unless the web server is one that drops it.
    ///
    /// # Errors
    /// With request and response.
    pub fn has_length(&self, bytes: u64) -> anyhow::Result<()> {
        if !self.keeps_lengths && self.response.head.header("Content-Length").is_none() {
            return Ok(());
        }
        self.has_header("Content-Length", &bytes.to_string())
    }

    /// The body is exactly the bytes of the file, whatever the status.
    ///
    /// # Errors
    /// With request and response.
    pub fn has_the_bytes_of(&self, sample: &Sample) -> anyhow::Result<()> {
        self.is_whole()?;
        let (got, expected) = (self.response.body_bytes, sample.len);
        self.ensure(got == expected, || {
            format!("the body has {got} bytes where {expected} were expected")
        })?;
        let (got, expected) = (hex(&self.response.sha), hex(&sample.sha()));
        self.ensure(got == expected, || {
            format!("the SHA-256 of the body is {got} where {expected} was expected")
        })
    }

    /// The answer is 206 with exactly this range of the file.
    ///
    /// # Errors
    /// With request and response.
    pub fn is_the_range(&self, sample: &Sample, range: Range<u64>) -> anyhow::Result<()> {
        self.has_status(206)?;
        let len = range.end - range.start;
        let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, sample.len);
        self.has_header("Content-Range", &content_range)?;
        self.has_length(len)?;
        self.has_body(&sample.bytes(range.start, len)?)
    }

    /// The body is exactly this, and short enough to be kept whole.
    ///
    /// # Errors
    /// With request and response, and the first difference.
    pub fn has_body(&self, expected: &[u8]) -> anyhow::Result<()> {
        self.is_whole()?;
        let got = &self.response.body;
        let first = got.iter().zip(expected).position(|(a, b)| a != b);
        let same = self.response.body_bytes == expected.len() as u64 && first.is_none();
        self.ensure(same, || {
            let (got, expected) = (self.response.body_bytes, expected.len());
            format!("the body has {got} bytes where {expected} were expected, and differs first at {first:?}")
        })
    }

    /// The body contains this text.
    ///
    /// # Errors
    /// With request and response.
    pub fn says(&self, text: &str) -> anyhow::Result<()> {
        let body = String::from_utf8_lossy(&self.response.body);
        self.ensure(body.contains(text), || {
            format!("the body does not say {text:?}")
        })
    }

    /// A condition that has no name here.
    ///
    /// # Errors
    /// With request and response.
    pub fn ensure(&self, holds: bool, otherwise: impl FnOnce() -> String) -> anyhow::Result<()> {
        if holds {
            return Ok(());
        }
        let start = &self.response.body[..self.response.body.len().min(200)];
        let printable = start
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        let start = if printable {
            String::from_utf8_lossy(start).into_owned()
        } else {
            "(binary)".into()
        };
        bail!(
            "{}\n--- request\n{}--- response head\n{}--- body: {} bytes, {:?}, starting\n{start}",
            otherwise(),
            self.request_text,
            self.response.head.text,
            self.response.body_bytes,
            self.response.ending,
        )
    }
}

fn tagged_target(script: &str, query: &str) -> (String, String) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let tag = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
    (format!("/{script}?tag={tag}&{query}"), tag)
}

fn mark_path(tag: &str, event: &str) -> anyhow::Result<PathBuf> {
    Ok(marks_dir()?.join(format!("{tag}.{event}")))
}
