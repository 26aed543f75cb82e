//! The manager's check of an offer, with real descriptors, and the download that comes of it.

use std::fs::File;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use send_file_manager::filesystem::Mounts;
use send_file_manager::outcome::Outcome;
use send_file_manager::peer::{Admission, OfferError, Peer, PeerOutcome};
use send_file_manager::spare::SpareFrames;
use send_file_manager::sys::table::JobTable;
use send_file_manager::unsent::Unsent;
use send_file_wire::message::HEADER_BYTES;
use send_file_wire::{Announcement, Answer, Framing, Offer, Part, Reason, channel};

use crate::input::Input;
use crate::limits::MAX_FILE_BYTES;
use crate::rig::{self, Client, PATIENCE};
use crate::stream::uninterrupted;

/// Bodies that are carried to their end; longer ones cost the fuzzer more than they tell.
const MAX_CARRIED_BYTES: u64 = 500_000;

const OFFER_TIMEOUT: Duration = Duration::from_secs(60);

/// What a worker sends along.
struct Sent {
    connection: OwnedFd,
    client: Option<Client>,
    is_tcp: bool,
    file: OwnedFd,
    /// `None`: not a file that may be read.
    file_bytes: Option<u64>,
}

/// Only what lies in the file and may be sent is accepted, and of everything else nothing stays behind.
pub fn offer(data: &[u8]) {
    rig::listen();
    let open_before = rig::open_descriptors();
    let mut input = Input::new(data);
    let sent = Sent::from(&mut input);
    let flags = input.byte();
    let count = input.one_of(&[2, 2, 2, 2, 0, 1, 3]);
    let file_bytes = sent.file_bytes;
    let mut packet = input.rest().to_vec();
    if flags & 1 == 0 && packet.len() >= 20 {
        // So that a mutation that makes it longer is not refused for that alone.
        let length = packet.len() as u32;
        packet[16..20].copy_from_slice(&length.to_le_bytes());
    }

    let (worker, manager) = rig::channel();
    let all = [
        sent.connection.as_fd(),
        sent.file.as_fd(),
        sent.file.as_fd(),
    ];
    let (is_sent, is_empty) = (
        channel::send(worker.as_fd(), &packet, &all[..count]),
        packet.is_empty(),
    );
    let Sent {
        client,
        is_tcp,
        connection,
        file,
        ..
    } = sent;
    drop((connection, file));
    if is_sent.is_ok() && !is_empty {
        let offer = Offer::decode(&packet);
        let verdict = hear(manager, &worker, &packet, flags, client);
        if let Some(outcome) = verdict {
            let offer = offer.expect("only an offer is accepted");
            assert!(count == 2 && flags & 6 == 0);
            assert!(is_tcp || offer.framing != Framing::Raw);
            let size = file_bytes.expect("the file may be read");
            let ends = offer.parts.iter().filter_map(|part| match part {
                Part::Span { offset, len } => Some(offset + len),
                Part::Literal(_) => None,
            });
            assert!(ends.max().is_none_or(|end| end <= size));
            assert!(
                matches!(outcome, None | Some(Outcome::Complete)),
                "{outcome:?}"
            );
        }
    } else {
        drop((manager, client));
    }
    drop(worker);
    assert_eq!(
        rig::open_descriptors(),
        open_before,
        "descriptors stay open"
    );
}

/// `None` if the offer is rejected, else what came of the download, if it was carried out.
fn hear(
    manager: OwnedFd,
    worker: &OwnedFd,
    packet: &[u8],
    flags: u8,
    client: Option<Client>,
) -> Option<Option<Outcome>> {
    let now = Instant::now();
    let mut table = JobTable::create(1).expect("a table");
    let index = table.claim().expect("a slot");
    let slot = table.slot(index);
    let is_active = |_| flags & 2 != 0;
    let admission = Admission {
        refusal: (flags & 4 != 0).then_some(OfferError::Busy),
        memory_left_bytes: u64::MAX,
        allow_remote_files: false,
        mounts: &mut Mounts::default(),
        frames: &mut SpareFrames::default(),
        is_active: &is_active,
    };
    let mut peer = Peer::new(manager, 0, now);
    let outcome = peer.receive_offer(index, &slot, admission, OFFER_TIMEOUT, now);
    if let PeerOutcome::Announced = outcome {
        assert!(Announcement::decode(packet).is_ok() && peer.slot().is_none());
        return None;
    }
    let answer = answer_to(worker.as_fd());
    let id = Offer::claimed_id(packet);
    match outcome {
        PeerOutcome::Close(_) => {
            assert!(
                matches!(answer, Answer::Reject(of, _) if of == id),
                "{answer:?}"
            );
            assert!(peer.slot().is_none() && peer.cookie().is_none());
            if flags & 4 != 0 {
                // What is wrong with the descriptors is said first.
                assert!(!matches!(answer, Answer::Reject(_, Reason::Duplicate)));
            }
            return None;
        }
        PeerOutcome::Keep => assert_eq!(answer, Answer::Accept(id)),
        PeerOutcome::Announced | PeerOutcome::Spawn(..) => panic!("there was no commit"),
    }
    assert_eq!(peer.slot(), Some(index));
    let offer = Offer::decode(packet).expect("only an offer is accepted");
    if offer.body_bytes() > MAX_CARRIED_BYTES {
        return Some(None);
    }
    let commit = send_file_wire::Commit(id).encode();
    channel::send(worker.as_fd(), &commit, &[]).expect("it is listened to");
    let PeerOutcome::Spawn(_, mut job) = peer.receive_commit(&slot) else {
        panic!("the commit has come");
    };
    let unsent = Unsent::new(u64::MAX, 1, now);
    job.take_over(&slot, PATIENCE, unsent, now)
        .expect("it is ready");
    let mut client = client?;
    let outcome = rig::carry(*job, &slot, &mut client, now);
    let expected = uninterrupted(&offer);
    assert!(expected.starts_with(&client.received));
    assert!(outcome != Outcome::Complete || client.received == expected);
    Some(Some(outcome))
}

fn answer_to(worker: BorrowedFd) -> Answer {
    let mut packet = [0; HEADER_BYTES + 3];
    let bytes = channel::receive(worker, &mut packet).expect("every offer is answered");
    Answer::decode(&packet[..bytes]).expect("it is an answer")
}

impl Sent {
    fn from(input: &mut Input) -> Sent {
        let kind = input.byte();
        let (connection, client, is_tcp) = match kind % 8 {
            0..=2 => {
                let (connection, client) = Client::on_tcp();
                (connection, Some(client), true)
            }
            3..=4 => {
                let (connection, client) = Client::on_unix();
                (connection, Some(client), false)
            }
            5 => (
                UnixDatagram::unbound().expect("a socket").into(),
                None,
                false,
            ),
            6 => (
                TcpListener::bind("127.0.0.1:0").expect("a listener").into(),
                None,
                false,
            ),
            _ => (rig::file(10), None, false),
        };
        let kind = input.byte();
        let bytes = u64::from(input.u32()) % MAX_FILE_BYTES;
        let (file, file_bytes) = match kind % 8 {
            0..=4 => (rig::file(bytes as usize), Some(bytes)),
            5 => (for_writing_only(bytes), None),
            6 => (File::open("/dev/null").expect("it is there").into(), None),
            _ => (File::open("/").expect("it is there").into(), None),
        };
        Sent {
            connection,
            client,
            is_tcp,
            file,
            file_bytes,
        }
    }
}

fn for_writing_only(bytes: u64) -> OwnedFd {
    use std::os::fd::AsRawFd;
    let file = rig::file(bytes as usize);
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    File::options()
        .write(true)
        .open(path)
        .expect("it is there")
        .into()
}
