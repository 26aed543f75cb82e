//! Files on a real FUSE file system, whose server can be stopped.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use send_file_manager::sys::mount::{magic_of_mount, number};
use send_file_wire::{Answer, Framing, OfferId, Reason};

use crate::fuse::{Fuse, MEGABYTE};
use crate::rig::{Manager, Worker, connection, file_with, pattern, read_to_end, span};

#[test]
fn a_file_behind_fuse_is_left_to_the_worker_unless_it_is_allowed() {
    let cautious = Manager::start(&[]);
    let trusting = Manager::start(&["--allow-remote-files"]);
    let Some(fuse) = Fuse::mount("allowed") else {
        return;
    };
    let (mut client, server) = connection();
    let (file, parts) = (fuse.open(), [span(0, MEGABYTE)]);
    let worker = Worker::connect(&cautious);
    worker.offer(&server, &file, Framing::Raw, &parts);
    assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::File));
    trusting.hand_over(&server, &file, Framing::Raw, &parts);
    drop((server, file));
    assert!(read_to_end(&mut client).unwrap() == pattern(0, MEGABYTE));
    drop(client);
    trusting.wait_until_idle();
    cautious.wait_until_idle();
}

/// A second is the default of FUSE.
const ATTRIBUTES_ARE_KNOWN_FOR: Duration = Duration::from_millis(1600);

#[test]
fn a_file_system_that_hangs_holds_nobody_up() {
    const BODY_BYTES: u64 = 32 * MEGABYTE;
    let manager = Manager::start(&[]);
    let Some(fuse) = Fuse::mount("hangs") else {
        return;
    };
    let (mut client, server) = connection();
    let whole = file_with(&pattern(0, BODY_BYTES));
    manager.hand_over(&server, &whole, Framing::Raw, &[span(0, BODY_BYTES)]);
    drop(server);
    client.read_exact(&mut [0; 1000]).unwrap();

    let file = fuse.open();
    // Older kernels have to ask the file system what it is; it must be alive then.
    let mount = number(file.as_fd()).unwrap();
    let is_asked = mount.and_then(|mount| magic_of_mount(mount).ok()).is_none();
    if !is_asked {
        fuse.hang();
        // The kernel knows what fstat(2) would ask for until then.
        std::thread::sleep(ATTRIBUTES_ARE_KNOWN_FOR);
    }
    let (_client, server) = connection();
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Reject(OfferId(1), Reason::File));
    fuse.hang();
    let rest = read_to_end(&mut client).unwrap();
    assert!(rest == pattern(1000, BODY_BYTES - 1000));
}
