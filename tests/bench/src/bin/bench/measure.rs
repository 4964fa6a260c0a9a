//! Rounds of timed runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use muxfer_bench::report::Report;
use rustix::fs::{FlockOperation, flock};

use crate::client::{Client, Run};
use crate::plan::Workload;
use crate::server::Servers;
use crate::tools::Tools;
use crate::{Arguments, Outcome};

/// One report for each round, in their order.
pub(crate) type Results = BTreeMap<Client, Vec<Report>>;

/// All rounds of a workload. In each round each client runs once; who begins changes.
pub(crate) fn run(
    arguments: &Arguments,
    clients: &[Client],
    workload: &Workload,
    servers: &Servers,
    tools: &Tools,
) -> Outcome<Results> {
    let rounds = if arguments.quick { 2 } else { arguments.rounds };
    let able: Vec<(Client, u64)> = clients
        .iter()
        .filter_map(|&client| Some((client, client.requests(workload, arguments.quick)?)))
        .collect();
    let mut results = Results::new();
    for round in 0..rounds as usize {
        eprintln!("{}: round {} of {rounds}", workload.name, round + 1);
        let _held = hold(arguments.lock.as_deref())?;
        let (late, early) = able.split_at(round % able.len());
        for &(client, requests) in early.iter().chain(late) {
            let job = workload.job(servers, requests);
            let run = Run {
                client,
                job: &job,
                tools,
            };
            results.entry(client).or_default().push(run.report()?);
        }
    }
    Ok(results)
}

/// A lock on this file, until it is dropped.
pub(crate) fn hold(file: Option<&Path>) -> Outcome<Option<File>> {
    let Some(path) = file else { return Ok(None) };
    let file = File::options().create(true).append(true).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(Some(file))
}
