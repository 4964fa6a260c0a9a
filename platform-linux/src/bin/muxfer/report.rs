//! What a run came to: the summary and the exit status.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};
use muxfer_core::Info;

use crate::failure::Failure;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Report {
    start: Instant,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// Of body, of transfers that have ended.
    pub(crate) bytes: u64,
    connects: u64,
    first_code: u8,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            succeeded: 0,
            failed: 0,
            bytes: 0,
            connects: 0,
            first_code: 0,
        }
    }

    /// Counts what a transfer moved, whatever became of it.
    pub(crate) fn count(&mut self, info: &Info) {
        self.bytes += info.received + info.sent;
        self.connects += u64::from(info.connects);
    }

    pub(crate) const fn success(&mut self) {
        self.succeeded += 1;
    }

    pub(crate) const fn failure(&mut self, failure: &Failure) {
        self.failed += 1;
        if self.first_code == 0 {
            self.first_code = failure.code;
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// 0, or the code of the first failure.
    pub(crate) const fn exit_status(&self) -> u8 {
        self.first_code
    }

    /// One line about all of it.
    pub(crate) fn summary(&self) -> String {
        let elapsed = self.elapsed().as_secs_f64();
        format!(
            "muxfer: {} done, {} failed, {} over {} connections in {elapsed:.3} s ({:.0}/s)",
            HumanCount(self.succeeded),
            HumanCount(self.failed),
            HumanBytes(self.bytes),
            HumanCount(self.connects),
            self.succeeded as f64 / elapsed.max(1e-6),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_that_of_the_first_failure() {
        let mut report = Report::new();
        report.success();
        assert_eq!(report.exit_status(), 0);
        report.failure(&Failure::new(7, ""));
        report.failure(&Failure::new(28, ""));
        assert_eq!(report.exit_status(), 7);
        assert!(report.summary().starts_with("muxfer: 1 done, 2 failed, "));
    }
}
