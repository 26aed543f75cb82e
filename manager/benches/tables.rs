//! What the tables of the event loop cost with a hundred downloads, and with a hundred thousand.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use send_file_manager::census::Census;
use send_file_manager::key::Key;
use send_file_manager::queue::{Discipline, ReadyQueue};
use send_file_manager::registry::{Handle, Registry};
use send_file_manager::sys::slot::Share;
use send_file_manager::timers::TimerTable;

criterion_group! {
    name = benches;
    config = brief();
    targets = timers, registry, queue, census
}
criterion_main!(benches);

const COUNTS: [usize; 3] = [100, 10_000, 100_000];

/// Where the deadlines of running downloads lie: the next look at a client is half a stall timeout away.
const AHEAD: Duration = Duration::from_secs(30);

/// Enough to tell a tenth, and all benchmarks of the project together take a minute.
fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20)
}

fn timers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timers");
    for count in COUNTS {
        let (mut table, deadlines, start) = full_table(count);
        let mut order = Order::of(count);
        group.bench_function(
            BenchmarkId::new("a turn that changes nothing", count),
            |bencher| {
                bencher.iter(|| {
                    let (key, deadline) = deadlines[order.next()];
                    table.set(key, Some(deadline));
                });
            },
        );
        group.bench_function(BenchmarkId::new("next timeout", count), |bencher| {
            bencher.iter(|| table.next_timeout(black_box(start)));
        });
        group.bench_function(BenchmarkId::new("cancel and set", count), |bencher| {
            bencher.iter(|| {
                let (key, deadline) = deadlines[order.next()];
                table.set(key, None);
                table.set(key, Some(deadline));
            });
        });
        group.bench_function(BenchmarkId::new("a pause of a rate", count), |bencher| {
            let mut ms = 0;
            bencher.iter(|| {
                let (key, _) = deadlines[order.next()];
                ms += 1;
                table.set(key, Some(start + Duration::from_millis(10 + ms % 115)));
            });
        });
        let (mut table, _, start) = full_table(count);
        group.bench_function(BenchmarkId::new("expire and set", count), |bencher| {
            let mut now = start;
            bencher.iter(|| {
                now += table.next_timeout(now).expect("never empty");
                let key = table.pop_expired(now).expect("due");
                table.set(key, Some(now + AHEAD));
            });
        });
    }
}

fn registry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    for count in COUNTS {
        let mut registry = Registry::new();
        let handles: Vec<Handle> = (0..count).map(|_| registry.insert([0u64; 6])).collect();
        let mut order = Order::of(count);
        group.bench_function(BenchmarkId::new("find", count), |bencher| {
            bencher.iter(|| {
                registry
                    .get_mut(handles[order.next()])
                    .map(|entry| entry[0] += 1)
            });
        });
    }
}

fn queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    for count in COUNTS {
        for discipline in [Discipline::Fair, Discipline::SmallestFirst] {
            let mut order = Order::of(count);
            let mut queue = ReadyQueue::new(discipline);
            for number in 0..count {
                queue.push(number, order.next() as u64);
            }
            let name = format!("a turn, {discipline:?}");
            group.bench_function(BenchmarkId::new(name, count), |bencher| {
                bencher.iter(|| {
                    let item = queue.pop().expect("never empty");
                    queue.push(item, order.next() as u64);
                });
            });
        }
    }
}

fn census(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("census");
    for count in COUNTS {
        let share = Share {
            uid: 33,
            memory_bytes: 4096,
        };
        let mut census = Census::default();
        (0..count as u64).for_each(|cookie| census.enter(cookie, share));
        let mut order = Order::of(count);
        group.bench_function(BenchmarkId::new("leave and enter", count), |bencher| {
            bencher.iter(|| {
                let cookie = order.next() as u64;
                census.leave(cookie);
                census.enter(cookie, share);
            });
        });
    }
}

/// A deadline for each of so many downloads.
fn full_table(count: usize) -> (TimerTable<Key>, Vec<(Key, Instant)>, Instant) {
    let start = Instant::now();
    let mut order = Order::of(count);
    let deadlines: Vec<(Key, Instant)> = (0..count)
        .map(|place| {
            let share = order.next() as f64 / count as f64;
            (
                Key::Job(Handle::from_bits(place)),
                start + AHEAD.mul_f64(share),
            )
        })
        .collect();
    let mut table = TimerTable::new();
    for (key, deadline) in &deadlines {
        table.set(*key, Some(*deadline));
    }
    (table, deadlines, start)
}

/// Numbers below a bound in an order that no cache foresees.
struct Order {
    state: u64,
    bound: usize,
}

impl Order {
    fn of(bound: usize) -> Order {
        Order { state: 1, bound }
    }

    fn next(&mut self) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % self.bound
    }
}
