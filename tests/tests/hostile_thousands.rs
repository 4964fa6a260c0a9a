//! Thousands of hostile peers at once, on real sockets, over epoll.
//!
//! The only test of its program: it counts the descriptors and the memory of the process.

use std::io;
use std::time::Duration;

use muxfer_tests::hostile::runner::{self, Plan};

/// The most memory for both ends of 2,400 connections.
const MOST_MEMORY: usize = 128 * 1024 * 1024;

#[test]
fn thousands_of_hostile_peers_at_once_disturb_nobody() -> io::Result<()> {
    let plan = Plan {
        seed: 1,
        transfers: 4800,
        connections: 2400,
        patience: Duration::from_secs(3),
        bound: Duration::from_secs(60),
    };
    let report = runner::mix_over_epoll(&plan)?;
    println!("{report}");
    assert!(report.most_connections >= 2000, "{report}");
    assert!(report.grown_bytes <= MOST_MEMORY, "{report}");
    Ok(())
}
