//! How many instructions the engine's own paths take.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use muxfer_tests::instructions::{self, CASES, Kept, Line, Machine, REQUEST};
use muxfer_tests::source;

use crate::shell::{self, Fault, cargo};

/// The most that one request may take in all over real sockets (engine, epoll platform, driver): with
/// the fields that clients and nginx send, without them, and as the benchmark asks nginx.
const MOST: [(&str, u32); 3] = [("loopback", 9_000), ("plain", 6_600), ("benchmark", 7_200)];

/// What is done with the counts.
#[derive(Args)]
pub(crate) struct Options {
    /// Keep them, whatever they are, instead of holding them against those that are kept
    #[arg(long)]
    keep: bool,
}

/// Counts, and holds the counts against the kept ones: a step of `cargo xtask test`.
pub(crate) fn check() -> Result<(), Fault> {
    run(&Options { keep: false })
}

/// Counts, prints, and compares or keeps.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    let program = build()?;
    let now = count(&program)?;
    let file = source::root().join(instructions::FILE);
    let loopback = loopback(&program)?;
    if options.keep {
        print(&now, None);
        fs::write(&file, now.to_string()).map_err(|error| Fault(error.to_string()))?;
        println!("kept in {}", instructions::FILE);
    } else {
        let text = fs::read_to_string(&file).map_err(|error| Fault(error.to_string()))?;
        let kept = Kept::parse(&text)
            .map_err(|line| Fault(format!("{} has a line `{line}`", instructions::FILE)))?;
        print(&now, Some(&kept));
        compare(&now, &kept)?;
    }
    promises(&now.lines, &loopback)
}

/// The program that does the work, as users would have it.
fn build() -> Result<PathBuf, Fault> {
    let mut build = cargo(["build", "--quiet", "--release", "--locked"]);
    build.args(["-p", "muxfer-tests", "--bin", "counted"]);
    shell::run(build)?;
    // This program lies in `target/PROFILE`, the other in `target/release`.
    let here = std::env::current_exe().map_err(|error| Fault(error.to_string()))?;
    let target = here.ancestors().nth(2).unwrap_or(&here);
    Ok(target.join("release").join("counted"))
}

/// The engine alone, in all cases.
fn count(program: &Path) -> Result<Kept, Fault> {
    let rustc = rustc()?;
    let mut machine = Machine {
        target: said(&rustc, "host: ")?,
        rustc: rustc.lines().next().unwrap_or_default().to_owned(),
        strings: std::collections::BTreeSet::new(),
    };
    let mut lines = Vec::new();
    for case in CASES {
        let ran = instructions::count(program, "engine", case);
        let ran = ran.map_err(|error| Fault(error.to_string()))?;
        machine.strings.extend(ran.strings);
        lines.extend(ran.lines);
    }
    Ok(Kept { machine, lines })
}

/// What the compiler says of itself; the one that cargo calls.
fn rustc() -> Result<String, Fault> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program)
        .arg("-vV")
        .current_dir(source::root())
        .output();
    let output = output.map_err(|error| Fault(format!("rustc: {error}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn said(text: &str, key: &str) -> Result<String, Fault> {
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    value
        .map(str::to_owned)
        .ok_or_else(|| Fault(format!("rustc does not say its {key}")))
}

/// Engine, platform and driver over real sockets. How many events a wait brings is up to the
/// system, so these counts differ a little from run to run: they are bounded, not kept.
fn loopback(program: &Path) -> Result<Vec<Line>, Fault> {
    let mut lines = Vec::new();
    for (work, _) in MOST {
        for case in CASES {
            // A system that allows fewer descriptors can't open so many connections.
            let ran = instructions::count(program, work, case);
            let ran = ran.map_err(|error| Fault(error.to_string()))?;
            lines.extend(ran.lines.into_iter().map(|line| Line {
                path: work.to_owned(),
                ..line
            }));
        }
    }
    Ok(lines)
}

fn print(now: &Kept, kept: Option<&Kept>) {
    println!(
        "{:<10} {:>11} {:>7} {:>12}",
        "path", "connections", "origins", "instructions"
    );
    for line in &now.lines {
        let old = kept.and_then(|kept| kept.find(line));
        let change = old.map_or(String::new(), |old| {
            format!("{:>+7.1} %", 100.0 * line.rise_over(old))
        });
        show(line, &change);
    }
}

fn show(line: &Line, change: &str) {
    let (case, instructions) = (line.case, line.instructions);
    let (connections, origins) = (case.connections, case.origins);
    let path = &line.path;
    println!("{path:<10} {connections:>11} {origins:>7} {instructions:>12} {change}");
}

fn compare(now: &Kept, kept: &Kept) -> Result<(), Fault> {
    let limit = kept.limit(&now.machine);
    let percent = limit.rise;
    if limit.why.is_empty() {
        println!("a count may rise by {percent} %");
    } else {
        let why = &limit.why;
        println!("a count may rise by {percent} %, as the kept ones were made with {why}");
    }
    let faults = kept.faults(&now.lines, &limit);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Fault(format!(
        "{}\nif that is meant, run: cargo xtask instructions --keep",
        faults.join("\n")
    )))
}

/// Flat whatever the number of connections and origins, and cheap over real sockets.
fn promises(engine: &[Line], loopback: &[Line]) -> Result<(), Fault> {
    for line in loopback {
        show(line, "");
    }
    let mut broken = Vec::new();
    for (path, most) in MOST {
        let lines = loopback.iter().filter(|line| line.path == path);
        let many = lines.filter(|line| line.instructions > most);
        broken.extend(many.map(|line| format!("{line}: more than {most} instructions")));
    }
    let over_sockets = MOST.map(|(path, _)| (loopback, path));
    for (lines, path) in [(engine, REQUEST)].into_iter().chain(over_sockets) {
        let steep = instructions::steep(lines, path);
        broken.extend(steep.iter().map(|line| format!("{line}: not flat")));
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(Fault(broken.join("\n")))
    }
}
