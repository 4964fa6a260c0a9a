//! What is counted instead of timed: system calls, instructions, allocations, memory.
//!
//! All but memory is the difference of two runs, one of which makes twice as many measured requests:
//! what a client does to start, to warm up and to end is the same in both.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use muxfer_bench::job::Job;
use muxfer_tests::files::Folder;

use crate::client::{Client, Run};
use crate::plan::Workload;
use crate::server::Servers;
use crate::table::{Spread, thousands};
use crate::tools::Tools;
use crate::{Arguments, Outcome};

/// What can be counted.
pub(crate) const NAMES: &[&str] = &["syscalls", "instructions", "allocations", "memory"];

/// The fewest requests of the shorter run.
const REQUESTS: u64 = 4_000;

/// Runs a client and counts; the file is for whatever the counter writes.
type Counter = fn(&Run<'_>, &Path) -> Outcome<u64>;

/// A column of a table.
struct Column {
    title: &'static str,
    workload: Workload,
}

impl Column {
    const fn kept(title: &'static str, connections: usize) -> Self {
        Self {
            title,
            workload: Workload::kept(connections),
        }
    }

    const fn new(title: &'static str, connections: usize) -> Self {
        Self {
            title,
            workload: Workload::new(connections),
        }
    }
}

/// The table of one of [`NAMES`].
pub(crate) fn run(
    name: &str,
    arguments: &Arguments,
    clients: &[Client],
    servers: &Servers,
    tools: &Tools,
) -> Outcome<String> {
    let bench = Bench {
        servers,
        tools,
        quick: arguments.quick,
    };
    let clients = || {
        clients
            .iter()
            .copied()
            .filter(|client| client.is_countable())
    };
    match name {
        "syscalls" => {
            let columns = [
                Column::kept("100 kept", 100),
                Column::new("new, 100 at once", 100),
            ];
            bench.table("System calls a request", &columns, clients(), syscalls, 2)
        }
        "instructions" => {
            let columns = [
                Column::kept("10", 10),
                Column::kept("100", 100),
                Column::kept("1,000", 1_000),
                Column::kept("10,000", 10_000),
            ];
            let title = "User-space instructions a request, over kept connections";
            bench.table(title, &columns, clients(), instructions, 0)
        }
        "allocations" => {
            let columns = [
                Column::kept("100 kept", 100),
                Column::new("new, 100 at once", 100),
            ];
            bench.table(
                "Heap allocations a request",
                &columns,
                clients(),
                allocations,
                2,
            )
        }
        _ => bench.memory(clients()),
    }
}

struct Bench<'a> {
    servers: &'a Servers,
    tools: &'a Tools,
    quick: bool,
}

impl Bench<'_> {
    fn table(
        &self,
        title: &str,
        columns: &[Column],
        clients: impl Iterator<Item = Client>,
        counter: Counter,
        digits: usize,
    ) -> Outcome<String> {
        let titles: Vec<_> = columns.iter().map(|column| column.title).collect();
        let line = "| ---: ".repeat(columns.len());
        let mut text = format!(
            "### {title}\n\n| client | {} |\n| --- {line}|\n",
            titles.join(" | ")
        );
        for client in clients {
            let _ = write!(text, "| {} |", client.title());
            for column in columns {
                eprintln!("{title}: {}, {}", client.title(), column.title);
                let each = self.difference(client, &column.workload, counter)?;
                let _ = if digits == 0 {
                    write!(text, " {} |", thousands(each))
                } else {
                    write!(text, " {each:.digits$} |")
                };
            }
            text.push('\n');
        }
        text.push('\n');
        Ok(text)
    }

    /// What each further request adds to a count.
    fn difference(&self, client: Client, workload: &Workload, counter: Counter) -> Outcome<f64> {
        let least = if self.quick { REQUESTS / 4 } else { REQUESTS };
        let requests = least.max(workload.connections as u64);
        let folder = Folder::new("bench")?;
        let mut counts = [0.0; 2];
        for (count, times) in counts.iter_mut().zip([1, 2]) {
            // The first request on each connection is enough: it is in both runs.
            let job = Job {
                warm_up: 0,
                ..workload.job(self.servers, times * requests)
            };
            let run = Run {
                client,
                job: &job,
                tools: self.tools,
            };
            *count = counter(&run, &folder.path().join("count"))? as f64;
        }
        Ok((counts[1] - counts[0]) / requests as f64)
    }

    /// Resident memory with many and with few transfers that all have half of their body.
    fn memory(&self, clients: impl Iterator<Item = Client>) -> Outcome<String> {
        const FEW: usize = 100;
        const MANY: usize = 10_000;
        let rounds = if self.quick { 1 } else { 3 };
        let mut text = "### Memory of transfers in flight\n\n\
            | client | 100 transfers | 10,000 transfers | each further one |\n\
            | --- | ---: | ---: | ---: |\n"
            .to_owned();
        for client in clients {
            eprintln!("memory: {}", client.title());
            let resident = |stalled: usize| -> Outcome<f64> {
                let mut kib = Vec::new();
                for _ in 0..rounds {
                    let job = Workload::stalled(stalled).job(self.servers, 0);
                    let run = Run {
                        client,
                        job: &job,
                        tools: self.tools,
                    };
                    kib.push(run.report()?.stalled_kib as f64);
                }
                Ok(Spread::of(kib.into_iter()).median)
            };
            let (few, many) = (resident(FEW)?, resident(MANY)?);
            let each = (many - few) * 1024.0 / (MANY - FEW) as f64;
            let _ = writeln!(
                text,
                "| {} | {:.1} MiB | {:.1} MiB | {} bytes |",
                client.title(),
                few / 1024.0,
                many / 1024.0,
                thousands(each)
            );
        }
        text.push('\n');
        Ok(text)
    }
}

/// By `strace -c`: the fourth number of the line that sums up is how many calls there were.
fn syscalls(run: &Run<'_>, file: &Path) -> Outcome<u64> {
    let prefix = ["strace", "-f", "-c", "-o"].map(OsStr::new);
    run.report_under(&[&prefix[..], &[file.as_os_str()]].concat(), None)?;
    let text = fs::read_to_string(file)?;
    let line = text.lines().find(|line| line.ends_with(" total"));
    let calls = line.and_then(|line| line.split_whitespace().nth(3));
    Ok(calls.ok_or("strace gave no total")?.parse()?)
}

/// By callgrind, which counts those of user space only: the line `totals:` of its file.
///
/// valgrind takes the kernel's page of functions (vDSO) away, and rustix asks the kernel itself where
/// it is (`PR_GET_AUXV`) and would find nothing there. So that question is answered with an error.
fn instructions(run: &Run<'_>, file: &Path) -> Outcome<u64> {
    let mut out = OsString::from("--callgrind-out-file=");
    out.push(file);
    let strace = ["strace", "--seccomp-bpf", "-f", "-o", "/dev/null"];
    let inject = ["-e", "trace=prctl", "-e", "inject=prctl:error=EINVAL"];
    let words = strace
        .iter()
        .chain(&inject)
        .chain(&["valgrind", "--tool=callgrind"]);
    let mut prefix: Vec<&OsStr> = words.map(OsStr::new).collect();
    prefix.push(&out);
    run.report_under(&prefix, None)?;
    let text = fs::read_to_string(file)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind gave no total")?.trim().parse()?)
}

/// By a library that stands before the system's allocator.
fn allocations(run: &Run<'_>, file: &Path) -> Outcome<u64> {
    let mut preload = OsString::from("LD_PRELOAD=");
    preload.push(&run.tools.allocations);
    let prefix = [OsStr::new("env"), preload.as_os_str()];
    run.report_under(&prefix, Some(("MUXFER_ALLOCATIONS", file)))?;
    Ok(fs::read_to_string(file)?.trim().parse()?)
}
