//! What a successor makes of a job table that is not what its worker left.
//!
//! A worker serves some downloads, each until some moment, and dies. Then accidents happen to the table and to what it
//! names. The successor is told nothing; the clients of the downloads say afterwards what it made of it.

mod accidents;
mod scene;
mod successor;

use std::time::Instant;

use send_file_manager::recovery::Found;
use send_file_manager::sys::descriptors::Unclaimed;

use crate::input::Input;
use crate::rig;
use accidents::happen;
use scene::Scene;
use successor::Successor;

/// No client gets a wrong byte or an orderly end that comes too early, nobody writes to a connection that was not given
/// away, and nothing stays open. Without accidents, every client gets everything.
pub fn slots(data: &[u8]) {
    rig::listen();
    let open_before = rig::open_descriptors();
    let mut input = Input::new(data);
    let mut scene = Scene::from(&mut input);
    let accidents = happen(&mut input, &scene);
    let left = std::mem::take(&mut scene.left);
    let mut unclaimed = Unclaimed::left_by(left);
    let found = Found::look(&mut scene.table, &mut unclaimed);
    unclaimed.close_the_rest().expect("they are open");
    let mut successor = Successor {
        table: &mut scene.table,
        downloads: &mut scene.downloads,
        now: Instant::now(),
    };
    successor.assert_owns_once(&found);
    successor.go_on(found);
    for (at, download) in scene.downloads.iter_mut().enumerate() {
        download.assert_was_served_right(&accidents, at);
    }
    drop(scene);
    assert_eq!(
        rig::open_descriptors(),
        open_before,
        "descriptors stay open"
    );
}
