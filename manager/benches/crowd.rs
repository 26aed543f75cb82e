//! A million downloads without a socket: what the loop's tables take of memory, and of time for each turn.
//!
//! Every synthetic download has what a real one has outside the kernel: a job of its size, a slot, a place in the registry, a
//! deadline, a share in the census. Downloads are woken at random, have a turn, and a deadline of their rate; then some end and others
//! begin. What real turns cost on top are their system calls. Printed as Markdown.

use std::fs;
use std::mem::size_of;
use std::time::{Duration, Instant};

use send_file_manager::census::Census;
use send_file_manager::job::Job;
use send_file_manager::key::Key;
use send_file_manager::queue::{Discipline, ReadyQueue};
use send_file_manager::registry::{Handle, Registry};
use send_file_manager::sys::slot::Share;
use send_file_manager::sys::table::{JobTable, SlotIndex};
use send_file_manager::timers::TimerTable;

const COUNTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
const TURNS: usize = 2_000_000;
const RENEWALS: usize = 20_000;

const PAUSE: Duration = Duration::from_millis(60);
const STALL_CHECK: Duration = Duration::from_secs(30);

fn main() {
    println!("| downloads | memory of each, bytes | a turn, ns | beginning and ending, ns |");
    println!("|---|---|---|---|");
    for count in COUNTS {
        let before_bytes = resident_bytes();
        let mut crowd = Crowd::of(count);
        let each_bytes = resident_bytes().saturating_sub(before_bytes) / count;
        let turn_ns = nanoseconds_each(TURNS, || crowd.turn());
        let renewal_ns = nanoseconds_each(RENEWALS, || crowd.renew());
        println!("| {count} | {each_bytes} | {turn_ns:.0} | {renewal_ns:.0} |");
    }
}

fn nanoseconds_each(count: usize, mut step: impl FnMut()) -> f64 {
    let started = Instant::now();
    (0..count).for_each(|_| step());
    started.elapsed().as_nanos() as f64 / count as f64
}

/// Stands for a job; nothing else is known of it here.
type Body = Box<[u8; size_of::<Job>()]>;

struct Crowd {
    jobs: Registry<(Body, SlotIndex)>,
    handles: Vec<Handle>,
    table: JobTable,
    timers: TimerTable<Key>,
    ready: ReadyQueue<Handle>,
    census: Census,
    now: Instant,
    random: u64,
}

impl Crowd {
    fn of(count: usize) -> Crowd {
        let slots = u32::try_from(count).expect("fewer");
        let mut crowd = Crowd {
            jobs: Registry::new(),
            handles: Vec::with_capacity(count),
            table: JobTable::create(slots).expect("memory for the table"),
            timers: TimerTable::new(),
            ready: ReadyQueue::new(Discipline::Fair),
            census: Census::default(),
            now: Instant::now(),
            random: 1,
        };
        for _ in 0..count {
            let handle = crowd.begin();
            crowd.handles.push(handle);
        }
        crowd
    }

    fn begin(&mut self) -> Handle {
        let slot = self.table.claim().expect("a free slot");
        let handle = self.jobs.insert((Box::new([1; size_of::<Job>()]), slot));
        self.timers
            .set(Key::Job(handle), Some(self.now + STALL_CHECK));
        self.census.enter(handle.to_bits() as u64, SHARE);
        handle
    }

    fn end(&mut self, handle: Handle) {
        let (_, slot) = self.jobs.remove(handle).expect("under way");
        self.timers.set(Key::Job(handle), None);
        self.census.leave(handle.to_bits() as u64);
        self.table.release(slot);
    }

    /// Some download is woken by its client, or by its rate.
    fn turn(&mut self) {
        self.now += Duration::from_nanos(500);
        let woken = match self.timers.pop_expired(self.now) {
            Some(Key::Job(handle)) => handle,
            _ => {
                let chosen = self.choose();
                self.handles[chosen]
            }
        };
        self.ready.push(woken, 0);
        let handle = self.ready.pop().expect("just pushed");
        let (body, _) = self.jobs.get_mut(handle).expect("under way");
        body[0] = body[0].wrapping_add(1);
        self.timers.set(Key::Job(handle), Some(self.now + PAUSE));
    }

    /// Some download ends, and another begins.
    fn renew(&mut self) {
        let chosen = self.choose();
        self.end(self.handles[chosen]);
        self.handles[chosen] = self.begin();
    }

    fn choose(&mut self) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % self.handles.len()
    }
}

const SHARE: Share = Share {
    uid: 33,
    memory_bytes: 0,
};

/// The table's included, which is mapped.
fn resident_bytes() -> usize {
    const PAGE_BYTES: usize = 4096;
    let text = fs::read_to_string("/proc/self/statm").expect("proc");
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * PAGE_BYTES
}
