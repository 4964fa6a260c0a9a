//! Programs of which one system call fails, by the fault injection of strace.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What to tell someone who has no strace.
pub const MISSING: &str = "strace is missing; run: apt-get install strace (as root)";

/// How long a program may run.
const PATIENCE: Duration = Duration::from_secs(30);

/// The strace of this machine.
#[must_use]
pub fn strace() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join("strace"))
        .find(|file| file.is_file())
}

/// A system call that fails.
#[derive(Clone, Copy, Debug)]
pub struct Injection<'a> {
    /// Its name.
    pub call: &'a str,
    /// The error, as in `ENOSPC`.
    pub error: &'a str,
    /// Which of those calls, from 1.
    pub nth: u32,
    /// Do all that come after it fail, too?
    pub on: bool,
    /// Only calls that have to do with this file count. The program is loaded by the same calls.
    pub file: Option<&'a Path>,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit status; `None`: a signal.
    pub code: Option<i32>,
    /// What it said.
    pub stderr: String,
    /// Did a call fail? Otherwise there were fewer.
    pub injected: bool,
}

/// Runs a program with this call failing; `log` is a file that is written anew.
///
/// # Errors
/// It can't be run or traced, or has no end: then it is killed.
pub fn run(program: &mut Command, injection: &Injection<'_>, log: &Path) -> io::Result<Ran> {
    run_for(PATIENCE, program, injection, log)
}

fn run_for(
    patience: Duration,
    program: &mut Command,
    injection: &Injection<'_>,
    log: &Path,
) -> io::Result<Ran> {
    let Injection {
        call,
        error,
        nth,
        on,
        file,
    } = injection;
    let on = if *on { "+" } else { "" };
    let mut command = Command::new(strace().ok_or_else(|| io::Error::other(MISSING))?);
    command
        // -I2: it can be ended, and ends the program then.
        .args(["-f", "-qq", "-I2", "-e", "signal=none", "-o"])
        .arg(log)
        .args(["-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:error={error}:when={nth}{on}")]);
    if let Some(file) = file {
        command.arg("-P").arg(file);
    }
    command.arg(program.get_program()).args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        // What is not text is as bad as no message.
        let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut text));
        text
    });
    let code = wait(&mut child, patience)?;
    Ok(Ran {
        code,
        stderr: reader.join().unwrap_or_default(),
        injected: fs::read_to_string(log)?.contains("(INJECTED)"),
    })
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<i32>> {
    let end = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.code());
        }
        if Instant::now() > end {
            // This signal strace passes on.
            kill_process(Pid::from_child(child), Signal::TERM)?;
            child.wait()?;
            return Err(io::Error::other("the program hangs"));
        }
        // Nothing else waits for a child with a limit.
        thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Folder;

    const INJECTION: Injection<'_> = Injection {
        call: "unlinkat",
        error: "EIO",
        nth: 1,
        on: false,
        file: None,
    };

    #[test]
    fn a_call_fails_just_where_it_is_told_to() -> io::Result<()> {
        let folder = Folder::new("strace")?;
        let (file, log) = (folder.path().join("file"), folder.path().join("log"));
        for (nth, code, there) in [(2, 0, false), (1, 1, true)] {
            fs::write(&file, "")?;
            let injection = Injection { nth, ..INJECTION };
            let ran = run(Command::new("rm").arg(&file), &injection, &log)?;
            assert_eq!((ran.code, file.exists()), (Some(code), there));
            assert_eq!((ran.injected, !ran.stderr.is_empty()), (there, there));
        }
        Ok(())
    }

    #[test]
    fn a_program_that_hangs_is_ended() -> io::Result<()> {
        let folder = Folder::new("strace")?;
        let (mut program, log) = (Command::new("sleep"), folder.path().join("log"));
        let patience = Duration::from_millis(300);
        let ran = run_for(patience, program.arg("600"), &INJECTION, &log);
        assert!(ran.is_err_and(|error| error.to_string().contains("hangs")));
        Ok(())
    }
}
