//! The first process: it starts cells, watches over them, and tells them when to go.
//!
//! A cell is a [guardian](crate::guardian) with its worker: a process group with a table of descriptors and downloads of
//! its own. Everything that happens to cells is one of two steps: a fresh one is started, and one that is *outgoing* is
//! told to retire once the fresh ones serve. A retired cell leaves the listener, finishes its downloads and ends. The cell
//! whose descriptors run out, those of the generation before a reload or an upgrade, and all of them at the end are
//! outgoing. The master holds no download, so that nothing depends on it that is under way.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use sd_notify::NotifyState;

use crate::accept::Listener;
use crate::limits::{CELL_RESTART_PAUSE, CUT_TIMEOUT, KILL_SLACK, MAX_CELLS};
use crate::renewal::{self, Inheritance};
use crate::settings::Settings;
use crate::sys::bell::Bell;
use crate::sys::board::{Board, Entry};
use crate::sys::head::Ending;
use crate::sys::process::{Fork, fork_cell};
use crate::sys::signals::Signals;

/// Who returned from [`Master::run`].
pub enum Role {
    /// The guardian of a new cell.
    Cell(Seat),
    /// The master, after the last cell has ended.
    Ended,
}

/// What a cell has in common with the others.
#[derive(Debug)]
pub struct Seat {
    /// The first process.
    pub master: Pid,
    /// The socket that all of them listen to, unless this cell has left it.
    pub listener: Option<Listener>,
    /// Where all of them say how they are.
    pub board: Board,
    /// Which entry is this cell's.
    pub number: usize,
    /// By which a cell asks the master to look at the board.
    pub bell: Bell,
}

/// One cell, as the master sees it.
#[derive(Debug)]
struct Cell {
    /// Its process group. It is there as long as one of its processes is, and whoever is its guardian by then.
    group: Pid,
    /// Its entry on the board; a cell of the generation before is on another one.
    number: Option<usize>,
    has_served: bool,
    /// It is to retire as soon as the others serve.
    is_outgoing: bool,
    has_retired: bool,
}

/// The first process.
pub struct Master {
    settings: Settings,
    /// This process.
    process: Pid,
    listener: Option<Listener>,
    board: Board,
    bell: Bell,
    signals: Signals,
    cells: Vec<Cell>,
    ending: Ending,
    /// When the downloads that still run are cut.
    cut_at: Option<Instant>,
    /// When cells that are still there are killed.
    kill_at: Option<Instant>,
    /// No cell is started before.
    start_at: Instant,
    has_served: bool,
    /// The supervisor was told that all cells serve.
    is_announced: bool,
}

impl Master {
    /// With the listener, and the cells of the generation before, if there was one.
    ///
    /// # Errors
    /// Those of the memory for the board, and of eventfd(2).
    pub fn new(
        settings: Settings,
        listener: Listener,
        signals: Signals,
        outgoing: &[Pid],
    ) -> anyhow::Result<Master> {
        let of_the_generation_before = |group: &Pid| Cell {
            group: *group,
            number: None,
            has_served: true,
            is_outgoing: true,
            has_retired: false,
        };
        Ok(Master {
            settings,
            process: Pid::this(),
            listener: Some(listener),
            board: Board::create().context("could not share memory with the cells")?,
            bell: Bell::new().context("could not make an eventfd")?,
            signals,
            cells: outgoing.iter().map(of_the_generation_before).collect(),
            ending: Ending::No,
            cut_at: None,
            kill_at: None,
            start_at: Instant::now(),
            has_served: false,
            is_announced: false,
        })
    }

    /// Runs until told to end, and until all cells have. Every cell returns from here, too.
    ///
    /// # Errors
    /// A sentence for the administrator, where no cell can be had at all.
    pub fn run(mut self) -> anyhow::Result<Role> {
        loop {
            while let Some(number) = self.vacancy(Instant::now()) {
                match fork_cell() {
                    Ok(Fork::Child) => return Ok(Role::Cell(self.into_seat(number))),
                    Ok(Fork::Parent(group)) => self.welcome(group, number),
                    Err(errno) => self.postpone(errno),
                }
            }
            if self.ending > Ending::No && self.cells.is_empty() {
                return Ok(Role::Ended);
            }
            self.wait();
            self.bell.hear();
            while let Some(signal) = self.signals.take() {
                self.obey(signal);
            }
            // Before it is concluded that nobody serves.
            self.relieve();
            self.reap()?;
            self.relieve();
            let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= Instant::now());
            if is_due(self.cut_at) {
                self.cut();
            }
            if is_due(self.kill_at) {
                self.kill();
            }
        }
    }

    /// The number of a cell that is to be started now.
    fn vacancy(&self, now: Instant) -> Option<usize> {
        let fresh = self.fresh().count();
        if self.ending > Ending::No || fresh >= self.settings.cells || now < self.start_at {
            return None;
        }
        let is_taken = |number| self.cells.iter().any(|cell| cell.number == Some(number));
        (0..MAX_CELLS).find(|number| !is_taken(*number))
    }

    fn fresh(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| !cell.is_outgoing)
    }

    fn into_seat(self, number: usize) -> Seat {
        let entry = self.board.entry(number);
        entry.clear();
        Seat {
            master: self.process,
            listener: self.listener,
            board: self.board,
            number,
            bell: self.bell,
        }
    }

    fn welcome(&mut self, group: Pid, number: usize) {
        self.cells.push(Cell {
            group,
            number: Some(number),
            has_served: false,
            is_outgoing: false,
            has_retired: false,
        });
        tracing::debug!(cell = number, guardian = group.as_raw(), "started a cell");
    }

    /// No process to be had for a cell.
    fn postpone(&mut self, errno: Errno) {
        tracing::error!(%errno, "could not start a cell; trying again soon");
        self.start_at = Instant::now() + CELL_RESTART_PAUSE;
    }

    fn wait(&self) {
        let now = Instant::now();
        let is_short = self.ending == Ending::No && self.fresh().count() < self.settings.cells;
        let start_at = is_short.then_some(self.start_at);
        let next = [self.cut_at, self.kill_at, start_at]
            .into_iter()
            .flatten()
            .min();
        let timeout = next.map_or(PollTimeout::NONE, |at| {
            // Rounded up: a moment too early would be spent turning.
            let left = at.saturating_duration_since(now) + Duration::from_millis(1);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let mut fds = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
        ];
        // It fails for want of memory only, and then there is nothing better than to look again.
        let _ = poll(&mut fds, timeout);
    }

    fn obey(&mut self, signal: Signal) {
        match signal {
            Signal::SIGTERM | Signal::SIGINT if self.ending == Ending::No => self.drain(),
            Signal::SIGTERM | Signal::SIGINT if self.ending == Ending::Draining => self.cut(),
            Signal::SIGTERM | Signal::SIGINT => self.kill(),
            Signal::SIGHUP if self.ending == Ending::No => self.succeed("/proc/self/exe"),
            Signal::SIGUSR2 if self.ending == Ending::No => {
                let executable = self.settings.executable.clone();
                self.succeed(&executable);
            }
            Signal::SIGUSR1 => {
                for cell in &self.cells {
                    cell.tell(Signal::SIGUSR1);
                }
            }
            _ => {}
        }
    }

    /// Replaces this program by a new start of it, which goes on with the listener and starts cells of its own.
    /// Returns only if nothing has changed.
    fn succeed(&mut self, executable: &(impl AsRef<std::path::Path> + ?Sized)) {
        let Some(listener) = &self.listener else {
            return;
        };
        if self.cells.len() + self.settings.cells > MAX_CELLS {
            return tracing::error!(
                cells = self.cells.len(),
                "nothing has changed: too many cells have not finished their downloads yet"
            );
        }
        let inheritance = Inheritance {
            listener: listener.as_fd(),
            cells: self.cells.iter().map(|cell| cell.group).collect(),
        };
        let reloading = [
            Ok(NotifyState::Reloading),
            NotifyState::monotonic_usec_now(),
        ];
        tell_supervisor(&reloading.into_iter().flatten().collect::<Vec<_>>());
        let error = renewal::begin(executable.as_ref(), &inheritance);
        tell_supervisor(&[NotifyState::Ready]);
        tracing::error!("nothing has changed: {error:#}");
    }

    fn drain(&mut self) {
        self.ending = Ending::Draining;
        tell_supervisor(&[NotifyState::Stopping]);
        // Whoever connects from now on is refused at once.
        if let Some(listener) = self.listener.take() {
            listener.remove_path();
        }
        self.cut_at = Some(Instant::now() + self.settings.drain_timeout);
        tracing::info!(
            downloads = self.board.downloads(),
            "ending: no new downloads"
        );
        for cell in &mut self.cells {
            cell.retire();
        }
    }

    fn cut(&mut self) {
        self.ending = Ending::Cut;
        self.cut_at = None;
        self.kill_at = Some(Instant::now() + CUT_TIMEOUT + KILL_SLACK);
        tracing::info!(
            downloads = self.board.downloads(),
            "ending: cutting running downloads"
        );
        for cell in &self.cells {
            cell.tell(Signal::SIGQUIT);
        }
    }

    /// Ends what does not end by itself: a process that is stopped, or deep in the kernel.
    fn kill(&mut self) {
        self.kill_at = None;
        tracing::error!(
            cells = self.cells.len(),
            "killing the cells that have not ended"
        );
        for cell in &self.cells {
            cell.tell(Signal::SIGKILL);
        }
    }

    /// Takes note of the processes that have ended, and of the cells of which none is left.
    fn reap(&mut self) -> anyhow::Result<()> {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            match status {
                WaitStatus::StillAlive => break,
                WaitStatus::Signaled(pid, signal, _) => {
                    tracing::warn!(pid = pid.as_raw(), %signal, "a process of a cell was killed");
                }
                _ => {}
            }
        }
        let (left, gone) = std::mem::take(&mut self.cells)
            .into_iter()
            .partition(Cell::is_there);
        self.cells = left;
        for cell in gone {
            if let Some(number) = cell.number {
                self.board.entry(number).clear();
            }
            if !cell.is_outgoing && self.ending == Ending::No {
                self.replace(&cell)?;
            }
        }
        Ok(())
    }

    /// A cell is gone that was not told to go.
    fn replace(&mut self, cell: &Cell) -> anyhow::Result<()> {
        if !self.has_served && self.cells.iter().all(|cell| !cell.is_outgoing) {
            if let Some(listener) = &self.listener {
                listener.remove_path();
            }
            for cell in &self.cells {
                cell.tell(Signal::SIGQUIT);
            }
            bail!("gave up: no cell could begin to serve");
        }
        tracing::error!(
            cell = cell.number,
            "a cell has failed; starting another one"
        );
        self.start_at = Instant::now() + CELL_RESTART_PAUSE;
        Ok(())
    }

    /// Makes full cells outgoing, and lets the outgoing ones retire when enough others serve.
    fn relieve(&mut self) {
        let (mut room, mut serving) = (MAX_CELLS.saturating_sub(self.cells.len()), 0);
        for cell in self.cells.iter_mut().filter(|cell| !cell.is_outgoing) {
            let Some(entry) = cell.number.map(|number| self.board.entry(number)) else {
                continue;
            };
            if entry.is_serving() {
                self.has_served = true;
                cell.has_served = true;
                serving += 1;
            } else if cell.has_served {
                // Somebody else has told it to retire.
                cell.is_outgoing = true;
                cell.has_retired = true;
                continue;
            }
            if entry.is_full() && room > 0 && self.ending == Ending::No {
                tracing::info!(
                    cell = cell.number,
                    downloads = self.board.downloads(),
                    "a cell is nearly full; another one takes its place"
                );
                cell.is_outgoing = true;
                room -= 1;
            }
        }
        if self.fresh().count() == self.settings.cells && serving >= self.settings.cells {
            for cell in self.cells.iter_mut().filter(|cell| cell.is_outgoing) {
                cell.retire();
            }
            if !self.is_announced {
                self.is_announced = true;
                tell_supervisor(&[NotifyState::Ready]);
                tracing::info!(cells = serving, "serving");
            }
        }
    }
}

impl Cell {
    fn tell(&self, signal: Signal) {
        // It fails only where the last process of the cell has just ended.
        let _ = killpg(self.group, signal);
    }

    fn retire(&mut self) {
        if !self.has_retired {
            self.has_retired = true;
            self.is_outgoing = true;
            self.tell(Signal::SIGTERM);
        }
    }

    fn is_there(&self) -> bool {
        killpg(self.group, None) != Err(Errno::ESRCH)
    }
}

impl Seat {
    /// This cell's entry on the board.
    pub fn entry(&self) -> &Entry {
        self.board.entry(self.number)
    }

    /// Tells the master to look at the board.
    pub fn ring(&self) {
        self.bell.ring();
    }
}

/// systemd, if that started the manager: sd_notify(3).
fn tell_supervisor(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "could not tell the supervisor how things are");
    }
}

/// Makes this process the one that its descendants fall to when their parents die.
///
/// # Errors
/// Those of prctl(2).
pub fn adopt_orphans() -> io::Result<()> {
    nix::sys::prctl::set_child_subreaper(true).map_err(io::Error::from)
}
