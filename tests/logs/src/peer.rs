//! A platform in memory: each connection gets the next answer that was written for it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use muxfer_core::easy::{Fetch, Options, Sink, Taken};
use muxfer_core::net::{Addresses, Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{Config, ConnId, Error, Event, Multi, OriginId, Resources};

/// One answer: pieces that come one by one; an empty one is the end of the stream.
type Answer = VecDeque<Vec<u8>>;

/// All peers that there are.
#[derive(Debug, Default)]
pub struct Peer {
    answers: VecDeque<Answer>,
    conns: HashMap<ConnId, Answer>,
    interests: HashMap<ConnId, Interest>,
    room: Vec<u8>,
    timer: Option<Instant>,
}

impl Peer {
    /// The next connection gets these pieces; an empty one is the end.
    pub fn answer(&mut self, pieces: &[&str]) {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec());
        self.answers.push_back(pieces.collect());
    }

    /// Something comes on each connection that is open.
    pub fn say(&mut self, piece: &str) {
        for answer in self.conns.values_mut() {
            answer.push_back(piece.as_bytes().to_vec());
        }
    }

    /// What is ready of those that are watched.
    fn events(&self) -> Vec<Event> {
        let ready = |(conn, want): (&ConnId, &Interest)| {
            let mut ready = Ready::NONE;
            if want.contains(Interest::WRITE) {
                ready |= Ready::WRITE;
            }
            if want.contains(Interest::READ) && !self.conns.get(conn)?.is_empty() {
                ready |= Ready::READ;
            }
            (!ready.is_none()).then_some(Event::Socket(*conn, ready))
        };
        self.interests.iter().filter_map(ready).collect()
    }
}

impl Transport for Peer {
    fn open(&mut self, conn: ConnId, _: &Target<'_>) -> Result<(), IoError> {
        let answer = self.answers.pop_front().ok_or(IoError::Refused)?;
        self.conns.insert(conn, answer);
        Ok(())
    }

    fn opened(&mut self, _: ConnId) -> Nb<()> {
        Ok(())
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let answer = self.conns.get(&conn).ok_or(IoError::Closed)?;
        let piece = answer.front().ok_or(Stall::WouldBlock)?;
        let bytes = piece.get(..at_most).unwrap_or(piece);
        Ok(Lent { bytes, more: true })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let answer = self.conns.get_mut(&conn).expect("an open connection");
        let piece = answer.front_mut().expect("a piece");
        piece.drain(..n);
        if piece.is_empty() {
            answer.pop_front();
        }
    }

    fn reserve(&mut self, _: ConnId) -> Nb<&mut [u8]> {
        self.room.resize(4096, 0);
        Ok(&mut self.room)
    }

    fn commit(&mut self, _: ConnId, _: usize) -> Result<(), IoError> {
        Ok(())
    }

    fn flush(&mut self, _: ConnId) -> Nb<()> {
        Ok(())
    }

    fn close(&mut self, conn: ConnId) {
        self.conns.remove(&conn);
    }
}

impl Watch for Peer {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if want.is_none() {
            self.interests.remove(&conn);
        } else {
            self.interests.insert(conn, want);
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }
}

impl Resolver for Peer {
    fn resolve(&mut self, _: OriginId, _: &str, _: u16) -> Nb<Resolved, ResolveError> {
        let mut addresses = Addresses::new();
        let pushed = addresses.push([192, 0, 2, 1].into());
        pushed.map_err(|_| ResolveError::Failed)?;
        let keep = Duration::MAX;
        Ok(Resolved { addresses, keep })
    }

    fn cancel(&mut self, _: OriginId) {}
}

/// Where bodies go. One that has begun can't start over.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn write(&mut self, _: &[u8]) -> Taken {
        Taken::All
    }
}

/// A plain transfer.
type Get = Fetch<String, Nowhere>;

/// Runs transfers, one after another, with the same engine.
pub struct Session {
    resources: Box<Resources<Get, 2, 2, 2, 64, 4, 128>>,
    /// What is at the other end.
    pub peer: Peer,
    now: Instant,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            resources: Box::new(Resources::new()),
            peer: Peer::default(),
            now: Instant::ZERO,
        }
    }
}

impl Session {
    /// Runs one transfer for each of these to its end; then `after` is said on the connections that
    /// are kept, and heard. How the last transfer ended.
    pub fn run(mut self, gets: Vec<Get>, after: Option<&str>) -> Result<(), Error> {
        let mut multi = Multi::new(self.resources.storage(), Config::DEFAULT).expect("a storage");
        let mut result = Ok(());
        for get in gets {
            let handle = multi.add(self.now, &mut self.peer, get).expect("a place");
            while multi.result(handle).is_none() {
                let mut events = self.peer.events();
                events.push(Event::Timeout);
                for event in events {
                    multi.socket_action(self.now, &mut self.peer, event);
                }
                self.now = self.now + Duration::from_millis(1);
            }
            result = multi.info_read().expect("a message").result;
            multi.remove(self.now, &mut self.peer, handle);
        }
        if let Some(after) = after {
            self.peer.say(after);
            for event in self.peer.events() {
                multi.socket_action(self.now, &mut self.peer, event);
            }
        }
        multi.close_all(self.now, &mut self.peer);
        result
    }

    /// A GET with something secret in each place where there can be: all of them hold `s3cret`.
    #[must_use]
    pub fn get(options: Options) -> Get {
        Get::get("http://user:s3cret@host.test/s3cret?key=s3cret", Nowhere)
            .and_then(|get| get.header("Authorization", "Bearer s3cret"))
            .and_then(|get| get.header("Cookie", "session=s3cret"))
            .expect("a request")
            .options(options)
    }
}
