//! Everything that CI runs.

use std::time::Instant;

use crate::shell::{self, Fault, cargo};
use crate::{bench, embedded, instructions, needs, sizes, swarm};

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
    ("log lines", log_lines),
    ("no allocator", no_allocator),
    ("features of the core", features),
    ("documentation", documentation),
    ("demo", demo),
    ("embedded", embedded::check),
    ("sizes", sizes::check),
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
    for manifest in [LOGS, PROOF, FIRMWARE] {
        shell::run(cargo([
            "fmt",
            "--check",
            "--all",
            "--manifest-path",
            manifest,
        ]))?;
    }
    Ok(())
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

/// What the engine logs, and that it builds with each of the loggers. Not a part of the workspace's
/// tests: the features would be on in all that is built together with it.
fn log_lines() -> Result<(), Fault> {
    for features in ["defmt", "log", "defmt,log"] {
        let mut clippy = cargo(["clippy", "-p", "muxfer-core", "--locked"]);
        clippy.args(["--features", features, "--", "-D", "warnings"]);
        shell::run(clippy)?;
    }
    shell::run(cargo([
        "clippy",
        "--all-targets",
        "--locked",
        "--manifest-path",
        LOGS,
        "--",
        "-D",
        "warnings",
    ]))?;
    shell::run(cargo([
        "test",
        "--locked",
        "--quiet",
        "--manifest-path",
        LOGS,
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

/// The package that holds the engine to what it logs.
const LOGS: &str = "tests/logs/Cargo.toml";

/// Firmware, which is built for other machines.
const FIRMWARE: &str = "platform-embedded/firmware/Cargo.toml";

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

/// What firmware may leave out of the core.
const FEATURES: [&str; 10] = [
    "auth",
    "fields",
    "ipv6",
    "pace",
    "queue",
    "races",
    "ranges",
    "redirects",
    "reuse",
    "uploads",
];

/// Each feature left out alone, and all of them: it compiles without a warning, and what was left out
/// is refused by its name. With less code the core does the same.
fn features() -> Result<(), Fault> {
    for left_out in FEATURES {
        let rest = FEATURES.map(|feature| if feature == left_out { "" } else { feature });
        core_with(
            "clippy",
            &["--no-default-features", "--features", &rest.join(" ")],
        )?;
    }
    core_with("test", &["--no-default-features", "--test", "left_out"])?;
    core_with(
        "test",
        &[
            "--no-default-features",
            "--features",
            "small",
            "--test",
            "left_out",
        ],
    )?;
    core_with("test", &["--features", "small"])
}

fn core_with(command: &str, arguments: &[&str]) -> Result<(), Fault> {
    let mut call = cargo([command, "--locked", "--quiet", "-p", "muxfer-core"]);
    call.args(arguments);
    if command == "clippy" {
        call.args(["--", "-D", "warnings"]);
    }
    shell::run(call)
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
