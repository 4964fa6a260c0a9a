//! The engine and its loops allocate nothing once connections and tables exist.
//!
//! There is one test only, as the allocator of a program is one for all of them. Run it with
//! `RUST_BACKTRACE=1` to see where the first allocation comes from.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use muxfer_core::easy::{Flow, Options, Request, Status, Taken};
use muxfer_core::{Config, Easy};
use muxfer_linux::{Backend, BackendOptions, Capacity, Choice, Driver, Memory};

const CONNECTIONS: u32 = 100;
const WARM_UP: u32 = 200;
const REQUESTS: u32 = 100_000;
const BODY: [u8; 1024] = body();
/// Nothing takes this long; a test that hangs fails instead.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_hundred_thousand_requests_over_kept_connections_allocate_nothing() -> Result<(), Box<dyn Error>>
{
    // What the test rests on: an armed thread's allocations are seen.
    let ((), seen) = watched(|| drop(black_box(Box::new(7_u64))));
    assert_eq!(seen, Allocations { count: 1, first: 8 });

    over(&Server::start()?, Choice::Epoll)?;
    over(&Server::start()?, Choice::Uring)
}

fn over(server: &Server, choice: Choice) -> Result<(), Box<dyn Error>> {
    let url = server.url();
    let capacity = Capacity::new(CONNECTIONS as usize, CONNECTIONS as usize);
    let mut options = BackendOptions {
        choice,
        ..BackendOptions::default()
    };
    options.sockets.connections = capacity.conns;
    let config = Config {
        max_total_connections: CONNECTIONS,
        ..Config::DEFAULT
    };
    let mut memory = Memory::new(capacity);
    let mut driver = Driver::new(&mut memory, config, Backend::new(&options)?)?;

    let warm_up = fetch(&mut driver, &url, WARM_UP)?;
    assert_eq!(warm_up, Tally::all_good(WARM_UP));
    let connections = server.connections();

    let (tally, seen) = watched(|| fetch(&mut driver, &url, REQUESTS));

    assert_eq!(tally?, Tally::all_good(REQUESTS));
    assert_eq!(
        seen.count, 0,
        "{choice:?}: {} allocations in the driver's thread, the first of {} bytes",
        seen.count, seen.first
    );
    assert_eq!(server.connections(), connections, "connections are kept");
    assert_eq!(connections, CONNECTIONS);
    assert_eq!(driver.multi().counts().connections, CONNECTIONS);
    Ok(())
}

/// What became of a number of requests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    good: u32,
    bad: u32,
    body_bytes: usize,
    first_error: Option<muxfer_core::Error>,
}

impl Tally {
    fn all_good(requests: u32) -> Self {
        Self {
            good: requests,
            body_bytes: requests as usize * BODY.len(),
            ..Self::default()
        }
    }
}

/// Makes so many requests, as many at once as there are connections.
fn fetch<'u>(
    driver: &mut Driver<'_, Get<'u>, Backend>,
    url: &'u str,
    requests: u32,
) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let (mut added, mut under_way) = (0, 0);
    loop {
        while under_way < CONNECTIONS && added < requests {
            if driver.add(Get::new(url)).is_err() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            added += 1;
            under_way += 1;
        }
        if under_way == 0 {
            return Ok(tally);
        }
        driver.turn(None)?;
        while let Some(done) = driver.info_read() {
            under_way -= 1;
            let get = driver.remove(done.handle);
            let right = get.is_some_and(|get| {
                tally.body_bytes += get.received;
                get.status == 200 && get.same && get.received == BODY.len()
            });
            if done.result.is_ok() && right {
                tally.good += 1;
            } else {
                tally.bad += 1;
            }
            tally.first_error = tally.first_error.or(done.result.err());
        }
    }
}

/// A transfer that owns no memory and compares what it gets.
struct Get<'u> {
    url: &'u str,
    status: u16,
    received: usize,
    same: bool,
}

impl<'u> Get<'u> {
    const fn new(url: &'u str) -> Self {
        Self {
            url,
            status: 0,
            received: 0,
            same: true,
        }
    }
}

impl Easy for Get<'_> {
    fn request(&self) -> Request<'_> {
        Request::get(self.url)
    }

    fn options(&self) -> Options {
        Options {
            total: Some(LONG),
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.status = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        let end = self.received + bytes.len();
        self.same &= BODY.get(self.received..end) == Some(bytes);
        self.received = end;
        Taken::All
    }
}

/// Bytes of which those in a wrong place show: their period is no power of two.
const fn body() -> [u8; 1024] {
    let mut bytes = [0; 1024];
    let (mut at, mut byte) = (0, 0);
    while at < bytes.len() {
        bytes[at] = byte;
        byte = (byte + 1) % 251;
        at += 1;
    }
    bytes
}

/// Answers each request with [`BODY`] and keeps the connection: a thread for each.
struct Server {
    port: u16,
    accepted: Arc<AtomicU32>,
}

impl Server {
    fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let accepted = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || serve(stream));
            }
        });
        Ok(Self { port, accepted })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/file", self.port)
    }

    fn connections(&self) -> u32 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// Until the peer closes: a request has no body, so an empty line is its end.
fn serve(mut stream: TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", BODY.len());
    let mut answer = head.into_bytes();
    answer.extend_from_slice(&BODY);
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let n = stream.read(&mut buffer[filled..])?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            stream.write_all(&answer)?;
            filled = 0;
        }
    }
}

/// What one thread allocated while it was watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Allocations {
    count: usize,
    /// Bytes of the first.
    first: usize,
}

thread_local! {
    // Neither needs memory to be set up nor to be torn down, so the allocator may use them.
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static SEEN: Cell<Allocations> = const { Cell::new(Allocations { count: 0, first: 0 }) };
}

/// Does this, and says what was allocated meanwhile by this thread.
fn watched<T>(work: impl FnOnce() -> T) -> (T, Allocations) {
    SEEN.set(Allocations::default());
    ARMED.set(true);
    let result = work();
    ARMED.set(false);
    (result, SEEN.get())
}

/// The system's allocator, which notes what an armed thread asks for. It notes only: an allocator
/// may not unwind, so the failure is left to the test.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn note(bytes: usize) {
    // Disarmed, as a backtrace allocates.
    if !ARMED.replace(false) {
        return;
    }
    let mut seen = SEEN.get();
    if seen.count == 0 {
        seen.first = bytes;
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            eprintln!("the first allocation, of {bytes} bytes:\n{trace}");
        }
    }
    seen.count += 1;
    SEEN.set(seen);
    ARMED.set(true);
}

// SAFETY: each method passes its arguments on to the system's allocator and returns its answer; to
// take a note neither unwinds nor touches the block.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes);
        // SAFETY: as above; the block is the system's, because every block is.
        unsafe { System.realloc(block, layout, bytes) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
