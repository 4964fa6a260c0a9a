//! wrk, made to take the arguments of a client and to report as one.
//!
//! It runs for a time instead of a number of requests, so two runs of different lengths are compared:
//! what it does to start is in both. It counts bytes only in total: so lengths are checked as a sum.

use std::error::Error;
use std::process::Command;

use clap::Parser;
use muxfer_bench::job::{Job, Only};
use muxfer_bench::report::{Report, cpu_of_children};
use nix::sys::resource::{UsageWho, getrusage};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How much longer its second run is, in seconds.
const SECONDS: usize = 2;
/// How many connections it makes in a second, on a machine that is busy with other things too.
const CONNECTS: usize = 5_000;
/// No response head is longer, in bytes.
const HEAD: u64 = 1024;

fn main() -> Outcome<()> {
    let job = Only::parse().job;
    if job.queued || job.stalled > 0 {
        return Err("wrk has neither a queue nor transfers that stall".into());
    }
    let start = 1 + job.connections / CONNECTS;
    let [short, long] = [wrk(&job, start)?, wrk(&job, start + SECONDS)?];
    if short.requests >= long.requests || short.cpu_ns >= long.cpu_ns {
        return Err(format!("a longer run did less: {short}, {long}").into());
    }
    let report = Report {
        requests: long.requests - short.requests,
        wall_ns: long.wall_ns - short.wall_ns,
        cpu_ns: long.cpu_ns - short.cpu_ns,
        ..long
    };
    println!("{report}");
    Ok(())
}

/// What one run took.
fn wrk(job: &Job, seconds: usize) -> Outcome<Report> {
    let mut wrk = Command::new("wrk");
    wrk.arg("-t1").arg(format!("-c{}", job.connections));
    wrk.arg(format!("-d{seconds}s"));
    let script = muxfer_bench::folder().join("clients/wrk.lua");
    wrk.args(["--timeout", "10s", "-s"])
        .arg(script)
        .arg(job.url());
    let before = cpu_of_children()?;
    let output = wrk.output()?;
    let cpu = cpu_of_children()? - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("wrk failed: {text}{errors}").into());
    }
    let [requests, bytes, wall_us, faults] = summary(&text)?;
    if faults > 0 {
        return Err(format!("wrk had {faults} faults: {text}").into());
    }
    check(job, requests, bytes)?;
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    Ok(Report {
        requests,
        wall_ns: wall_us * 1_000,
        cpu_ns: u64::try_from(cpu.as_nanos())?,
        stalled_kib: 0,
        peak_kib: u64::try_from(peak)?,
    })
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
