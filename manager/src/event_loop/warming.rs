//! Readers in the loop: which download they read for, and which waits for one.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use super::{EventLoop, Running};
use crate::crash;
use crate::limits::{READERS_FOR_SHORT_REQUESTS, READERS_OF_A_DEVICE};
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
    /// Those whose requests most likely take no time.
    waiting_shortly: VecDeque<Handle>,
}

impl Device {
    fn is_idle(&self) -> bool {
        self.readers == 0 && self.waiting.is_empty() && self.waiting_shortly.is_empty()
    }

    /// Whose turn it is, if the device could have one more reader for it.
    fn queue(&mut self) -> Option<&mut VecDeque<Handle>> {
        const FOR_ALL: usize = READERS_OF_A_DEVICE - READERS_FOR_SHORT_REQUESTS;
        if !self.waiting_shortly.is_empty() && self.readers < READERS_OF_A_DEVICE {
            Some(&mut self.waiting_shortly)
        } else if !self.waiting.is_empty() && self.readers < FOR_ALL {
            Some(&mut self.waiting)
        } else {
            None
        }
    }
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

    /// A device that could have one more reader, and who is to have it: those with short requests first, else who waits longest.
    /// Each device has its turn.
    fn next_waiting(&mut self, after: Option<u64>) -> Option<(u64, Handle)> {
        let from = after.map_or(0, |device| device.wrapping_add(1));
        let mut next_in = |devices: (Bound<u64>, Bound<u64>)| {
            let mut devices = self.devices.range_mut(devices);
            devices.find_map(|(number, device)| Some((*number, device.queue()?.pop_front()?)))
        };
        next_in((Included(from), Unbounded)).or_else(|| next_in((Unbounded, Excluded(from))))
    }

    fn forget_idle_devices(&mut self) {
        self.devices.retain(|_, device| !device.is_idle());
    }
}

impl EventLoop {
    /// A download waits for a part of its file.
    pub(super) fn ask_for_pages(&mut self, handle: Handle, now: Instant) {
        let Some(running) = self.jobs.get(handle) else {
            return;
        };
        let device = self.table.slot(running.slot).identity().device;
        let device = self.warming.devices.entry(device).or_default();
        match running.job.has_short_request() {
            true => device.waiting_shortly.push_back(handle),
            false => device.waiting.push_back(handle),
        }
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
                    let device = self.warming.devices.entry(device).or_default();
                    device.waiting_shortly.push_front(handle);
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
        if running.job.request().is_none() {
            return;
        }
        let mut errands = self.warming.errands.values_mut();
        match errands.find(|errand| errand.job == handle) {
            Some(errand) => errand.file = Some(running.job.into_file()),
            // A device that hangs may have no reader for those that wait, ever.
            None => {
                for device in self.warming.devices.values_mut() {
                    device.waiting.retain(|waiting| *waiting != handle);
                    device.waiting_shortly.retain(|waiting| *waiting != handle);
                }
            }
        }
    }
}
