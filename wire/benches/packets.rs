//! What an offer costs both sides to write and to read, and what a rate costs for each piece sent.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::num::{NonZeroU16, NonZeroU64};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use send_file_wire::limits::MAX_PARTS;
use send_file_wire::{FastCgi, Framing, Offer, OfferId, Pace, Part, Rate, ServerKind};

criterion_group! {
    name = benches;
    config = brief();
    targets = offers, paces
}
criterion_main!(benches);

/// Enough to tell a tenth, and all benchmarks of the project together take a minute.
fn brief() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20)
}

fn offers(criterion: &mut Criterion) {
    for (name, offer) in [("one span", one_span()), ("most parts", most_parts())] {
        let packet = offer.encode().expect("within all limits");
        criterion.bench_function(&format!("offer of {name}: encode"), |bencher| {
            bencher.iter(|| black_box(&offer).encode());
        });
        criterion.bench_function(&format!("offer of {name}: decode"), |bencher| {
            bencher.iter(|| Offer::decode(black_box(&packet)));
        });
    }
}

fn paces(criterion: &mut Criterion) {
    let rate = Rate {
        bytes_per_sec: NonZeroU64::new(1 << 20).expect("not 0"),
        burst_bytes: 0,
    };
    criterion.bench_function(
        "pace: a piece that may leave, and when the next may",
        |bencher| {
            let mut pace = Pace::new(rate, u64::MAX, Instant::now());
            bencher.iter(|| {
                let now = black_box(pace.ready_at());
                let allowed_bytes = pace.allowance(now);
                pace.spend(allowed_bytes);
                allowed_bytes
            });
        },
    );
}

/// What nearly every download is.
fn one_span() -> Offer {
    Offer {
        id: OfferId(1),
        framing: Framing::Raw,
        rate: None,
        parts: vec![Part::Span {
            offset: 0,
            len: 100_000,
        }],
        tag: b"order-17".to_vec(),
    }
}

/// As many ranges as an answer may have, each behind the head of its part.
fn most_parts() -> Offer {
    let part = |number: usize| match number % 2 {
        0 => Part::Literal(vec![b'-'; 120]),
        _ => Part::Span {
            offset: number as u64 * 1000,
            len: 500,
        },
    };
    Offer {
        framing: Framing::FastCgi(FastCgi {
            request_id: NonZeroU16::MIN,
            server: ServerKind::Nginx,
            keep: false,
        }),
        parts: (0..MAX_PARTS).map(part).collect(),
        ..one_span()
    }
}
