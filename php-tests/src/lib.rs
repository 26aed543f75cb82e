//! The harness of the end-to-end tests, and of the demo: real web servers, the extension, the manager, a client that
//! sees every byte.
//!
//! ```text
//! tests/e2e.rs -> case -> stack (one file per web server) -> process -> run (the temporary folder and its watchdog)
//!                   |       \-> manager                        \-> products (what is under test)
//!                   \-> client, files; folder (other programs that download), browser
//! ```
//!
//! [`run`] owns everything outside this process: a watchdog kills what is left when the run ends, however it ends.
//! Nothing outside the run's temporary folder is written, and no port but free ones on 127.0.0.1 is used.
#![forbid(unsafe_code)]

pub mod balancer;
pub mod browser;
pub mod case;
pub mod chaos;
pub mod client;
pub mod files;
pub mod folder;
pub mod limits;
pub mod manager;
pub mod process;
pub mod products;
pub mod run;
pub mod scale;
pub mod stack;
