//! Running an image under QEMU, with a limit on its time.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::log;
use super::machine::Machine;

/// What QEMU says of the watchdog of the LM3S6965 at each reset, before the first instruction.
const HARMLESS: &str = "Timer with period zero, disabling";

/// How often it is looked whether the emulator has ended.
const LOOK: Duration = Duration::from_millis(5);

/// An emulator that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Emulator {
    child: Child,
    image: PathBuf,
    output: Option<JoinHandle<io::Result<Vec<u8>>>>,
    errors: Option<JoinHandle<io::Result<Vec<u8>>>>,
    end: Instant,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the firmware ended with; `None` if it was killed.
    pub status: Option<i32>,
    /// Its log.
    pub lines: Vec<String>,
}

impl Emulator {
    /// Starts an image with these settings.
    ///
    /// # Errors
    /// There is no emulator.
    pub fn start(
        machine: Machine,
        image: &Path,
        settings: &[(String, String)],
        limit: Duration,
    ) -> io::Result<Self> {
        let mut command = machine.command(image, settings);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", machine.emulator())))?;
        let output = child.stdout.take().map(gather);
        let errors = child.stderr.take().map(gather);
        Ok(Self {
            child,
            image: image.to_owned(),
            output,
            errors,
            end: Instant::now() + limit,
        })
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end in time, or its log can't be read; the message holds what there is of it.
    pub fn wait(self) -> io::Result<Outcome> {
        self.wait_or(|| false)
    }

    /// Waits for its end, or kills it as soon as `enough` says so.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_or(mut self, mut enough: impl FnMut() -> bool) -> io::Result<Outcome> {
        let mut late = false;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break Some(status);
            }
            late = Instant::now() > self.end;
            if late || enough() {
                self.child.kill()?;
                self.child.wait()?;
                break None;
            }
            thread::sleep(LOOK);
        };
        let lines = log::decode(&self.image, &joined(self.output.take())?)?;
        let errors = joined(self.errors.take())?;
        let errors = String::from_utf8_lossy(&errors)
            .replace(HARMLESS, "")
            .trim()
            .to_owned();
        if late || !errors.is_empty() {
            let why = if late {
                "it does not end"
            } else {
                "QEMU objects"
            };
            return Err(io::Error::other(format!(
                "{why}: {errors}\n{}",
                lines.join("\n")
            )));
        }
        let status = status.and_then(|status: ExitStatus| status.code());
        Ok(Outcome { status, lines })
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended. There is nobody to tell of a failure here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads all that comes, so that the emulator never waits.
fn gather(mut from: impl Read + Send + 'static) -> JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        Ok(bytes)
    })
}

fn joined(thread: Option<JoinHandle<io::Result<Vec<u8>>>>) -> io::Result<Vec<u8>> {
    let Some(thread) = thread else {
        return Ok(Vec::new());
    };
    thread
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("a reader panicked")))
}
