//! The platform of an identity run: the simulator, with a record of what was opened for whom, and a
//! resolver whose answers are used for one name and for a while only.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::net::{Addresses, Interest, IoError, Nb, Scheme, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

use crate::sim::{Listen, Prng, Sim};

use super::peers::{self, Director};
use super::plan::{Origin, index};

/// An answer that was given: its addresses belong to it alone.
#[derive(Clone, Debug)]
struct Answer {
    query: OriginId,
    host: String,
    port: u16,
    given: Instant,
    until: Instant,
    /// The scheme and the settings that it was first used for.
    used_for: Option<(Scheme, u32)>,
}

#[derive(Debug)]
struct Query {
    at: Instant,
    announced: bool,
}

/// The simulator with witnesses.
pub(super) struct Net {
    pub(super) sim: Sim,
    director: Rc<RefCell<Director>>,
    random: Prng,
    pinned: HashMap<String, IpAddr>,
    queries: HashMap<OriginId, Query>,
    answers: HashMap<IpAddr, Answer>,
    latest: HashMap<OriginId, Instant>,
    given: u32,
    /// In so many of 100 look-ups there is no such name.
    pub(super) missing: u64,
    /// How long answers may be used, and how long they take, in ms: one of these each.
    keeps: Vec<u64>,
    delays: Vec<u64>,
}

impl Net {
    pub(super) fn new(
        mut random: Prng,
        origins: &[Origin],
        director: Rc<RefCell<Director>>,
    ) -> Self {
        let mut sim = Sim::new(random.next());
        let mut pinned = HashMap::new();
        for origin in origins {
            if let Some(ip) = origin.pinned {
                pinned.insert(origin.host.to_string(), ip);
                let address = SocketAddr::new(ip, origin.port).to_string();
                sim.serve(&address, peers::peer(&director));
            }
        }
        let keeps = [vec![60_000], vec![0, 1, 40], vec![40, 1_000, 60_000]];
        let delays = [vec![0], vec![0, 3, 30]];
        Self {
            keeps: keeps[index(&mut random, keeps.len())].clone(),
            delays: delays[index(&mut random, delays.len())].clone(),
            sim,
            director,
            random,
            pinned,
            queries: HashMap::new(),
            answers: HashMap::new(),
            latest: HashMap::new(),
            given: 0,
            missing: 0,
        }
    }

    /// What is ready now.
    pub(super) fn events(&mut self) -> Vec<Event> {
        let mut events = self.sim.events();
        let now = self.sim.now;
        for (query, asked) in &mut self.queries {
            if asked.at <= now && !std::mem::replace(&mut asked.announced, true) {
                events.push(Event::Resolved(*query));
            }
        }
        events.sort_by_key(|event| match event {
            // The map of the queries has no order of its own: a run must be the same each time.
            Event::Resolved(query) => (1, query.to_string()),
            Event::Socket(..) | Event::Timeout => (0, String::new()),
        });
        events
    }

    /// When something happens next.
    pub(super) fn next(&self) -> Option<Instant> {
        let queries = self.queries.values().filter(|query| !query.announced);
        queries.map(|query| query.at).chain(self.sim.next()).min()
    }

    /// Addresses that nobody has had before: some of them refuse or keep silent, but not all.
    fn answer(&mut self, query: OriginId, host: &str, port: u16) -> Resolved {
        let now = self.sim.now;
        let keep = Duration::from_millis(self.keeps[index(&mut self.random, self.keeps.len())]);
        let count = 1 + index(&mut self.random, 3);
        let works = index(&mut self.random, count);
        let mut addresses = Addresses::new();
        for nth in 0..count {
            let ip = self.unused_address();
            let listen = match index(&mut self.random, 4) {
                0 if nth != works => Listen::Silent,
                1 if nth != works => Listen::Refuse(Duration::from_millis(2)),
                _ => Listen::Accept(Duration::from_millis(self.random.below(5))),
            };
            let address = SocketAddr::new(ip, port).to_string();
            self.sim.listen(&address, listen);
            self.sim.serve(&address, peers::peer(&self.director));
            let answer = Answer {
                query,
                host: host.to_string(),
                port,
                given: now,
                until: now + keep,
                used_for: None,
            };
            self.answers.insert(ip, answer);
            addresses.push(ip).expect("no more than fit");
        }
        self.latest.insert(query, now);
        Resolved { addresses, keep }
    }

    fn unused_address(&mut self) -> IpAddr {
        self.given += 1;
        if self.random.chance(30) {
            Ipv6Addr::from_bits((0x2001_0db8_0001 << 80) + u128::from(self.given)).into()
        } else {
            Ipv4Addr::from_bits(0x0a40_0000 + self.given).into()
        }
    }

    /// Is this address one that was found for this name, for this port, with these settings, and
    /// may it still be used?
    fn check_address(&mut self, target: &Target<'_>) -> Result<(), String> {
        let (ip, port) = (target.address.ip(), target.address.port());
        let now = self.sim.now;
        if let Some(pinned) = self.pinned.get(target.host) {
            return if *pinned == ip {
                Ok(())
            } else {
                Err(format!("{ip} is not the address of {}", target.host))
            };
        }
        let Some(answer) = self.answers.get_mut(&ip) else {
            return Err(format!("{ip} was given to nobody"));
        };
        let key = (target.scheme, target.settings);
        if (answer.host.as_str(), answer.port) != (target.host, port) {
            return Err(format!("{ip} belongs to {}:{}", answer.host, answer.port));
        }
        if *answer.used_for.get_or_insert(key) != key {
            return Err(format!("{ip} was looked up for other settings"));
        }
        if self.latest.get(&answer.query) != Some(&answer.given) {
            return Err(format!("{ip} was replaced by a later answer"));
        }
        // A race goes on with what is known by then, but it begins with what may be used.
        let director = self.director.borrow();
        let begins = director.begins_race;
        if begins && now >= answer.until && now != answer.given {
            return Err(format!("{ip} has expired"));
        }
        if begins
            && director
                .changed
                .is_some_and(|changed| answer.given < changed)
        {
            return Err(format!("{ip} is from before the change of network"));
        }
        Ok(())
    }
}

impl Transport for Net {
    fn supports(&self, _scheme: Scheme) -> bool {
        true
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        let outcome = self.check_address(target);
        let mut director = self.director.borrow_mut();
        director.now = self.sim.now;
        if let Err(why) = outcome {
            director.fault(format!("{conn} was opened to {target:?}: {why}"));
        }
        director.opened(conn, target);
        drop(director);
        self.sim.open(conn, target)
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.sim.opened(conn)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        self.sim.fill(conn, at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        self.sim.consume(conn, n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.sim.reserve(conn)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.sim.commit(conn, n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.sim.flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        self.sim.close(conn);
    }
}

impl Watch for Net {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        Watch::socket(&mut self.sim, conn, want);
    }

    fn timer(&mut self, at: Option<Instant>) {
        Watch::timer(&mut self.sim, at);
    }
}

impl Resolver for Net {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        if let Ok(literal) = host.parse::<IpAddr>() {
            return Ok(Resolved {
                addresses: Addresses::from_iter([literal]),
                keep: Duration::from_secs(60),
            });
        }
        let now = self.sim.now;
        let delay = self.delays[index(&mut self.random, self.delays.len())];
        let asked = self.queries.entry(query).or_insert(Query {
            at: now + Duration::from_millis(delay),
            announced: false,
        });
        if asked.at > now {
            return Err(Stall::WouldBlock);
        }
        self.queries.remove(&query);
        self.director.borrow_mut().tally.lookups += 1;
        if self.random.chance(self.missing) {
            return Err(ResolveError::NotFound.into());
        }
        if let Some(pinned) = self.pinned.get(host) {
            return Ok(Resolved {
                addresses: Addresses::from_iter([*pinned]),
                keep: Duration::from_secs(60),
            });
        }
        Ok(self.answer(query, host, port))
    }

    fn cancel(&mut self, query: OriginId) {
        self.queries.remove(&query);
    }
}
