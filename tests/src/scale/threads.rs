//! What several threads of the program gain: a long list of small files from a real nginx.

use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use muxfer_linux::Choice;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::crowd::backend_word;
use crate::nginx::Nginx;
use crate::program::{self, Build};

/// The unit of times in `/proc`: a hundredth of a second, whatever the kernel itself counts in.
const USER_HZ: u64 = 100;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Setup {
    /// How many requests
    #[arg(long, default_value_t = 200_000)]
    pub requests: u32,
    /// How long each file is
    #[arg(long, default_value_t = 100)]
    pub bytes: usize,
    /// Over how many connections
    #[arg(long = "connections", default_value_t = 64)]
    pub conns: u32,
    /// How many threads are compared with one
    #[arg(long, default_value_t = 2)]
    pub threads: u32,
    /// How often both are run
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Over which backend: epoll, uring, or auto
    #[arg(long, default_value = "auto")]
    pub backend: Choice,
}

/// What one run of the program took.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    wall: Duration,
    /// CPU time of all its threads, in user and in system mode.
    cpu: Duration,
    /// CPU time of nginx meanwhile.
    server: Duration,
}

/// Medians of several runs, for each request, in µs: of one thread, and of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    setup: Setup,
    wall: [f64; 2],
    cpu: [f64; 2],
    server: [f64; 2],
    /// The median of the ratios within each round.
    gain: f64,
    cost: f64,
}

/// Runs it.
///
/// # Errors
/// There is no nginx, or the program fails.
pub fn run(setup: &Setup) -> io::Result<Compared> {
    let muxfer = program::muxfer(Build::Release)?;
    let nginx = Nginx::start()?;
    fs::write(nginx.site().join("small"), vec![b'x'; setup.bytes])?;
    let list = nginx.site().join("list");
    let mut lines = String::new();
    for _ in 0..setup.requests {
        writeln!(lines, "{}", nginx.url("small")).expect("memory is left");
    }
    fs::write(&list, lines)?;
    let mut rounds = Vec::new();
    for _ in 0..setup.rounds.max(1) {
        rounds.push([
            once(&muxfer, setup, 1, &list, &nginx)?,
            once(&muxfer, setup, setup.threads, &list, &nginx)?,
        ]);
    }
    let of = |value: &dyn Fn(&[Run; 2]) -> f64| median(rounds.iter().map(value).collect());
    let each = |which: fn(&Run) -> Duration| {
        [0, 1].map(|nth| {
            of(&|round| which(&round[nth]).as_secs_f64() * 1e6 / f64::from(setup.requests))
        })
    };
    Ok(Compared {
        setup: *setup,
        wall: each(|run| run.wall),
        cpu: each(|run| run.cpu),
        server: each(|run| run.server),
        gain: of(&|round| round[0].wall.as_secs_f64() / round[1].wall.as_secs_f64()),
        cost: of(&|round| round[1].cpu.as_secs_f64() / round[0].cpu.as_secs_f64()),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn once(muxfer: &Path, setup: &Setup, threads: u32, list: &Path, nginx: &Nginx) -> io::Result<Run> {
    let server = cpu_time_of(nginx.id())?;
    let begun = Instant::now();
    let mut child = Command::new(muxfer)
        .args(["-sS", "-f", "-o", "/dev/null", "--backend"])
        .arg(backend_word(setup.backend))
        .arg(format!("--max-connections={}", setup.conns))
        .arg(format!("--threads={threads}"))
        .arg("--from")
        .arg(list)
        .stdin(Stdio::null())
        .spawn()?;
    // What it took can be read as long as nobody has asked for its end.
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child)), ended)?;
    let wall = begun.elapsed();
    let cpu = cpu_time_of(child.id())?;
    let server = cpu_time_of(nginx.id())?.saturating_sub(server);
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("muxfer: {status}")));
    }
    Ok(Run { wall, cpu, server })
}

/// CPU time of a process so far, to a hundredth of a second.
fn cpu_time_of(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses, in which anything can be.
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let ticks: Option<u64> = behind
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().ok())
        .sum();
    let ticks = ticks.ok_or_else(|| io::Error::other("/proc/PID/stat is malformed"))?;
    Ok(Duration::from_millis(ticks * 1000 / USER_HZ))
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Setup {
            requests,
            bytes,
            conns,
            threads,
            rounds,
            backend,
        } = self.setup;
        writeln!(
            f,
            "{requests} requests of {bytes} bytes over {conns} connections, {}, medians of {rounds}",
            backend_word(backend)
        )?;
        writeln!(
            f,
            "{:<38} {:>12} {threads:>12}",
            "threads; µs for each request", 1
        )?;
        let rows = [
            ("wall clock", self.wall),
            ("CPU time of muxfer", self.cpu),
            ("CPU time of nginx", self.server),
        ];
        for (what, [one, several]) in rows {
            writeln!(f, "{what:<38} {one:>12.2} {several:>12.2}")?;
        }
        writeln!(
            f,
            "within a round: {:.2} times as fast, {:.2} times the CPU time",
            self.gain, self.cost
        )
    }
}
