//! The program: fetches URLs, many at once.

mod args;
mod console;
mod demo;
mod failure;
mod headers;
mod job;
mod list;
mod output;
mod plan;
mod progress;
mod report;
mod run;
#[cfg(feature = "_tls")]
mod secure;
#[cfg(not(feature = "_tls"))]
#[path = "plain.rs"]
mod secure;
mod session;
mod settings;
mod shared;
mod upload;
mod url;
mod verbose;
mod write_out;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::parse();
    console::log_if(args.verbose);
    match args.command {
        Some(args::Command::Demo) => demo::run(),
        None => ExitCode::from(run::run(&args)),
    }
}
