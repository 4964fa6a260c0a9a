//! Running other programs from the root of the workspace.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use muxfer_tests::source;

/// Why a task failed, in one line.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The cargo that runs this task, to be called in the root.
pub(crate) fn cargo<I>(arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(program, arguments)
}

/// A program of the test crate, optimised and with all assertions, built now if need be.
pub(crate) fn checked<I>(name: &str, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = cargo(["run", "--quiet", "--locked", "--profile", "checked"]);
    command.args(["-p", "muxfer-tests", "--bin", name, "--"]);
    command.args(arguments);
    command
}

/// A program, to be called in the root.
pub(crate) fn command<I>(program: impl AsRef<OsStr>, arguments: I) -> Command
where
    I: IntoIterator<Item: AsRef<OsStr>>,
{
    let mut command = Command::new(program);
    command.args(arguments).current_dir(source::root());
    command
}

/// Runs it with its output shown; anything but success is a fault that names the call.
pub(crate) fn run(mut command: Command) -> Result<(), Fault> {
    let status = command
        .status()
        .map_err(|error| Fault(format!("`{}`: {error}", shown(&command))))?;
    if status.success() {
        Ok(())
    } else {
        Err(Fault(format!("`{}` failed: {status}", shown(&command))))
    }
}

/// Does it run, and well? Its output is dropped.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The call as one would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut line = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}
