//! Requests over real sockets: the driver, its epoll platform and the engine together.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use muxfer_core::Config;
use muxfer_linux::{Capacity, Driver, Epoll, EpollOptions, Memory};
use muxfer_tests::descriptors;
use muxfer_tests::instructions::Case;

use crate::exchange::{BENCHMARK_PATH, Get, Shape};

/// At least so many requests are counted.
const TIMES: u32 = 10_000;

/// Makes requests on kept connections, as many at once as there are connections.
pub(crate) fn run(case: Case, shape: Shape) -> Result<Vec<(&'static str, u32)>, Box<dyn Error>> {
    descriptors::allow_all()?;
    let server = Server::start()?;
    let urls: Vec<_> = (0..case.origins).map(|n| server.url(n, shape)).collect();
    let connections = case.connections as usize;
    let mut memory = Memory::new(Capacity {
        lines: 16,
        ..Capacity::new(connections, connections)
    });
    let mut options = EpollOptions::default();
    options.sockets.connections = connections;
    let mut driver = Driver::new(&mut memory, Config::DEFAULT, Epoll::new(&options)?)?;
    for url in urls.iter().cycle().take(connections) {
        // There is a place for each.
        let _ = driver.add(Get {
            shape,
            ..Get::new(url)
        });
    }
    turns(&mut driver, case.connections)?;
    let times = TIMES.max(case.connections);
    measured_loopback(&mut driver, times)?;
    let open = driver.multi().counts().connections;
    if open != case.connections {
        return Err(format!("{open} connections, not {}", case.connections).into());
    }
    Ok(vec![("loopback", times)])
}

#[inline(never)]
fn measured_loopback(driver: &mut Driver<'_, Get<'_>>, times: u32) -> Result<(), Box<dyn Error>> {
    turns(driver, times)
}

/// Goes on until so many requests are done; each is followed by another.
fn turns(driver: &mut Driver<'_, Get<'_>>, times: u32) -> Result<(), Box<dyn Error>> {
    let mut done = 0;
    while done < times {
        driver.turn(None)?;
        while let Some(message) = driver.info_read() {
            message.result?;
            let mut get = driver.remove(message.handle).ok_or("a transfer is gone")?;
            if !get.is_right() {
                return Err("a wrong answer".into());
            }
            (get.code, get.received) = (0, 0);
            done += 1;
            // There is the place that has just become free.
            let _ = driver.add(get);
        }
    }
    Ok(())
}

/// The server, in a process of its own: what it does is not counted.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("respond")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse()?;
        Ok(Self { child, port })
    }

    /// Each origin has an address of its own: all of 127/8 is this machine.
    fn url(&self, n: u32, shape: Shape) -> String {
        let [.., high, low] = (n + 1).to_be_bytes();
        let server = format!("http://127.0.{high}.{low}:{}", self.port);
        match shape {
            Shape::Usual | Shape::Plain => format!("{server}/path/to/file-{n}.bin?query=1"),
            Shape::Benchmark => format!("{server}{BENCHMARK_PATH}"),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, and with that it does.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
