//! `muxfer demo`: the real engine against a server of its own, every byte checked.

mod content;
mod server;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use muxfer_core::easy::{Flow, Options, Request, Status, Taken};
use muxfer_core::{Config, Easy, Sizes};
use muxfer_linux::{Backend, BackendOptions, Capacity, Driver, Memory};
use rustix::time::{ClockId, clock_gettime};

use crate::console;

use content::{Content, length_of};

/// How many transfers there are.
const TRANSFERS: usize = 2_000;
/// Over how many connections they go.
const CONNECTIONS: u32 = 64;

/// A transfer that compares what it gets with what it should get, and stores nothing.
struct Check {
    url: String,
    expected: Content,
    status: u16,
    wrong: bool,
}

impl Easy for Check {
    fn request(&self) -> Request<'_> {
        Request::get(&self.url)
    }

    fn options(&self) -> Options {
        Options {
            total: Some(Duration::from_secs(60)),
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.status = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.wrong |= !self.expected.matches(bytes);
        Taken::All
    }
}

/// What the transfers came to.
#[derive(Default)]
struct Tally {
    right: usize,
    bytes: u64,
    connects: u64,
}

/// Runs it; success only if every byte was right.
pub(crate) fn run() -> ExitCode {
    match transfers() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            console::error_line(&format!("muxfer: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn transfers() -> Result<bool, Box<dyn std::error::Error>> {
    let port = server::start()?;
    let mut memory = Memory::new(Capacity::new(TRANSFERS, CONNECTIONS as usize));
    let config = Config {
        max_total_connections: CONNECTIONS,
        ..Config::DEFAULT
    };
    let backend = Backend::new(&BackendOptions::default())?;
    let mut driver = Driver::new(&mut memory, config, backend)?;
    let (start, cpu) = (Instant::now(), cpu_time());
    for number in 0..TRANSFERS {
        let length = length_of(number);
        // Every third body comes in chunks.
        let form = if number % 3 == 0 { "chunked" } else { "plain" };
        driver.add(Check {
            url: format!("http://127.0.0.1:{port}/{form}/{number}/{length}"),
            expected: Content::new(number, length),
            status: 0,
            wrong: false,
        })?;
    }
    let mut tally = Tally::default();
    while driver.multi().counts().current > 0 {
        driver.turn(None)?;
        while let Some(message) = driver.info_read() {
            let info = driver.multi().info(message.handle).unwrap_or_default();
            let Some(check) = driver.remove(message.handle) else {
                continue;
            };
            tally.bytes += info.received;
            tally.connects += u64::from(info.connects);
            let right = message.result.is_ok() && check.status == 200 && !check.wrong;
            if right && check.expected.is_complete() {
                tally.right += 1;
            } else {
                let Check { url, status, .. } = &check;
                let result = message.result;
                console::error_line(&format!("wrong: {url}: {result:?}, status {status}"));
            }
        }
    }
    println!("backend                       {}", driver.platform().name());
    print(&tally, start.elapsed(), cpu_time().saturating_sub(cpu));
    Ok(tally.right == TRANSFERS)
}

/// CPU time of this thread, which is the client's alone.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn print(tally: &Tally, elapsed: Duration, cpu: Duration) {
    let rate = TRANSFERS as f64 / elapsed.as_secs_f64();
    let each = cpu.as_secs_f64() * 1e6 / TRANSFERS as f64;
    let engine = Sizes::HERE.transfer_with_connection();
    println!(
        "transfers                     {TRANSFERS}, {} of them right to the byte",
        tally.right
    );
    println!("body bytes                    {}", tally.bytes);
    println!("connections                   {}", tally.connects);
    println!("seconds                       {:.3}", elapsed.as_secs_f64());
    println!("transfers a second            {rate:.0}");
    println!("client's CPU time a transfer  {each:.1} µs, the checking of bytes included");
    println!(
        "engine memory a transfer      {engine} bytes with its connection, {} of easy handle",
        size_of::<Check>()
    );
}
