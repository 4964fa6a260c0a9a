//! Instructions of a transfer among very many, compared with those among few: a measure of work that
//! no other program on the machine disturbs.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use super::load::Load;
use crate::instructions::MISSING;

/// How often more instructions a transfer may take among very many. The heap of deadlines is deeper
/// by a few levels; nothing else should depend on numbers.
pub const MOST_INSTRUCTIONS: f64 = 1.1;

/// Only the instructions of this function are counted, with all that it calls.
const FUNCTION: &str = "*scale*load*drive*";

/// Instructions for each transfer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Few, and very many.
    pub loads: [Load; 2],
    /// Of a transfer, from adding to removing.
    pub instructions: [f64; 2],
}

/// Runs both loads with `scale`, the program of this crate, under callgrind.
///
/// # Errors
/// There is no valgrind, or what it says is not understood.
pub fn run(scale: &Path, loads: [Load; 2]) -> io::Result<Counted> {
    Ok(Counted {
        loads,
        instructions: [
            instructions(scale, &loads[0])?,
            instructions(scale, &loads[1])?,
        ],
    })
}

fn instructions(scale: &Path, load: &Load) -> io::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--toggle-collect={FUNCTION}"))
        .arg(scale)
        .args(["load", "--untimed"])
        .args(load.words())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("{MISSING} ({error})")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected :"))
        .and_then(|(_, number)| number.trim().parse::<f64>().ok());
    match collected {
        Some(number) if output.status.success() && number > 0.0 => {
            Ok(number / load.transfers as f64)
        }
        Some(_) | None => Err(io::Error::other(format!(
            "valgrind has counted nothing: {}\n{said}",
            output.status
        ))),
    }
}

impl Counted {
    /// How often more a transfer takes among very many.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.instructions[1] / self.instructions[0]
    }

    /// What is not as promised.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let ratio = self.ratio();
        let fault = format!("instructions: {ratio:.3} times those of few, not {MOST_INSTRUCTIONS}");
        (ratio > MOST_INSTRUCTIONS)
            .then_some(fault)
            .into_iter()
            .collect()
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [few, many] = self.instructions;
        writeln!(
            f,
            "{:<38} {few:>12.1} {many:>12.1}",
            "instructions of a transfer"
        )?;
        writeln!(f, "ratio {:.3}", self.ratio())
    }
}
