//! Transfers on demand, in a loop of the program's own: each line that is written to a FIFO is a
//! URL that is fetched while others are. What curl's `hiperfifo.c` shows, without libevent.
//!
//! ```sh
//! cargo run --example hiperfifo -- /tmp/urls &
//! echo http://example.com/ > /tmp/urls
//! echo quit > /tmp/urls
//! ```
//! For each transfer that has ended it prints its URL, libcurl's number of the result, the status
//! and the length of the body: `DONE: http://example.com/ => (0) 200 1256`.

use std::collections::HashMap;
use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use muxfer_core::easy::{Fetch, Options, Redirects, Taken};
use muxfer_core::net::{Interest, Ready};
use muxfer_core::time::Instant;
use muxfer_core::{Config, ConnId, Event, Multi};
use muxfer_linux::{
    Capacity, Clock, Linux, Memory, NameOptions, Names, SocketOptions, Sockets, Watcher,
};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// What an event is about, if it is not about a connection. The number of a connection's id is
/// always larger than all of these.
const FIFO: u64 = 0;
const TIMER: u64 = 1;
const NAMES: u64 = 2;

/// Transfers at once; a URL more is refused.
const TRANSFERS: usize = 1000;
/// Connections at once; transfers beyond them wait in the engine.
const CONNECTIONS: usize = 100;
/// The longest line that the FIFO takes, in bytes.
const LINE_BYTES: usize = 8 * 1024;

/// The body is only counted, and the engine does that.
type Download = Fetch<String, fn(&[u8]) -> Taken>;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1);
    let fifo = Fifo::open(path.map_or_else(|| "hiper.fifo".into(), PathBuf::from))?;
    let mut memory = Memory::new(Capacity::new(TRANSFERS, CONNECTIONS));
    let mut program = Program::new(&mut memory, fifo)?;
    println!("Write URLs to {}, and quit", program.fifo.path.display());
    program.run()?;
    Ok(())
}

/// The user's part of the interface: what `CURLMOPT_SOCKETFUNCTION` and `CURLMOPT_TIMERFUNCTION`
/// are in C.
struct MyWatcher {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// What epoll was told of each connection, because it tells a new one from a changed one.
    told: HashMap<ConnId, Interest>,
    /// A callback has no way to return an error: the loop asks for it.
    failed: Option<Errno>,
}

impl MyWatcher {
    fn new(fifo: &Fifo, names: &Names) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let own: [(BorrowedFd<'_>, u64); 3] = [
            (fifo.file.as_fd(), FIFO),
            (timer.as_fd(), TIMER),
            (names.as_fd(), NAMES),
        ];
        for (fd, number) in own {
            epoll::add(&epoll, fd, EventData::new_u64(number), EventFlags::IN)?;
        }
        Ok(Self {
            epoll,
            timer,
            told: HashMap::new(),
            failed: None,
        })
    }

    fn watch(&mut self, fd: BorrowedFd<'_>, conn: ConnId, want: Interest) -> Result<(), Errno> {
        if want.is_none() {
            self.told.remove(&conn);
            return epoll::delete(&self.epoll, fd);
        }
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, want.contains(Interest::READ));
        flags.set(EventFlags::OUT, want.contains(Interest::WRITE));
        // The id and not the descriptor: an event that is still under way when the connection is
        // closed then names an id that is gone, and never its successor.
        let data = EventData::new_u64(conn.to_u64());
        match self.told.insert(conn, want) {
            None => epoll::add(&self.epoll, fd, data, flags),
            Some(_) => epoll::modify(&self.epoll, fd, data, flags),
        }
    }

    /// The engine's clock and the timer's are the same, so the time needs no conversion.
    fn set_timer(&mut self, at: Option<Instant>) -> Result<(), Errno> {
        let never = Timespec::default();
        let value = match at {
            None => never,
            // A time of 0 would stop the timer. One that has passed makes it fire at once.
            Some(at) => Timespec::try_from(Duration::from_micros(at.as_micros().max(1)))
                .map_err(|_| Errno::INVAL)?,
        };
        let once = Itimerspec {
            it_interval: never,
            it_value: value,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once).map(drop)
    }

    /// Has the timer fired since it was last set? Setting it anew takes a firing back.
    fn has_fired(&self) -> Result<bool, Errno> {
        match rustix::io::read(&self.timer, &mut [0_u8; 8]) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN | Errno::INTR) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}

impl Watcher for MyWatcher {
    fn socket(&mut self, fd: BorrowedFd<'_>, conn: ConnId, want: Interest) {
        let result = self.watch(fd, conn, want);
        self.failed = self.failed.or(result.err());
    }

    fn timer(&mut self, at: Option<Instant>) {
        let result = self.set_timer(at);
        self.failed = self.failed.or(result.err());
    }
}

/// The engine, its platform and the loop.
struct Program<'s> {
    multi: Multi<'s, Download>,
    platform: Linux<MyWatcher>,
    clock: Clock,
    fifo: Fifo,
    quit: bool,
}

impl<'s> Program<'s> {
    fn new(memory: &'s mut Memory<Download>, fifo: Fifo) -> Result<Self, Box<dyn Error>> {
        let resolver = Names::new(&NameOptions::default())?;
        Ok(Self {
            multi: Multi::new(memory.storage(), Config::default())?,
            platform: Linux {
                sockets: Sockets::new(&SocketOptions::default()),
                watcher: MyWatcher::new(&fifo, &resolver)?,
                resolver,
            },
            clock: Clock,
            fifo,
            quit: false,
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(FIFO),
        };
        let mut events = [none; 64];
        while !self.quit {
            let count = match epoll::wait(&self.platform.watcher.epoll, &mut events, None) {
                Ok(count) => count,
                Err(Errno::INTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                self.on_event(event.data.u64(), event.flags)?;
            }
            self.report()?;
        }
        // What still runs ends with an error, and is reported as everything else is.
        self.multi.close_all(self.clock.now(), &mut self.platform);
        self.report()
    }

    fn on_event(&mut self, number: u64, flags: EventFlags) -> io::Result<()> {
        match number {
            FIFO => self.read_urls()?,
            TIMER => {
                if self.platform.watcher.has_fired()? {
                    self.act(Event::Timeout);
                }
            }
            NAMES => {
                let multi = &mut self.multi;
                let mark = |query| multi.mark(Event::Resolved(query));
                self.platform.resolver.completed(mark);
                multi.run(self.clock.now(), &mut self.platform);
            }
            conn => {
                if let Some(conn) = ConnId::from_u64(conn) {
                    self.act(Event::Socket(conn, ready(flags)));
                }
            }
        }
        match self.platform.watcher.failed {
            Some(errno) => Err(errno.into()),
            None => Ok(()),
        }
    }

    fn act(&mut self, event: Event) {
        self.multi
            .socket_action(self.clock.now(), &mut self.platform, event);
    }

    fn read_urls(&mut self) -> io::Result<()> {
        for line in self.fifo.lines()? {
            match line.trim() {
                "" => {}
                "quit" => {
                    self.quit = true;
                    break;
                }
                url => self.add(url),
            }
        }
        Ok(())
    }

    /// The transfer starts with the timer's next event, which adding it sets to now.
    fn add(&mut self, url: &str) {
        let count: fn(&[u8]) -> Taken = |_bytes| Taken::All;
        let options = Options {
            redirects: Redirects::Follow(30),
            ..Options::DEFAULT
        };
        let easy = match Download::get(url, count) {
            Ok(easy) => easy.options(options),
            Err(error) => return eprintln!("{url}: {error}"),
        };
        let now = self.clock.now();
        if let Err(error) = self.multi.add(now, &mut self.platform, easy) {
            eprintln!("{url}: {error}");
        }
    }

    /// Prints and removes what has ended.
    fn report(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        while let Some(done) = self.multi.info_read() {
            let bytes = self.multi.info(done.handle).map_or(0, |info| info.received);
            let now = self.clock.now();
            let Some(easy) = self.multi.remove(now, &mut self.platform, done.handle) else {
                continue;
            };
            let code = done.result.map_or_else(|error| error.curl_code(), |()| 0);
            let (url, status) = (easy.url(), easy.status());
            writeln!(out, "DONE: {url} => ({code}) {status} {bytes}")?;
            if let Err(error) = done.result {
                eprintln!("{url}: {error}");
            }
        }
        Ok(())
    }
}

/// What epoll says, in the engine's words. It is a hint; `NONE` would mean "find out yourself".
fn ready(flags: EventFlags) -> Ready {
    let mut ready = Ready::NONE;
    if flags.contains(EventFlags::IN) {
        ready |= Ready::READ;
    }
    if flags.contains(EventFlags::OUT) {
        ready |= Ready::WRITE;
    }
    if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
        ready |= Ready::ERROR;
    }
    ready
}

/// Where the URLs come from, a line each.
struct Fifo {
    path: PathBuf,
    file: File,
    /// Was it made here? Then it is removed at the end.
    made: bool,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
}

impl Fifo {
    fn open(path: PathBuf) -> io::Result<Self> {
        let made = make(&path)?;
        // Opened for writing too, so that it does not end when its last writer has gone.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(&path)?;
        if !file.metadata()?.file_type().is_fifo() {
            let why = format!("{} is not a FIFO", path.display());
            return Err(io::Error::new(ErrorKind::AlreadyExists, why));
        }
        Ok(Self {
            path,
            file,
            made,
            partial: Vec::new(),
        })
    }

    /// The lines that are complete. It reads once: what is left makes another event.
    fn lines(&mut self) -> io::Result<Vec<String>> {
        let mut buffer = [0; LINE_BYTES];
        let count = match self.file.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        let mut lines = Vec::new();
        for piece in buffer[..count].split_inclusive(|byte| *byte == b'\n') {
            // Of a line that is too long no more is kept than shows that it is.
            if self.partial.len() <= LINE_BYTES {
                self.partial.extend_from_slice(piece);
            }
            if !piece.ends_with(b"\n") {
                continue;
            }
            if self.partial.len() <= LINE_BYTES {
                lines.push(String::from_utf8_lossy(&self.partial).into_owned());
            } else {
                eprintln!("a line of more than {LINE_BYTES} bytes was dropped");
            }
            self.partial.clear();
        }
        Ok(lines)
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        if self.made {
            // Nothing can be done about a FIFO that someone else has removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the FIFO if nothing of that name is there; says whether it did.
fn make(path: &Path) -> io::Result<bool> {
    match mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
