//! Cold files arrive whole, whatever becomes of the workers that send them, and no more of them is read than is wanted.

use std::io::Read;
use std::num::NonZeroU16;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use send_file_manager::sys::cache::Presence;
use send_file_wire::{FastCgi, Framing, ServerKind};

use crate::disk::DiskFile;
use crate::fuse::MEGABYTE;
use crate::rig::{
    Manager, connection, connection_with_small_window, pattern, read_records, read_to_end, span,
    until,
};

const FILE_BYTES: u64 = 24 * MEGABYTE;

#[test]
fn a_cold_file_arrives_whole() {
    let content = pattern(0, FILE_BYTES);
    let Some(file) = DiskFile::with(&content) else {
        return;
    };
    let manager = Manager::start(&[]);
    file.cool();
    assert_eq!(file.presence(FILE_BYTES / 2), Presence::Missing);
    file.cool();
    let (mut client, server) = connection();
    manager.hand_over(&server, &file.open(), Framing::Raw, &[span(0, FILE_BYTES)]);
    drop(server);
    assert!(read_to_end(&mut client).unwrap() == content);
    drop(client);
    manager.wait_until_idle();
}

#[test]
fn ranges_of_a_cold_file_arrive_through_a_web_server() {
    let content = pattern(0, FILE_BYTES);
    let Some(file) = DiskFile::with(&content) else {
        return;
    };
    let manager = Manager::start(&[]);
    file.cool();
    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    let patience = Some(Duration::from_secs(20));
    web_server.set_read_timeout(patience).unwrap();
    let framing = Framing::FastCgi(FastCgi {
        request_id: NonZeroU16::new(1).unwrap(),
        server: ServerKind::Nginx,
        keep: false,
    });
    let ranges = [
        (20 * MEGABYTE, 3 * MEGABYTE),
        (5, 7 * MEGABYTE),
        (FILE_BYTES - 1, 1),
    ];
    let parts = ranges.map(|(offset, len)| span(offset, len));
    manager.hand_over(&worker_end.as_fd(), &file.open(), framing, &parts);
    drop(worker_end);
    let (body, ended) = read_records(&read_to_end(&mut web_server).unwrap());
    assert!(ended);
    let expected = ranges.map(|(offset, len)| &content[offset as usize..][..len as usize]);
    assert!(body == expected.concat());
    drop(web_server);
    manager.wait_until_idle();
}

#[test]
fn what_a_client_does_not_take_stays_on_the_disk() {
    /// More than a disk's own readahead and all that lies in sockets.
    const LARGE_FILE_BYTES: u64 = 48 * MEGABYTE;
    let Some(file) = DiskFile::with(&pattern(0, LARGE_FILE_BYTES)) else {
        return;
    };
    let manager = Manager::start(&[]);
    file.cool();
    let (mut client, server) = connection_with_small_window();
    let parts = [span(0, LARGE_FILE_BYTES)];
    manager.hand_over(&server, &file.open(), Framing::Raw, &parts);
    client.read_exact(&mut vec![0; 500_000]).unwrap();
    assert_eq!(file.presence(LARGE_FILE_BYTES / 2), Presence::Missing);
}

/// All of it is cold when it begins, and the kernel is told to forget it again and again.
#[test]
fn cold_downloads_survive_workers_that_are_killed() {
    const DOWNLOADS: usize = 12;
    const KILLS: usize = 40;
    let content = pattern(0, FILE_BYTES);
    let Some(file) = DiskFile::with(&content) else {
        return;
    };
    let manager = Manager::start(&[]);
    file.cool();
    std::thread::scope(|scope| {
        for _ in 0..DOWNLOADS {
            let (mut client, server) = connection();
            manager.hand_over(&server, &file.open(), Framing::Raw, &[span(0, FILE_BYTES)]);
            let content = &content;
            scope.spawn(move || {
                assert!(read_slowly(&mut client, content.len()) == *content);
            });
        }
        let mut last = None;
        for round in 0..KILLS {
            let worker = until("a successor", || {
                manager.worker_now().filter(|pid| Some(*pid) != last)
            });
            file.cool();
            // The moment, not a wait: each gets a little further.
            std::thread::sleep(Duration::from_micros(200 * round as u64));
            kill(worker, Signal::SIGKILL).unwrap();
            last = Some(worker);
        }
    });
    manager.wait_until_idle();
    let ended = manager.log_lines("download ended");
    assert!(ended.len() >= DOWNLOADS);
    assert!(ended.iter().all(|line| line["outcome"] == "complete"));
    assert!(!manager.log().contains("broke a download off"));
}

/// Reads all of it in pieces, so that it takes as long as the kills.
fn read_slowly(client: &mut impl Read, bytes: usize) -> Vec<u8> {
    let mut received = Vec::with_capacity(bytes);
    let mut piece = vec![0; 128 * 1024];
    loop {
        match client.read(&mut piece).unwrap() {
            0 => return received,
            taken => received.extend(&piece[..taken]),
        }
        std::thread::sleep(Duration::from_micros(500));
    }
}
