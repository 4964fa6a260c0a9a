//! What the tests need besides cargo: rustfmt, clippy, and an nginx to fetch from.

use std::process::Command;

use crate::shell::{self, Fault};

/// Looks for each need; installs what is missing where it can, or says in one line what to run.
pub(crate) fn run() -> Result<(), Fault> {
    component("rustfmt", "fmt")?;
    component("clippy", "clippy")?;
    nginx()
}

/// A component of the toolchain, known by its cargo subcommand.
fn component(name: &str, subcommand: &str) -> Result<(), Fault> {
    let there = || shell::succeeds(shell::cargo([subcommand, "--version"]));
    if there() {
        return Ok(());
    }
    let install = shell::command("rustup", ["component", "add", name]);
    if shell::succeeds(install) && there() {
        return Ok(());
    }
    Err(Fault(format!(
        "{name} is missing; run: rustup component add {name}"
    )))
}

/// The web server that the end-to-end tests fetch from.
fn nginx() -> Result<(), Fault> {
    if muxfer_tests::nginx::program().is_some() {
        return Ok(());
    }
    for prefix in [&[][..], &["sudo", "-n"]] {
        // The lists may be old or absent: without them the install finds nothing. A mirror that is
        // down must not hide a package that is in the cache, so the result of `update` is not asked.
        if shell::succeeds(apt_get(prefix, &["update"])) {
            println!("installing nginx-light");
        }
        let install = apt_get(
            prefix,
            &["install", "-y", "--no-install-recommends", "nginx-light"],
        );
        if shell::succeeds(install) && muxfer_tests::nginx::program().is_some() {
            return Ok(());
        }
    }
    Err(Fault(muxfer_tests::nginx::MISSING.to_owned()))
}

/// `apt-get` that never asks, behind `prefix`.
fn apt_get(prefix: &[&str], arguments: &[&str]) -> Command {
    let words = [
        prefix,
        &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"],
        arguments,
    ]
    .concat();
    shell::command(words[0], &words[1..])
}
