//! The program: fetches URLs, many at once.

mod args;
mod demo;
mod headers;
mod job;
mod list;
mod output;
mod progress;
mod report;
mod session;
mod settings;
mod upload;
mod verbose;

use std::process::ExitCode;

use clap::Parser;

/// What wrong usage exits with, as libcurl's `CURLE_FAILED_INIT` does.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "demo") && words.next().is_none() {
        return demo::run();
    }
    let args = args::Args::parse();
    match settings::Settings::new(&args) {
        Ok(settings) => ExitCode::from(session::run(&args, settings)),
        Err(why) => {
            eprintln!("muxfer: {why}");
            ExitCode::from(USAGE)
        }
    }
}
