//! What a run came to: the summary and the exit status.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount};
use muxfer_core::{Counts, Info};

use crate::failure::Failure;

/// What a run has come to so far. All threads count here.
#[derive(Debug)]
pub(crate) struct Report {
    start: Instant,
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Of body, of transfers that have ended.
    bytes: AtomicU64,
    connects: AtomicU64,
    first_code: AtomicU8,
    /// Running and waiting transfers, by thread.
    under_way: Vec<[AtomicU32; 2]>,
}

impl Report {
    pub(crate) fn new(threads: u32) -> Self {
        Self {
            start: Instant::now(),
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            connects: AtomicU64::new(0),
            first_code: AtomicU8::new(0),
            under_way: (0..threads).map(|_| Default::default()).collect(),
        }
    }

    /// Counts what a transfer moved, whatever became of it.
    pub(crate) fn count(&self, info: &Info) {
        self.bytes.fetch_add(info.received + info.sent, Relaxed);
        self.connects.fetch_add(info.connects.into(), Relaxed);
    }

    pub(crate) fn success(&self) {
        self.succeeded.fetch_add(1, Relaxed);
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        self.failed.fetch_add(1, Relaxed);
        // Only the first is kept.
        let _ = self
            .first_code
            .compare_exchange(0, failure.code, Relaxed, Relaxed);
    }

    /// What a thread has under way.
    pub(crate) fn note(&self, thread: usize, counts: &Counts) {
        if let Some([running, pending]) = self.under_way.get(thread) {
            running.store(counts.running, Relaxed);
            pending.store(counts.pending, Relaxed);
        }
    }

    /// One line about what has been done and what is under way.
    pub(crate) fn totals(&self) -> String {
        let sum = |which: usize| -> u64 {
            let counts = self.under_way.iter();
            counts
                .map(|counts| u64::from(counts[which].load(Relaxed)))
                .sum()
        };
        format!(
            "{} done, {} failed, {} active, {} waiting, {}, {:.0} s",
            HumanCount(self.succeeded.load(Relaxed)),
            HumanCount(self.failed.load(Relaxed)),
            sum(0),
            sum(1),
            HumanBytes(self.bytes.load(Relaxed)),
            self.start.elapsed().as_secs_f64(),
        )
    }

    /// 0, or the code of the first failure.
    pub(crate) fn exit_status(&self) -> u8 {
        self.first_code.load(Relaxed)
    }

    /// One line about all of it.
    pub(crate) fn summary(&self) -> String {
        let elapsed = self.start.elapsed().as_secs_f64();
        format!(
            "muxfer: {} done, {} failed, {} over {} connections in {elapsed:.3} s ({:.0}/s)",
            HumanCount(self.succeeded.load(Relaxed)),
            HumanCount(self.failed.load(Relaxed)),
            HumanBytes(self.bytes.load(Relaxed)),
            HumanCount(self.connects.load(Relaxed)),
            self.succeeded.load(Relaxed) as f64 / elapsed.max(1e-6),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_that_of_the_first_failure() {
        let report = Report::new(1);
        report.success();
        assert_eq!(report.exit_status(), 0);
        report.failure(&Failure::new(7, ""));
        report.failure(&Failure::new(28, ""));
        assert_eq!(report.exit_status(), 7);
        assert!(report.summary().starts_with("muxfer: 1 done, 2 failed, "));
    }
}
