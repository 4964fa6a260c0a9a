//! A short soak. It is alone in its file: it counts the descriptors of the whole process.
//!
//! Whether memory stays flat is judged in the long run only (`cargo xtask soak`): the first seconds
//! are warm-up.

use std::io;

use muxfer_linux::Choice;
use muxfer_tests::proxy::Kind;
use muxfer_tests::soak::{self, Setup};

#[test]
fn ten_thousand_transfers_through_a_bad_network_end_as_they_must() -> io::Result<()> {
    let setup = Setup {
        backend: Choice::Auto,
        requests: 10_000,
        connections: 60,
        faults: 5,
        seed: 20_261_125,
        limit: Some(240),
    };
    let report = soak::run(&setup)?;
    let faults = report.faults();
    assert!(faults.is_empty(), "{}\n\n{report}", faults.join("\n"));
    // It has tried what it is for.
    for kind in Kind::ALL {
        assert!(report.proxy.injected[kind as usize] > 50, "{report}");
    }
    assert!(
        report.retries > 20 && report.unpaused > 50 && report.removed > 20,
        "{report}"
    );
    assert!(report.most_pending > setup.connections, "{report}");
    assert!(
        report.connects < setup.requests / 4,
        "connections are used again:\n{report}"
    );
    Ok(())
}
