//! Names to addresses: fixed entries, literal addresses, and the system's resolver in threads.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use muxfer_core::OriginId;
use muxfer_core::net::{Addresses, MAX_ADDRESSES, Nb, Stall};
use muxfer_core::platform::{ResolveError, Resolved, Resolver};

use crate::lookup::{Answer, Pool, Ticket};

/// How long an address that needs no look-up may be used: a day.
const FIXED_KEEP: Duration = Duration::from_secs(86_400);

/// How [`Names`] behave.
#[derive(Clone, Debug)]
pub struct NameOptions {
    /// How many look-ups go on at once at most: 4. Each takes a thread, started when it is first
    /// needed.
    pub threads: usize,
    /// How long what was found may be used: 60 s. The system's resolver does not say.
    pub keep: Duration,
}

impl Default for NameOptions {
    fn default() -> Self {
        Self {
            threads: 4,
            keep: Duration::from_secs(60),
        }
    }
}

/// The [`Resolver`] of Linux: `getaddrinfo` in a few threads of its own.
///
/// The engine has at most one query for each origin, so the queue is bounded by the number of
/// origins. A look-up that hangs holds one thread until the system gives up; dropping `Names` does
/// not wait for it.
#[derive(Debug)]
pub struct Names {
    fixed: HashMap<String, Vec<(u16, Addresses)>>,
    queries: HashMap<OriginId, Query>,
    /// Answered, but the engine has not been told.
    untold: Vec<OriginId>,
    /// Taken over from the threads; kept for its memory.
    answers: Vec<Answer>,
    pool: Pool,
    next: Ticket,
    keep: Duration,
}

#[derive(Debug)]
enum Query {
    /// In the queue or with a thread. An answer with another ticket is for a query that was
    /// cancelled.
    Asked(Ticket),
    Answered(Result<Addresses, ResolveError>),
}

impl Names {
    /// A resolver without threads: they start with the first look-up.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new(options: &NameOptions) -> io::Result<Self> {
        Ok(Self {
            fixed: HashMap::new(),
            queries: HashMap::new(),
            untold: Vec::new(),
            answers: Vec::new(),
            pool: Pool::new(options.threads.max(1))?,
            next: 0,
            keep: options.keep,
        })
    }

    /// From now on this host has these addresses at this port, and is not looked up:
    /// `CURLOPT_RESOLVE`. It replaces an earlier entry; no addresses remove it.
    ///
    /// Of more than [`MAX_ADDRESSES`] the first ones count.
    pub fn pin(&mut self, host: &str, port: u16, addresses: impl IntoIterator<Item = IpAddr>) {
        let ports = self.fixed.entry(host.to_ascii_lowercase()).or_default();
        ports.retain(|(known, _)| *known != port);
        let addresses: Addresses = addresses.into_iter().take(MAX_ADDRESSES).collect();
        if !addresses.is_empty() {
            ports.push((port, addresses));
        }
    }

    /// Tells `f` each query that has got its answer since the last call; the engine is to ask for
    /// it again ([`Event::Resolved`](muxfer_core::Event)). Makes the descriptor quiet.
    ///
    /// The answer is kept until it is asked for or cancelled.
    pub fn completed(&mut self, f: impl FnMut(OriginId)) {
        self.pool.signal().drain();
        self.collect();
        self.untold.drain(..).for_each(f);
    }

    /// How many queries have no answer yet.
    #[must_use]
    pub fn under_way(&self) -> usize {
        let asked = |query: &&Query| matches!(query, Query::Asked(_));
        self.queries.values().filter(asked).count()
    }

    /// Would [`Names::completed`] find something? No system call.
    pub(crate) fn has_answers(&self) -> bool {
        !self.untold.is_empty() || self.pool.signal().is_pending()
    }

    /// Is there a query whose answer is not yet asked for?
    pub(crate) fn is_busy(&self) -> bool {
        !self.queries.is_empty()
    }

    /// Takes the answers over from the threads.
    fn collect(&mut self) {
        self.pool.take_answers(&mut self.answers);
        for answer in self.answers.drain(..) {
            let Some(query) = self.queries.get_mut(&answer.query) else {
                continue;
            };
            if matches!(query, Query::Asked(ticket) if *ticket == answer.ticket) {
                *query = Query::Answered(answer.result);
                self.untold.push(answer.query);
            }
        }
    }

    /// What needs no look-up.
    fn at_once(&self, host: &str, port: u16) -> Option<Addresses> {
        if let Some((_, addresses)) = self
            .fixed
            .get(host)
            .and_then(|ports| ports.iter().find(|(known, _)| *known == port))
        {
            return Some(addresses.clone());
        }
        let address: IpAddr = host.parse().ok()?;
        Some(Addresses::from_iter([address]))
    }
}

/// The descriptor becomes readable when there are answers, and stays so until
/// [`Names::completed`] is called.
impl AsFd for Names {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pool.signal().as_fd()
    }
}

impl Resolver for Names {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        if let Some(addresses) = self.at_once(host, port) {
            return Ok(Resolved {
                addresses,
                keep: FIXED_KEEP,
            });
        }
        if matches!(self.queries.get(&query), Some(Query::Asked(_))) {
            // For a program that does not listen to the descriptor but asks now and then.
            self.collect();
        }
        match self.queries.get(&query) {
            Some(Query::Asked(_)) => Err(Stall::WouldBlock),
            Some(Query::Answered(_)) => {
                let Some(Query::Answered(result)) = self.queries.remove(&query) else {
                    return Err(Stall::WouldBlock);
                };
                self.untold.retain(|other| *other != query);
                let addresses = result.map_err(Stall::Failed)?;
                let keep = self.keep;
                Ok(Resolved { addresses, keep })
            }
            None => {
                let ticket = self.next;
                self.next = self.next.wrapping_add(1);
                if self.pool.submit(query, ticket, host, port).is_err() {
                    return Err(Stall::Failed(ResolveError::Failed));
                }
                self.queries.insert(query, Query::Asked(ticket));
                Err(Stall::WouldBlock)
            }
        }
    }

    fn cancel(&mut self, query: OriginId) {
        match self.queries.remove(&query) {
            Some(Query::Asked(ticket)) => self.pool.cancel(ticket),
            Some(Query::Answered(_)) => self.untold.retain(|other| *other != query),
            None => {}
        }
    }
}

/// Asks the system, and waits for it.
pub(crate) fn look_up(host: &str, port: u16) -> Result<Addresses, ResolveError> {
    match (host, port).to_socket_addrs() {
        Ok(found) => choose(found.map(|address| address.ip())).ok_or(ResolveError::NotFound),
        Err(error) => Err(why(&error)),
    }
}

/// The standard library hides the resolver's own codes, but not their texts, and a try that may
/// succeed later must not pass for a name that does not exist.
fn why(error: &io::Error) -> ResolveError {
    let text = error.to_string();
    // `EAI_AGAIN` in glibc and in musl; an error of the system itself (`EAI_SYSTEM`) has a number.
    let again = ["Temporary failure", "Try again"];
    if error.raw_os_error().is_some() || again.iter().any(|start| text.contains(start)) {
        ResolveError::Failed
    } else {
        ResolveError::NotFound
    }
}

/// The first few different addresses; a family that has any is not crowded out by the other.
fn choose(found: impl Iterator<Item = IpAddr>) -> Option<Addresses> {
    let mut all: Vec<IpAddr> = Vec::new();
    for address in found {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let fours = all.iter().filter(|address| address.is_ipv4()).count();
    let sixes = all.len() - fours;
    let half = MAX_ADDRESSES / 2;
    let mut four_places = fours.min((MAX_ADDRESSES - sixes.min(MAX_ADDRESSES)).max(half));
    let mut six_places = MAX_ADDRESSES - four_places;
    all.retain(|address| {
        let places = if address.is_ipv4() {
            &mut four_places
        } else {
            &mut six_places
        };
        let fits = *places > 0;
        *places -= usize::from(fits);
        fits
    });
    (!all.is_empty()).then(|| all.into_iter().take(MAX_ADDRESSES).collect())
}

#[cfg(test)]
#[path = "resolver_tests.rs"]
mod tests;
