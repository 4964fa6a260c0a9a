//! A platform of one's own: no socket, no name server, no clock. A canned server in memory gives
//! the answers, and time goes on when there is nothing else to do, so it never waits.
//!
//! ```sh
//! cargo run --example custom_transport -- http://a.test/ https://b.test/file
//! ```
//! The engine takes anything that is a [`Transport`], a [`Watch`] and a [`Resolver`]. The three can
//! also be fields of a struct that passes the calls on, as [`muxfer_linux::Linux`] does: then one
//! of them is replaced, and sockets or look-ups are the ready-made ones.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use muxfer_core::easy::{Fetch, Options, Sink, Taken};
use muxfer_core::net::{Addresses, Interest, IoError, Nb, Ready, Scheme, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{Config, ConnId, Event, Multi, OriginId};
use muxfer_linux::{Capacity, Memory};

/// The most that one `fill` lends, in bytes: few, to show that answers may come in pieces.
const PIECE_BYTES: usize = 16;
/// The room that one `reserve` lends, in bytes: smaller than a request.
const ROOM_BYTES: usize = 32;
/// How long the server takes for an answer.
const LATENCY: Duration = Duration::from_millis(250);

fn main() -> Result<(), Box<dyn Error>> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        let some = ["http://a.test/one", "http://a.test/two", "https://b.test/"];
        urls = some.map(String::from).into();
    }
    let mut memory = Memory::new(Capacity::new(urls.len(), 8));
    let config = Config {
        max_connections_per_host: 1,
        ..Config::default()
    };
    let mut multi = Multi::new(memory.storage(), config)?;
    let mut canned = Canned::default();
    for url in &urls {
        let options = Options {
            total: Some(Duration::from_secs(10)),
            ..Options::DEFAULT
        };
        let easy = Fetch::<String, _>::get(url, Kept::default())?.options(options);
        multi.add(canned.now, &mut canned, easy)?;
    }

    while multi.counts().current > 0 {
        for event in canned.wait() {
            multi.mark(event);
        }
        multi.run(canned.now, &mut canned);
        while let Some(done) = multi.info_read() {
            let at = canned.now.since(Instant::ZERO);
            let Some(easy) = multi.remove(canned.now, &mut canned, done.handle) else {
                continue;
            };
            let (status, url) = (easy.status(), easy.url().to_owned());
            match done.result {
                Ok(()) => print!("{at:?} {status} {url}: {}", easy.into_sink().text()),
                Err(error) => println!("{at:?} {error}: {url}"),
            }
        }
    }
    println!("connections opened: {}", canned.opened);
    Ok(())
}

/// A body that is kept in memory.
#[derive(Default)]
struct Kept(Vec<u8>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl Sink for Kept {
    fn write(&mut self, bytes: &[u8]) -> Taken {
        self.0.extend_from_slice(bytes);
        Taken::All
    }
}

/// The platform: connections to a server in memory, who watches them, and the time.
#[derive(Default)]
struct Canned {
    conns: BTreeMap<ConnId, Conversation>,
    watched: BTreeMap<ConnId, Interest>,
    timer: Option<Instant>,
    now: Instant,
    opened: u32,
}

/// One connection, seen from both ends.
#[derive(Default)]
struct Conversation {
    /// What `reserve` lends.
    room: [u8; ROOM_BYTES],
    /// What has come of a request.
    request: Vec<u8>,
    /// What has not been consumed of the answers.
    answer: Vec<u8>,
    /// Nothing of them can be seen earlier.
    answered_at: Instant,
}

impl Canned {
    /// What has happened since the last call. If nothing has, time goes on to the next moment at
    /// which something does. A platform with sockets would sleep until then.
    fn wait(&mut self) -> Vec<Event> {
        let ready = self.ready();
        if !ready.is_empty() {
            return ready;
        }
        let answers = self.conns.values().filter(|conn| !conn.answer.is_empty());
        let moments = answers.map(|conn| conn.answered_at).chain(self.timer);
        // Time that has passed may have been announced: it means at once.
        self.now = self.now.max(moments.min().unwrap_or(self.now));
        self.ready()
    }

    fn ready(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for (id, want) in &self.watched {
            let mut ready = Ready::NONE;
            let conn = self.conns.get(id);
            if want.contains(Interest::READ) && conn.is_some_and(|conn| conn.readable(self.now)) {
                ready |= Ready::READ;
            }
            // There is always room, and connecting takes no time.
            if want.contains(Interest::WRITE) {
                ready |= Ready::WRITE;
            }
            if !ready.is_none() {
                events.push(Event::Socket(*id, ready));
            }
        }
        // Single-shot: the engine sets it again if it wants to.
        if self.timer.take_if(|at| *at <= self.now).is_some() {
            events.push(Event::Timeout);
        }
        events
    }

    fn conn(&mut self, conn: ConnId) -> Result<&mut Conversation, IoError> {
        self.conns.get_mut(&conn).ok_or(IoError::Closed)
    }
}

impl Conversation {
    fn readable(&self, now: Instant) -> bool {
        !self.answer.is_empty() && self.answered_at <= now
    }

    /// The server: answers each request whose head is complete. It knows none with a body.
    fn serve(&mut self, now: Instant) {
        let end = b"\r\n\r\n";
        while let Some(at) = self.request.windows(end.len()).position(|four| four == end) {
            let head: Vec<u8> = self.request.drain(..at + end.len()).collect();
            let head = String::from_utf8_lossy(&head);
            let path = head.split(' ').nth(1).unwrap_or("nothing");
            let body = format!("you have asked for {path}\n");
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            self.answer.extend_from_slice(answer.as_bytes());
            self.answered_at = now + LATENCY;
        }
    }
}

impl Transport for Canned {
    /// In memory nobody listens in, so it does what would else need TLS, too.
    fn supports(&self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Http | Scheme::Https => true,
        }
    }

    fn open(&mut self, conn: ConnId, _target: &Target<'_>) -> Result<(), IoError> {
        self.conns.insert(conn, Conversation::default());
        self.opened += 1;
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.conn(conn)?;
        Ok(())
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let now = self.now;
        let conn = self.conn(conn)?;
        if !conn.readable(now) {
            return Err(Stall::WouldBlock);
        }
        let count = conn.answer.len().min(PIECE_BYTES).min(at_most);
        Ok(Lent {
            bytes: &conn.answer[..count],
            more: conn.answer.len() > count,
        })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.answer.drain(..n);
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        Ok(&mut self.conn(conn)?.room)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let now = self.now;
        let conn = self.conn(conn)?;
        conn.request.extend_from_slice(&conn.room[..n]);
        conn.serve(now);
        Ok(())
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.conn(conn)?;
        Ok(())
    }

    fn close(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
    }
}

impl Watch for Canned {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if want.is_none() {
            self.watched.remove(&conn);
        } else {
            self.watched.insert(conn, want);
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }
}

impl Resolver for Canned {
    /// All names have the same address. An answer at once means that no event follows.
    fn resolve(&mut self, _query: OriginId, _host: &str, _port: u16) -> Nb<Resolved, ResolveError> {
        Ok(Resolved {
            addresses: Addresses::from_iter([IpAddr::V4(Ipv4Addr::LOCALHOST)]),
            keep: Duration::from_secs(60),
        })
    }

    fn cancel(&mut self, _query: OriginId) {}
}
