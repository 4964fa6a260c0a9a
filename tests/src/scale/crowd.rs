//! Very many real connections at once: each answers at the start and again at the end, and between
//! all of them have a transfer in flight.

use std::cell::Cell;
use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use muxfer_core::easy::{Flow, Options, Request, Status, Taken};
use muxfer_core::{Config, Easy};
use muxfer_linux::{Backend, BackendOptions, Capacity, Choice, Driver, Memory, SocketOptions};

use super::cost::resident_bytes;
use super::server::{self, Server};
use crate::descriptors;

/// As many connections as a process can have where 20,000 descriptors are the limit, to the thousand.
pub const MOST: u32 = 19_000;

/// How many connections are being opened at the same time: fewer than may wait to be accepted.
const OPENING: u32 = 256;
/// How many connections one address of the server gets.
const PER_ADDRESS: u32 = 5_000;
/// The longest URL: `http://127.0.0.1:65535/hold`.
const URL_BYTES: usize = 32;
/// How a line of the report begins that other programs look for.
const IN_FLIGHT: &str = "resident, all in flight";

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Setup {
    /// How many connections at once
    #[arg(long = "connections", default_value_t = MOST)]
    pub conns: u32,
    /// To how many origins at each address of the server, by turns
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub origins: u32,
    /// Over which backend: epoll, uring, or auto
    #[arg(long, default_value = "auto")]
    pub backend: Choice,
    /// After so many seconds it fails
    #[arg(long, default_value_t = 120)]
    pub limit: u64,
}

impl Setup {
    /// How many addresses the server has.
    #[must_use]
    pub fn addresses(&self) -> u8 {
        u8::try_from(self.conns.div_ceil(PER_ADDRESS)).unwrap_or(u8::MAX)
    }

    /// The words of a command line that ask for it.
    #[must_use]
    pub fn words(&self) -> [String; 4] {
        [
            format!("--connections={}", self.conns),
            format!("--origins={}", self.origins),
            format!("--backend={}", backend_word(self.backend)),
            format!("--limit={}", self.limit),
        ]
    }
}

/// What came of it. Memory is that of this process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was asked for.
    pub setup: Setup,
    /// Which backend it was.
    pub backend: &'static str,
    /// Connections that were open when all were.
    pub open: u32,
    /// Those that gave the right answer first.
    pub first: u32,
    /// Those that gave the right answer again, as the same connection.
    pub again: u32,
    /// Transfers that had their head and waited for their body at the same time.
    pub in_flight: u32,
    /// Resident before the engine was made.
    pub resident_before: usize,
    /// Resident with empty tables.
    pub resident_tables: usize,
    /// Resident with all connections open and idle.
    pub resident_open: usize,
    /// Resident with a transfer in flight on each.
    pub resident_in_flight: usize,
    /// What a user's value takes, which is a part of these.
    pub easy_bytes: usize,
    /// How long it took.
    pub elapsed: Duration,
}

/// The word that asks for a backend.
pub(crate) const fn backend_word(backend: Choice) -> &'static str {
    match backend {
        Choice::Auto => "auto",
        Choice::Epoll => "epoll",
        Choice::Uring => "uring",
    }
}

/// One GET.
struct Ask {
    url: heapless::String<URL_BYTES, u8>,
    /// Makes an origin of its own of each number.
    settings: u32,
    fresh: bool,
    code: u16,
    /// The numbers in the body: which connection, and how often it was served.
    numbers: [u32; 2],
    /// How many of them are complete.
    complete: u8,
    digits: bool,
    heads: Rc<Cell<u32>>,
}

impl Easy for Ask {
    fn request(&self) -> Request<'_> {
        Request {
            settings: self.settings,
            ..Request::get(&self.url)
        }
    }

    fn options(&self) -> Options {
        Options {
            fresh_connect: self.fresh,
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.code = status.code;
        self.heads.set(self.heads.get() + 1);
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        for byte in bytes {
            let digit = byte.is_ascii_digit();
            if digit && let Some(number) = self.numbers.get_mut(usize::from(self.complete)) {
                *number = *number * 10 + u32::from(byte - b'0');
            }
            self.complete += u8::from(self.digits && !digit);
            self.digits = digit;
        }
        Taken::All
    }
}

/// Runs it against a server that is started with `scale`, the program of this crate.
///
/// # Errors
/// What the system says, a transfer that fails, or too much time.
pub fn run(scale: &Path, setup: &Setup) -> io::Result<Report> {
    descriptors::allow_all()?;
    let begun = Instant::now();
    let server = Server::start(scale, setup.addresses())?;
    let resident_before = resident_bytes()?;
    let conns = setup.conns as usize;
    let mut memory = Memory::new(Capacity {
        conns,
        ..Capacity::new(conns, conns)
    });
    let options = BackendOptions {
        choice: setup.backend,
        sockets: SocketOptions {
            connections: conns,
            ..SocketOptions::default()
        },
        ..BackendOptions::default()
    };
    let config = Config {
        idle: Duration::from_secs(setup.limit),
        ..Config::DEFAULT
    };
    let backend = Backend::new(&options)?;
    let name = backend.name();
    let driver = Driver::new(&mut memory, config, backend).map_err(io::Error::other)?;
    let mut client = Client {
        setup: *setup,
        end: begun + Duration::from_secs(setup.limit),
        driver,
        server,
        heads: Rc::default(),
        served: vec![0; conns],
    };
    let resident_tables = resident_bytes()?;
    let first = client.open_all()?;
    let open = client.driver.multi().counts().connections;
    let resident_open = resident_bytes()?;
    let in_flight = client.hold_all()?;
    let resident_in_flight = resident_bytes()?;
    let again = client.end_all()?;
    Ok(Report {
        setup: *setup,
        backend: name,
        open,
        first,
        again,
        in_flight,
        resident_before,
        resident_tables,
        resident_open,
        resident_in_flight,
        easy_bytes: size_of::<Ask>(),
        elapsed: begun.elapsed(),
    })
}

struct Client<'s> {
    setup: Setup,
    end: Instant,
    driver: Driver<'s, Ask, Backend>,
    server: Server,
    /// Responses whose head has come.
    heads: Rc<Cell<u32>>,
    /// By the server's number of the connection: how often it has served.
    served: Vec<u32>,
}

impl Client<'_> {
    /// Opens all connections, a few at a time, with a GET each; answers how many were right.
    fn open_all(&mut self) -> io::Result<u32> {
        let mut right = 0;
        let mut added = 0;
        while added < self.setup.conns || self.driver.multi().counts().current > 0 {
            while added < self.setup.conns && self.driver.multi().counts().current < OPENING {
                self.add(added, true)?;
                added += 1;
            }
            right += self.turn(1)?;
        }
        Ok(right)
    }

    /// Begins a GET on each connection, and waits until all have their heads; answers how many.
    fn hold_all(&mut self) -> io::Result<u32> {
        self.heads.set(0);
        for nth in 0..self.setup.conns {
            self.add(nth, false)?;
        }
        while self.heads.get() < self.setup.conns {
            self.turn(2)?;
        }
        Ok(self.driver.multi().counts().running)
    }

    /// Lets the server go on, and answers how many connections were right, each the same as before.
    fn end_all(&mut self) -> io::Result<u32> {
        self.server.go_on()?;
        let mut right = 0;
        while self.driver.multi().counts().current > 0 {
            right += self.turn(2)?;
        }
        Ok(right)
    }

    fn add(&mut self, nth: u32, fresh: bool) -> io::Result<()> {
        let host = server::address(u8::try_from(nth / PER_ADDRESS).unwrap_or(u8::MAX));
        let (port, path) = (self.server.port(), if fresh { "now" } else { "hold" });
        let mut url = heapless::String::default();
        write!(url, "http://{host}:{port}/{path}").expect("a short URL");
        let ask = Ask {
            url,
            settings: nth % self.setup.origins,
            fresh,
            code: 0,
            numbers: [0; 2],
            complete: 0,
            digits: false,
            heads: Rc::clone(&self.heads),
        };
        let full = || io::Error::other("no place for a transfer");
        self.driver.add(ask).map(|_| ()).map_err(|_| full())
    }

    /// One turn; answers how many transfers have ended in it as the `round`th on their connection.
    fn turn(&mut self, round: u32) -> io::Result<u32> {
        if Instant::now() > self.end {
            let counts = self.driver.multi().counts();
            return Err(io::Error::other(format!("too slow: {counts:?}")));
        }
        self.driver.turn(Some(Duration::from_secs(1)))?;
        let mut right = 0;
        while let Some(message) = self.driver.info_read() {
            let info = self.driver.multi().info(message.handle).unwrap_or_default();
            let Some(ask) = self.driver.remove(message.handle) else {
                continue;
            };
            if let Err(error) = message.result {
                return Err(io::Error::other(format!("{}: {error}", ask.url)));
            }
            let [number, served] = ask.numbers;
            let kept = u32::from(info.connects) == u32::from(ask.fresh);
            let known = self.served.get_mut(number as usize);
            if ask.code == 200
                && kept
                && served == round
                && let Some(known) = known.filter(|known| **known + 1 == round)
            {
                *known = round;
                right += 1;
            }
        }
        Ok(right)
    }
}

impl Report {
    /// What is not as it must be.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let counts = [
            ("open at once", self.open),
            ("right at the start", self.first),
            ("in flight at once", self.in_flight),
            ("right at the end", self.again),
        ];
        let wanted = self.setup.conns;
        let wrong = counts.iter().filter(|(_, count)| *count != wanted);
        wrong
            .map(|(what, count)| format!("{count} of {wanted} connections {what}"))
            .collect()
    }

    /// Finds the resident memory with all transfers in flight in a printed report.
    #[must_use]
    pub fn in_flight_of(printed: &str) -> Option<usize> {
        let line = printed
            .lines()
            .find_map(|line| line.strip_prefix(IN_FLIGHT));
        line?.split_whitespace().next()?.parse().ok()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            ("connections open at once", self.open),
            ("right at the start", self.first),
            ("transfers in flight at once", self.in_flight),
            ("right at the end, kept connections", self.again),
        ];
        writeln!(f, "{:<38} {:>12}", "backend", self.backend)?;
        for (what, count) in counts {
            writeln!(f, "{what:<38} {count:>12}")?;
        }
        let resident = [
            ("resident before", self.resident_before),
            ("resident, empty tables", self.resident_tables),
            ("resident, all open and idle", self.resident_open),
            (IN_FLIGHT, self.resident_in_flight),
        ];
        for (what, bytes) in resident {
            writeln!(f, "{what:<38} {bytes:>12} bytes")?;
        }
        let grown = self.resident_in_flight.saturating_sub(self.resident_before);
        let each = grown as f64 / f64::from(self.setup.conns.max(1));
        writeln!(f, "{:<38} {each:>12.0} bytes", "grown, for each connection")?;
        let (easy, seconds) = (self.easy_bytes, self.elapsed.as_secs_f64());
        writeln!(f, "a user's value takes {easy} bytes of it; {seconds:.1} s")
    }
}
