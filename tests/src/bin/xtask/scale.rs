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
    /// Only over this backend: epoll or uring; without it over epoll and over the default
    #[arg(long)]
    backend: Option<String>,
}

/// Runs the parts, in the release profile; each prints its figures.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    let backends = options
        .backend
        .as_ref()
        .map_or_else(|| vec!["epoll", "auto"], |backend| vec![backend.as_str()]);
    let crowds = |conns: u32| {
        backends.iter().try_for_each(|backend| {
            let conns = format!("--connections={conns}");
            part("crowd", &[&conns, "--backend", backend])
        })
    };
    if let Some(conns) = options.connections {
        return crowds(conns);
    }
    part("compare", &[])?;
    part("count", &[])?;
    crowds(crowd::MOST)?;
    backends
        .iter()
        .try_for_each(|backend| part("growth", &["--backend", backend]))
}

fn part(name: &str, arguments: &[&str]) -> Result<(), Fault> {
    let mut scale = shell::cargo(["run", "--release", "--locked", "--quiet"]);
    scale.args(["-p", "muxfer-tests", "--bin", "scale", "--", name]);
    scale.args(arguments);
    println!("== {name} {}", arguments.join(" "));
    shell::run(scale)
}
