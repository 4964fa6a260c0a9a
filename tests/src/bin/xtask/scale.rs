//! Very many transfers: what each costs, in time, in instructions and in memory.

use clap::Args;
use muxfer_tests::scale::crowd;

use crate::shell::{self, Fault};

/// What is asked for. Without an option everything is run.
#[derive(Args)]
pub(crate) struct Options {
    /// Only hold so many real connections at once
    #[arg(long)]
    connections: Option<u32>,
}

/// Runs the parts, in the release profile; each prints its figures.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    if let Some(conns) = options.connections {
        return part("crowd", &[&format!("--connections={conns}")]);
    }
    part("compare", &[])?;
    part("count", &[])?;
    part("crowd", &[&format!("--connections={}", crowd::MOST)])?;
    part("growth", &[])
}

fn part(name: &str, arguments: &[&str]) -> Result<(), Fault> {
    let mut scale = shell::cargo(["run", "--release", "--locked", "--quiet"]);
    scale.args(["-p", "muxfer-tests", "--bin", "scale", "--", name]);
    scale.args(arguments);
    println!("== {name}");
    shell::run(scale)
}
