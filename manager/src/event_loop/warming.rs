//! Readers in the loop: which download they read for, and which waits for one.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use super::{EventLoop, Running};
use crate::crash;
use crate::limits::READERS_OF_A_DEVICE;
use crate::readers::{ReaderIndex, Readers};
use crate::registry::Handle;
use crate::sys::bell::Bell;

/// What readers do, and are to do.
pub(super) struct Warming {
    readers: Readers,
    errands: BTreeMap<ReaderIndex, Errand>,
    /// By st_dev. Only devices that somebody waits for.
    devices: BTreeMap<u64, Device>,
}

/// What one reader reads.
struct Errand {
    job: Handle,
    device: u64,
    /// The file of a download that is over meanwhile: its number must not become another's before the reader is done.
    file: Option<OwnedFd>,
}

#[derive(Default)]
struct Device {
    readers: usize,
    waiting: VecDeque<Handle>,
}

impl Warming {
    pub(super) fn new(bell: Arc<Bell>) -> Warming {
        Warming {
            readers: Readers::new(bell),
            errands: BTreeMap::new(),
            devices: BTreeMap::new(),
        }
    }

    /// The files that are open for a reader alone.
    pub(super) fn file_count(&self) -> usize {
        let files = self
            .errands
            .values()
            .filter_map(|errand| errand.file.as_ref());
        files.count()
    }

    /// For a process that is to have one thread. What readers still read is not closed: it is the successor's.
    pub(super) fn end(self) {
        self.readers.dismiss();
        std::mem::forget(self.errands);
    }

    /// A device that could have one more reader, and who waits for it longest. Each device has its turn.
    fn next_waiting(&mut self, after: Option<u64>) -> Option<(u64, Handle)> {
        let from = after.map_or(0, |device| device.wrapping_add(1));
        let devices = self.devices.range(from..).chain(self.devices.range(..from));
        let could =
            |device: &Device| device.readers < READERS_OF_A_DEVICE && !device.waiting.is_empty();
        let number = devices
            .filter(|(_, device)| could(device))
            .map(|(number, _)| *number)
            .next()?;
        let device = self.devices.get_mut(&number)?;
        device.waiting.pop_front().map(|job| (number, job))
    }

    fn forget_idle_devices(&mut self) {
        self.devices
            .retain(|_, device| device.readers > 0 || !device.waiting.is_empty());
    }
}

impl EventLoop {
    /// A download waits for a part of its file.
    pub(super) fn ask_for_pages(&mut self, handle: Handle, now: Instant) {
        let Some(running) = self.jobs.get(handle) else {
            return;
        };
        let device = self.table.slot(running.slot).identity().device;
        let waiting = &mut self.warming.devices.entry(device).or_default().waiting;
        waiting.push_back(handle);
        self.send_readers(now);
    }

    /// Readers may have read something.
    pub(super) fn welcome_readers(&mut self, now: Instant) {
        for (reader, was_there) in self.warming.readers.take_done() {
            let Some(errand) = self.warming.errands.remove(&reader) else {
                continue;
            };
            if let Some(device) = self.warming.devices.get_mut(&errand.device) {
                device.readers -= 1;
            }
            self.go_on_with(errand.job, was_there, now);
        }
        self.send_readers(now);
    }

    /// Sends free readers to the downloads that wait for one.
    fn send_readers(&mut self, now: Instant) {
        let mut last = None;
        while let Some((device, handle)) = self.warming.next_waiting(last) {
            last = Some(device);
            let request = self
                .jobs
                .get(handle)
                .and_then(|running| running.job.request());
            // It is over.
            let Some((file, range)) = request else {
                continue;
            };
            match self.warming.readers.free() {
                Ok(Some(reader)) => {
                    self.warming.readers.ask(reader, file, &range);
                    crash::point("reader.asked");
                    let errand = Errand {
                        job: handle,
                        device,
                        file: None,
                    };
                    self.warming.errands.insert(reader, errand);
                    self.warming.devices.entry(device).or_default().readers += 1;
                }
                Ok(None) => {
                    let waiting = &mut self.warming.devices.entry(device).or_default().waiting;
                    waiting.push_front(handle);
                    return;
                }
                // No thread is to be had: the loop waits for the disk by itself.
                Err(error) => {
                    self.refusals.log(now, || {
                        tracing::warn!(%error, "could not start a reader; reading in the loop");
                    });
                    self.go_on_with(handle, false, now);
                }
            }
        }
        self.warming.forget_idle_devices();
    }

    fn go_on_with(&mut self, handle: Handle, was_there: bool, now: Instant) {
        if let Some(running) = self.jobs.get_mut(handle) {
            running.job.warmed(was_there, now);
            self.make_ready(handle);
        }
    }

    /// The end of a download: all of it is closed, but for a file that a reader reads at this moment.
    pub(super) fn close_all_but_what_is_read(&mut self, handle: Handle, running: Running) {
        let mut errands = self.warming.errands.values_mut();
        if let Some(errand) = errands.find(|errand| errand.job == handle) {
            errand.file = Some(running.job.into_file());
        }
    }
}
