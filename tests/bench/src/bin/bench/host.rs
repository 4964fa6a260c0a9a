//! What the figures were measured on: the machine and the versions.

use std::fs;
use std::process::Command;

use crate::cores::Cores;

/// The lock file of this workspace, which says what was built.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// A list in Markdown; with TLS, of what is used for it too.
pub(crate) fn describe(cores: &Cores, tls: bool) -> String {
    let mut lines = vec![
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
        locked_all(&["hyper", "reqwest", "tokio"]),
    ];
    if tls {
        lines.push(openssl());
        lines.push(locked_all(&["rustls", "ring", "aws-lc-rs", "graviola"]));
    } else {
        lines.push(said_by("wrk", "-v", "wrk "));
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// How one section came about. The load says how much else the machine had to do: the server and a
/// client alone make it one to two.
pub(crate) fn how(call: &str) -> String {
    let load = read("/proc/loadavg");
    let load = load.split(' ').nth(1).unwrap_or("unknown");
    format!("`{call}`, load of the last 5 minutes {load}")
}

/// nginx says so only if it runs with another one than it was built with.
fn openssl() -> String {
    let running = said_by("nginx", "-V", "running with OpenSSL ");
    match running.strip_prefix("running with ") {
        Some(openssl) => openssl.to_owned(),
        None => said_by("nginx", "-V", "OpenSSL "),
    }
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
    let found = found.and_then(|found| found.split(['[', '(', ')']).next());
    found.map_or_else(unknown, |found| found.trim().to_owned())
}

/// Packages and their versions.
fn locked_all(packages: &[&str]) -> String {
    let each = packages.iter();
    let each: Vec<_> = each
        .map(|package| format!("{package} {}", locked(package)))
        .collect();
    each.join(", ")
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
