//! By how much resident memory grows with each transfer in flight.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use muxfer_linux::Choice;

use super::crowd::{self, Report};

/// Crowds that differ in the number of transfers in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Setup {
    /// How many there are of many
    #[arg(long, default_value_t = 10_000)]
    pub transfers: u32,
    /// To how many origins at each address of the server, by turns
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub origins: u32,
    /// Over which backend: epoll, uring, or auto
    #[arg(long, default_value = "auto")]
    pub backend: Choice,
}

/// How many there are of few.
const FEW: u32 = 100;

/// The most bytes for each transfer in flight: engine, platform, and the user's value.
pub const MOST_BYTES_EACH: f64 = 700.0;

/// Resident memory of two processes that differ in the number of transfers in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    /// How many, few and many.
    pub transfers: [u32; 2],
    /// Resident memory with so many in flight.
    pub resident: [usize; 2],
}

/// Runs a crowd of each size in a process of its own, whose engine has the capacity for it.
///
/// # Errors
/// One of them fails.
pub fn run(scale: &Path, setup: &Setup) -> io::Result<Growth> {
    Ok(Growth {
        transfers: [FEW, setup.transfers],
        resident: [
            resident(scale, setup, FEW)?,
            resident(scale, setup, setup.transfers)?,
        ],
    })
}

fn resident(scale: &Path, setup: &Setup, conns: u32) -> io::Result<usize> {
    let setup = crowd::Setup {
        conns,
        origins: setup.origins,
        backend: setup.backend,
        limit: 60,
    };
    let output = Command::new(scale)
        .arg("crowd")
        .args(setup.words())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Report::in_flight_of(&printed)
        .filter(|_| output.status.success())
        .ok_or_else(|| io::Error::other(format!("a crowd of {conns} failed:\n{printed}")))
}

impl Growth {
    /// Bytes for each transfer more.
    #[must_use]
    pub fn each(&self) -> f64 {
        let [few, many] = self.resident;
        let transfers = self.transfers[1].saturating_sub(self.transfers[0]).max(1);
        (many as f64 - few as f64) / f64::from(transfers)
    }

    /// What is not as promised.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let each = self.each();
        let fault = format!("{each:.0} bytes for each transfer, not {MOST_BYTES_EACH}");
        (each > MOST_BYTES_EACH)
            .then_some(fault)
            .into_iter()
            .collect()
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (transfers, resident) in self.transfers.iter().zip(&self.resident) {
            let what = format!("resident, {transfers} in flight");
            writeln!(f, "{what:<38} {resident:>12} bytes")?;
        }
        writeln!(f, "{:<38} {:>12.0} bytes", "for each", self.each())
    }
}
