//! Many clients that take two kilobytes a second each, all held by one thread, which steps back behind everybody else.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrStorage, connect, recv, setsockopt,
    socket, sockopt,
};
use send_file_php_tests::chaos::random::{Purpose, Random};

use crate::background::step_back;
use crate::client::parse_head;
use crate::limits::{
    MAX_HEAD_BYTES, OPENING_AT_ONCE, PATIENCE, SLOW_BYTES_PER_SECOND, SLOW_RECEIVE_BYTES,
    SLOW_SEGMENT_BYTES, SLOW_START_BYTES, TICK, TICKS_PER_SECOND,
};

/// Clients of one server.
pub(crate) struct Crowd {
    address: SocketAddr,
    request: Vec<u8>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<anyhow::Result<Vec<Slow>>>>,
    random: Random,
    opened: usize,
}

#[derive(Default)]
struct Shared {
    arriving: Mutex<Vec<Slow>>,
    served: AtomicUsize,
    is_over: AtomicBool,
}

/// One client.
struct Slow {
    stream: TcpStream,
    served_at: Option<Instant>,
    taken_bytes: u64,
    /// Taken at once: so that not all of them are refilled at the same moment from then on.
    start_bytes: u64,
    /// When it is looked at next.
    due_tick: u64,
}

impl Crowd {
    /// Nobody yet.
    pub(crate) fn new(address: SocketAddr, target: &str) -> Crowd {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        Crowd {
            address,
            request: format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes(),
            shared,
            thread: Some(std::thread::spawn(move || of_thread.pace())),
            random: Random::new(0, Purpose::Download, 0),
            opened: 0,
        }
    }

    /// Grows to so many, each served before many more come.
    ///
    /// # Errors
    /// Where some are not served in time.
    pub(crate) fn grow(&mut self, count: usize) -> anyhow::Result<()> {
        while self.opened < count {
            self.open()?;
            self.wait_for(self.opened.saturating_sub(OPENING_AT_ONCE), PATIENCE)?;
        }
        self.wait_for(count, PATIENCE)
    }

    /// One more client, which has asked.
    ///
    /// # Errors
    /// Those of connect(2).
    pub(crate) fn open(&mut self) -> anyhow::Result<()> {
        let mut stream = connect_slowly(self.address).context("a slow client")?;
        stream.write_all(&self.request)?;
        self.opened += 1;
        let slow = Slow {
            stream,
            served_at: None,
            taken_bytes: 0,
            start_bytes: self.random.below(SLOW_START_BYTES),
            due_tick: 0,
        };
        let mut arriving = self.shared.arriving.lock();
        arriving
            .as_mut()
            .unwrap_or_else(PoisonError::get_mut)
            .push(slow);
        Ok(())
    }

    /// How many have the head of their answer.
    pub(crate) fn served(&self) -> usize {
        self.shared.served.load(Ordering::Relaxed)
    }

    /// Waits until so many are served.
    ///
    /// # Errors
    /// Where fewer are in this time.
    pub(crate) fn wait_for(&self, count: usize, patience: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        while self.served() < count {
            let is_over = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
            if is_over || Instant::now() > deadline {
                bail!("{} of {count} slow clients are served", self.served());
            }
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Ends them all, and says how many of those that were served had not got their bytes until then.
    ///
    /// # Errors
    /// Where one was broken off before.
    pub(crate) fn end(mut self) -> anyhow::Result<usize> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("a crowd ends once")?;
        let clients = thread.join().expect("the thread does not panic")?;
        let is_behind = |client: &&Slow| {
            // A busy machine may be some seconds late.
            let slack = SLOW_BYTES_PER_SECOND * 4 + client.allowance() / 5;
            client.served_at.is_some() && client.lacks() > slack
        };
        Ok(clients.iter().filter(is_behind).count())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// The life of the thread.
    fn pace(&self) -> anyhow::Result<Vec<Slow>> {
        step_back();
        let begun = Instant::now();
        let mut clients: Vec<Slow> = Vec::new();
        let mut nowhere = vec![0; MAX_HEAD_BYTES.max(SLOW_RECEIVE_BYTES)];
        for tick in 1.. {
            if self.is_over.load(Ordering::Relaxed) {
                break;
            }
            let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
            clients.append(&mut arriving);
            drop(arriving);
            for client in clients.iter_mut().filter(|client| client.due_tick <= tick) {
                let was_served = client.served_at.is_some();
                client.take(&mut nowhere)?;
                if client.served_at.is_some() && !was_served {
                    self.served.fetch_add(1, Ordering::Relaxed);
                }
                client.due_tick = tick + client.pause_ticks();
            }
            let next = begun + TICK * tick as u32;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(clients)
    }
}

impl Slow {
    /// Takes what it may have by now, as far as it is there.
    fn take(&mut self, nowhere: &mut [u8]) -> anyhow::Result<()> {
        if self.served_at.is_none() {
            return self.take_head(nowhere);
        }
        let wanted = self.lacks().min(nowhere.len() as u64) as usize;
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        if wanted == 0 {
            return Ok(());
        }
        match recv(self.stream.as_raw_fd(), &mut nowhere[..wanted], flags) {
            Ok(0) => bail!("a slow download ended after {} bytes", self.taken_bytes),
            Ok(taken) => self.taken_bytes += taken as u64,
            Err(Errno::EAGAIN) => {}
            Err(error) => bail!("a slow download after {} bytes: {error}", self.taken_bytes),
        }
        Ok(())
    }

    fn take_head(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        let room = &mut buffer[..MAX_HEAD_BYTES];
        let got = match recv(self.stream.as_raw_fd(), room, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => bail!("a slow client was turned away"),
            Ok(got) => got,
            Err(Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(error).context("the head for a slow client"),
        };
        let head = parse_head(&buffer[..got])?.context("a head in one piece")?;
        ensure!(
            head.status == 200,
            "status {} for a slow client",
            head.status
        );
        self.taken_bytes = (got - head.length) as u64;
        self.served_at = Some(Instant::now());
        Ok(())
    }

    /// What it may have taken by now.
    fn allowance(&self) -> u64 {
        let served = self.served_at.map_or(Duration::ZERO, |at| at.elapsed());
        self.start_bytes + (served.as_secs_f64() * SLOW_BYTES_PER_SECOND as f64) as u64
    }

    fn lacks(&self) -> u64 {
        self.allowance().saturating_sub(self.taken_bytes)
    }

    /// A second where it is on time; it catches up where it is not, or has not begun.
    fn pause_ticks(&self) -> u64 {
        let is_behind = self.lacks() > SLOW_BYTES_PER_SECOND;
        if is_behind || self.served_at.is_none() {
            1
        } else {
            TICKS_PER_SECOND
        }
    }
}

/// Through a small window, and in segments as they are outside of the loopback device.
fn connect_slowly(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let client = socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&client, sockopt::RcvBuf, &SLOW_RECEIVE_BYTES)?;
    setsockopt(&client, sockopt::TcpMaxSeg, &SLOW_SEGMENT_BYTES)?;
    connect(client.as_raw_fd(), &SockaddrStorage::from(address))?;
    Ok(client.into())
}
