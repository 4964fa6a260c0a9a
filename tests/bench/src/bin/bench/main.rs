//! The benchmark: `cargo xtask bench`, and the same over TLS: `cargo xtask bench tls`.
//!
//! It starts a server on one core and runs the clients on another, one after the other, round by
//! round, so that what the machine does meanwhile meets all of them. Then it counts what needs no
//! clock. `docs/performance.md` and `docs/tls.md` say what is measured how.

mod builds;
mod client;
mod cores;
mod count;
mod document;
mod host;
mod measure;
mod plan;
mod plot;
mod providers;
mod secure;
mod server;
mod stall;
mod suite;
mod table;
mod tools;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use client::Client;
use suite::Suite;

/// Whatever went wrong: nothing here is mended, the run ends.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measure muxfer beside other clients.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
#[command(args_conflicts_with_subcommands = true)]
struct Call {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    arguments: Arguments,
}

#[derive(Subcommand)]
enum Task {
    /// Measure it over TLS
    Tls(Arguments),
    /// Measure the providers of cryptography that rustls can have
    Providers(providers::Arguments),
}

/// How a suite is run.
#[derive(clap::Args)]
struct Arguments {
    /// How often each client is measured with each workload
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Two rounds of few requests, to see that everything works
    #[arg(long)]
    quick: bool,
    /// Only these workloads and counts, with commas between
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these clients; the null client is always among them, as it is what the others are
    /// compared with
    #[arg(long, value_delimiter = ',', value_enum)]
    contenders: Vec<Client>,
    /// Hold an exclusive lock on this file during each round, so that measurements which share it
    /// don't overlap
    #[arg(long)]
    lock: Option<PathBuf>,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Only what was measured often enough, beside everybody, is worth being kept.
    fn is_kept(&self) -> bool {
        self.contenders.is_empty() && !self.quick && self.rounds >= 7
    }

    fn clients(&self, suite: &Suite) -> Vec<Client> {
        let wanted = |client: &Client| {
            let all = self.contenders.is_empty() || *client == suite.compared[0];
            all || self.contenders.contains(client)
        };
        suite.clients.iter().copied().filter(wanted).collect()
    }

    /// Names that are none would otherwise select nothing, and the run would be a success.
    fn check(&self, suite: &Suite) -> Outcome<()> {
        check_names(&self.only, &suite.names())?;
        match self
            .contenders
            .iter()
            .find(|client| !suite.clients.contains(client))
        {
            Some(client) => Err(format!("no {} in {}", client.title(), suite.command).into()),
            None => Ok(()),
        }
    }
}

/// Are all of these among those that there are?
fn check_names(only: &[String], names: &[&str]) -> Outcome<()> {
    match only.iter().find(|only| !names.contains(&only.as_str())) {
        Some(unknown) => Err(format!("no {unknown}; there are {}", names.join(", ")).into()),
        None => Ok(()),
    }
}

fn main() -> Outcome<()> {
    let call = Call::parse();
    match call.task {
        None => run(&suite::PLAIN, &call.arguments),
        Some(Task::Tls(arguments)) => run(&suite::TLS, &arguments),
        Some(Task::Providers(arguments)) => providers::run(&arguments),
    }
}

fn run(suite: &Suite, arguments: &Arguments) -> Outcome<()> {
    arguments.check(suite)?;
    let cores = cores::Cores::choose()?;
    cores::raise_descriptor_limit();
    let tools = tools::Tools::build(suite.tls)?;
    let servers = server::Servers::start(&cores, suite.tls)?;
    let clients = arguments.clients(suite);

    let (host, document) = (host::describe(&cores, suite.tls), suite.document());
    let keep = |name: &str, text: &str| {
        println!("{text}");
        if !arguments.is_kept() {
            return Ok(());
        }
        let (command, rounds) = (suite.command, arguments.rounds);
        let how = host::how(&format!("{command} --only {name} --rounds {rounds}"));
        document.write(&host, name, &format!("{text}\n{how}"))
    };
    let mut curves = plot::Curves::default();
    let wanted = |workload: &&plan::Workload| arguments.wants(workload.name);
    for workload in suite.workloads.iter().filter(wanted) {
        let results = measure::run(arguments, &clients, workload, &servers, &tools)?;
        keep(workload.name, &table::timed(suite, workload, &results))?;
        curves.take(workload, &results);
    }
    let wanted = |name: &&str| arguments.wants(name);
    for name in suite.counts.iter().copied().filter(wanted) {
        let text = count::run(name, arguments, &clients, &servers, &tools)?;
        keep(name, &text)?;
    }
    if !arguments.is_kept() {
        println!("Nothing was written: only seven rounds or more of all clients are kept.");
    } else if !suite.tls
        && suite
            .workloads
            .iter()
            .all(|workload| !workload.is_kept() || arguments.wants(workload.name))
    {
        curves.draw()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_with_and_without_a_task_are_understood() {
        let call = |words: &str| Call::try_parse_from(words.split(' '));
        let plain = call("bench --quick --only kept-1").unwrap();
        assert!(plain.task.is_none() && plain.arguments.quick);
        let tls = call("bench tls --only tls-bulk-1").unwrap();
        let Some(Task::Tls(arguments)) = tls.task else {
            panic!("no task");
        };
        assert!(arguments.check(&suite::TLS).is_ok() && arguments.check(&suite::PLAIN).is_err());
        assert!(call("bench providers --builds 0").is_err());
    }
}
