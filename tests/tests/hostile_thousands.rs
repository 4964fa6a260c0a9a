//! Thousands of hostile peers at once, on real sockets, over each backend.
//!
//! The only test of its program: it counts the descriptors and the memory of the process.

use std::io;
use std::time::Duration;

use muxfer_linux::Choice;
use muxfer_tests::hostile::runner::{self, Plan};

/// The most memory for both ends of 2,400 connections.
const MOST_MEMORY: usize = 128 * 1024 * 1024;

#[test]
fn thousands_of_hostile_peers_at_once_disturb_nobody() -> io::Result<()> {
    for backend in [Choice::Epoll, Choice::Uring] {
        let plan = Plan {
            seed: 1,
            transfers: 4800,
            connections: 2400,
            patience: Duration::from_secs(3),
            bound: Duration::from_secs(60),
            backend,
        };
        let report = runner::mix(&plan)?;
        println!("{backend:?}: {report}");
        assert!(report.most_connections >= 2000, "{backend:?}: {report}");
        assert!(report.grown_bytes <= MOST_MEMORY, "{backend:?}: {report}");
    }
    Ok(())
}
