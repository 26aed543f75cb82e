//! Two nodes behind HAProxy, one of which is taken out of service while it has downloads.

use anyhow::ensure;
use send_file_php_tests::balancer::{Balancer, Node};
use send_file_php_tests::case::{Case, Tagged};
use send_file_php_tests::client::{Connection, Head};
use send_file_php_tests::files::Sample;
use send_file_php_tests::stack::{Kind, Options, Stack};

use crate::OwnBody;

const CASES: &[(&str, OwnBody)] =
    crate::named![a_node_is_drained_and_stopped_without_cutting_a_download];

/// More than the buffers of HAProxy and of both connections take.
const FILE_BYTES: u64 = 40_000_000;

/// Some on each node.
const DOWNLOADS: usize = 6;

const LATER_REQUESTS: usize = 10;

pub(crate) fn cases(kind: Kind) -> &'static [(&'static str, OwnBody)] {
    match kind {
        Kind::ApacheModPhp | Kind::NginxFpmUnix => CASES,
        _ => &[],
    }
}

/// A request, its connection, the head and the first bytes of the answer.
struct Begun {
    request: Tagged,
    connection: Connection,
    head: Head,
    some: Vec<u8>,
}

fn a_node_is_drained_and_stopped_without_cutting_a_download(kind: Kind) -> anyhow::Result<()> {
    let one = Stack::start(kind, &Options::with_manager())?;
    let two = Stack::start(kind, &Options::with_manager())?;
    let balancer = Balancer::start(one.address, two.address)?;
    let on_two = Case::on(&two);
    let file = Sample::create(&format!("balanced-{}.bin", kind.name()), FILE_BYTES)?;

    let mut begun = Vec::new();
    for _ in 0..DOWNLOADS {
        begun.push(begin(&balancer, on_two.get_file(&file))?);
    }
    let on_one = balancer.state(Node::One)?;
    ensure!(
        (1..DOWNLOADS as u64).contains(&on_one.under_way()),
        "{} of {DOWNLOADS} downloads are on node one",
        on_one.under_way()
    );

    balancer.drain(Node::One)?;

    for _ in 0..LATER_REQUESTS {
        let later = on_two.get_file(&on_two.files.page);
        let answer = Connection::open(balancer.address)?.exchange(&later.request)?;
        let answer = later.answered(answer);
        answer.is_the_file(&on_two.files.page)?;
        // By the manager of node two.
        on_two.was_handed_off(&answer)?;
    }
    let after = balancer.state(Node::One)?;
    ensure!(
        after.requests() == on_one.requests(),
        "a node that is drained was given a request"
    );
    ensure!(
        one.manager().finished_jobs() == 0 && after.under_way() == on_one.under_way(),
        "the downloads were over before the node was drained: nothing is shown"
    );
    finish(begun, &file)?;
    balancer.wait_for(Node::One, "has nothing under way", |state| {
        state.under_way() == 0
    })?;
    ensure!(
        one.manager().finished_jobs() as u64 == on_one.under_way(),
        "node one's manager sent what the node had"
    );

    // Its manager and its web server end.
    drop(one);

    let page = on_two.get("page.php", "");
    let answer = Connection::open(balancer.address)?.exchange(&page.request)?;
    page.answered(answer).has_status(200)?;
    for node in [Node::One, Node::Two] {
        let state = balancer.state(node)?;
        ensure!(state.failures() == 0, "{node:?} failed: {state:?}");
    }
    Ok(())
}

fn begin(balancer: &Balancer, request: Tagged) -> anyhow::Result<Begun> {
    let mut connection = Connection::open_slow(balancer.address)?;
    connection.send(&request.request.bytes())?;
    let head = connection.read_head()?;
    let some = connection.read_some(1000)?;
    Ok(Begun {
        request,
        connection,
        head,
        some,
    })
}

/// All clients read on; every byte must be right.
fn finish(begun: Vec<Begun>, file: &Sample) -> anyhow::Result<()> {
    for Begun {
        request,
        mut connection,
        head,
        some,
    } in begun
    {
        let answer = request.answered(connection.read_rest(head, &some, &mut |_| {})?);
        answer.is_the_file(file)?;
    }
    Ok(())
}
