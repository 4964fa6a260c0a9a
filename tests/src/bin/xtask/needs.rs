//! What the tests need besides cargo: rustfmt, clippy, an nginx to fetch from, Python's h11 to
//! compare with, strace, which makes system calls fail, and valgrind, which counts instructions.

use std::path::Path;
use std::process::Command;

use muxfer_linux::{Uring, UringOptions};
use muxfer_tests::differential::h11;
use muxfer_tests::embedded::toolchain::{self, Toolchain};
use muxfer_tests::instructions;
use muxfer_tests::nginx;
use muxfer_tests::torture::injected;

use crate::shell::{self, Fault};

/// Looks for each need; installs what is missing where it can, or says in one line what to run.
pub(crate) fn run() -> Result<(), Fault> {
    io_uring()?;
    component("rustfmt", "fmt")?;
    component("clippy", "clippy")?;
    package("nginx-light", nginx::MISSING, || nginx::program().is_some())?;
    package("python3-h11", h11::MISSING, h11::is_there)?;
    package("strace", injected::MISSING, || injected::strace().is_some())?;
    package("valgrind", instructions::MISSING, || {
        instructions::valgrind().is_some()
    })
}

/// The same for what firmware needs: emulators, a network of its own, and a Rust for bare machines.
pub(crate) fn embedded() -> Result<(), Fault> {
    let is_there = |program: &str| shell::command(program, ["--version"]).output().is_ok();
    for (package_name, program) in [
        ("qemu-system-arm", "qemu-system-arm"),
        ("qemu-system-misc", "qemu-system-riscv32"),
        ("iproute2", "ip"),
        ("util-linux", "unshare"),
    ] {
        let missing =
            format!("{program} is missing; run: apt-get install {package_name} (as root)");
        package(package_name, &missing, || is_there(program))?;
    }
    if Toolchain::find().is_some() {
        return Ok(());
    }
    println!(
        "no targets for bare machines are installed: Debian's Rust will build core from its source"
    );
    for (package_name, file) in [
        ("rustc-web", "/usr/bin/rustc"),
        ("cargo-web", "/usr/bin/cargo"),
        (
            "rust-web-src",
            "/usr/lib/rustlib/src/rust/library/core/Cargo.toml",
        ),
        ("lld", "/usr/bin/ld.lld"),
    ] {
        package(package_name, toolchain::MISSING, || {
            Path::new(file).is_file()
        })?;
    }
    if Toolchain::find().is_some() {
        Ok(())
    } else {
        Err(Fault(toolchain::MISSING.to_owned()))
    }
}

/// The same for what only the benchmark needs.
pub(crate) fn bench() -> Result<(), Fault> {
    let succeeds = |program, question| shell::succeeds(shell::command(program, [question]));
    package("nginx-light", nginx::MISSING, || nginx::program().is_some())?;
    providers()?;
    package(
        "libcurl4-openssl-dev",
        "libcurl is missing; run: apt-get install libcurl4-openssl-dev (as root)",
        || succeeds("curl-config", "--version"),
    )?;
    package(
        "valgrind",
        "valgrind is missing; run: apt-get install valgrind (as root)",
        || succeeds("valgrind", "--version"),
    )?;
    // It ends with a failure where it only says its version.
    package(
        "wrk",
        "wrk is missing; run: apt-get install wrk (as root)",
        || shell::command("wrk", ["-v"]).output().is_ok(),
    )
}

/// The same for comparing the providers of cryptography.
pub(crate) fn providers() -> Result<(), Fault> {
    package("strace", injected::MISSING, || injected::strace().is_some())?;
    package(
        "gcc",
        "a C compiler is missing; run: apt-get install gcc libc6-dev (as root)",
        || shell::succeeds(shell::command("cc", ["--version"])),
    )
}

/// The same for a client on OpenSSL.
pub(crate) fn openssl() -> Result<(), Fault> {
    let header = ["-E", "-include", "openssl/ssl.h", "-x", "c", "/dev/null"];
    package(
        "libssl-dev",
        "OpenSSL's headers are missing; run: apt-get install libssl-dev (as root)",
        || shell::succeeds(shell::command("cc", header)),
    )
}

/// The kernel's part. A container may forbid it.
fn io_uring() -> Result<(), Fault> {
    match Uring::new(&UringOptions::default()) {
        Ok(_) => Ok(()),
        Err(why) => Err(Fault(format!(
            "{why}; the tests need Linux 6.1 or later, where io_uring is allowed"
        ))),
    }
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

/// A package of Debian; `missing` says what to run where it can't be installed from here.
fn package(name: &str, missing: &str, there: impl Fn() -> bool) -> Result<(), Fault> {
    if there() {
        return Ok(());
    }
    for prefix in [&[][..], &["sudo", "-n"]] {
        // The lists may be old or absent: without them the install finds nothing. A mirror that is
        // down must not hide a package that is in the cache, so the result of `update` is not asked.
        if shell::succeeds(apt_get(prefix, &["update"])) {
            println!("installing {name}");
        }
        let install = apt_get(prefix, &["install", "-y", "--no-install-recommends", name]);
        if shell::succeeds(install) && there() {
            return Ok(());
        }
    }
    Err(Fault(missing.to_owned()))
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
