//! Very many transfers at once: less of them than `cargo xtask scale` runs.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muxfer_linux::Choice;
use muxfer_tests::scale::load::Load;
use muxfer_tests::scale::{compare, growth};

/// Its memory must be its own, so it runs in a process of its own.
fn scale() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_scale"))
}

#[test]
fn a_transfer_costs_the_same_among_a_hundred_thousand() -> io::Result<()> {
    let loads = [Load::LARGE.divided(100), Load::LARGE.divided(10)];
    let comparison = compare::run(loads, 1)?;
    println!("{comparison}");
    assert_eq!(comparison.faults(), [""; 0]);
    Ok(())
}

#[test]
fn two_thousand_connections_live_at_once() -> io::Result<()> {
    for backend in ["epoll", "auto"] {
        let mut crowd = Command::new(scale());
        crowd.args(["crowd", "--connections=2000", "--backend", backend]);
        let output = crowd.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{backend}: {said}");
    }
    Ok(())
}

#[test]
fn memory_grows_by_less_than_700_bytes_for_each_transfer() -> io::Result<()> {
    let setup = growth::Setup {
        transfers: 2000,
        origins: 1,
        backend: Choice::Epoll,
    };
    let growth = growth::run(scale(), &setup)?;
    println!("{growth}");
    assert_eq!(growth.faults(), [""; 0]);
    Ok(())
}

#[test]
fn the_server_ends_with_its_client() -> io::Result<()> {
    let mut server = Command::new(scale())
        .args(["serve", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    // All that is left of a client that is killed: the end of what it could have written.
    drop(server.stdin.take());
    let start = Instant::now();
    while server.try_wait()?.is_none() {
        if start.elapsed() > Duration::from_secs(10) {
            server.kill()?;
            panic!("it runs on");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(server.wait()?.success());
    Ok(())
}
