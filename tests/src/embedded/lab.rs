//! Where scenarios are run: what they need to boot firmware and to look at what came of it.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::build::{self, Profile};
use super::machine::Machine;
use super::qemu::{Emulator, Outcome};

/// How long a run may take. The machine may be busy with other things.
const LIMIT: Duration = Duration::from_secs(60);

/// One boot of a firmware.
#[derive(Clone, Debug)]
pub struct Boot {
    machine: Machine,
    image: PathBuf,
    settings: Vec<(String, String)>,
}

impl Boot {
    /// This image on this machine.
    #[must_use]
    pub fn of(machine: Machine, image: &str) -> Self {
        Self {
            machine,
            image: build::image(machine, Profile::Small, image),
            settings: Vec::new(),
        }
    }

    /// With a word for the firmware.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// There is no emulator.
    pub fn start(&self) -> Result<Emulator, String> {
        let started = Emulator::start(self.machine, &self.image, &self.settings, LIMIT);
        started.map_err(|error| error.to_string())
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// It does not end in time, or its log can't be read.
    pub fn run(&self) -> Result<Outcome, String> {
        self.start()?.wait().map_err(|error| error.to_string())
    }

    /// Runs it to its end, which must be with this status, with a line in its log that begins so.
    ///
    /// # Errors
    /// It ends otherwise: the message holds the log.
    pub fn expect(&self, status: i32, line: &str) -> Result<Outcome, String> {
        let outcome = self.run()?;
        outcome.hold(status, line)?;
        Ok(outcome)
    }
}

impl Outcome {
    /// Holds it against what should have come of it.
    ///
    /// # Errors
    /// It is not so: the message holds the log.
    pub fn hold(&self, status: i32, line: &str) -> Result<(), String> {
        let found = self.lines.iter().any(|found| found.starts_with(line));
        if self.status == Some(status) && found {
            return Ok(());
        }
        let log = self.lines.join("\n    ");
        Err(format!(
            "wanted status {status} and {line:?}, got status {:?} and\n    {log}",
            self.status
        ))
    }

    /// The number behind `name=` in the line that begins with `begin`.
    ///
    /// # Errors
    /// There is none.
    pub fn number(&self, begin: &str, name: &str) -> Result<u64, String> {
        let line = self.lines.iter().find(|line| line.starts_with(begin));
        let words = line.into_iter().flat_map(|line| line.split(' '));
        let mut values = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let value = values.next().and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("no {name} in a line {begin:?} of {:?}", self.lines))
    }
}

/// What firmware says of a transfer.
#[must_use]
pub fn line(name: &str, code: u8, status: u16, body: &[u8]) -> String {
    let sum = digest(body);
    format!(
        "info: {name}: code={code} status={status} bytes={} sha256={sum}",
        body.len()
    )
}

/// The digest of these bytes in hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    let sum = Sha256::digest(bytes);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}
