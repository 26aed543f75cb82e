//! Two hundred slow clients on every peer: how many are served at all, does the site still answer, and what they hold.

use std::time::Duration;

use anyhow::Context;
use send_file_php_tests::files::Sample;

use crate::client::Client;
use crate::crowd::Crowd;
use crate::limits::PAGE_PATIENCE;
use crate::peer::HELLO_BYTES;
use crate::plan::Plan;
use crate::results::Section;
use crate::server::{Options, Server};
use crate::sockets;

pub(crate) const NAME: &str = "crowded";
pub(crate) const SERVED: &str = "served";
pub(crate) const PAGE: &str = "page answers";
const BEHIND: &str = "of these behind";
const TCP_MEMORY: &str = "server TCP KB/download";

const CLIENTS: usize = 200;
const SMOKE_CLIENTS: usize = 20;

/// More than kernels hold for one client, so that it stays one.
const FILE_BYTES: u64 = 20_000_000;

/// In this time those are served that ever will be while the others stay.
const TIME: Duration = Duration::from_secs(3);
const SMOKE_TIME: Duration = Duration::from_millis(300);

pub(crate) fn run(plan: &Plan) -> anyhow::Result<Section> {
    let mut section = plan.section(NAME);
    let file = Sample::create("crowded.bin", FILE_BYTES)?;
    Sample::create_with("page.txt", |out| {
        std::io::Write::write_all(out, b"hello, world")
    })?;
    let clients = plan.scaled(CLIENTS, SMOKE_CLIENTS);
    let work = format!("{clients} slow clients");
    for peer in &plan.peers {
        let server = Server::start(*peer, &Options::default())?;
        let mut crowd = Crowd::new(server.address, &peer.target(&file.name));
        for _ in 0..clients {
            crowd.open()?;
        }
        // Fewer are what is to be found out.
        let _ = crowd.wait_for(clients, plan.scaled(TIME, SMOKE_TIME));
        std::thread::sleep(plan.scaled(TIME, SMOKE_TIME));
        let served = crowd.served();
        let page = Client::new(server.address, peer.page(), HELLO_BYTES)
            .patient_for(PAGE_PATIENCE)
            .exchange();
        let tcp = sockets::of_server(server.address)?;
        section.add(&work, peer.name, SERVED, served as f64);
        section.add(&work, peer.name, PAGE, f64::from(page.is_ok()));
        let each = tcp.bytes as f64 / 1024.0 / served.max(1) as f64;
        section.add(&work, peer.name, TCP_MEMORY, each);
        let behind = crowd.end().with_context(|| peer.name)?;
        section.add(&work, peer.name, BEHIND, behind as f64);
    }
    Ok(section)
}
