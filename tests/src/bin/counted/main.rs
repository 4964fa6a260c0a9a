//! What the engine does, again and again, to be counted by callgrind: `cargo xtask instructions`.
//!
//! `counted engine CONNECTIONS ORIGINS` drives the engine over canned answers in memory.
//! `counted loopback CONNECTIONS ORIGINS` drives it over epoll against a server in another process,
//! `counted plain` with shorter heads, `counted benchmark` with those of the benchmark.
//! What is to be counted is in functions named `measured_*`. Each prints how often it did its work.

mod engine;
mod exchange;
mod loopback;
mod memory;
mod respond;

use std::error::Error;

use clap::Parser;
use exchange::Shape;
use muxfer_tests::instructions::Case;

/// Which work.
#[derive(Parser)]
enum Work {
    /// The engine alone, over a platform in memory
    Engine(Size),
    /// The engine, its epoll platform and its driver
    Loopback(Size),
    /// The same with requests and answers that have no field more than they need
    Plain(Size),
    /// The same with the request and answer of the benchmark
    Benchmark(Size),
    /// The server of `loopback`: prints its port, ends with its input
    Respond,
}

/// How much of it at once.
#[derive(clap::Args)]
struct Size {
    /// Connections, each with a transfer
    connections: u32,
    /// Origins that they are spread over
    origins: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let counts = match Work::parse() {
        Work::Engine(size) => engine::run(size.case())?,
        Work::Loopback(size) => loopback::run(size.case(), Shape::Usual)?,
        Work::Plain(size) => loopback::run(size.case(), Shape::Plain)?,
        Work::Benchmark(size) => loopback::run(size.case(), Shape::Benchmark)?,
        Work::Respond => return Ok(respond::run()?),
    };
    for (path, times) in counts {
        println!("{path} {times}");
    }
    Ok(())
}

impl Size {
    const fn case(&self) -> Case {
        Case {
            connections: self.connections,
            origins: self.origins,
        }
    }
}
