//! Everything that CI runs.

use std::time::Instant;

use crate::shell::{self, Fault, cargo};
use crate::{bench, instructions, needs, sizes, swarm};

/// One step: its name and its code.
type Step = (&'static str, fn() -> Result<(), Fault>);

/// Quick and telling ones first.
const STEPS: &[Step] = &[
    ("needs", needs::run),
    ("format", format),
    ("clippy", clippy),
    ("tests", tests),
    ("program over epoll", over_epoll),
    ("swarm", swarm::fixed),
    ("no allocator", no_allocator),
    ("core without features", core_alone),
    ("documentation", documentation),
    ("demo", demo),
    ("sizes", sizes::run),
    ("instructions", instructions::check),
];

/// Runs the steps in order, up to the first failure.
pub(crate) fn run() -> Result<(), Fault> {
    let start = Instant::now();
    let count = STEPS.len();
    for (number, (name, step)) in (1..).zip(STEPS) {
        println!("== {number}/{count} {name}");
        let begun = Instant::now();
        let outcome = step();
        let seconds = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => println!("== {number}/{count} {name}: ok in {seconds:.1} s"),
            Err(Fault(why)) => {
                return Err(Fault(format!(
                    "step {number}/{count}, {name}, FAILED after {seconds:.1} s: {why}"
                )));
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("== all {count} steps passed in {seconds:.1} s");
    Ok(())
}

fn format() -> Result<(), Fault> {
    shell::run(cargo(["fmt", "--all", "--check"]))?;
    shell::run(cargo(["fmt", "--check", "--manifest-path", FUZZ]))?;
    // It has a member besides.
    shell::run(cargo([
        "fmt",
        "--all",
        "--check",
        "--manifest-path",
        bench::MANIFEST,
    ]))?;
    shell::run(cargo(["fmt", "--check", "--manifest-path", PROOF]))
}

fn clippy() -> Result<(), Fault> {
    shell::run(cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    shell::run(cargo([
        "clippy",
        "--locked",
        "--manifest-path",
        PROOF,
        "--",
        "-D",
        "warnings",
    ]))
}

fn tests() -> Result<(), Fault> {
    shell::run(cargo(["test", "--workspace", "--locked", "--quiet"]))
}

/// The program takes io_uring where it is not told otherwise.
fn over_epoll() -> Result<(), Fault> {
    let mut test = cargo([
        "test",
        "-p",
        "muxfer-linux",
        "--tests",
        "--locked",
        "--quiet",
    ]);
    test.env("MUXFER_BACKEND", "epoll");
    shell::run(test)
}

/// The fuzz targets, which are built with nightly Rust only.
const FUZZ: &str = "tests/fuzz/Cargo.toml";

/// The package that proves by linking that the engine needs no allocator.
const PROOF: &str = "platform-embedded/proof/Cargo.toml";

fn no_allocator() -> Result<(), Fault> {
    shell::run(cargo([
        "build",
        "--release",
        "--locked",
        "--manifest-path",
        PROOF,
    ]))
}

fn core_alone() -> Result<(), Fault> {
    shell::run(cargo([
        "build",
        "--locked",
        "-p",
        "muxfer-core",
        "--no-default-features",
    ]))
}

fn documentation() -> Result<(), Fault> {
    let mut doc = cargo(["doc", "--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(doc)
}

fn demo() -> Result<(), Fault> {
    shell::run(cargo([
        "run",
        "--release",
        "--locked",
        "--quiet",
        "-p",
        "muxfer-linux",
        "--bin",
        "muxfer",
        "--",
        "demo",
    ]))
}
