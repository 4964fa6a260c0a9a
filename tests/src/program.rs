//! The program `muxfer`, to be tested from outside.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::files::{Content, Folder};
use crate::nginx::Nginx;
use crate::source;

/// How the program is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// As tests are: with its assertions.
    Debug,
    /// As its users build it.
    Release,
}

/// The program `muxfer`, built now if it is not up to date.
///
/// A test is only given the path of the programs of its own package, so cargo is asked for this one.
///
/// # Errors
/// It can't be built; the message holds what cargo said.
pub fn muxfer(build: Build) -> io::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "-p", "muxfer-linux", "--bin", "muxfer"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(source::root());
    // Build scripts look at these, and would run anew for each caller.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    match build {
        Build::Debug => {}
        Build::Release => {
            command.arg("--release");
        }
    }
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let found = said.lines().rev().find_map(executable);
    match found {
        Some(program) if output.status.success() => Ok(program),
        Some(_) | None => Err(failure("cargo build", &output)),
    }
}

/// The path of the program in one of cargo's messages. Paths with characters that JSON escapes are
/// not looked for.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, behind) = message.split_once(r#""executable":""#)?;
    let (path, _) = behind.split_once('"')?;
    path.ends_with("/muxfer").then(|| PathBuf::from(path))
}

/// An error that holds all that a program said.
fn failure(what: &str, output: &Output) -> io::Error {
    io::Error::other(format!(
        "{what}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// Runs it to its end; anything but success is an error that holds what it said.
///
/// # Errors
/// It can't be run, or it failed.
pub fn succeed(command: &mut Command) -> io::Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failure("muxfer", &output))
    }
}

/// Serves one file of so many bytes, fetches it with the program, compares it; gives the time that
/// the fetch took.
///
/// # Errors
/// Anything of that failed; the message says what.
pub fn fetch_one(build: Build, bytes: u64) -> io::Result<Duration> {
    let muxfer = muxfer(build)?;
    let nginx = Nginx::start()?;
    let content = Content::new(bytes, bytes);
    content.clone().write_to(&nginx.site().join("large"))?;
    let folder = Folder::new("large")?;
    let file = folder.path().join("large");
    let start = Instant::now();
    succeed(
        Command::new(muxfer)
            .arg(nginx.url("large"))
            .arg("-o")
            .arg(&file),
    )?;
    let took = start.elapsed();
    content.compare(&file)?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_program_is_found_in_a_message() {
        let message =
            r#"{"reason":"compiler-artifact","executable":"/a b/debug/muxfer","fresh":true}"#;
        assert_eq!(
            executable(message),
            Some(PathBuf::from("/a b/debug/muxfer"))
        );
        assert_eq!(executable(r#"{"executable":null}"#), None);
    }
}
