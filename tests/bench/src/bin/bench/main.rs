//! The benchmark: `cargo xtask bench`.
//!
//! It starts a server on one core and runs the clients on another, one after the other, round by
//! round, so that what the machine does meanwhile meets all of them. Then it counts what needs no
//! clock. `docs/performance.md` says what is measured how.

mod client;
mod cores;
mod count;
mod document;
mod host;
mod measure;
mod plan;
mod plot;
mod server;
mod stall;
mod table;
mod tools;

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;

use client::Client;

/// Whatever went wrong: nothing here is mended, the run ends.
type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measure muxfer beside other clients.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
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

    fn clients(&self) -> Vec<Client> {
        let wanted = |client: &Client| {
            let all = self.contenders.is_empty() || *client == Client::Null;
            all || self.contenders.contains(client)
        };
        Client::ALL.iter().copied().filter(wanted).collect()
    }

    /// Names that are none would otherwise select nothing, and the run would be a success.
    fn check(&self) -> Outcome<()> {
        let names = || plan::WORKLOADS.iter().map(|workload| workload.name);
        let names: Vec<&str> = names().chain(count::NAMES.iter().copied()).collect();
        match self
            .only
            .iter()
            .find(|only| !names.contains(&only.as_str()))
        {
            Some(unknown) => Err(format!("no {unknown}; there are {}", names.join(", ")).into()),
            None => Ok(()),
        }
    }
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    arguments.check()?;
    let cores = cores::Cores::choose()?;
    cores::raise_descriptor_limit();
    let tools = tools::Tools::build()?;
    let servers = server::Servers::start(&cores)?;
    let clients = arguments.clients();

    let host = host::describe(&cores);
    let keep = |name: &str, text: &str| {
        println!("{text}");
        if !arguments.is_kept() {
            return Ok(());
        }
        let how = host::how(name, &arguments);
        document::write(&host, name, &format!("{text}\n{how}"))
    };
    let mut curves = plot::Curves::default();
    for workload in plan::WORKLOADS
        .iter()
        .filter(|workload| arguments.wants(workload.name))
    {
        let results = measure::run(&arguments, &clients, workload, &servers, &tools)?;
        keep(workload.name, &table::timed(workload, &results))?;
        curves.take(workload, &results);
    }
    for name in count::NAMES
        .iter()
        .copied()
        .filter(|name| arguments.wants(name))
    {
        let text = count::run(name, &arguments, &clients, &servers, &tools)?;
        keep(name, &text)?;
    }
    if !arguments.is_kept() {
        println!("Nothing was written: only seven rounds or more of all clients are kept.");
    } else if plan::WORKLOADS
        .iter()
        .all(|workload| !workload.is_kept() || arguments.wants(workload.name))
    {
        curves.draw()?;
    }
    Ok(())
}
