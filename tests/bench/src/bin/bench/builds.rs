//! Building with each provider of cryptography: what it takes, what it needs, what comes out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use muxfer_bench::folder;
use muxfer_bench::report::cpu_of_children;
use muxfer_tests::files::Folder;

use crate::table::Spread;
use crate::{Outcome, measure};

/// The package that has the providers, and how it is built.
const PACKAGE: [&str; 6] = [
    "build",
    "--locked",
    "--profile",
    "shipped",
    "-p",
    "muxfer-bench-providers",
];
const SMALL_CLIENT: &str = "small-client";

/// What is built: a title and the features. The first is what sizes and programs are compared with.
const VARIANTS: &[(&str, &str)] = &[
    ("without TLS", ""),
    ("rustls without a provider", "tls"),
    ("ring", "ring"),
    ("aws-lc-rs", "aws-lc-rs"),
    ("graviola", "graviola"),
];

/// The program that measures this provider, built now if need be.
pub(crate) fn program(provider: &str) -> Outcome<PathBuf> {
    let target = folder().join("target/providers").join(provider);
    let mut cargo = cargo(&[], &target, &format!("{provider},measure"));
    if !cargo
        .args(["--quiet", "--bin", "provider"])
        .status()?
        .success()
    {
        return Err(format!("{cargo:?} failed").into());
    }
    Ok(target.join("shipped/provider"))
}

/// The table of so many clean builds of each.
pub(crate) fn run(rounds: u32, lock: Option<&Path>) -> Outcome<String> {
    let mut programs = Vec::new();
    for (title, features) in VARIANTS {
        eprintln!("what a build calls: {title}");
        programs.push(called(features)?);
    }
    let mut builds = vec![Vec::new(); VARIANTS.len()];
    for round in 0..rounds as usize {
        for turn in 0..VARIANTS.len() {
            let which = (round + turn) % VARIANTS.len();
            let (title, features) = VARIANTS[which];
            eprintln!("build {} of {rounds}: {title}", round + 1);
            let _held = measure::hold(lock)?;
            builds[which].push(Build::measure(features)?);
        }
    }
    Ok(table(&builds, &programs))
}

/// What one clean build took and gave.
#[derive(Clone, Copy)]
struct Build {
    wall_s: f64,
    cpu_s: f64,
    crates: usize,
    /// Of the stripped small client.
    size: u64,
}

impl Build {
    fn measure(features: &str) -> Outcome<Self> {
        let target = new_target()?;
        let mut cargo = cargo(&[], target.path(), features);
        cargo.args(["--bin", SMALL_CLIENT]);
        let (start, before) = (Instant::now(), cpu_of_children()?);
        let output = cargo.stderr(Stdio::piped()).output()?;
        let (wall_s, cpu_s) = (
            start.elapsed().as_secs_f64(),
            (cpu_of_children()? - before).as_secs_f64(),
        );
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("{cargo:?} failed\n{text}").into());
        }
        let compiled = |line: &&str| line.trim_start().starts_with("Compiling ");
        let size = fs::metadata(target.path().join("shipped").join(SMALL_CLIENT))?.len();
        Ok(Self {
            wall_s,
            cpu_s,
            crates: text.lines().filter(compiled).count(),
            size,
        })
    }
}

/// The names of all programs that a clean build runs, except cargo, rustc and what they have built
/// themselves.
fn called(features: &str) -> Outcome<BTreeSet<String>> {
    let target = new_target()?;
    let trace = target.path().join("trace");
    let mut output = OsString::from("--output=");
    output.push(&trace);
    let words = ["strace", "--seccomp-bpf", "-f", "-qq", "-e", "trace=execve"];
    let mut prefix = words.map(OsString::from).to_vec();
    prefix.push(output);
    let mut cargo = cargo(&prefix, target.path(), features);
    cargo.args(["--quiet", "--bin", SMALL_CLIENT]);
    if !cargo.status()?.success() {
        return Err(format!("{cargo:?} failed").into());
    }
    let text = fs::read_to_string(&trace)?;
    let own = target.path().display().to_string();
    Ok(text
        .lines()
        .filter_map(|line| executed(line, &own))
        .collect())
}

/// The name of the program that a line of the trace has started; none of those below `own`.
fn executed(line: &str, own: &str) -> Option<String> {
    let (_, rest) = line.split_once("execve(\"")?;
    let (path, rest) = rest.split_once('"')?;
    let name = Path::new(path).file_name()?.to_string_lossy().into_owned();
    let rust = ["cargo", "rustc", "rustup"].contains(&name.as_str());
    (rest.ends_with("= 0") && !path.starts_with(own) && !rust).then_some(name)
}

/// A new folder to build into, on a disk as other builds are.
fn new_target() -> Outcome<Folder> {
    let below = folder().join("target");
    fs::create_dir_all(&below)?;
    Ok(Folder::new_below(&below, "build")?)
}

/// Cargo on the package, perhaps run by another program.
fn cargo(prefix: &[OsString], target: &Path, features: &str) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = [prefix, &[program]].concat();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(PACKAGE);
    command
        .arg("--manifest-path")
        .arg(folder().join("Cargo.toml"));
    command.arg("--target-dir").arg(target);
    command.args(["--features", features]);
    // Nothing of the build that this program runs in.
    command
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS");
    command
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null());
    command
}

fn table(builds: &[Vec<Build>], programs: &[BTreeSet<String>]) -> String {
    let mut text = "### Building a small client\n\n\
        | | clean build on 2 cores | CPU time of it | crates | size, stripped | added \
        | programs that only this build calls |\n\
        | --- | ---: | ---: | ---: | ---: | ---: | --- |\n"
        .to_owned();
    for (index, own) in builds.iter().enumerate() {
        let wall = Spread::of(own.iter().map(|build| build.wall_s));
        let cpu = Spread::of(own.iter().map(|build| build.cpu_s));
        let size = own[0].size as f64 / 1024.0;
        let more: Vec<_> = programs[index].difference(&programs[0]).cloned().collect();
        let _ = writeln!(
            text,
            "| {} | {} s | {} s | {} | {size:.0} KiB | {:.0} KiB | {} |",
            VARIANTS[index].0,
            seconds(wall),
            seconds(cpu),
            own[0].crates,
            size - builds[0][0].size as f64 / 1024.0,
            if more.is_empty() {
                "none".to_owned()
            } else {
                more.join(", ")
            }
        );
    }
    text.push('\n');
    text
}

fn seconds(spread: Spread) -> String {
    format!(
        "{:.1} ({:.1}–{:.1})",
        spread.median, spread.least, spread.most
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_a_trace() {
        let line = |path, end| {
            format!("17 execve(\"{path}\", [\"cc\", \"-c\"], 0x5 /* 9 vars */) = {end}")
        };
        let found = |path, end| executed(&line(path, end), "/own/target");
        assert_eq!(found("/usr/bin/cc", "0"), Some("cc".to_owned()));
        assert_eq!(
            found("/usr/bin/cc", "-1 ENOENT (No such file or directory)"),
            None
        );
        assert_eq!(
            found("/own/target/release/build/x/build-script-build", "0"),
            None
        );
        assert_eq!(found("/usr/bin/rustc", "0"), None);
    }
}
