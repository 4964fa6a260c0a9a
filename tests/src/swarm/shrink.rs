//! Makes a failing script small: leaves out what it fails without.

use super::script::{Job, Script};

/// The smallest script that can be found in so many tries for which `fails` holds.
pub(super) fn shrink(
    script: &Script,
    tries: usize,
    mut fails: impl FnMut(&Script) -> bool,
) -> Script {
    let mut best = script.clone();
    let mut left = tries;
    loop {
        let before = left;
        let mut better = |candidate: Script, best: &mut Script| {
            if left == 0 || !candidate.jobs.iter().all(is_sound) {
                return false;
            }
            left -= 1;
            let good = fails(&candidate);
            if good {
                *best = candidate;
            }
            good
        };
        let mut changed = fewer_ops(&mut best, &mut better);
        changed |= plainer_jobs(&mut best, &mut better);
        changed |= plainer_setup(&mut best, &mut better);
        if !changed || left == 0 || before == left {
            return best;
        }
    }
}

/// A job that its peer may keep waiting must have a limit, or it could never end.
fn is_sound(job: &Job) -> bool {
    !job.may_hang() || job.total_ms.is_some()
}

type Better<'a> = dyn FnMut(Script, &mut Script) -> bool + 'a;

/// Leaves out halves, quarters, … single ops.
fn fewer_ops(best: &mut Script, better: &mut Better<'_>) -> bool {
    let mut changed = false;
    let mut size = best.ops.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        while at < best.ops.len() {
            let mut candidate = best.clone();
            candidate.ops.drain(at..(at + size).min(best.ops.len()));
            if better(candidate, best) {
                changed = true;
            } else {
                at += size;
            }
        }
        if size == 1 {
            return changed;
        }
        size /= 2;
    }
}

/// One simplification of a job.
type Simpler = fn(&mut Job);

const SIMPLER: &[Simpler] = &[
    |job| job.hops.truncate(1),
    |job| job.hops.truncate(job.hops.len().div_ceil(2)),
    |job| job.upload.pauses.clear(),
    |job| job.upload.fails_at = None,
    |job| job.upload.len = job.upload.len.min(1),
    |job| job.pauses.clear(),
    |job| job.abort = None,
    |job| job.total_ms = None,
    |job| job.connect_ms = None,
    |job| job.low_speed = None,
    |job| job.receive_rate = None,
    |job| job.send_rate = None,
    |job| job.progress_ms = None,
    |job| job.max_body = None,
    |job| job.fail_on_error = false,
    |job| job.fresh = false,
    |job| job.forbid = false,
    |job| job.keep_post = false,
    |job| job.stop_at = None,
    |job| job.settings = 0,
    |job| job.secret = super::script::Secret::None,
    |job| job.hops.iter_mut().for_each(|hop| hop.fault = None),
    |job| job.hops.iter_mut().for_each(|hop| hop.interim = 0),
    |job| job.hops.iter_mut().for_each(|hop| hop.piece = 0),
    |job| job.hops.iter_mut().for_each(|hop| hop.gap_ms = 0),
    |job| job.hops.iter_mut().for_each(|hop| hop.wait_ms = 0),
    |job| job.hops.iter_mut().for_each(|hop| hop.close = false),
    |job| job.hops.iter_mut().for_each(|hop| hop.early = false),
    |job| job.hops.iter_mut().for_each(|hop| hop.patience_ms = None),
    |job| {
        job.hops
            .iter_mut()
            .for_each(|hop| hop.refuses_expect = false)
    },
    |job| {
        job.hops
            .iter_mut()
            .for_each(|hop| hop.body = hop.body.min(1))
    },
    |job| job.hops.iter_mut().for_each(|hop| hop.host = 0),
];

fn plainer_jobs(best: &mut Script, better: &mut Better<'_>) -> bool {
    let mut changed = false;
    for number in 0..best.jobs.len() {
        for simpler in SIMPLER {
            let mut candidate = best.clone();
            simpler(&mut candidate.jobs[number]);
            let same =
                format!("{:?}", candidate.jobs[number]) == format!("{:?}", best.jobs[number]);
            let last = candidate.jobs[number].hops.last_mut();
            if let Some(last) = last.filter(|last| last.status / 100 == 3 && last.status != 304) {
                last.status = 200;
            }
            changed |= !same && better(candidate, best);
        }
    }
    changed
}

fn plainer_setup(best: &mut Script, better: &mut Better<'_>) -> bool {
    let mut changed = false;
    let simpler: [fn(&mut Script); 9] = [
        |script| script.setup.faults = crate::sim::Faults::default(),
        |script| script.setup.faults.latency = std::time::Duration::ZERO,
        |script| script.setup.faults.split = 0,
        |script| script.setup.faults.window = 0,
        |script| script.setup.faults.would_block = 0,
        |script| script.setup.faults.spurious = 0,
        |script| script.setup.late_ms = 0,
        |script| script.setup.listens.clear(),
        |script| script.setup.dns_delay = std::time::Duration::ZERO,
    ];
    for change in simpler {
        let mut candidate = best.clone();
        change(&mut candidate);
        let same = format!("{:?}", candidate.setup) == format!("{:?}", best.setup);
        changed |= !same && better(candidate, best);
    }
    changed
}
