//! Workers die at every place that matters, by name, one after the other.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use send_file_wire::{Answer, Framing, OfferId};

use crate::downloads::{Download, Kind, MEGABYTE};
use crate::rig::{
    Manager, Worker, connection, file_with, pattern, read_records, read_to_end, span,
};

const DIED: &str = "a worker died; its successor goes on";

/// One whose first worker will die at this place.
fn doomed(place: &str, arguments: &[&str]) -> Manager {
    let manager = Manager::start_to_die_at(place, arguments);
    // Without the connection that a test probes with: the worker would die of that.
    manager.wait_for_log("listening");
    manager
}

/// The worker did die there, and nothing stayed behind.
fn has_died_once(manager: &Manager, place: &str) {
    manager.wait_for_log(DIED);
    manager.wait_until_idle();
    let deaths = manager.log_lines(DIED).len();
    assert_eq!(deaths, 1, "at {place}");
    for complaint in ["broke a download off", "gave up a slot"] {
        assert!(!manager.log().contains(complaint), "at {place}");
    }
}

/// A download by a worker that waits as long as it takes, through a death at this place.
fn survives(place: &str, kind: Kind) {
    let Some(mut download) = Download::new(kind) else {
        return;
    };
    let manager = doomed(place, &[]);
    download.hand_over(&manager);
    let received = read_to_end(&mut download.client).expect(place);
    download.check(&received);
    drop(download);
    has_died_once(&manager, place);
    let ended = manager.log_lines("download ended");
    // Died between saying so and noting it, it says so twice.
    let expected = if place == "end.logged" { 2 } else { 1 };
    assert_eq!(ended.len(), expected, "at {place}: {ended:?}");
    assert!(ended.iter().all(|line| line["outcome"] == "complete"));
}

#[test]
fn an_offer_is_accepted_and_its_commit_honoured_wherever_a_worker_dies_in_between() {
    for place in [
        "offer.awaited",
        "offer.received",
        "offer.noted",
        "offer.prepared",
        "offer.offered",
        "offer.answered",
        "commit.received",
        "commit.peer_rests",
        "commit.based",
        "commit.active",
        "commit.registered",
    ] {
        for kind in [
            Kind::Span,
            Kind::UnsortedOverlappingRanges,
            Kind::NginxOverUnix,
        ] {
            survives(place, kind);
        }
    }
}

#[test]
fn a_worker_that_has_announced_an_offer_makes_it_to_the_successor() {
    for place in ["offer.awaited", "offer.received", "offer.noted"] {
        let mut download = Download::new(Kind::Span).unwrap();
        let manager = doomed(place, &[]);
        let worker = Worker::connect(&manager);
        worker.announce().unwrap();
        manager.wait_for_log(DIED);
        download.hand_over_by(&worker);
        let received = read_to_end(&mut download.client).expect(place);
        download.check(&received);
        drop((download, worker));
        has_died_once(&manager, place);
    }
}

#[test]
fn a_body_goes_on_at_the_exact_byte_wherever_a_worker_dies_in_a_step() {
    for place in ["step.intent_stored", "step.sought", "step.sent"] {
        for kind in Kind::ALL {
            survives(place, kind);
        }
    }
    for place in ["staging.made", "staging.stored"] {
        survives(place, Kind::WithoutSendfile);
        survives(place, Kind::RelayedWithoutSendfile);
    }
}

#[test]
fn a_download_that_is_all_sent_ends_in_order_wherever_a_worker_dies() {
    for place in [
        "end.shut_down",
        "end.lingering",
        "end.closing",
        "end.logged",
    ] {
        survives(place, Kind::Span);
        survives(place, Kind::NginxOverUnix);
    }
}

#[test]
fn a_client_that_has_stalled_gets_no_second_chance_from_a_successor() {
    let place = "end.logged";
    let manager = doomed(place, &["--stall-timeout", "1"]);
    let download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    has_died_once(&manager, place);
    let ended = manager.log_lines("download ended");
    assert!(ended.len() == 2 && ended.iter().all(|line| line["outcome"] == "stalled"));
    // Counted from when the successor found it.
    assert!(ended[1]["duration_ms"].as_u64().unwrap() < 500);
}

#[test]
fn a_download_whose_slot_is_free_already_is_forgotten() {
    let place = "end.released";
    let manager = doomed(place, &[]);
    let mut download = Download::new(Kind::Span).unwrap();
    download.hand_over(&manager);
    let received = read_to_end(&mut download.client).unwrap_or_default();
    download.check(&received);
    drop(download);
    has_died_once(&manager, place);
    assert_eq!(manager.log_lines("download ended").len(), 1);
}

/// The worker dies, and while its successor takes over, that dies, too.
#[test]
fn a_successor_may_die_while_it_takes_over() {
    for place in [
        "recovery.found@2",
        "recovery.swept@2",
        "recovery.offer_taken_up@2",
        "recovery.revived@2",
    ] {
        let manager = doomed(place, &[]);
        let mut download = Download::new(Kind::UnsortedOverlappingRanges).unwrap();
        download.hand_over(&manager);
        let (mut client, server) = connection();
        let file = file_with(&pattern(0, MEGABYTE));
        let worker = Worker::connect(&manager);
        worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        kill(manager.worker(), Signal::SIGKILL).unwrap();
        let received = read_to_end(&mut download.client).expect(place);
        download.check(&received);
        worker.commit(OfferId(1)).expect(place);
        drop((download, server, worker));
        assert!(read_to_end(&mut client).expect(place) == pattern(0, MEGABYTE));
        drop(client);
        manager.wait_until_idle();
        // The second had no time to say anything if it died before it took anything up.
        let deaths = manager.log_lines(DIED);
        assert_eq!(deaths.last().unwrap()["worker"], 3, "at {place}");
    }
}

#[test]
fn an_offer_given_up_stays_given_up_and_its_late_commit_fails_in_the_worker() {
    for place in ["offer.given_up", "offer.released"] {
        let manager = doomed(place, &["--offer-timeout", "0.2"]);
        let (mut client, mut server) = connection();
        let file = file_with(&pattern(0, MEGABYTE));
        let worker = Worker::connect(&manager);
        worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
        assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
        manager.wait_for_log(DIED);
        worker.wait_for_end();
        let error = worker.commit(OfferId(1)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "at {place}");
        server.write_all(b"streamed by the worker").unwrap();
        drop((server, worker));
        assert_eq!(read_to_end(&mut client).unwrap(), b"streamed by the worker");
        has_died_once(&manager, place);
    }
}

#[test]
fn a_commit_that_was_queued_when_its_offer_was_given_up_is_honoured_by_the_successor() {
    let place = "offer.given_up";
    let manager = doomed(place, &[]);
    let (mut client, server) = connection();
    let file = file_with(&pattern(0, MEGABYTE));
    let worker = Worker::connect(&manager);
    worker.offer(&server, &file, Framing::Raw, &[span(0, MEGABYTE)]);
    assert_eq!(worker.answer(), Answer::Accept(OfferId(1)));
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log("retiring: no new downloads");
    // When it goes on it hears the guardian first, gives the offer up, and dies before it reads what is queued.
    let stopped = manager.stop_worker();
    worker.commit(OfferId(1)).unwrap();
    drop((server, worker));
    manager.signal(Signal::SIGTERM);
    manager.wait_for_doorbell();
    kill(stopped, Signal::SIGCONT).unwrap();
    manager.wait_for_log(DIED);
    // Taken, and cut with everything else: whoever forgot it would have closed without a reset and said nothing.
    let error = read_to_end(&mut client).expect_err("it is cut");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "cut by shutdown"
    );
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_response_that_was_being_cut_is_ended_in_order() {
    let place = "cut.stored";
    let manager = doomed(place, &["--drain-timeout", "0.1"]);
    let mut download = Download::new(Kind::NginxOverUnix).unwrap();
    download.hand_over(&manager);
    manager.signal(Signal::SIGTERM);
    manager.wait_for_log(DIED);
    drop(std::mem::replace(
        &mut download.server,
        file_with(b"").into(),
    ));
    let received = read_to_end(&mut download.client).unwrap();
    let (body, ended) = read_records(&received);
    assert!(ended && body.len() < download.body.len());
    assert!(body == download.body[..body.len()]);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "cut by shutdown"
    );
    drop(download);
    assert!(manager.wait_for_exit().success());
}

#[test]
fn a_record_of_a_shrunk_file_that_was_being_filled_up_is_filled_up_to_its_end() {
    let place = "cut.sent";
    let manager = doomed(place, &[]);
    let Download {
        mut client,
        server,
        file,
        framing,
        parts,
        body,
        ..
    } = Download::new(Kind::NginxOverUnix).unwrap();
    manager.hand_over(&server, &file, framing, &parts);
    drop(server);
    file.set_len(20 * MEGABYTE + 77).unwrap();
    let (received, ended) = read_records(&read_to_end(&mut client).unwrap());
    assert!(ended && received.len() < body.len());
    assert!(received[..20 << 20] == body[..20 << 20]);
    drop(client);
    has_died_once(&manager, place);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "file truncated"
    );
}

#[test]
fn a_file_that_shrinks_under_a_dead_worker_never_makes_a_response_that_looks_complete() {
    let manager = Manager::start(&[]);
    let (mut web_server, worker_end) = UnixStream::pair().unwrap();
    let mut download = Download::new(Kind::NginxOverUnix).unwrap();
    download.client = Box::new(web_server.try_clone().unwrap());
    download.server = worker_end.into();
    download.hand_over(&manager);
    web_server.read_exact(&mut [0; 1000]).unwrap();
    let worker = manager.stop_worker();
    download.file.set_len(10 * MEGABYTE).unwrap();
    kill(worker, Signal::SIGKILL).unwrap();
    let mut rest = read_to_end(&mut web_server).unwrap();
    // In front of it: what was read first.
    let mut received = fastcgi_header_and(&download.body[..992]);
    received.append(&mut rest);
    let (body, ended) = read_records(&received);
    assert!(ended && (body.len() as u64) < 11 * MEGABYTE);
    assert_eq!(
        manager.wait_for_log("download ended")["outcome"],
        "file truncated"
    );
}

fn fastcgi_header_and(content: &[u8]) -> Vec<u8> {
    let [high, low] = (send_file_manager::sink::RECORD_BYTES as u16).to_be_bytes();
    [&[1, 6, 0, 1, high, low, 0, 0], content].concat()
}

/// Somebody who moves the position of the file that he gave away: the witnesses contradict each other.
#[test]
fn a_download_whose_place_is_not_known_for_certain_is_reset_and_never_gone_on_with() {
    const BODY_BYTES: u64 = 24 * MEGABYTE;
    let broken_off = |seek: SeekFrom| {
        let manager = Manager::start(&[]);
        let (mut client, server) = connection();
        let mut file = file_with(&pattern(0, BODY_BYTES));
        manager.hand_over(&server, &file, Framing::Raw, &[span(0, BODY_BYTES)]);
        drop(server);
        client.read_exact(&mut [0; 1000]).unwrap();
        let worker = manager.stop_worker();
        file.seek(seek).unwrap();
        kill(worker, Signal::SIGKILL).unwrap();
        let error = read_to_end(&mut client).expect_err("it looks complete");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(manager.log().contains("broke a download off"));
        drop(client);
        manager.wait_until_idle();
        // It ends at once, with nothing left that it counts.
        manager.signal(Signal::SIGTERM);
        assert!(manager.wait_for_exit().success());
        assert_eq!(manager.log_lines(DIED).len(), 1);
    };
    // Out of the span; inside it, where only TCP knows better; by one byte.
    broken_off(SeekFrom::Start(BODY_BYTES + 1));
    broken_off(SeekFrom::Start(MEGABYTE));
    broken_off(SeekFrom::Current(-1));
}
