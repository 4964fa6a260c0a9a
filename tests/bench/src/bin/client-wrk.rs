//! wrk, made to take the arguments of a client and to report as one.
//!
//! It runs for a time instead of a number of requests, does not warm up, and counts bytes only in
//! total: so its start is measured with the rest, and the lengths are checked as a sum.

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use clap::Parser;
use muxfer_bench::job::{Job, Only};
use muxfer_bench::report::Report;
use nix::sys::resource::{UsageWho, getrusage};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long it runs, in seconds.
const SECONDS: u32 = 2;
/// No response head is longer, in bytes.
const HEAD: u64 = 1024;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/wrk.lua");

fn main() -> Outcome<()> {
    let job = Only::parse().job;
    if job.queued || job.stalled > 0 {
        return Err("wrk has neither a queue nor transfers that stall".into());
    }
    let mut wrk = Command::new("wrk");
    wrk.arg("-t1").arg(format!("-c{}", job.connections));
    wrk.arg(format!("-d{SECONDS}s"))
        .args(["--timeout", "10s", "-s", SCRIPT]);
    let output = wrk.arg(job.url()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("wrk failed: {text}{errors}").into());
    }
    let [requests, bytes, wall_us, faults] = summary(&text)?;
    if faults > 0 {
        return Err(format!("wrk had {faults} faults: {text}").into());
    }
    check(&job, requests, bytes)?;
    // There was no other child.
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = [usage.user_time(), usage.system_time()].map(|time| {
        let micros = u64::try_from(time.tv_usec()).unwrap_or(0);
        Duration::from_secs(u64::try_from(time.tv_sec()).unwrap_or(0))
            + Duration::from_micros(micros)
    });
    let report = Report {
        requests,
        wall_ns: wall_us * 1_000,
        cpu_ns: u64::try_from((cpu[0] + cpu[1]).as_nanos())?,
        stalled_kib: 0,
        peak_kib: u64::try_from(usage.max_rss())?,
    };
    println!("{report}");
    Ok(())
}

/// The line that the script writes.
fn summary(text: &str) -> Outcome<[u64; 4]> {
    let line = text.lines().find_map(|line| line.strip_prefix("summary "));
    let line = line.ok_or_else(|| format!("no summary in {text}"))?;
    let numbers: Result<Vec<u64>, _> = line.split_whitespace().map(str::parse).collect();
    numbers?
        .try_into()
        .map_err(|_| format!("wrong summary: {line}").into())
}

/// The bytes are those of all responses, heads included, and of those that the end has cut.
fn check(job: &Job, requests: u64, bytes: u64) -> Outcome<()> {
    let least = requests * job.length;
    let most = (requests + job.connections as u64) * (job.length + HEAD);
    if requests > 0 && (least..=most).contains(&bytes) {
        return Ok(());
    }
    Err(format!("{requests} responses in {bytes} bytes, not {least} to {most}").into())
}
