//! A platform for very many connections: memory alone, and no work that grows with their number.
//!
//! The simulator looks at each connection in each step; this one keeps a queue of what happens next.
//! Every peer answers every request with the same response, in the order in which requests came, and
//! nothing goes wrong. It is strict where that costs nothing: an engine that would miss an event
//! because it does not watch a connection makes it panic.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use muxfer_core::net::{Addresses, Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

/// What every peer answers.
pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: lean\r\nContent-Type: text/plain\r\n\
    Content-Length: 16\r\n\r\n0123456789abcdef";
/// The body in it.
pub const BODY: &[u8] = b"0123456789abcdef";
/// How many things happen in one step at most: as many events as a wait for epoll might give.
pub const BATCH: usize = 256;
/// How much time passes with each step.
const STEP: Duration = Duration::from_micros(100);

/// How often the engine called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Connections that were opened.
    pub opens: u64,
    /// Calls of the transport, those included.
    pub transport: u64,
    /// Interests that were told.
    pub interests: u64,
    /// Times that were told.
    pub timers: u64,
    /// Calls of the resolver.
    pub resolver: u64,
}

impl Calls {
    /// All of them.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.transport + self.interests + self.timers + self.resolver
    }
}

/// What happens when its turn comes.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// The connection stands.
    Up(ConnId),
    /// The response is there.
    Answer(ConnId),
    /// The name is found.
    Found(OriginId),
}

/// One place of the table of connections.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    conn: Option<ConnId>,
    stands: bool,
    interest: Interest,
    /// How much of the response is still to be consumed.
    left: u8,
}

const _: () = assert!(RESPONSE.len() < 256);

/// One place of the table of names.
#[derive(Clone, Copy, Debug)]
struct Query {
    origin: OriginId,
    found: bool,
}

/// The network.
pub struct Net {
    /// The time.
    pub now: Instant,
    /// What the engine has called.
    pub calls: Calls,
    places: Vec<Place>,
    queries: Vec<Option<Query>>,
    queue: VecDeque<Happening>,
    timer: Option<Instant>,
    room: Box<[u8]>,
}

impl Net {
    /// A network for so many connections and origins.
    #[must_use]
    pub fn new(conns: usize, origins: usize) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            calls: Calls::default(),
            places: vec![Place::default(); conns],
            queries: vec![None; origins],
            queue: VecDeque::with_capacity(conns + origins),
            timer: None,
            room: vec![0; 4096].into_boxed_slice(),
        }
    }

    /// Lets the next things happen, and a little time pass. Answers whether anything did happen.
    pub fn step(&mut self, mut event: impl FnMut(Event)) -> bool {
        self.now = self.now + STEP;
        let due = self.queue.len().min(BATCH);
        for _ in 0..due {
            let Some(happening) = self.queue.pop_front() else {
                break;
            };
            if let Some(seen) = self.happen(happening) {
                event(seen);
            }
        }
        if self.timer.is_some_and(|at| at <= self.now) {
            self.timer = None;
            event(Event::Timeout);
            return true;
        }
        due > 0
    }

    /// `None`: the connection has been closed meanwhile.
    fn happen(&mut self, happening: Happening) -> Option<Event> {
        let (conn, ready) = match happening {
            Happening::Up(conn) => {
                self.open_place(conn)?.stands = true;
                (conn, Ready::WRITE)
            }
            Happening::Answer(conn) => {
                self.open_place(conn)?.left = RESPONSE.len().try_into().unwrap_or(u8::MAX);
                (conn, Ready::READ)
            }
            Happening::Found(origin) => {
                let query = self.queries[origin.index()].as_mut()?;
                query.found = true;
                return (query.origin == origin).then_some(Event::Resolved(origin));
            }
        };
        let want = self.open_place(conn)?.interest;
        assert!(
            want.bits() & ready.bits() != 0,
            "{conn}: {ready:?} would be missed, as only {want:?} is watched"
        );
        Some(Event::Socket(conn, ready))
    }

    fn open_place(&mut self, conn: ConnId) -> Option<&mut Place> {
        let place = self.places.get_mut(conn.index())?;
        (place.conn == Some(conn)).then_some(place)
    }

    fn called(&mut self, conn: ConnId) -> Result<&mut Place, IoError> {
        self.calls.transport += 1;
        self.open_place(conn).ok_or(IoError::Closed)
    }
}

impl Transport for Net {
    fn open(&mut self, conn: ConnId, _target: &Target<'_>) -> Result<(), IoError> {
        self.calls.opens += 1;
        self.calls.transport += 1;
        let place = &mut self.places[conn.index()];
        assert_eq!(
            place.conn, None,
            "{conn} is opened in a place that is taken"
        );
        *place = Place {
            conn: Some(conn),
            ..Place::default()
        };
        self.queue.push_back(Happening::Up(conn));
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        if self.called(conn)?.stands {
            Ok(())
        } else {
            Err(Stall::WouldBlock)
        }
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let left = usize::from(self.called(conn)?.left);
        if left == 0 {
            return Err(Stall::WouldBlock);
        }
        let bytes = &RESPONSE[RESPONSE.len() - left..];
        Ok(Lent {
            bytes: &bytes[..left.min(at_most)],
            more: left > at_most,
        })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        if let Ok(place) = self.called(conn) {
            place.left -= u8::try_from(n).expect("no more than the response");
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.called(conn)?;
        Ok(&mut self.room)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.called(conn)?;
        assert!(
            self.room[..n].ends_with(b"\r\n\r\n"),
            "a request head fits into the room"
        );
        self.queue.push_back(Happening::Answer(conn));
        Ok(())
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.called(conn)?;
        Ok(())
    }

    fn close(&mut self, conn: ConnId) {
        if let Ok(place) = self.called(conn) {
            place.conn = None;
        }
    }
}

impl Watch for Net {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        self.calls.interests += 1;
        if let Some(place) = self.open_place(conn) {
            place.interest = want;
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.calls.timers += 1;
        self.timer = at;
    }
}

impl Resolver for Net {
    /// Every name has the same address, one step later.
    fn resolve(&mut self, query: OriginId, _host: &str, _port: u16) -> Nb<Resolved, ResolveError> {
        self.calls.resolver += 1;
        let place = &mut self.queries[query.index()];
        match place.take_if(|asked| asked.origin == query && asked.found) {
            Some(_) => Ok(Resolved {
                addresses: Addresses::from_iter([IpAddr::V4(Ipv4Addr::LOCALHOST)]),
                keep: Duration::from_secs(3600),
            }),
            None => {
                if place.is_none_or(|asked| asked.origin != query) {
                    *place = Some(Query {
                        origin: query,
                        found: false,
                    });
                    self.queue.push_back(Happening::Found(query));
                }
                Err(Stall::WouldBlock)
            }
        }
    }

    fn cancel(&mut self, query: OriginId) {
        self.calls.resolver += 1;
        self.queries[query.index()].take_if(|asked| asked.origin == query);
    }
}
