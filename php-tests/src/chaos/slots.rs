//! How many slots of the job tables are free, found out from outside: by as many offers as are accepted.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, bail};
use send_file_wire::{Answer, FastCgi, Framing, Offer, OfferId, Part, ServerKind, channel};

use super::fastcgi::REQUEST_ID;
use super::limits::{OFFER_TIMEOUT, REFUSALS_IN_A_ROW};
use super::worker::answer;

/// Counts them. Nobody else offers meanwhile.
pub(crate) fn free_slots(socket: &Path) -> anyhow::Result<u32> {
    const TRIES: u32 = 5;
    for _ in 0..TRIES {
        let begun = Instant::now();
        let count = fill(socket)?;
        // Else the first of them may have been given up before the last was made.
        if begun.elapsed() < OFFER_TIMEOUT * 9 / 10 {
            return Ok(count);
        }
    }
    bail!("the table cannot be filled as fast as the manager gives up offers")
}

/// Offers until the tables are full, and withdraws all of it.
fn fill(socket: &Path) -> anyhow::Result<u32> {
    let file = std::fs::File::open("/proc/self/exe").context("a file to offer")?;
    let offer = offer().encode()?;
    let mut held = Vec::new();
    let mut refusals_in_a_row = 0;
    while refusals_in_a_row < REFUSALS_IN_A_ROW {
        let (client, server) = UnixStream::pair()?;
        let peer = channel::connect_to(socket)?;
        channel::send(peer.as_fd(), &offer, &[server.as_fd(), file.as_fd()])?;
        match answer(&peer).context("no answer to an offer")? {
            Answer::Accept(_) => {
                held.push((client, peer));
                refusals_in_a_row = 0;
            }
            Answer::Reject(..) => refusals_in_a_row += 1,
        }
    }
    Ok(held.len() as u32)
}

fn offer() -> Offer {
    let fastcgi = |request_id| {
        Framing::FastCgi(FastCgi {
            request_id,
            server: ServerKind::Nginx,
            keep: false,
        })
    };
    Offer {
        id: OfferId(1),
        framing: std::num::NonZeroU16::new(REQUEST_ID).map_or(Framing::Raw, fastcgi),
        rate: None,
        parts: vec![Part::Span { offset: 0, len: 1 }],
        tag: b"slot".to_vec(),
    }
}
