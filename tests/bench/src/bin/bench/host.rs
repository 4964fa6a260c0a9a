//! What the figures were measured on: the machine and the versions.

use std::fs;
use std::process::Command;

use crate::cores::Cores;

/// The lock file of this workspace, which says what was built.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// A list in Markdown.
pub(crate) fn describe(cores: &Cores) -> String {
    let lines = [
        format!(
            "Machine: {}, {} cores (the server on core {}, the clients on core {}), {} of memory",
            value_of("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            std::thread::available_parallelism()
                .map_or(0, usize::from)
                .max(cores.client + 1),
            cores.server,
            cores.client,
            value_of("/proc/meminfo", "MemTotal").unwrap_or_else(unknown),
        ),
        format!("Kernel: {}", read("/proc/sys/kernel/osrelease")),
        format!("Server: {}", said_by("nginx", "-v", "nginx/")),
        format!("Compiler: {}", said_by("rustc", "-V", "rustc ")),
        format!(
            "libcurl {}",
            said_by("curl-config", "--version", "libcurl ")
        ),
        format!(
            "hyper {}, reqwest {}, tokio {}",
            locked("hyper"),
            locked("reqwest"),
            locked("tokio")
        ),
        said_by("wrk", "-v", "wrk "),
    ];
    lines.map(|line| format!("- {line}\n")).concat()
}

/// How one section came about. The load says how much else the machine had to do: the server and a
/// client alone make it one to two.
pub(crate) fn how(command: &str, name: &str, rounds: u32) -> String {
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or("unknown");
    format!("`{command} --only {name} --rounds {rounds}`, load of the last 5 minutes {load}")
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(file).map_or_else(|_| unknown(), |text| text.trim().to_owned())
}

/// The value of the first line that begins with this name.
fn value_of(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// What a program prints from this word on, to the end of the line or the next bracket.
fn said_by(program: &str, question: &str, word: &str) -> String {
    let path = if program == "nginx" {
        muxfer_tests::nginx::program()
    } else {
        Some(program.into())
    };
    let output = path.and_then(|path| Command::new(path).arg(question).output().ok());
    let text = output.map(|output| [output.stdout, output.stderr].concat());
    let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
    let found = text
        .lines()
        .find_map(|line| line.find(word).map(|at| &line[at..]));
    let found = found.and_then(|found| found.split(['[', '(']).next());
    found.map_or_else(unknown, |found| found.trim().to_owned())
}

/// The version of a package in the lock file.
fn locked(package: &str) -> String {
    let name = format!("name = \"{package}\"\nversion = \"");
    let version = LOCK
        .split_once(&name)
        .and_then(|(_, rest)| rest.split('"').next());
    version.map_or_else(unknown, str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_lock_file() {
        assert!(locked("hyper").starts_with("1."));
        assert_eq!(locked("no-such-package"), "unknown");
    }
}
